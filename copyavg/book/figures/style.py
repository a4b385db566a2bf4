"""The one style: colours with their meanings, and marks that several chapters draw."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
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


def draw_partition(axes: Axes, partition: Sequence[int]) -> None:
    """Draw the teacher's neurons above, the student's below, and who copies or averages whom."""
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
