"""Figures of the book: one style, one call a figure. Theory is a line, experiment is markers.

Every function takes numbers that the caller computed and returns a matplotlib Figure. This is the
only module that imports matplotlib, and `import copyavg` does not import it.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

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


def teacher_and_student(*partitions: Sequence[int]) -> Figure:
    """Draw which teacher neurons each student neuron stands for, at one copy-average point or several side by side.

    Parameters
    ----------
    *partitions : sequences of int
        Group sizes; a group of one is drawn as a copy, a larger one as an average.
    """
    figure, axes = plt.subplots(1, len(partitions), figsize=(6.4, 2.9) if len(partitions) == 1 else (7.4, 2.6))
    for ax, partition in zip(np.atleast_1d(axes), partitions, strict=True):
        _draw_partition(ax, partition)
    return figure


def interaction_four_ways(
    u: np.ndarray,
    closed_form: Mapping[tuple[float, float], np.ndarray],
    at: np.ndarray,
    samples: Mapping[tuple[float, float], tuple[np.ndarray, np.ndarray]],
    deviations: Mapping[str, np.ndarray],
) -> Figure:
    """Draw g(r₁, r₂, u) by formula and by sampling, and below how far each route is from a 25-digit computation.

    Parameters
    ----------
    u : array
        Correlations at which the closed form was evaluated.
    closed_form : mapping of norms (r₁, r₂) to array
        g(r₁, r₂, u), one line a pair of norms.
    at : array
        Correlations at which the other routes were taken.
    samples : mapping of norms (r₁, r₂) to (mean, error)
        Monte Carlo estimates at `at`, and the half-width of their error bars.
    deviations : mapping of route to array
        The largest deviation over the norms from the high-precision value, one number for each of `at`.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 6.4), height_ratios=(1.5, 1), sharex=True)
    colours = plt.colormaps["viridis"](np.linspace(0.1, 0.65, len(closed_form)))
    for colour, (r, values) in zip(colours, closed_form.items(), strict=True):
        top.plot(u, values, color=colour)
        top.annotate(
            f"$({r[0]:g},\\ {r[1]:g})$", (u[-1], values[-1]), (6, -4), textcoords="offset points", color=colour
        )
        mean, error = samples[r]
        top.errorbar(at, mean, error, fmt="o", color=colour, capsize=3, mfc="white", mew=1.5)
    top.plot([], [], color=MUTED, label="closed form")
    top.errorbar([], [], [], fmt="o", color=MUTED, capsize=3, mfc="white", mew=1.5, label="Monte Carlo, ±3 s.e.")
    top.legend(loc="upper left", title="at norms $(r_1, r_2)$")
    top.set(ylabel="interaction $g(r_1, r_2, u)$")
    markers = {"Monte Carlo": ("o", MUTED), "quadrature": ("s", STUDENT), "closed form": ("D", TEACHER)}
    for route, values in deviations.items():
        marker, colour = markers[route]
        bottom.semilogy(at, np.where(values > 0, values, np.nan), marker, color=colour, mfc="white", mew=1.5)
        bottom.annotate(route, (at[-1], values[-1]), (8, -4), textcoords="offset points", color=colour, fontsize=11)
    bottom.set(
        xlabel="correlation $u$ of the two neurons",
        ylabel="distance from\n25 digits",
        xlim=(-1.05, 1.42),
        ylim=(1e-18, 1),
    )
    bottom.set(xticks=np.linspace(-1, 1, 5), yticks=[1e-16, 1e-12, 1e-8, 1e-4, 1])
    return figure


def toy_landscape(x: np.ndarray, y: np.ndarray, losses: np.ndarray, average: np.ndarray) -> Figure:
    """Draw the loss of one student neuron in the plane of two teacher neurons, as contours over its weight vector.

    Parameters
    ----------
    x, y : arrays
        The grid's coordinates along v₁ and v₂.
    losses : array, shape (len(y), len(x))
        The loss at each weight vector, with the best outgoing weight.
    average : array, shape (2,)
        The weight vector of the averaging neuron.
    """
    figure, axes = plt.subplots(figsize=(6.4, 5.2))
    levels = losses.min() + (losses.max() - losses.min()) * np.linspace(0, 1, 26) ** 2.5  # dense where the loss is low
    pale = ListedColormap(plt.colormaps["Blues"](np.linspace(0, 0.72, 256)))  # labels stay legible on it
    contours = axes.contourf(x, y, losses, levels=levels, cmap=pale)
    axes.contour(x, y, losses, levels=levels, colors="white", linewidths=0.6)
    figure.colorbar(contours, label="loss, at the best outgoing weight", ticks=np.arange(0, 0.7, 0.1))
    for tip, name in (((1, 0), "$v_1$"), ((0, 1), "$v_2$")):
        axes.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": TEACHER, "lw": 2})
        axes.annotate(name, tip, (6, 6), textcoords="offset points", color=TEACHER)
    for sign in (1, -1):
        axes.plot(*(sign * average), "*", color=COPY_AVERAGE, ms=16, mec="white")
    axes.annotate("average", average, (9, 6), textcoords="offset points", color=COPY_AVERAGE, weight="bold")
    axes.set(xlabel="student weight along $v_1$", ylabel="student weight along $v_2$", aspect="equal")
    axes.grid(visible=False)
    return figure


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


