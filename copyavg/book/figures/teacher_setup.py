"""Figures of chapter 1: a teacher, a student, their interaction and a landscape."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from .style import COPY_AVERAGE, MUTED, STUDENT, TEACHER, draw_partition


def teacher_and_student(*partitions: Sequence[int]) -> Figure:
    """Draw which teacher neurons each student neuron stands for, at one copy-average point or several side by side.

    Parameters
    ----------
    *partitions : sequences of int
        Group sizes; a group of one is drawn as a copy, a larger one as an average.
    """
    figure, axes = plt.subplots(1, len(partitions), figsize=(6.4, 2.9) if len(partitions) == 1 else (7.4, 2.6))
    for ax, partition in zip(np.atleast_1d(axes), partitions, strict=True):
        draw_partition(ax, partition)
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
