"""Figures of chapter 3, and of the front page: which partition is best, and what is better than it."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .style import COPY_AVERAGE, MUTED, N_COPY, TEACHER, draw_partition


def copy_or_average(partition: Sequence[int], losses: Mapping[int, Sequence[float]]) -> Figure:
    """Draw the book's question: a student that copies and averages, and what every way of doing so costs.

    Parameters
    ----------
    partition : sequence of int
        The copy-average point drawn on the left.
    losses : mapping of n to losses
        The losses of all copy-average points with n student neurons, one marker each on the right; the
        lowest of each n are joined by a line.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.4), width_ratios=(1, 1.15))
    draw_partition(left, partition)
    sizes = np.concatenate([np.full(len(values), n) for n, values in losses.items()])
    right.plot(sizes, np.concatenate(list(losses.values())), "o", color=MUTED, mfc="none", ms=5)
    best = {n: min(values) for n, values in losses.items()}
    right.plot(best.keys(), best.values(), "o-", color=COPY_AVERAGE, clip_on=False, zorder=3)
    right.text(max(losses), max(best.values()), f"teacher, $k = {max(losses)}$", ha="right", color=TEACHER)
    right.annotate(
        "copy all but one,\naverage the rest", (3, best[3]), (1.4, best[3] * 0.28), color=COPY_AVERAGE, fontsize=11
    )
    right.annotate(
        "other ways to group", (5, max(losses[5])), (5.3, max(losses[5]) * 1.0), color="#666666", fontsize=11
    )
    right.set(xlabel="student neurons $n$", ylabel="loss", xticks=list(losses), ylim=(0, None))
    return figure


def grouping_losses(losses: Mapping[int, Mapping[tuple[int, ...], float]]) -> Figure:
    """Draw the loss of every way to group, against how many neurons the student is short of.

    Parameters
    ----------
    losses : mapping of k − n to mapping of averages to loss
        The averages of a grouping are its group sizes beyond one, in ascending order; copies cost nothing.
    """
    figure, axes = plt.subplots(figsize=(7.4, 4.6))
    most = max(len(averages) for group in losses.values() for averages in group)
    colours = plt.colormaps["viridis"](np.linspace(0.85, 0.0, most - 1))
    for number, colour in zip(range(most, 1, -1), colours[::-1], strict=True):
        points = [(e, value) for e, group in losses.items() for sizes, value in group.items() if len(sizes) == number]
        axes.plot(*np.transpose(points), "o", color=colour, ms=6, mew=0, label=f"{number} averages")
    best = {e: min(group.values()) for e, group in losses.items()}
    axes.plot(best.keys(), best.values(), "o-", color=COPY_AVERAGE, ms=7, zorder=3, label="one average")
    axes.legend(loc="upper left", title="copies, and …")
    axes.set(xlabel="neurons missing, $k - n$", ylabel="loss", xticks=list(losses), ylim=(0, None))
    return figure


