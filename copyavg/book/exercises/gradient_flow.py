"""Exercises of chapter 5: silence, and a pair that merges."""

from math import log, pi, sqrt
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from copyavg.book import records
from copyavg.landscape import hessian
from copyavg.network import Network, orthonormal_teacher

from .checking import Exercise, Search


def _silence() -> Exercise:
    def expected(k: int) -> float:
        return -float(np.linalg.eigvalsh(hessian(Network(np.zeros((1, k)), [0.0]), orthonormal_teacher(k)))[0])

    return Exercise(
        arguments=("k",),
        inputs=lambda: [(k,) for k in (1, 2, 3, 10, 50)],
        expected=expected,
        answer=lambda k: 2 * sqrt(2 * k) / pi,
        mistakes=(
            (lambda k: 2 * sqrt(2) * k / pi, "one neuron's a grows by its sum over the teacher, whose rate is √k."),
            (lambda k: 2 * sqrt(2) / pi, "that is one teacher neuron's pull. They all pull together."),
            (lambda k: sqrt(2 * k) / pi, "the loss has no factor ½, so its gradient has a factor 2."),
            (lambda k: 4 * sqrt(k) / pi, "a teacher neuron has length one: 1/√(1 + 1) enters with it."),
        ),
    )


def _merging() -> Exercise:
    def expected(t: float, start: float, c: float) -> float:
        if t == 0:
            return start
        return float(
            solve_ivp(lambda _, y: -4 * c * y**3, (0, t), [start], method="Radau", rtol=1e-9, atol=1e-12).y[0, -1]
        )

    return Exercise(
        arguments=("t", "start", "c"),
        inputs=lambda: [(0.0, 0.5, 1.0), (1.0, 0.5, 1.0), (10.0, 0.2, 3.0), (1000.0, 1.0, 0.1)],
        expected=expected,
        answer=lambda t, start, c: start / sqrt(1 + 8 * c * start**2 * t),
        mistakes=(
            (lambda t, start, c: start / sqrt(1 + 2 * c * start**2 * t), "the slope of ε⁴ is 4ε³."),
            (lambda t, start, c: start / sqrt(1 + 4 * c * start**2 * t), "d(ε⁻²)/dt = −2ε⁻³ dε/dt: a factor 2."),
            (lambda t, start, c: start * np.exp(-4 * c * t), "the force is cubic in ε, not linear: slower than that."),
            (lambda t, start, c: (8 * c * t) ** -0.5 if t else start, "that is late; where does it start?"),
        ),
        tolerance=1e-5,
    )


def _best_size() -> Search:
    def hint(figure: Any) -> str | None:
        if (figure.k, figure.n) != (20, 10):
            return "take k = 20 and n = 10."
        rows = [row for row in records.rows(records.read("start-size-k20")) if row["n"] == 10]
        copies = {row["scale"]: 0 for row in rows}
        for row in rows:
            copies[row["scale"]] += row["label"] == "n-copy"
        size = min(copies, key=lambda scale: abs(log(scale / figure.size)))  # as the figure takes it
        if copies[size] == max(copies.values()):
            return None
        return f"of the starts × {size:g} {copies[size]} end at n-copy. There is a size of which more do."

    return Search(
        figure="start-size",
        start={"k": 10, "n": 7},
        hint=hint,
        answer={"k": 20, "n": 10, "size": 0.03},
        mistakes=(
            ({"k": 10, "n": 7, "size": 0.03}, "take k = 20 and n = 10."),
            ({"k": 20, "n": 10}, "of the starts × 1 3 end at n-copy."),
            ({"k": 20, "n": 10, "size": 0.01}, "of the starts × 0.01 35 end at n-copy."),
            ({"k": 20, "n": 10, "size": 0.06}, "of the starts × 0.1 30 end at n-copy."),
        ),
    )


SEARCHES = {"ex-find-size": _best_size()}
EXERCISES = {
    "ex-silence": _silence(),
    "ex-merging": _merging(),
}
