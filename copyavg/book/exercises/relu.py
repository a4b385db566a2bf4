"""Exercises of chapter 6: strength, a constant, leaky ReLU."""

from math import pi, sqrt

import numpy as np

from copyavg.activations.relu import leaky_relu
from copyavg.interactions.pairs import interaction
from copyavg.landscape import gradient
from copyavg.network import Network, orthonormal_teacher
from copyavg.points.one_neuron import one_neuron

from .checking import Exercise


def _relu_h(u: float) -> float:
    return float(interaction(1, 1, u, "relu"))


def _too_weak() -> Exercise:
    def expected(n: int, k: int) -> float:
        best = one_neuron(k - n + 1, "relu")
        return k - (n - 1) - best.radius * best.outgoing

    def alone(n: int, k: int) -> float:
        m = k - n + 1
        return 2 * m * _relu_h(1 / sqrt(m))

    return Exercise(
        arguments=("n", "k"),
        inputs=lambda: [(2, 3), (5, 10), (1, 4), (9, 10), (50, 100), (3, 3)],
        expected=expected,
        answer=lambda n, k: k - n + 1 - alone(n, k),
        mistakes=(
            (lambda n, k: n - 1 + alone(n, k), "that is s. How much is missing to k?"),
            (lambda n, k: k - alone(n, k), "you forgot the copies, of strength 1 each."),
            (lambda n, k: k - n - alone(n, k), "there are n − 1 copies, not n."),
            (lambda n, k: k - n + 1 - alone(n, k) / 2, "the best strength is twice the sum of the interactions."),
            (
                lambda n, k: k - n + 1 - sqrt(k - n + 1),
                "√m is what the linear part asks for. Which strength is best for the loss of the average alone?",
            ),
            (lambda n, k: (1 - 1 / pi) * (k - n + 1), "that is the limit of a large average. What is it at this m?"),
        ),
    )


def _constant() -> Exercise:
    def expected(n: int) -> float:
        """By the best outgoing weights for the corners themselves, which are least squares."""
        corners = np.eye(n) - 1 / n
        corners /= np.linalg.norm(corners, axis=1)[:, None]
        pairs = np.asarray(interaction(1, 1, np.clip(corners @ corners.T, -1, 1), "relu"))
        means = np.full(n, 1 / sqrt(2 * pi))
        return 1 - float(means @ np.linalg.solve(pairs, means))

    def power(n: int, u: float) -> float:
        return (_relu_h(1) + (n - 1) * _relu_h(u)) / n

    return Exercise(
        arguments=("n",),
        inputs=lambda: [(n,) for n in (2, 3, 5, 10, 100)],
        expected=expected,
        answer=lambda n: 1 - _relu_h(0) / power(n, -1 / (n - 1)),
        mistakes=(
            (lambda n: _relu_h(0) / power(n, -1 / (n - 1)), "that is the share they explain. What is left?"),
            (
                lambda n: _relu_h(0) - _relu_h(0) ** 2 / power(n, -1 / (n - 1)),
                "that is cₙ. The power of the constant, in the same unit, is h₀.",
            ),
            (lambda n: 1 - _relu_h(0) / power(n, 0), "the corners of a simplex are not orthogonal: u = −1/(n − 1)."),
            (lambda n: 1 - _relu_h(0) / power(n, -1 / n), "two corners of n have the correlation −1/(n − 1)."),
            (lambda n: 1 - 2 * _relu_h(0), "that is one neuron alone."),
        ),
    )


def _leaky_average() -> Exercise:
    def expected(k: int, kappa: float) -> float:
        # The loss is quadratic in a: its slope by a vanishes at the best one.
        w, teacher, sigma = np.full((1, k), 1 / sqrt(k)), orthonormal_teacher(k), leaky_relu(kappa)
        at_0, at_1 = (gradient(Network(w, [a]), teacher, sigma).outgoing[0] for a in (0.0, 1.0))
        return at_0 / (at_0 - at_1)

    def cross(k: int, kappa: float) -> float:
        return (1 - kappa) ** 2 * _relu_h(1 / sqrt(k)) + kappa / sqrt(k)

    return Exercise(
        arguments=("k", "kappa"),
        inputs=lambda: [(2, 0.0), (2, 0.1), (5, 0.3), (10, 0.5), (3, 0.9), (4, 1.0)],
        expected=expected,
        answer=lambda k, kappa: 2 * k * cross(k, kappa) / (1 + kappa**2),
        mistakes=(
            (lambda k, kappa: 2 * k * _relu_h(1 / sqrt(k)), "that is ReLU's. What leaks is missing."),
            (lambda k, kappa: 2 * k * cross(k, kappa), "a leaky neuron with itself has (1 + κ²)/2, not ½."),
            (lambda k, kappa: k * cross(k, kappa) / (1 + kappa**2), "a neuron with itself has (1 + κ²)/2: a factor 2."),
            (lambda k, kappa: 2 * cross(k, kappa) / (1 + kappa**2), "there are k teacher neurons to add up."),
            (
                lambda k, kappa: (
                    2 * k * ((1 - kappa) ** 2 * _relu_h(1 / sqrt(k)) + kappa**2 / sqrt(k)) / (1 + kappa**2)
                ),
                "the mixed terms κ(1 − κ) E[x max(y, 0)] are missing.",
            ),
            (lambda k, kappa: sqrt(k), "that is the limit κ → 1, in which only the linear part counts."),
        ),
    )


EXERCISES = {
    "ex-too-weak": _too_weak(),
    "ex-constant": _constant(),
    "ex-leaky-average": _leaky_average(),
}
