"""Figures of chapter 5: the ways of gradient flow, and where they end."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import COPY_AVERAGE, MUTED, N_COPY, STUDENT, TEACHER


def transition(fractions: Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw which share of the starts ends at the n-copy point, against n/k.

    Parameters
    ----------
    fractions : mapping of k to (n, share, lower, upper)
        With the ends of its confidence interval, drawn where the starts do not all agree.
    """
    figure, axes = plt.subplots(figsize=(7.4, 4.2))
    colours = plt.colormaps["viridis"](np.linspace(0.82, 0.0, len(fractions)))
    for colour, (k, (n, share, lower, upper)) in zip(colours, fractions.items(), strict=True):
        x = n / k
        axes.plot(x, share, color=colour, lw=1, alpha=0.6)
        split = (share > 0) & (share < 1)
        errors = np.maximum([share - lower, upper - share], 0)
        axes.errorbar(x[split], share[split], errors[:, split], fmt="none", ecolor=colour, elinewidth=1.2, alpha=0.5)
        axes.plot(x, share, "o", color=colour, ms=4.5, label=f"$k = {k}$")
    axes.set(xlabel="$n/k$", ylabel="share of starts that end at $n$-copy", xlim=(0.2, 1), ylim=(-0.03, 1.03))
    axes.text(0.985, 0.06, "copy all but one, average the rest", color=COPY_AVERAGE, fontsize=11, ha="right")
    axes.text(0.215, 0.94, "every neuron copies", color=N_COPY, fontsize=11, va="top")
    axes.legend(loc="center left", bbox_to_anchor=(0.01, 0.55))
    return figure


def descent(
    times: np.ndarray,
    losses: np.ndarray,
    plateaus: Mapping[str, float],
    correlations: np.ndarray,
    incoming: np.ndarray,
) -> Figure:
    """Draw one trajectory three times: loss, correlations with the teacher, and weights in the plane across (1, 1, 1).

    Parameters
    ----------
    times, losses : arrays, shape (T,)
        The loss along the trajectory.
    plateaus : mapping of name to loss
        Of the critical points that it passes.
    correlations : array, shape (T, n, 3)
        wᵢ·vⱼ / ‖wᵢ‖.
    incoming : array, shape (T, n, 3)
        wᵢ, along the teacher neurons.
    """
    figure = plt.figure(figsize=(7.4, 5.2))
    grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1))
    top, bottom = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    _draw_stairs(top, times, losses, plateaus, STUDENT)
    top.set(xticklabels=[])
    styles = ("-", "--")
    for i, style in zip(range(correlations.shape[1]), styles, strict=True):
        for j in range(3):
            bottom.semilogx(times, correlations[:, i, j], style, color=STUDENT, lw=1.6)
    for style, name in zip(styles, ("one neuron", "the other"), strict=True):
        bottom.plot([], [], style, color=STUDENT, lw=1.6, label=name)
    bottom.legend(loc="lower left", fontsize=10, ncols=2)
    bottom.set(xlabel="time $t$", ylabel="correlation with\neach teacher neuron", ylim=(-0.5, 1.09))
    bottom.set(xlim=(times[0], times[-1]))
    _draw_spokes(figure.add_subplot(grid[:, 1]), incoming, styles)
    return figure


def _draw_stairs(
    axes: Axes, times: np.ndarray, losses: np.ndarray, plateaus: Mapping[str, float], colour: str, lw: float = 2
) -> None:
    """A loss that falls in stairs, and the name of every tread, where the curve is not."""
    top = max(plateaus.values())
    for name, value in plateaus.items():
        axes.axhline(value, color=MUTED, lw=1, ls="--", zorder=1)
        place = {"x": times[-1], "ha": "right", "va": "bottom"}
        if value != top:
            place = {"x": times[0] * 1.25, "ha": "left", "va": "top"}
        axes.text(y=value, s=name, fontsize=10, color="#555555", **place)
    axes.loglog(times, losses, color=colour, lw=lw)
    axes.set(ylabel="loss", xlim=(times[0], times[-1]), ylim=(min(losses) / 2, 2 * top))


