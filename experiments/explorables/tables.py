"""Write the tables that explorables carry: copyavg/book/explorables/every-size.json and start-size.json.

every-size.json holds `thresholds`, rows of k and what `copyavg.thresholds` finds, for every k up to 100 and 22 in a
decade up to 10⁶, without the few where the two points tie to within rounding; `code`, the digest of what they rest on;
and `flow`, for each k of the phase diagrams [seeds, [n, …], [starts that end at n-copy, …]].

start-size.json holds for each k of the sweeps over the size of the start `seeds`, `thresholds`, and for each factor
`ends`: [at n-copy, at a smaller student, at none of these] of the starts for n = 1, …, k − 1; the others end at
copy-average. Beside it stands `levels`, the loss of the n-copy point of k = 10 for n = 2, …, 9.

Both follow from the code and the committed sweeps alone. It takes about three minutes of one core.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from copyavg import NoCriticalPointError, stability, thresholds
from copyavg.book import digest, explorables, records

FOLDER = Path(explorables.__file__).parent
MANTISSAS = (10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 25, 28, 30, 35, 40, 45, 50, 55, 60, 70, 80, 90)
KS = (*range(2, 100), *(m * 10**e for e in range(1, 5) for m in MANTISSAS), 10**6)
SWEPT = (6, 10, 20, 50, 100, 200)
START_SIZES = (10, 20, 50)
LIVE = 10  # the k whose paths are computed in the page
OTHERS = ("n-copy", "reduced", "other")


def every_size() -> dict[str, Any]:
    """Return the thresholds of every k on the map, and where the flow of the phase diagrams ends."""
    rows = [[k, *three(k)] for k in tqdm(KS, desc="thresholds", disable=None) if three(k) is not None]
    return {"code": code(), "thresholds": rows, "flow": {str(k): ends_at_n_copy(k) for k in SWEPT}}


def code() -> str:
    """Return the digest of what the thresholds rest on."""
    return digest.of("copyavg.points.stability", ("erf",))


@cache
def three(k: int) -> tuple[int, int, int] | None:
    """Return the thresholds of k, or None where rounding hides which point is better.

    A student of one neuron, which is all that k = 2 leaves, has no n-copy point.
    """
    try:
        return tuple(thresholds(k)) if k > 2 else (2, 2, 2)
    except NoCriticalPointError:
        raise
    except ValueError:
        return None


def ends_at_n_copy(k: int) -> list[Any]:
    """Return [seeds, [n, …], [how many of them end at n-copy, …]] of a phase diagram."""
    data = records.read(f"phase-diagram-k{k}")
    ended = Counter(row["n"] for row in records.rows(data) if row["label"] == "n-copy")
    sizes = sorted(cell["n"] for cell in data["cells"])
    return [data["seeds"], sizes, [ended[n] for n in sizes]]


def start_size() -> dict[str, Any]:
    """Return where starts of every size end, and the losses of n-copy that a path in the page may come to."""
    levels = [round(stability(n, LIVE, "n-copy").loss, 14) for n in range(2, LIVE)]
    return {"levels": levels, "sweeps": {str(k): ends_by_size(k) for k in tqdm(START_SIZES, "sweeps", disable=None)}}


def ends_by_size(k: int) -> dict[str, Any]:
    """Return the seeds of a sweep, the thresholds of its k, and its ends for every factor and n."""
    data = records.read(f"start-size-k{k}")
    counts = Counter((row["scale"], row["n"], row["label"]) for row in records.rows(data))
    factors = sorted({cell["scale"] for cell in data["cells"]})
    ends = {f"{s:g}": [[counts[s, n, label] for label in OTHERS] for n in range(1, k)] for s in factors}
    return {"seeds": data["seeds"], "thresholds": list(thresholds(k)), "ends": ends}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=FOLDER, help="the folder of the tables")
    options = parser.parse_args(arguments)
    for name, table in (("start-size", start_size), ("every-size", every_size)):
        text = json.dumps(table(), separators=(",", ":"))
        (options.output / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
