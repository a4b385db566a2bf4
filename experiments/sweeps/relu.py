"""Where does gradient flow end for ReLU? Every n from 1 to k − 1, many random starts: copyavg/book/data/relu-k….json.

The starts are those of the phase diagram of erf: input dimension k + 1, Glorot's scale, the same random numbers.
`--audit` computes a random 5 % of the seeds again, at 100 times the accuracy.
"""

from collections.abc import Sequence

import sweep

KS = (6, 10, 20)


def cells(k: int) -> list[sweep.Cell]:
    """Every size of the student."""
    return [sweep.Cell(k, n, activation="relu") for n in range(1, k)]


def seeds(k: int) -> int:
    """As many as for erf."""
    return 100


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sweep."""
    sweep.main("relu", __doc__.splitlines()[0], cells, seeds, KS, False, arguments)


if __name__ == "__main__":
    main()
