"""Does the end depend on the size of the start? Glorot's start times 0.01 … 10: copyavg/book/data/start-size-k….json.

All weights of a start, incoming and outgoing, are multiplied by the factor. For each n and seed it is the same start
that is made smaller or larger.
"""

from collections.abc import Sequence

import sweep

KS = (10, 20, 50)
FACTORS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def cells(k: int) -> list[sweep.Cell]:
    """Every factor, for every size of the student."""
    return [sweep.Cell(k, n, factor) for factor in FACTORS for n in range(1, k)]


def seeds(k: int) -> int:
    """Half as many as in the phase diagram, or a fifth: there are seven factors."""
    return 50 if k < 50 else 20


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sweep."""
    sweep.main("start-size", __doc__.splitlines()[0], cells, seeds, KS, False, arguments)


if __name__ == "__main__":
    main()
