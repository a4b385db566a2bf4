"""The exercise of chapter 3: the worst grouping."""

from typing import Any

import numpy as np

from copyavg.landscape import hessian, loss
from copyavg.network import orthonormal_teacher
from copyavg.points.configurations import copy_average, partitions

from .checking import NO_HALF, Exercise, Search
from .copy_average import loss_of_grouping, sizes_of


def _worst() -> Exercise:
    def expected(n: int, k: int) -> float:
        return max(loss(copy_average(partition), orthonormal_teacher(k)) for partition in partitions(k, n))

    def even(n: int, k: int) -> list[int]:
        small, large = k // n, k % n
        return [small + 1] * large + [small] * (n - large)

    return Exercise(
        arguments=("n", "k"),
        inputs=lambda: [(3, 5), (4, 8), (1, 4), (2, 7), (5, 5), (3, 10)],
        expected=expected,
        answer=lambda n, k: loss_of_grouping(even(n, k)),
        mistakes=(
            (
                lambda n, k: loss_of_grouping((k - n + 1,)),
                "that is the best grouping. What is the opposite of one large average?",
            ),
            (lambda n, k: loss_of_grouping(even(n, k)) / 2, NO_HALF),
            (
                lambda n, k: (k - n) * loss_of_grouping((2,)),
                "averages of two are enough only while k ≤ 2n. How else can groups be as equal as possible?",
            ),
            (lambda n, k: n * loss_of_grouping((k / n,)), "the right idea, but group sizes are whole numbers."),
            (
                lambda n, k: n * loss_of_grouping((k // n,)),
                "k need not be divisible by n: some groups have one member more.",
            ),
        ),
    )


def _one_way_down() -> Search:
    def hint(figure: Any) -> str | None:
        sizes = sizes_of(figure)
        if (figure.n, figure.k) != (3, 9):
            return "take n = 3 and k = 9."
        if 0 in sizes:
            return "one student neuron has nothing to do. Give it a teacher neuron."
        down = int(np.sum(np.linalg.eigvalsh(hessian(copy_average(sizes), orthonormal_teacher(9))) < -1e-9))
        return None if down == 1 else f"there the loss falls in {down} directions."

    return Search(
        figure="groups",
        start={"n": 3, "k": 9},
        hint=hint,
        answer={"n": 3, "k": 9, "groups": [0, 1, 1, 2, 2, 2, 2, 2, 2]},
        mistakes=(
            ({"n": 4, "k": 9}, "take n = 3 and k = 9."),
            ({"n": 3, "k": 9, "groups": [0, 0, 0, 0, 0, 0, 0, 0, 1]}, "one student neuron has nothing to do."),
            ({"n": 3, "k": 9, "met": True}, "there the loss falls in 6 directions."),
            ({"n": 3, "k": 9, "groups": [0, 1, 2, 2, 2, 2, 2, 2, 2]}, "there the loss falls in 0 directions."),
        ),
    )


SEARCHES = {"ex-find-one-way": _one_way_down()}
EXERCISES = {
    "ex-worst": _worst(),
}
