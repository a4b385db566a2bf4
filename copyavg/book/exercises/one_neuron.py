"""The exercise of chapter 4: what one ReLU neuron leaves over."""

from math import pi, sqrt

import numpy as np

from copyavg.interactions.pairs import interaction
from copyavg.landscape import loss
from copyavg.network import Network, orthonormal_teacher
from copyavg.points.one_neuron import one_neuron

from .checking import Exercise


def _leftover() -> Exercise:
    def power(k: int) -> float:
        return k * interaction(1, 1, 1, "relu") + k * (k - 1) * interaction(1, 1, 0, "relu")

    def explained(k: int) -> float:
        return 2 * (k * interaction(1, 1, 1 / sqrt(k), "relu")) ** 2

    def expected(k: int) -> float:
        best, teacher = one_neuron(k, "relu"), orthonormal_teacher(k)
        student = Network(np.full((1, k), best.radius / sqrt(k)), [best.outgoing])
        silent = Network(np.zeros((1, k)), [0.0])
        return loss(student, teacher, "relu") / loss(silent, teacher, "relu")

    return Exercise(
        arguments=("k",),
        inputs=lambda: [(k,) for k in (2, 3, 10, 100, 300)],
        expected=expected,
        answer=lambda k: 1 - explained(k) / power(k),
        mistakes=(
            (lambda k: explained(k) / power(k), "that is the share the neuron explains. What is left?"),
            (lambda k: power(k) - explained(k), "that is the loss. Divide it by the power C of the teacher."),
            (lambda k: 1 - explained(k) / (k / 2), "C holds the interactions of different teacher neurons as well."),
            (lambda k: 1 - 1 / pi, "that is the limit of large k. What is it at this k?"),
            (lambda k: 1 - explained(k) / 2 / power(k), "at the best strength s the loss is C − s²/2, with s = 2k h."),
        ),
    )


EXERCISES = {
    "ex-leftover": _leftover(),
}
