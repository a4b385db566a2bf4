"""Draw book/assets/hook.png, the figure of the landing page and of the README: `make figures`."""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

from copyavg import copy_average_loss, partitions
from copyavg.book import figures

K = 10
TARGET = Path(__file__).with_name("hook.png")


def main(path: Path = TARGET) -> None:
    """Write the figure to `path`."""
    figures.use_style()
    losses = {n: [copy_average_loss(p) for p in partitions(K, n)] for n in range(1, K + 1)}
    figures.copy_or_average((1, 1, 3), losses).savefig(path, dpi=200, metadata={"Software": None})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
