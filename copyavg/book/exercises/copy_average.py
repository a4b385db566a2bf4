"""Exercises of chapter 2: the loss of a grouping, how many points there are, outgoing weights."""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from math import asin, factorial, pi, prod, sqrt
from typing import Any

import numpy as np

from copyavg.landscape import gradient, loss
from copyavg.network import Network, orthonormal_teacher
from copyavg.points.configurations import copy_average, partitions

from .checking import NO_HALF, Exercise, Search


def loss_of_grouping(sizes: Sequence[int | float], square: int = 2, inside: int = 2) -> float:
    """Return Σ m/3 − (2m²/π) arcsin(1/(2m)), with slips on request."""
    return sum(m / 3 - 2 * m**square / pi * asin(1 / (inside * m)) for m in sizes)


def _four() -> Exercise:
    return Exercise(
        arguments=("sizes",),
        inputs=lambda: [((1, 3),), ((2, 2),), ((1, 1),), ((4,),), ((1, 2, 3),), ((1, 1, 1, 5),)],
        expected=lambda sizes: loss(copy_average(sizes), orthonormal_teacher(sum(sizes))),
        answer=loss_of_grouping,
        mistakes=(
            (lambda sizes: loss_of_grouping(sizes) / 2, NO_HALF),
            (lambda sizes: loss_of_grouping((sum(sizes),)), "that is one average of all. Add up over the groups."),
            (lambda sizes: loss_of_grouping(sizes[:1]), "that is the first group alone. Add up over the groups."),
            (lambda sizes: loss_of_grouping(sizes[-1:]), "that is the last group alone. Add up over the groups."),
            (lambda sizes: loss_of_grouping(sizes, square=1), "the m in front of the arcsine is squared."),
            (lambda sizes: loss_of_grouping(sizes, inside=1), "the argument of the arcsine is 1/(2m)."),
            (
                lambda sizes: sum(m / 3 - 4 * m**2 / pi * asin(1 / (2 * m)) for m in sizes),
                "you left out the interaction of the student neurons with themselves.",
            ),
            (
                lambda sizes: sum(m / 3 + 2 * m**2 / pi * asin(1 / (2 * m)) for m in sizes),
                "the term between student and teacher is missing; it enters with −2.",
            ),
            (
                lambda sizes: sum(m / 3 - 2 * m**2 / pi * np.degrees(asin(1 / (2 * m))) for m in sizes),
                "the arcsine is in degrees, and should be in radians.",
            ),
        ),
    )


def _sign() -> Exercise:
    def expected(sizes: tuple[int, ...]) -> int:
        """Give every teacher neuron to a student neuron, in every way, and count those with these group sizes."""
        ways = product(range(len(sizes)), repeat=sum(sizes))
        fitting = (way for way in ways if sorted(Counter(way).values()) == sorted(sizes))
        return 2 ** len(sizes) * sum(1 for _ in fitting)

    def groupings(sizes: tuple[int, ...]) -> int:
        alike = prod(factorial(count) for count in Counter(sizes).values())
        return factorial(sum(sizes)) // prod(map(factorial, sizes)) // alike

    return Exercise(
        arguments=("sizes",),
        inputs=lambda: [((1, 1, 3),), ((2, 2),), ((1, 2),), ((1, 1, 1),), ((1, 1, 2, 2),), ((4,),)],
        expected=expected,
        answer=lambda sizes: groupings(sizes) * factorial(len(sizes)) * 2 ** len(sizes),
        mistakes=(
            (lambda sizes: groupings(sizes) * factorial(len(sizes)), "you did not count the signs."),
            (lambda sizes: groupings(sizes) * 2 ** len(sizes), "you did not count the orders of the neurons."),
            (groupings, "you counted the groupings only. There are signs and orders of neurons as well."),
            (lambda sizes: groupings(sizes) * factorial(len(sizes)) * 2, "every student neuron has a sign of its own."),
            (
                lambda sizes: (
                    factorial(sum(sizes)) // prod(map(factorial, sizes)) * factorial(len(sizes)) * 2 ** len(sizes)
                ),
                "groups of the same size are counted more than once: to exchange them is to exchange two neurons.",
            ),
        ),
    )


