"""Figures show the numbers they were given, on an opaque ground."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from copyavg import figures


@pytest.fixture(autouse=True)
def _styled():
    with plt.rc_context():
        figures.use_style()
        yield
    plt.close("all")


def test_a_partition_is_drawn_with_its_groups():
    (axes,) = figures.teacher_and_student((1, 1, 3)).axes
    assert [text.get_text() for text in axes.texts[:3]] == ["copy", "copy", "average"]
    assert len(axes.lines) == 5  # one a teacher neuron
    assert len(axes.patches) == 5 + 3


def test_interaction_curves_show_theory_and_samples():
    u = np.linspace(-1, 1, 5)
    figure = figures.interaction_curves(u, {2.0: u**3}, {2.0: (u[1:3], u[1:3], 0 * u[1:3])})
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), u**3)
    assert any(np.array_equal(line.get_xdata(), u[1:3]) for line in figure.axes[0].lines)


def test_the_hook_joins_the_lowest_loss_of_every_n():
    losses = {n: [10.0 - n, 11.0 - n] for n in range(1, 6)}
    lines = figures.copy_or_average((1, 2), losses).axes[1].lines
    assert len(lines[0].get_ydata()) == 10
    np.testing.assert_array_equal(list(lines[1].get_ydata()), [9, 8, 7, 6, 5])


def test_figures_are_opaque():
    assert figures.teacher_and_student((2,)).get_facecolor() == to_rgba("white")