def _draw_spokes(axes: Axes, incoming: np.ndarray, styles: Sequence[str]) -> None:
    """The teacher's three directions, seen along (1, 1, 1), and the student's way among them."""
    angles = np.pi / 2 + 2 * np.pi / 3 * np.arange(3)
    spokes = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.sqrt(2 / 3)
    for j, (x, y) in enumerate(spokes):
        axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": TEACHER, "lw": 1.6})
        axes.text(1.18 * x, 1.18 * y, f"$v_{j + 1}$", ha="center", va="center", color=TEACHER)
    for i, style in enumerate(styles):
        way = incoming[:, i] @ spokes
        axes.plot(*way.T, style, color=STUDENT, lw=1.8)
        axes.plot(*way[-1], "o", color=STUDENT, ms=8, zorder=3)
    axes.plot(0, 0, "o", color="white", mec=MUTED, ms=6, zorder=2)
    axes.set(xlim=(-0.9, 0.9), ylim=(-0.72, 1.08), aspect="equal", xticks=[], yticks=[])
    axes.set_title("weights, seen along $v_1 + v_2 + v_3$", fontsize=11, y=-0.08)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.grid(visible=False)


def where_flow_goes(
    fractions: Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
    thresholds: Mapping[int, Sequence[int]],
) -> Figure:
    """Draw for several k where starts end and which point is better.

    Parameters
    ----------
    fractions : mapping of k to (n, share, lower, upper)
        The share of starts that end at n-copy, with the ends of its confidence interval.
    thresholds : mapping of k to (minimum, better, saddle)
        The least n at which n-copy is a minimum, at which it is better, and at which copy-average is a saddle.
    """
    figure, axes = plt.subplots(len(fractions), 1, figsize=(7.4, 1.75 * len(fractions) + 0.9))
    regions = ((0.08, "$n$-copy is a worse minimum"), (0.24, "$n$-copy is better"), (0.45, "copy-average is a saddle"))
    for ax, (k, (n, share, lower, upper)) in zip(np.atleast_1d(axes), fractions.items(), strict=True):
        edges = (*thresholds[k], k)
        for left, right, (alpha, name) in zip(edges[:-1], edges[1:], regions, strict=True):
            ax.axvspan(left - 0.5, right - 0.5, color=N_COPY, alpha=alpha, lw=0, label=name)
        errors = np.maximum([share - lower, upper - share], 0)
        ax.errorbar(n, share, errors, fmt="o", color=STUDENT, ms=4, elinewidth=1.2, zorder=3)
        ax.text(0.015, 0.84, f"$k = {k}$", transform=ax.transAxes, ha="left", va="top")
        ax.set(xlim=(0.5, k - 0.5), ylim=(-0.06, 1.06), yticks=[0, 0.5, 1])
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, names = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside upper center", ncols=3, fontsize=10.5, handlelength=1.4, columnspacing=1.4
    )
    np.atleast_1d(axes)[-1].set(xlabel="student neurons $n$")
    figure.supylabel("share of starts that end at $n$-copy", fontsize=12, color="#222222")
    return figure