def _linear_only() -> Exercise:
    def expected(m: int, r: float) -> float:
        """The outgoing weight at which a copy beside the group feels no force; the force is linear in it."""
        group = np.array([0, *np.ones(m)]) / sqrt(m)
        force = [
            gradient(Network([np.eye(m + 1)[0], r * group], [1.0, a]), orthonormal_teacher(m + 1)).incoming[0] @ group
            for a in (0.0, 1.0)
        ]
        return force[0] / (force[0] - force[1])

    return Exercise(
        arguments=("m", "r"),
        inputs=lambda: [(3, 0.8), (3, 1 / sqrt(5)), (1, 1.0), (2, 0.3), (5, 2.0)],
        expected=expected,
        answer=lambda m, r: sqrt(m / 2) * sqrt(1 + r**2) / r,
        mistakes=(
            (lambda m, r: m, "that is right at the critical length r = 1/√(2m − 1) only."),
            (lambda m, r: sqrt(m) * sqrt(1 + r**2) / r, "the teacher neurons have a √(1 + 1) under them as well."),
            (lambda m, r: m / sqrt(2) * sqrt(1 + r**2) / r, "the sum of m orthonormal vectors has length √m, not m."),
            (lambda m, r: sqrt(1 / 2) * sqrt(1 + r**2) / r, "that is for one teacher neuron. Add up the group."),
            (lambda m, r: sqrt(m / 2) / r, "the factor √(1 + r²) of the student neuron is missing."),
            (lambda m, r: sqrt(m / 2) * sqrt(1 + r**2), "w has length r: divide by it."),
            (lambda m, r: sqrt(m / 2) * (1 + r**2) / r, "there is a square root over 1 + r²."),
        ),
    )


def sizes_of(figure: Any) -> list[int]:
    """How many teacher neurons each student neuron has, ascending, in the figure of groups."""
    groups = figure.groups or [i * figure.n // figure.k for i in range(figure.k)]  # shared out evenly
    return sorted(groups.count(i) for i in range(figure.n))


def _worst_grouping() -> Search:
    def hint(figure: Any) -> str | None:
        if (figure.n, figure.k) != (3, 7):
            return "take n = 3 and k = 7."
        sizes = sizes_of(figure)
        if 0 in sizes:
            return "one student neuron has nothing to do, so this is a point of a smaller student."
        if sizes == [1, 1, 5]:
            return "that is the best grouping. What is its opposite?"
        worst = max(loss_of_grouping(p) for p in partitions(7, 3))
        return None if loss_of_grouping(sizes) == worst else "there is a grouping with a larger loss."

    return Search(
        figure="groups",
        start={"n": 3, "k": 7, "groups": [0, 0, 0, 1, 1, 1, 2]},
        hint=hint,
        answer={"n": 3, "k": 7, "groups": [0, 0, 1, 1, 2, 2, 2]},
        mistakes=(
            ({"n": 4, "k": 7}, "take n = 3 and k = 7."),
            ({"n": 3, "k": 7, "groups": [0, 0, 0, 0, 1, 1, 1]}, "one student neuron has nothing to do"),
            ({"n": 3, "k": 7, "groups": [0, 1, 2, 2, 2, 2, 2]}, "that is the best grouping."),
            ({"n": 3, "k": 7, "groups": [0, 1, 1, 2, 2, 2, 2]}, "there is a grouping with a larger loss."),
        ),
    )


SEARCHES = {"ex-find-worst": _worst_grouping()}
EXERCISES = {
    "ex-four": _four(),
    "ex-sign": _sign(),
    "ex-linear-only": _linear_only(),
}