def cost_of_an_average(m: np.ndarray, losses: np.ndarray, slope: float, remainders: np.ndarray) -> Figure:
    """Draw L*(m) with its asymptote, and how far it stays below it.

    Parameters
    ----------
    m, losses : arrays
        Sizes of the averaged group, and L*(m).
    slope : float
        Of the asymptote through the origin.
    remainders : array
        m × slope − L*(m) at the same sizes.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3))
    small = m <= 12
    left.plot([0, 12], [0, 12 * slope], "--", color=MUTED, lw=1.5)
    left.plot(m[small], losses[small], "o-", color=COPY_AVERAGE, clip_on=False)
    left.annotate(
        "slope $1/3 - 1/\\pi$", (7.5, 7.5 * slope), (-8, 14), textcoords="offset points", ha="right", color="#666666"
    )
    left.set(xlabel="size $m$ of the averaged group", ylabel="$L^*(m)$", xlim=(0, 12.4), ylim=(0, None))
    left.set(xticks=range(0, 13, 3))
    right.loglog(m, remainders, "o", color=COPY_AVERAGE, mfc="white", mew=1.5)
    right.loglog(m, 1 / (24 * np.pi * m), color=TEACHER, lw=1.2)
    right.annotate(r"$1/(24\pi m)$", (30, 1 / (720 * np.pi)), (8, 8), textcoords="offset points", color=TEACHER)
    right.set(xlabel="size $m$", ylabel="asymptote $-\\ L^*(m)$")
    return figure


def hessian_indices(indices: Mapping[tuple[int, int], Sequence[int]]) -> Figure:
    """Draw which groupings are minima: for every n and k a column of discs, the lowest loss at the bottom.

    Parameters
    ----------
    indices : mapping of (n, k) to indices
        The index (number of negative eigenvalues) of every grouping, in ascending order of loss.
    """
    figure, axes = plt.subplots(figsize=(7.4, 6.6))
    for (n, k), column in indices.items():
        for place, index in enumerate(column):
            centre = (n, k + 0.185 * (place - 2))
            colour = N_COPY if index == 0 else "white"
            edge = N_COPY if index == 0 else "#9a9a9a"
            axes.plot(*centre, "o", ms=11 if index == 0 else 10, mfc=colour, mec=edge, mew=1.2)
            axes.text(*centre, "" if index == 0 else str(index), ha="center", va="center", fontsize=8, color="#444444")
    top = max(k for _, k in indices)
    axes.set(xlabel="student neurons $n$", ylabel="teacher neurons $k$", xticks=range(1, top), yticks=range(2, top + 1))
    axes.set(xlim=(0.5, top - 0.3), ylim=(1.4, top + 0.6))
    axes.grid(visible=False)
    for k in range(2, top):
        axes.axhline(k + 0.5, color="#ececec", lw=1)
    axes.plot([], [], "o", ms=13, mfc=N_COPY, mec=N_COPY, label="minimum")
    axes.plot([], [], "o", ms=11, mfc="white", mec="#9a9a9a", label="saddle, with its index")
    axes.legend(loc="lower right")
    return figure


def two_points(weights: Mapping[str, np.ndarray], ratios: Mapping[int, Mapping[int, float]]) -> Figure:
    """Draw copy-average and n-copy side by side: what each neuron weighs, and which has the lower loss.

    Parameters
    ----------
    weights : mapping of name to array, shape (n, k)
        For the copy-average and the n-copy point, aᵢ wᵢ·vⱼ.
    ratios : mapping of k to mapping of n to float
        Loss of the n-copy over that of the copy-average point; drawn on the right, against n/k.
    """
    figure = plt.figure(figsize=(7.4, 3.9))
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.35))
    colours = dict(zip(weights, (COPY_AVERAGE, N_COPY), strict=True))
    for row, (name, matrix) in enumerate(weights.items()):
        axes = figure.add_subplot(grid[row, 0])
        picture = axes.imshow(matrix, cmap="RdBu_r", vmin=-1.2, vmax=1.2, aspect="auto")
        axes.set_title(name, color=colours[name], fontsize=12, weight="bold")
        axes.set(xticks=[], yticks=[], ylabel="student")
        axes.grid(visible=False)
    axes.set(xlabel="teacher neuron")
    figure.colorbar(picture, ax=figure.axes, location="left", label="$a_i\\, w_i\\cdot v_j$", shrink=0.8)
    axes = figure.add_subplot(grid[:, 1])
    for style, (k, by_n) in zip(("-", "--", ":"), ratios.items(), strict=False):
        x = np.array(list(by_n)) / k
        axes.plot(x, list(by_n.values()), style, marker="o", color=N_COPY, label=f"$k = {k}$")
    axes.axhline(1, color=COPY_AVERAGE, lw=2)
    axes.annotate(
        "copy-average",
        (0.99, 1),
        xycoords=("axes fraction", "data"),
        ha="right",
        xytext=(0, 6),
        textcoords="offset points",
        color=COPY_AVERAGE,
    )
    axes.set(xlabel="$n/k$", ylabel="loss of $n$-copy / loss of copy-average")
    axes.legend(loc="lower left")
    return figure
