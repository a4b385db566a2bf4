"""Figures of the book: one style, one call a figure. Theory is a line, experiment is markers.

Every function takes numbers that the caller computed and returns a matplotlib Figure. This is the
only module that imports matplotlib, and `import copyavg` does not import it.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

# Okabe and Ito's colours, told apart by colour-blind readers; each meaning keeps its colour book-wide.
TEACHER = "#3b3b3b"
STUDENT = "#0072b2"
COPY_AVERAGE = "#d55e00"
N_COPY = "#009e73"
MUTED = "#8a8a8a"

STYLE = {
    "figure.facecolor": "white",  # opaque: legible on a dark page
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so every machine draws the same letters
    "mathtext.fontset": "cm",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#222222",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "legend.frameon": False,
}


def use_style() -> None:
    """Give every figure of the session the book's style, and a notebook's figures twice the pixels.

    Examples
    --------
    >>> use_style()
    >>> plt.rcParams["axes.grid"]
    True
    """
    plt.rcParams.update(STYLE)
    if "inline" in plt.get_backend():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def teacher_and_student(partition: Sequence[int]) -> Figure:
    """Draw which teacher neurons each student neuron stands for, at a copy-average point.

    Parameters
    ----------
    partition : sequence of int
        Group sizes; a group of one is drawn as a copy, a larger one as an average.
    """
    figure, axes = plt.subplots(figsize=(6.4, 2.9))
    _draw_partition(axes, partition)
    return figure


def interaction_curves(
    u: np.ndarray,
    theory: Mapping[float, np.ndarray],
    samples: Mapping[float, tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> Figure:
    """Draw g(r, r, u) against u: closed form as lines, Monte Carlo means with error bars as markers.

    Parameters
    ----------
    u : array
        Correlations at which the closed form was evaluated.
    theory : mapping of norm r to array
        g(r, r, u), one line a norm.
    samples : mapping of norm r to (u, mean, error)
        Monte Carlo estimates and the half-width of their error bars.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.2))
    colours = plt.colormaps["viridis"](np.linspace(0.1, 0.75, len(theory)))
    for colour, (r, values) in zip(colours, theory.items(), strict=True):
        axes.plot(u, values, color=colour)
        axes.annotate(f"$r = {r:g}$", (u[-1], values[-1]), (6, -4), textcoords="offset points", color=colour)
        at, mean, error = samples[r]
        axes.errorbar(at, mean, error, fmt="o", color=colour, capsize=3, mfc="white", mew=1.5)
    axes.set(xlabel="correlation $u$ of the two neurons", ylabel="interaction $g(r, r, u)$", xlim=(-1.05, 1.25))
    axes.plot([], [], color=MUTED, label="closed form")
    axes.errorbar([], [], [], fmt="o", color=MUTED, capsize=3, mfc="white", mew=1.5, label="Monte Carlo, ±3 s.e.")
    axes.legend(loc="upper left")
    return figure


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
    _draw_partition(left, partition)
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


def _draw_partition(axes: Axes, partition: Sequence[int]) -> None:
    k, n = sum(partition), len(partition)
    teacher_x = np.arange(k, dtype=float)
    groups = np.split(teacher_x, np.cumsum(partition)[:-1])
    for group in groups:
        centre, kind = group.mean(), "copy" if len(group) == 1 else "average"
        for x in group:
            axes.plot([x, centre], [1, 0], color=COPY_AVERAGE, alpha=0.85, lw=2.2, zorder=1, solid_capstyle="round")
        axes.add_patch(Circle((centre, 0), 0.24, fc="white", ec=COPY_AVERAGE, lw=2.4, zorder=2))
        axes.text(centre, -0.48, kind, ha="center", va="center", color=COPY_AVERAGE)
    for x in teacher_x:
        axes.add_patch(Circle((x, 1), 0.24, fc=TEACHER, ec=TEACHER, zorder=2))
    axes.text((k - 1) / 2, 1.52, f"teacher, $k = {k}$", ha="center", va="center", color=TEACHER)
    axes.text((k - 1) / 2, -0.9, f"student, $n = {n}$", ha="center", va="center", color=COPY_AVERAGE)
    axes.set(xlim=(-0.6, k - 0.4), ylim=(-1.15, 1.8), aspect="equal")
    axes.axis("off")
