"""Where does gradient flow end? Every n from 1 to k − 1, many random starts: copyavg/book/data/phase-diagram-k….json.

For each k the whole row of the paper's phase diagram, n = 1 … k − 1; at k = 200 a slice, where copy-average gives way
to n-copy. The input dimension is k + 1, the start Glorot's. `--audit` computes a random 5 % of the seeds again, at 100
times the accuracy, and for k ≤ 20 by another solver too.
"""

from collections.abc import Sequence

import sweep

KS = (6, 10, 20, 50, 100, 200)


def cells(k: int) -> list[sweep.Cell]:
    """Every size of the student, or beyond k = 100 those about the change."""
    sizes = range(1, k) if k <= 100 else range(2 * k // 5, 13 * k // 25 + 1, k // 50)
    return [sweep.Cell(k, n) for n in sizes]


def seeds(k: int) -> int:
    """Fewer starts where one takes long."""
    return 100 if k <= 50 else 20 if k <= 100 else 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sweep."""
    sweep.main("phase-diagram", __doc__.splitlines()[0], cells, seeds, KS, True, arguments)


if __name__ == "__main__":
    main()
