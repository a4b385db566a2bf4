"""Exercises of chapter 1: the loss, the interaction, rotations."""

from math import sqrt
from typing import Any

import numpy as np

from copyavg.interactions.pairs import interaction
from copyavg.landscape import gradient, loss
from copyavg.network import Network, orthonormal_teacher, random_student

from .checking import NO_HALF, Exercise, Search
from .copy_average import loss_of_grouping


def _one_copy() -> Exercise:
    def expected(k: int) -> float:
        return loss(Network(np.eye(1, k), [1.0]), orthonormal_teacher(k))

    return Exercise(
        arguments=("k",),
        inputs=lambda: [(k,) for k in range(1, 7)],
        expected=expected,
        answer=lambda k: (k - 1) / 3,
        mistakes=(
            (lambda k: (k - 1) / 6, NO_HALF),
            (lambda k: (k - 2) / 3, "you left out the interaction of the student neuron with itself, g(1, 1, 1)."),
            (lambda k: k / 3, "the copied teacher neuron is still in there. The copy cancels it."),
            (lambda k: (k + 1) / 3, "the term between student and teacher is missing; it enters with −2."),
            (lambda k: k - 1.0, "the count is right, but what one neuron leaves is g(1, 1, 1). How large is it?"),
            (lambda k: loss_of_grouping((k,)), "that is what the average leaves. This neuron is a copy."),
        ),
    )


def _radius() -> Exercise:
    u = sqrt(0.5)

    def expected(r: float) -> float:
        # The loss is quadratic in a: its slope by a vanishes at the best one.
        at_0, at_1 = (gradient(Network([[r * u, r * u]], [a]), orthonormal_teacher(2)).outgoing[0] for a in (0.0, 1.0))
        return at_0 / (at_0 - at_1)

    return Exercise(
        arguments=("r",),
        inputs=lambda: [(r,) for r in (1 / sqrt(3), 0.1, 0.8, 1.0, 5.0)],
        expected=expected,
        answer=lambda r: 2 * interaction(r, 1, u) / interaction(r, r, 1),
        mistakes=(
            (lambda r: interaction(r, 1, u) / interaction(r, r, 1), "there are two teacher neurons to add up."),
            (lambda r: 2 * interaction(r, 1, 1) / interaction(r, r, 1), "w is at 45° to v₁: that u is not one."),
            (lambda r: 2 * interaction(r, 1, u) / interaction(r, r, u), "a neuron meets itself at u = 1."),
            (lambda r: 2 * interaction(r, 1, u) / interaction(1, 1, 1), "a neuron meets itself at r₁ = r₂ = r, not 1."),
            (lambda r: 2 * interaction(r, r, u) / interaction(r, r, 1), "a teacher neuron has length one, not r."),
            (lambda r: 2 * interaction(r, 1, u), "you have the numerator. Divide by the interaction with itself."),
            (lambda r: 2.0, "that is the weight at r = 1/√3. What is it at other lengths?"),
            (
                lambda r: interaction(r, r, 1) / 2 / interaction(r, 1, u),
                "numerator and denominator have changed places.",
            ),
        ),
    )


def _rotation() -> Exercise:
    def networks() -> tuple[Network, Network, np.ndarray]:
        rng = np.random.default_rng(6)
        q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
        return random_student(4, 4, rng), orthonormal_teacher(4), q

    def expected(before: Network, q: np.ndarray) -> Network:
        student, teacher, _ = networks()
        return gradient(*(Network(network.incoming @ q.T, network.outgoing) for network in (student, teacher)))

    def inputs() -> list[tuple]:
        student, teacher, q = networks()
        before = gradient(student, teacher)
        return [(before, q), (before, q[::-1]), (before, q @ q)]

    return Exercise(
        arguments=("gradient", "q"),
        inputs=inputs,
        expected=expected,
        answer=lambda before, q: Network(before.incoming @ q.T, before.outgoing),
        mistakes=(
            (lambda before, q: before, "that is the gradient before the turn. What happens to a vector ∂L/∂w?"),
            (
                lambda before, q: Network(before.incoming @ q, before.outgoing),
                "that turns the vectors back. They are the rows of incoming: Qw is row @ q.T.",
            ),
            (lambda before, q: Network(q @ before.incoming, before.outgoing), "that mixes neurons, not coordinates."),
            (
                lambda before, q: Network(before.incoming @ q.T, q @ before.outgoing),
                "the ∂L/∂a are numbers, not components of a vector in input space.",
            ),
        ),
    )


def _no_use() -> Search:
    def hint(figure: Any) -> str | None:
        w, teacher = np.array([figure.student]), orthonormal_teacher(2)
        if figure.activation != "erf":
            return "this one is about erf. Switch the activation."
        if np.linalg.norm(w) < 0.1:
            return "so short a neuron does next to nothing anyway. Look farther out."
        at_0, at_1 = (gradient(Network(w, [a]), teacher).outgoing[0] for a in (0.0, 1.0))
        best = at_0 / (at_0 - at_1)
        if np.linalg.norm(gradient(Network(w, [best]), teacher).incoming) > 0.02:
            return "the gradient does not vanish there."
        return "there it averages the two. Where is it of no use to either?" if abs(best) > 0.05 else None

    return Search(
        figure="two-neurons",
        start={},
        hint=hint,
        answer={"student": [0.5, -0.5]},
        mistakes=(
            ({"activation": "relu"}, "this one is about erf."),
            ({"student": [0.05, -0.05]}, "so short a neuron"),
            ({"student": [1.0, 0.0]}, "the gradient does not vanish"),
            ({"student": [1 / sqrt(6), 1 / sqrt(6)]}, "there it averages the two."),
        ),
    )


SEARCHES = {"ex-find-no-use": _no_use()}
EXERCISES = {
    "ex-one-copy": _one_copy(),
    "ex-radius": _radius(),
    "ex-rotation": _rotation(),
}
