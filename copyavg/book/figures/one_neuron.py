"""Figures of chapter 4: the loss of one neuron by its norm and its direction."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from .style import COPY_AVERAGE, MUTED, N_COPY, STUDENT


def profiles(
    radii: np.ndarray,
    panels: Mapping[str, Mapping[int, tuple[np.ndarray, tuple[float, float] | None, float]]],
) -> Figure:
    """Draw L(r) of one neuron for several activations, a panel each, and several k.

    Parameters
    ----------
    radii : array
        Norms of the student neuron.
    panels : mapping of activation to mapping of k to (losses, best, far)
        L(r), relative to what a neuron without weight leaves; the minimiser (r, L), or None where there is none; the
        limit as r → ∞.
    """
    rows = len(panels) // 4 + 1  # the last place is that of the legend
    figure, axes = plt.subplots(rows, 4, figsize=(7.4, 2.3 * rows), sharex=True, sharey=True)
    sizes = next(iter(panels.values()))
    colours = dict(zip(sizes, plt.colormaps["viridis"](np.linspace(0.05, 0.8, len(sizes))), strict=True))
    for ax, (name, curves) in zip(axes.flat, panels.items(), strict=False):
        for k, (values, best, far) in curves.items():
            ax.loglog(radii, values, color=colours[k], lw=1.8)
            if best is not None:
                ax.plot(*best, "*", color=COPY_AVERAGE, ms=10, mec="white", zorder=3)
            elif far < values.min():
                ax.plot(1.35 * radii[-1], far, ">", color=colours[k], ms=5, clip_on=False)
        ax.set_title(name, fontsize=12)
        ax.set(xticks=[0.1, 1, 10], xticklabels=["0.1", "1", "10"], xlim=(0.04, 18))
        ax.minorticks_off()
    rest = axes.flat[len(panels)]
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for k, colour in colours.items():
        rest.plot([], [], color=colour, label=f"$k = {k}$")
    rest.plot([], [], "*", color=COPY_AVERAGE, ms=11, mec="white", label="minimum")
    rest.plot([], [], ">", color=MUTED, ms=5, label="infimum, $r \\to \\infty$")
    rest.legend(loc="center", fontsize=11)
    figure.supxlabel("norm $r$ of the student neuron", fontsize=12)
    figure.supylabel("share of the teacher left over", fontsize=12)
    return figure


def loss_by_direction(
    angles: np.ndarray, losses: Mapping[str, np.ndarray], marks: Mapping[str, Sequence[tuple[int | float, float, str]]]
) -> Figure:
    """Draw the loss of one neuron in the plane of two teacher neurons against its direction, at the best r and a.

    Parameters
    ----------
    angles : array
        Angle of w from v₁, in degrees.
    losses : mapping of label to array
        The loss at each angle.
    marks : mapping of label to (angle, loss, text)
        Critical points to mark.
    """
    figure, axes = plt.subplots(figsize=(6.8, 3.8))
    for (label, values), colour in zip(losses.items(), (STUDENT, COPY_AVERAGE, N_COPY), strict=False):
        axes.plot(angles, values, color=colour, label=label)
        for angle, value, text in marks.get(label, ()):
            axes.plot(angle, value, "o", color=colour, ms=7, mec="white")
            axes.annotate(
                text, (angle, value), (0, 9), textcoords="offset points", ha="center", color=colour, fontsize=11
            )
    axes.set(
        xlabel="angle of $w$ from $v_1$, in degrees", ylabel="loss at the best $r$ and $a$", xticks=range(-180, 181, 45)
    )
    axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.17))
    return figure
