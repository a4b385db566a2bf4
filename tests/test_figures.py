"""Figures show the numbers they were given, on an opaque ground."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from copyavg.book import figures


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


def test_the_four_ways_are_all_drawn():
    u, at = np.linspace(-1, 1, 5), np.array([-0.5, 0.5])
    distances = {"Monte Carlo": [1e-3, 1e-4], "quadrature": [1e-14, 0], "closed form": [1e-17, 1e-16]}
    distances = {route: np.array(values) for route, values in distances.items()}
    figure = figures.interaction_four_ways(u, {(2.0, 1.0): u**3}, at, {(2.0, 1.0): (at**3, 0 * at)}, distances)
    top, bottom = figure.axes
    np.testing.assert_array_equal(top.lines[0].get_ydata(), u**3)
    assert [text.get_text() for text in bottom.texts] == list(distances)
    np.testing.assert_array_equal(bottom.lines[1].get_ydata(), [1e-14, np.nan])  # a zero has no place on a log scale


def test_the_toy_landscape_marks_the_average_and_its_mirror_image():
    x = np.linspace(-1, 1, 9)
    (axes, _) = figures.toy_landscape(x, x, x[:, None] ** 2 + x**2, np.array([0.3, 0.4])).axes
    assert sorted(line.get_xydata().ravel().tolist() for line in axes.lines) == [[-0.3, -0.4], [0.3, 0.4]]


def test_failures_are_markers_on_lines_of_their_rate():
    eps = np.array([1e-3, 1e-2])
    norms = {label: eps**rate for label, rate in zip("abc", (1, 1, 2), strict=True)}
    figure = figures.failure_rates(eps, norms, {"a": 1, "b": 1, "c": 2}, {"ReLU": 0.2})
    for markers, line in zip(figure.axes[0].lines[:6:2], figure.axes[0].lines[1:6:2], strict=True):
        np.testing.assert_allclose(markers.get_ydata(), line.get_ydata(), rtol=1e-12)
    assert figure.axes[0].lines[6].get_ydata()[0] == 0.2


def test_the_hook_joins_the_lowest_loss_of_every_n():
    losses = {n: [10.0 - n, 11.0 - n] for n in range(1, 6)}
    lines = figures.copy_or_average((1, 2), losses).axes[1].lines
    assert len(lines[0].get_ydata()) == 10
    np.testing.assert_array_equal(list(lines[1].get_ydata()), [9, 8, 7, 6, 5])


def test_figures_are_opaque():
    assert figures.teacher_and_student((2,)).get_facecolor() == to_rgba("white")


def test_groupings_join_the_lowest_loss_of_every_excess():
    losses = {1: {(2,): 1.0}, 2: {(3,): 1.5, (2, 2): 2.0}, 3: {(4,): 2.2, (2, 3): 2.5, (2, 2, 2): 3.0}}
    axes = figures.grouping_losses(losses).axes[0]
    np.testing.assert_array_equal(list(axes.lines[-1].get_ydata()), [1.0, 1.5, 2.2])
    assert sum(len(line.get_ydata()) for line in axes.lines[:-1]) == 3
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["3 averages", "2 averages", "one average"]


def test_the_cost_of_an_average_and_its_remainder():
    m = np.array([1.0, 5.0, 40.0])
    left, right = figures.cost_of_an_average(m, m / 2, 0.6, m / 10).axes
    np.testing.assert_array_equal(left.lines[1].get_ydata(), [0.5, 2.5])
    np.testing.assert_array_equal(right.lines[0].get_ydata(), m / 10)


def test_minima_are_filled_and_saddles_show_their_index():
    axes = figures.hessian_indices({(1, 2): [0], (2, 4): [0, 2]}).axes[0]
    assert [text.get_text() for text in axes.texts] == ["", "", "2"]
    assert [line.get_markerfacecolor() for line in axes.lines[:3]] == [figures.N_COPY, figures.N_COPY, "white"]


def test_two_points_show_weights_and_the_ratio_of_losses():
    weights = {"copy-average": np.eye(2, 3), "n-copy": np.ones((2, 3))}
    figure = figures.two_points(weights, {10: {5: 2.0, 9: 0.5}})
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), np.ones((2, 3)))
    (ratios,) = [axes for axes in figure.axes if axes.get_xlabel() == "$n/k$"]
    np.testing.assert_allclose(ratios.lines[0].get_xydata(), [[0.5, 2.0], [0.9, 0.5]])


def test_profiles_mark_minima_and_infima():
    radii = np.array([0.1, 1.0])
    losses = np.array([0.5, 0.2])
    figure = figures.profiles(radii, {"erf": {2: (losses, (0.3, 0.1), 1.0)}, "gelu": {2: (losses, None, 0.1)}})
    with_minimum, with_infimum = figure.axes[:2]
    assert [line.get_marker() for line in with_minimum.lines] == ["None", "*"]
    assert [line.get_marker() for line in with_infimum.lines] == ["None", ">"]
    many = figures.profiles(radii, {str(i): {2: (losses, None, 0.1)} for i in range(8)})  # one more than are named
    assert sum(ax.axison for ax in many.axes) == 8


def test_losses_by_direction_have_their_marks():
    angles = np.array([-90.0, 0.0, 90.0])
    figure = figures.loss_by_direction(angles, {"erf": angles**2}, {"erf": [(0, 0.0, "average")]})
    assert figure.axes[0].lines[1].get_xydata().tolist() == [[0, 0]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["average"]


def shares(share: np.ndarray) -> tuple[np.ndarray, ...]:
    return np.arange(1, 1 + share.size), share, share - 0.1, share + 0.1


def test_the_transition_is_drawn_over_n_over_k():
    (axes,) = figures.transition({4: shares(np.array([0, 0.5, 1]))}).axes
    np.testing.assert_array_equal(axes.lines[-1].get_xydata(), [[0.25, 0], [0.5, 0.5], [0.75, 1]])
    assert len(axes.collections[0].get_segments()) == 1  # an error bar only where the starts do not agree


def test_where_flow_goes_has_a_region_between_thresholds():
    axes = figures.where_flow_goes({10: shares(np.linspace(0, 1, 9))}, {10: (6, 8, 9)}).axes[0]
    edges = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in axes.patches]
    np.testing.assert_allclose(edges, [(5.5, 7.5), (7.5, 8.5), (8.5, 9.5)])


def test_every_size_of_start_has_a_row_of_its_own():
    curves = {10.0: shares(np.array([0, 0, 1])), 0.1: shares(np.array([0, 1, 1]))}
    axes = figures.start_sizes({4: curves, 5: curves}, dict.fromkeys((4, 5), (2, 3, 3))).axes[:2]
    for ax in axes:
        np.testing.assert_array_equal(np.ravel(ax.collections[0].get_array()), [0, 1, 1, 0, 0, 1])
        assert [label.get_text() for label in ax.get_yticklabels()] == ["× 0.1", "× 10"]
        assert [line.get_xdata()[0] for line in ax.lines] == [1.5, 2.5]


def test_the_displaced_point_is_drawn_in_a_plane_and_on_an_ellipse():
    one, other = np.array([[1.0, 0, 0], [0, 0.5, 0.5]]), np.array([[1.2, 0.1, 0.1], [-0.2, 0.6, 0.6]])
    left, right = figures.displaced_point({"erf": one, "ReLU": other}, {"erf": one, "ReLU": other}).axes
    ends = [line.get_xydata()[0] for line in left.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    np.testing.assert_allclose(ends[2:], [[1.2, 0.1 * np.sqrt(2)], [-0.2, 0.6 * np.sqrt(2)]])
    u1, u2 = right.lines[0].get_data()
    np.testing.assert_allclose(u1**2 + 2 * u2**2, 1)
    np.testing.assert_array_equal(right.lines[2].get_xydata(), other[:, :2])


def test_displacements_are_markers_on_lines_of_their_limits():
    k = np.array([10.0, 100.0])
    excess = dict.fromkeys("abc", (k, k / 10, k / 20))
    figure = figures.displacement(excess, {f"{n}": np.eye(n, 4) for n in (3, 2)})
    line, markers = figure.axes[0].lines[:2]
    np.testing.assert_array_equal(line.get_ydata(), k / 20)
    np.testing.assert_array_equal(markers.get_ydata(), k / 10)
    np.testing.assert_array_equal(figure.axes[2].images[0].get_array(), np.eye(2, 4))
    assert figure.axes[2].lines[0].get_ydata()[0] == 0.5  # above the averaging neuron


def test_minima_are_full_over_the_bound():
    minima = {"copy-average": np.array([True, False]), "n-copy": np.array([False, True])}
    losses = {"copy-average": np.array([2.0, 3.0]), "n-copy": np.array([2.5, 1.5])}
    left, right = figures.losses_and_bound((2, 3), np.array([2.0, 1.0]), losses, minima).axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [2, 1])
    shown = [
        (line.get_ydata().tolist(), line.get_markerfacecolor()) for line in right.lines[1:] if len(line.get_xdata())
    ]
    assert shown == [
        ([1.0], figures.COPY_AVERAGE), ([3.0], "white"), ([1.5], figures.N_COPY), ([1.25], "white")
    ]  # fmt: skip


def test_thresholds_stand_beside_those_of_erf():
    (axes,) = figures.thresholds({6: (4, 4, 5), 10: (5, 6, 8)}, {10: 9}, 32).axes
    heights = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert heights["$n$-copy a minimum"] == [4, 5]
    assert heights["$n$-copy better"] == [4, 6]
    assert heights["copy-average a saddle"] == [5, 8]
    assert heights["$n$-copy better, erf"] == [9]
    assert axes.lines[0].get_ydata()[0] == 32


def test_who_is_ahead_at_fixed_size_is_a_line_with_markers():
    (axes,) = figures.fixed_size([10, 20], np.array([1e-4, -2e-4]), {20: -3e-4}, 10**4).axes
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [1, -2])
    np.testing.assert_allclose(axes.lines[2].get_xydata(), [[20, -3]])
    assert axes.lines[2].get_label() == "computed, $k = 10^4$"


def test_leaky_displacements_end_on_their_limits():
    slopes, weights = np.array([0, 0.5]), {name: np.array([0.1, 0.2]) for name in "abc"}
    limits = dict.fromkeys("abc", 0.3)
    first, second = figures.leaky_displacement(slopes, {"x": weights, "y": weights}, {"x": limits, "y": limits}).axes
    assert first.lines[0].get_ydata()[0] == 0.3
    np.testing.assert_array_equal(second.lines[1].get_ydata(), [0.1, 0.2])


def test_a_dead_neuron_is_marked_while_it_is_dead():
    times = np.array([0, 0.1, 1, 10, 100])
    norms = np.array([[1, 1, 1], [0.5, 0, 1], [0.2, 0, 1], [0.1, 0.2, 1], [0, 0.3, 1]])
    drift = np.array([0, 1e-7, 1e-7, 1e-6, 1e-6])
    left, right = figures.through_the_kink(times, norms, [0, 1], {"a": drift, "b": drift, "c": drift}).axes
    assert [text.get_text() for text in left.texts] == ["dead", "dead"]
    thick = [line for line in left.lines if line.get_linewidth() > 4]
    assert [line.get_xdata().tolist() for line in thick] == [[100], [0.1, 1]]
    assert [text.get_text() for text in right.texts] == ["a", "b", "c"]


def test_two_activations_are_drawn_on_the_same_axes():
    n = np.array([1, 2, 3])
    curve = n, n / 4, n / 5, n / 3
    panels = figures.beside_erf(
        {k: {"ReLU": curve, "erf": curve} for k in (4, 5)}, {4: n / 10, 5: n / 20}, {4: (2, 3), 5: (2, 2)}
    ).axes
    assert ["k = 4" in panels[0].get_xlabel(), "k = 5" in panels[1].get_xlabel()] == [True, True]
    for panel in panels:
        faces = [line.get_markerfacecolor() for line in panel.lines if line.get_marker() == "o"]
        assert faces == [figures.N_COPY, "white"]
        np.testing.assert_array_equal(panel.lines[0].get_ydata(), n / 4)


def test_the_bars_of_anti_copies_add_up():
    counts = {4: {0: 60, 1: 10, 7: 20}, 5: {0: 10, 2: 80}}
    right = figures.anti_copies(np.eye(3), counts).axes[1]
    heights = [[bar.get_height() for bar in container] for container in right.containers]
    assert np.sum(heights, axis=0).tolist() == [90, 90]
    assert heights[0] == [60, 10]
    assert heights[-1] == [20, 0]
