"""Figures of chapter 6: where ReLU students stand instead of copies and averages, and how well they do."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import COPY_AVERAGE, MUTED, N_COPY, STUDENT, TEACHER


def displaced_point(weights: Mapping[str, np.ndarray], correlations: Mapping[str, np.ndarray]) -> Figure:
    """Draw two student neurons under three teacher neurons, for two activations: what they weigh, where they point.

    Parameters
    ----------
    weights : mapping of activation to array, shape (2, 3)
        aᵢ wᵢ·vⱼ, the same for the second and third teacher neuron. The first activation is drawn dashed.
    correlations : mapping of activation to array, shape (2, 3)
        wᵢ·vⱼ / ‖wᵢ‖.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.9))
    for tip, name, offset in (((1, 0), "$v_1$", (2, -16)), ((0, np.sqrt(2)), "$v_2 + v_3$", (6, 2))):
        left.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": TEACHER, "lw": 1.2}, zorder=1)
        left.annotate(name, tip, offset, textcoords="offset points", color=TEACHER)
    for style, (name, matrix) in zip((":", "-"), weights.items(), strict=True):
        for x, y, z in matrix:
            left.plot([0, x], [0, (y + z) / np.sqrt(2)], style, color=COPY_AVERAGE, lw=2.6, zorder=3)
            left.plot(x, (y + z) / np.sqrt(2), "o", color=COPY_AVERAGE, ms=8, mfc=_fill(style), zorder=4)
        left.plot([], [], style, color=COPY_AVERAGE, marker="o", ms=7, mfc=_fill(style), label=name)
    left.set(xlabel="weight $a_i\\,w_i$ along $v_1$", ylabel="along $(v_2 + v_3)/\\sqrt{2}$")
    left.set(xlim=(-0.5, 1.6), ylim=(-0.3, 1.75), aspect="equal", xticks=[0, 1], yticks=[0, 1])
    left.legend(loc="center right", fontsize=11)
    angle = np.linspace(0, 2 * np.pi, 200)
    right.plot(np.cos(angle), np.sin(angle) / np.sqrt(2), color=MUTED, lw=1)
    for style, matrix in zip((":", "-"), correlations.values(), strict=True):
        right.plot(matrix[:, 0], matrix[:, 1], "o", color=COPY_AVERAGE, ms=8, mfc=_fill(style), zorder=3)
    for (x, y, _), text, place in zip(
        next(iter(correlations.values())), ("copy", "average"), ((-28, -5), (14, 8)), strict=True
    ):
        right.annotate(text, (x, y), place, textcoords="offset points", color=COPY_AVERAGE, ha="center")
    right.set(
        xlabel="correlation with $v_1$",
        ylabel="correlation with $v_2$ and with $v_3$",
        xlim=(-0.55, 1.2),
        ylim=(-0.4, 0.95),
    )
    right.set(xticks=[-0.5, 0, 0.5, 1], yticks=[0, 0.5])
    for axes in (left, right):
        axes.axhline(0, color=MUTED, lw=0.8, zorder=0)
        axes.axvline(0, color=MUTED, lw=0.8, zorder=0)
    return figure


def _fill(style: str) -> str:
    return COPY_AVERAGE if style == "-" else "white"


def displacement(
    excess: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], correlations: Mapping[str, np.ndarray]
) -> Figure:
    """Draw how far copies are from copies as k grows, and which way the neurons point at one k.

    Parameters
    ----------
    excess : mapping of regime to (k, α − 1, limit)
        Computed values, drawn as markers, and what they tend to, drawn as a line.
    correlations : mapping of label to array, shape (n, k)
        wᵢ·vⱼ / ‖wᵢ‖, for three n.
    """
    figure = plt.figure(figsize=(7.4, 4.2))
    grid = figure.add_gridspec(len(correlations), 2, width_ratios=(1.5, 1))
    axes = figure.add_subplot(grid[:, 0])
    colours = plt.colormaps["viridis"](np.linspace(0.0, 0.75, len(excess)))
    for colour, marker, (name, (k, values, limit)) in zip(colours, "osD", excess.items(), strict=True):
        axes.loglog(k, limit, color=colour, lw=1.3)
        axes.loglog(k, values, marker, color=colour, mfc="white", mew=1.6, ms=6.5, label=name)
    axes.legend(loc="lower left", fontsize=11)
    axes.set(xlabel="teacher neurons $k$", ylabel="$\\alpha - 1$: how far a copy is off", ylim=(2e-5, 200))
    for row, (name, matrix) in enumerate(correlations.items()):
        picture = figure.add_subplot(grid[row, 1])
        image = picture.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        picture.set(xticks=[], yticks=[])
        picture.set_ylabel(name, fontsize=11)
        picture.axhline(len(matrix) - 1.5, color="#222222", lw=0.8)
        picture.grid(visible=False)
    picture.set(xlabel="teacher neuron")
    figure.colorbar(image, ax=figure.axes[1:], location="right", label="correlation $u_{ij}$", ticks=[-1, 0, 1])
    return figure