def two_fates(
    times: np.ndarray, plateaus: Mapping[str, float], fates: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> Figure:
    """Draw two trajectories that end at different points: their losses, and what the neurons weigh in the end.

    Parameters
    ----------
    times : array, shape (T,)
        When the losses were kept.
    plateaus : mapping of name to loss
        Of the critical points that both pass.
    fates : mapping of label to (losses, weights)
        For the copy-average and the n-copy limit, the losses, shape (T,), and aᵢ wᵢ·vⱼ, shape (n, k).
    """
    figure = plt.figure(figsize=(7.4, 3.7))
    grid = figure.add_gridspec(2, 2, width_ratios=(1.7, 1))
    axes, colours = figure.add_subplot(grid[:, 0]), (COPY_AVERAGE, N_COPY)
    for row, (colour, (label, (losses, matrix))) in enumerate(zip(colours, fates.items(), strict=True)):
        _draw_stairs(axes, times, losses, plateaus if row == 0 else {"": max(plateaus.values())}, colour, 2.6 - row)
        picture = figure.add_subplot(grid[row, 1])
        picture.imshow(matrix, cmap="RdBu_r", vmin=-1.2, vmax=1.2, aspect="auto")
        picture.set_title(label, color=colour, fontsize=12, weight="bold")
        picture.set(xticks=[], yticks=[], ylabel="student neuron")
        picture.grid(visible=False)
    picture.set(xlabel="teacher neuron")
    axes.set(xlabel="time $t$")
    return figure


def no_limit(times: np.ndarray, strength: np.ndarray, angle: np.ndarray, distance: np.ndarray) -> Figure:
    """Draw two ways of not arriving: a dipole's outgoing weights grow, and a merging pair comes closer, for ever.

    Parameters
    ----------
    times : array, shape (T,)
        When the states were kept.
    strength, angle : arrays, shape (T,)
        What of a dipole's outgoing weights cancels, and the angle between its incoming weights.
    distance : array, shape (T,)
        Of the two neurons of a merging pair.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.6))
    late = times >= 3e5
    for axes, values, power, up, name in (
        (left, strength, 0.25, 2.2, "outgoing weights that cancel"),
        (left, angle, -0.25, 0.45, "angle between the incoming weights"),
        (right, distance, -0.5, 0.4, "distance of the two neurons"),
    ):
        axes.loglog(times, values, color=STUDENT)
        guide = up * values[late][0] * (times[late] / times[late][0]) ** power
        middle = len(guide) // 2
        axes.loglog(times[late], guide, color=MUTED, lw=1.2)
        axes.text(times[late][middle], guide[middle] * up**1.1, f"$t^{{{power:g}}}$", ha="center", va="center",
                  color="#666666")  # fmt: skip
        end = (0.98, 0.97 if up > 1 else 0.03)
        axes.text(*end, name, transform=axes.transAxes, ha="right", va="top" if up > 1 else "bottom", color=STUDENT,
                  fontsize=10.5)  # fmt: skip
        axes.set(xlabel="time $t$", xlim=(times[0], times[-1]))
        axes.margins(y=0.22)
    left.set_title("a dipole", fontsize=12)
    right.set_title("a merging pair", fontsize=12)
    return figure


def start_sizes(
    shares: Mapping[int, Mapping[float, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]],
    thresholds: Mapping[int, tuple[int, int, int]],
) -> Figure:
    """Draw which share of starts ends at n-copy, by the size of the start: a map for each k.

    Parameters
    ----------
    shares : mapping of k to mapping of factor to (n, share, lower, upper)
        The Glorot start times the factor, the same ones for every k; of the interval nothing is drawn.
    thresholds : mapping of k to (minimum, better, saddle)
        The least n at which n-copy is a minimum, at which it is better, and at which copy-average is a saddle.
    """
    colours = LinearSegmentedColormap.from_list("which", [COPY_AVERAGE, "#f7f7f7", N_COPY])
    figure, axes = plt.subplots(len(shares), 1, figsize=(7.4, 2.5 * len(shares) + 1.2), squeeze=False)
    for ax, (k, curves) in zip(axes.flat, shares.items(), strict=True):
        factors = sorted(curves)
        n, rows = curves[factors[0]][0], np.arange(len(factors))
        table = np.array([curves[factor][1] for factor in factors])
        image = ax.pcolormesh(n, rows, table, cmap=colours, vmin=0, vmax=1, edgecolors="white", linewidth=0.6)
        minimum, _, saddle = thresholds[k]
        for edge, what in ((minimum, "$n$-copy a minimum"), (saddle, "copy-average a saddle")):
            ax.axvline(edge - 0.5, color=TEACHER, lw=1.6)
            ax.text(edge - 0.5, len(factors) - 0.4, f"{what} →", color=TEACHER, fontsize=10, ha="center", va="bottom")
        ax.set_yticks(rows, [f"× {factor:g}" for factor in factors])
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
        ax.set(xlabel=f"student neurons $n$,  $k = {k}$")
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    figure.supylabel("size of the start", fontsize=12, color="#222222")
    label = "share that ends at $n$-copy"
    figure.colorbar(image, ax=axes, location="top", label=label, ticks=[0, 0.5, 1], shrink=0.5, aspect=30)
    return figure