def two_points(
    weights: Mapping[str, np.ndarray], losses: Mapping[int, Mapping[str, tuple[np.ndarray, np.ndarray]]]
) -> Figure:
    """Draw copy-average and n-copy side by side: what each neuron weighs, and which has the lower loss.

    Parameters
    ----------
    weights : mapping of name to array, shape (n, k)
        For the copy-average and the n-copy point, aᵢ wᵢ·vⱼ.
    losses : mapping of k to mapping of name to (n/k, loss per teacher neuron)
        Of the two points; drawn on the right.
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
    for style, (k, points) in zip(("-", "--", ":"), losses.items(), strict=False):
        (x, averaged), (_, copied) = points.values()
        axes.plot(x, np.array(copied) / np.array(averaged), style, marker="o", color=N_COPY, label=f"$k = {k}$")
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


def profiles(
    radii: np.ndarray,
    losses: Mapping[str, Mapping[int, np.ndarray]],
    best: Mapping[str, Mapping[int, tuple[float, float] | None]],
    far: Mapping[str, Mapping[int, float]],
) -> Figure:
    """Draw L(r) of one neuron for several activations, a panel each, and several k.

    Parameters
    ----------
    radii : array
        Norms of the student neuron.
    losses : mapping of activation to mapping of k to array
        L(r), relative to what a neuron without weight leaves.
    best : mapping of activation to mapping of k to (r, L) or None
        The minimiser, where there is one.
    far : mapping of activation to mapping of k to float
        The limit as r → ∞.
    """
    figure, axes = plt.subplots(2, 4, figsize=(7.4, 4.6), sharex=True, sharey=True)
    sizes = next(iter(losses.values()))
    colours = dict(zip(sizes, plt.colormaps["viridis"](np.linspace(0.05, 0.8, len(sizes))), strict=True))
    for ax, (name, curves) in zip(axes.flat, losses.items(), strict=False):
        for k, values in curves.items():
            ax.loglog(radii, values, color=colours[k], lw=1.8)
            if best[name][k] is not None:
                ax.plot(*best[name][k], "*", color=COPY_AVERAGE, ms=10, mec="white", zorder=3)
            elif far[name][k] < values.min():
                ax.plot(1.35 * radii[-1], far[name][k], ">", color=colours[k], ms=5, clip_on=False)
        ax.set_title(name, fontsize=12)
        ax.set(xticks=[0.1, 1, 10], xticklabels=["0.1", "1", "10"], xlim=(0.04, 18))
        ax.minorticks_off()
    rest = axes.flat[len(losses)]
    rest.axis("off")
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


def transition(fractions: Mapping[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Draw which share of the starts ends at the n-copy point, against n/k.

    Parameters
    ----------
    fractions : mapping of k to (n/k, share, lower, upper)
        With the ends of its confidence interval, drawn where the starts do not all agree.
    """
    figure, axes = plt.subplots(figsize=(7.4, 4.2))
    colours = plt.colormaps["viridis"](np.linspace(0.82, 0.0, len(fractions)))
    for colour, (k, (x, share, lower, upper)) in zip(colours, fractions.items(), strict=True):
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
    fractions : mapping of k to (n/k, share, lower, upper)
        The share of starts that end at n-copy, with the ends of its confidence interval.
    thresholds : mapping of k to (minimum, better, saddle)
        The least n at which n-copy is a minimum, at which it is better, and at which copy-average is a saddle.
    """
    figure, axes = plt.subplots(len(fractions), 1, figsize=(7.4, 1.75 * len(fractions) + 0.9))
    regions = ((0.08, "$n$-copy is a worse minimum"), (0.24, "$n$-copy is better"), (0.45, "copy-average is a saddle"))
    for ax, (k, (x, share, lower, upper)) in zip(np.atleast_1d(axes), fractions.items(), strict=True):
        edges = (*thresholds[k], k)
        for left, right, (alpha, name) in zip(edges[:-1], edges[1:], regions, strict=True):
            ax.axvspan(left - 0.5, right - 0.5, color=N_COPY, alpha=alpha, lw=0, label=name)
        errors = np.maximum([share - lower, upper - share], 0)
        ax.errorbar(k * x, share, errors, fmt="o", color=STUDENT, ms=4, elinewidth=1.2, zorder=3)
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
    shares: Mapping[int, Mapping[float, tuple[np.ndarray, np.ndarray]]], thresholds: Mapping[int, tuple[int, int]]
) -> Figure:
    """Draw how the share of starts that end at n-copy depends on the size of the start, between two thresholds.

    Parameters
    ----------
    shares : mapping of k to mapping of factor to (n, share)
        The Glorot start times the factor.
    thresholds : mapping of k to (minimum, saddle)
        The least n at which n-copy is a minimum, and at which copy-average is a saddle.
    """
    figure, axes = plt.subplots(1, len(shares), figsize=(7.4, 3.9), sharey=True)
    for ax, (k, curves) in zip(np.atleast_1d(axes), shares.items(), strict=True):
        minimum, saddle = thresholds[k]
        ax.axvspan(0, minimum - 0.5, color=COPY_AVERAGE, alpha=0.1, lw=0, label="only copy-average is a minimum")
        ax.axvspan(saddle - 0.5, k, color=N_COPY, alpha=0.16, lw=0, label="only $n$-copy is")
        colours = plt.colormaps["Blues"](np.linspace(1.0, 0.35, len(curves)))
        for colour, (factor, (n, share)) in zip(colours, curves.items(), strict=True):
            ax.plot(n, share, "o-", color=colour, lw=1.2, ms=4, label=f"× {factor:g}")
        ax.set(xlabel=f"student neurons $n$,  $k = {k}$", xlim=(0.5, k - 0.5), ylim=(-0.03, 1.03))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, names = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(handles[:2], names[:2], loc="outside upper center", ncols=2, fontsize=10.5, handlelength=1.4)
    np.atleast_1d(axes)[-1].legend(handles[2:], names[2:], title="size of start", loc="center left", fontsize=10)
    np.atleast_1d(axes)[0].set(ylabel="share that ends at $n$-copy")
    return figure