def losses_and_bound(
    n: Sequence[int], bound: np.ndarray, losses: Mapping[str, np.ndarray], minima: Mapping[str, np.ndarray]
) -> Figure:
    """Draw the losses of both families over the bound, and as multiples of it.

    Parameters
    ----------
    n : sequence of int
        Numbers of student neurons.
    bound : array
        What no student with positive outgoing weights can beat.
    losses : mapping of family to array
        For the copy-average and the n-copy family.
    minima : mapping of family to array of bool
        Whether the point is a minimum (a full marker) or a saddle (an empty one).
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.9))
    left.semilogy(n, bound, color=TEACHER, lw=1.4)
    left.fill_between(n, bound.min() / 4, bound, color=TEACHER, alpha=0.1, lw=0)
    left.text(0.06, 0.09, "out of reach for\n$a_i \\geq 0$", transform=left.transAxes, color=TEACHER, fontsize=11)
    right.axhline(1, color=TEACHER, lw=1.4)
    right.annotate("the bound", (n[0], 1), (0, 5), textcoords="offset points", color=TEACHER, fontsize=11)
    looks = ((COPY_AVERAGE, "o", 9), (N_COPY, "s", 4.5))
    for (name, values), (colour, marker, size) in zip(losses.items(), looks, strict=True):
        for axes, heights in ((left, values), (right, values / bound)):
            for is_minimum in (True, False):
                chosen = minima[name] == is_minimum
                fill = colour if is_minimum else "white"
                axes.plot(
                    np.array(n)[chosen],
                    heights[chosen],
                    marker,
                    color=colour,
                    mfc=fill,
                    mew=1.3,
                    ms=size if axes is right else 0.6 * size,
                )
        right.plot([], [], marker, color=colour, ms=size, label=name.replace("n-", "$n$-"))
    right.plot([], [], "o", color=MUTED, mfc="white", mew=1.3, ms=7, label="a saddle, if empty")
    left.set(xlabel="student neurons $n$", ylabel="loss", xlim=(n[0] - 1, n[-1] + 1), ylim=(bound.min() / 2, None))
    right.set(xlabel="student neurons $n$", ylabel="loss / bound")
    right.legend(loc="upper right", fontsize=11)
    return figure


def thresholds(table: Mapping[int, tuple[int, int, int]], better_for_erf: Mapping[int, int], limit: int) -> Figure:
    """Draw from which n on n-copy is a minimum, n-copy is better, and copy-average is a saddle, against k.

    Parameters
    ----------
    table : mapping of k to (minimum, better, saddle)
        The three numbers of student neurons, for ReLU.
    better_for_erf : mapping of k to n
        From which n on n-copy is better for erf.
    limit : int
        Of `better`, as k → ∞.
    """
    figure, axes = plt.subplots(figsize=(7.4, 4.6))
    k = np.array(list(table))
    minimum, better, saddle = np.array(list(table.values())).T
    axes.axhline(limit, color=N_COPY, lw=1.2)
    axes.text(k[0], limit * 1.12, f"$n = {limit}$", color=N_COPY)
    axes.loglog(k, k, color=TEACHER, lw=1.2)
    axes.loglog(k, saddle, "o", color=COPY_AVERAGE, ms=7, mfc="white", mew=1.6, label="copy-average a saddle")
    axes.loglog(better_for_erf.keys(), better_for_erf.values(), "x", color=MUTED, ms=7, mew=1.8,
                label="$n$-copy better, erf")  # fmt: skip
    axes.loglog(k, better, "s", color=N_COPY, ms=6, label="$n$-copy better")
    axes.loglog(k, minimum, "s", color=N_COPY, ms=10, mfc="none", mew=1.6, label="$n$-copy a minimum")
    axes.text(k[-1], k[-1] * 1.35, "$n = k$", color=TEACHER, ha="right")
    axes.legend(loc="upper left", title="from this $n$ on", bbox_to_anchor=(0.0, 1.0))
    axes.set(xlabel="teacher neurons $k$", ylabel="student neurons $n$", ylim=(3, 3e4))
    return figure


def fixed_size(n: Sequence[int], ahead: np.ndarray, computed: Mapping[int, float], k: int) -> Figure:
    """Draw by how much copy-average is ahead of n-copy at fixed n and large k, per teacher neuron.

    Parameters
    ----------
    n : sequence of int
        Where the limit was evaluated.
    ahead : array
        Its values: (loss of n-copy − loss of copy-average)/k as k → ∞.
    computed : mapping of n to float
        The same at a finite k, drawn as markers.
    k : int
        That k.
    """
    figure, axes = plt.subplots(figsize=(7.0, 3.8))
    axes.axhline(0, color=TEACHER, lw=1)
    axes.plot(n, 1e4 * ahead, color=STUDENT, lw=1.6, label="$k \\to \\infty$")
    axes.plot(computed.keys(), 1e4 * np.array(list(computed.values())), "o", color=STUDENT, mfc="white", mew=1.6, ms=7,
              label=f"computed, $k = 10^{np.log10(k):.0f}$")  # fmt: skip
    axes.fill_between(n, 0, np.minimum(1e4 * ahead, 0), color=N_COPY, alpha=0.25, lw=0)
    axes.fill_between(n, 0, np.maximum(1e4 * ahead, 0), color=COPY_AVERAGE, alpha=0.16, lw=0)
    axes.annotate("copy-average\nbetter", (10.6, 0.25), color=COPY_AVERAGE, fontsize=11)
    axes.annotate("$n$-copy better", (39, 0.25), color=N_COPY)
    axes.set(xlabel="student neurons $n$", ylabel="loss of $n$-copy $-$ copy-average,\nper teacher neuron, $10^{-4}$")
    axes.legend(loc="upper right")
    return figure


def leaky_displacement(
    slopes: np.ndarray, weights: Mapping[str, Mapping[str, np.ndarray]], limits: Mapping[str, Mapping[str, float]]
) -> Figure:
    """Draw how copies and average are displaced against the slope of a leaky ReLU, with the limit towards linear.

    Parameters
    ----------
    slopes : array
        At which the points were computed.
    weights : mapping of title to mapping of symbol to array
        For each (n, k), the weights at these slopes.
    limits : mapping of title to mapping of symbol to float
        Their limits as the slope goes to one, drawn as lines.
    """
    figure, panels = plt.subplots(1, len(weights), figsize=(7.4, 3.8), sharey=True)
    for axes, (title, curves) in zip(np.atleast_1d(panels), weights.items(), strict=True):
        for (symbol, values), marker in zip(curves.items(), "osD", strict=True):
            _draw_flat(axes, slopes, values, limits[title][symbol], marker, symbol)
        axes.set_title(title, fontsize=12)
        axes.axvline(1, color=TEACHER, lw=1, ls=":")
        axes.set(xlabel="slope $\\kappa$", xlim=(-0.05, 1.05), ylim=(-0.45, 0.6))
    np.atleast_1d(panels)[0].set(ylabel="distance from copies and average")
    np.atleast_1d(panels)[-1].legend(loc="upper center", ncols=3, fontsize=11, handletextpad=0.2, columnspacing=1)
    return figure


def _draw_flat(axes: Axes, x: np.ndarray, y: np.ndarray, limit: float, marker: str, label: str) -> None:
    axes.axhline(limit, color=COPY_AVERAGE, lw=1.2, alpha=0.8)
    axes.plot(x, y, marker, color=COPY_AVERAGE, mfc="white", mew=1.6, ms=6.5, label=label)


def through_the_kink(
    times: np.ndarray, norms: np.ndarray, trapped: Sequence[int], drifts: Mapping[str, np.ndarray]
) -> Figure:
    """Draw how long the incoming weights of neurons are along gradient flow, and how well a² − ‖w‖² is kept.

    Parameters
    ----------
    times : array, shape (times,)
        From zero.
    norms : array, shape (times, n)
        ‖wᵢ‖, exactly zero while a neuron is dead.
    trapped : sequence of int
        The neurons to point out.
    drifts : mapping of accuracy to array, shape (times,)
        The largest |aᵢ² − ‖wᵢ‖² − its value at the start| of all neurons.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.7), width_ratios=(1.5, 1))
    colours = dict(zip(trapped, (STUDENT, COPY_AVERAGE), strict=True))
    for i in range(norms.shape[1]):
        left.semilogx(times, norms[:, i], color=colours.get(i, MUTED), lw=2.4 if i in colours else 1.2)
        dead = np.flatnonzero(norms[:, i] == 0)
        if i in colours and len(dead):
            left.semilogx(times[dead], 0 * dead, color=colours[i], lw=6, solid_capstyle="butt")
            left.annotate("dead", (times[dead[len(dead) // 2]], 0), (0, -15), textcoords="offset points",
                          color=colours[i], ha="center")  # fmt: skip
    left.set(xlabel="time $t$", ylabel="$\\Vert w_i\\Vert$", xlim=(times[times > 0][0], times[-1]), ylim=(-0.22, None))
    for shade, (name, drift) in zip((0.0, 0.4, 0.75), drifts.items(), strict=True):
        right.loglog(times[1:], np.maximum(drift[1:], 1e-17), color=plt.colormaps["viridis"](shade), lw=1.8)
        right.annotate(name, (times[-1], drift[-1]), (-4, 5), textcoords="offset points", ha="right",
                       color=plt.colormaps["viridis"](shade))  # fmt: skip
    right.set(xlabel="time $t$", ylabel="drift of $a_i^2 - \\Vert w_i\\Vert^2$", ylim=(1e-12, 1e-2))
    return figure


def beside_erf(
    shares: Mapping[int, Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]],
    smaller: Mapping[int, np.ndarray],
    minima: Mapping[int, tuple[int, int]],
) -> Figure:
    """Draw which share of the starts ends at n-copy, for two activations on the same axes, a panel for each k.

    Parameters
    ----------
    shares : mapping of k to mapping of activation to (n, share, lower, upper)
        The first activation is drawn with filled markers.
    smaller : mapping of k to array
        The first activation's share that ends with what fewer neurons could do, at the same n.
    minima : mapping of k to (from, to)
        The first activation: the n between which both points are minima.
    """
    figure, panels = plt.subplots(1, len(shares), figsize=(7.4, 3.6), sharey=True)
    for axes, (k, curves) in zip(panels, shares.items(), strict=True):
        axes.axvspan(minima[k][0] - 0.5, minima[k][1] + 0.5, color="#f0f0f0", zorder=0)
        for (name, (n, share, lower, upper)), style, fill in zip(
            curves.items(), ("o-", "o--"), (N_COPY, "white"), strict=True
        ):
            errors = np.maximum([share - lower, upper - share], 0)
            axes.errorbar(n, share, errors, fmt="none", ecolor=N_COPY, elinewidth=1, alpha=0.6)
            size = 5.5 if k < 20 else 4.5
            axes.plot(n, share, style, color=N_COPY, mfc=fill, ms=size, lw=1.3, label=f"{name}: $n$-copy")
        axes.plot(n, smaller[k], "x:", color=STUDENT, ms=5, lw=1.3, label="ReLU: a smaller student")
        axes.set(xlabel=f"student neurons $n$,  $k = {k}$", ylim=(-0.03, 1.03))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels[0].set_ylabel("share of the starts")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=11)
    return figure


def anti_copies(correlations: np.ndarray, counts: Mapping[int, Mapping[int, int]]) -> Figure:
    """Draw which way the neurons of one student point, and how many anti-copies the students of each size end with.

    Parameters
    ----------
    correlations : array, shape (n, k)
        wᵢ·vⱼ / ‖wᵢ‖.
    counts : mapping of n to mapping of the number of anti-copies to the number of starts
        Starts that do not end with a minimum are left out, and the bars are so much shorter.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.4))
    image = left.imshow(correlations, cmap="RdBu_r", vmin=-1, vmax=1)
    left.set(xlabel="teacher neuron", ylabel="student neuron", xticks=[], yticks=[])
    left.grid(visible=False)
    figure.colorbar(image, ax=left, shrink=0.75, label="correlation", ticks=[-1, 0, 1])
    most = 5
    colours = [N_COPY, *plt.colormaps["viridis"](np.linspace(0.05, 0.95, most))]
    bottom = np.zeros(len(counts))
    for number, colour in enumerate(colours):
        height = [sum(v for q, v in row.items() if min(q, most) == number) for row in counts.values()]
        name = f"{number}" if number < most else f"{most} or more"
        right.bar(list(counts), height, bottom=bottom, color=colour, width=0.8, label=name)
        bottom += height
    right.set(xlabel="student neurons $n$", ylabel="starts", ylim=(0, 100), xlim=(min(counts) - 0.6, max(counts) + 0.6))
    right.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    right.legend(title="anti-copies", fontsize=10, loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
    return figure
