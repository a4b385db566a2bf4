"""The exercise of chapter 3: the worst grouping."""

from copyavg.landscape import loss
from copyavg.network import orthonormal_teacher
from copyavg.points.configurations import copy_average, partitions

from .checking import NO_HALF, Exercise
from .copy_average import loss_of_grouping


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


EXERCISES = {
    "ex-worst": _worst(),
}
