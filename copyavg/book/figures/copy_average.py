"""Figures of chapter 2: copies, averages, and how exactly they are critical."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .style import COPY_AVERAGE, N_COPY, STUDENT, TEACHER


def failure_rates(
    eps: np.ndarray,
    norms: Mapping[str, Sequence[float] | np.ndarray],
    rates: Mapping[str, int],
    constant: Mapping[str, float],
) -> Figure:
    """Draw how the gradient at a copy-average point grows as an assumption is broken by ε, on log-log axes.

    Parameters
    ----------
    eps : array
        Sizes of the violation.
    norms : mapping of label to values
        ‖∇L‖∞ at each of `eps`, drawn as markers.
    rates : mapping of label to int
        The power of ε expected of each, drawn as a line through the smallest violation.
    constant : mapping of label to float
        ‖∇L‖∞ where the violation has no size; drawn as a horizontal line.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.4))
    for (label, values), marker, colour in zip(norms.items(), "osD", (STUDENT, N_COPY, COPY_AVERAGE), strict=True):
        axes.loglog(eps, values, marker, color=colour, label=f"{label}: rate {rates[label]}", mfc="white", mew=1.5)
        axes.loglog(eps, values[0] * (eps / eps[0]) ** rates[label], color=colour, lw=1.2)
    for label, value in constant.items():
        axes.axhline(value, color=TEACHER, ls="--", lw=1.5)
        axes.annotate(label, (eps.min(), value), (0, 5), textcoords="offset points", color=TEACHER)
    axes.set(xlabel=r"size $\varepsilon$ of the violation", ylabel=r"$\|\nabla L\|_\infty$ at the copy-average point")
    axes.set(ylim=(None, 20 * max(constant.values())))
    axes.legend(loc="lower right", fontsize=11)
    return figure
