"""The data of the sweeps, which minutes and hours of gradient flow have filled; they travel with the package."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import binomtest

FOLDER = Path(__file__).parent / "data"


def read(name: str) -> dict[str, Any]:
    """Return a data file as it is: rows in columns, and where they come from.

    Parameters
    ----------
    name : str
        Such as "phase-diagram-k10".

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> read("phase-diagram-k10")["seeds"]
    100
    """
    path = FOLDER / f"{name}.json"
    if not path.exists():
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json")))
        raise FileNotFoundError(f"there is no data file {name!r}; there are: {names}")
    return json.loads(path.read_text(encoding="utf-8"))


def rows(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every row of a sweep, spelt out: one gradient flow from one start.

    Parameters
    ----------
    data : dict
        What `read` returns.

    Yields
    ------
    dict
        k, n, scale (what the Glorot start was multiplied by), seed; label and partition by `classify`; loss, time,
        gradient_norm, smallest_eigenvalue, converged and reason as in `Flow`; flagged, whether the label changed when
        the row was computed again more accurately; negative, how many outgoing weights are negative at the end (not
        for erf, where that means nothing).

    Examples
    --------
    >>> first = next(rows(read("phase-diagram-k10")))
    >>> first["n"], first["label"], first["partition"]
    (1, 'copy-average', [10])
    """
    flagged = {tuple(name) for name in data["flagged"]}
    for cell in data["cells"]:
        for seed, letter in enumerate(cell["labels"]):
            sizes = data["partitions"][cell["partitions"][seed]]
            yield {
                "k": data["k"],
                "n": cell["n"],
                "scale": cell["scale"],
                "seed": seed,
                "label": data["letters"][letter],
                "partition": [size for size, count in sizes for _ in range(count)],
                "loss": cell["losses"][seed],
                "time": cell["times"][seed],
                "gradient_norm": cell["gradient_norms"][seed],
                "smallest_eigenvalue": cell["smallest_eigenvalues"][seed],
                "converged": seed not in cell["unconverged"],
                "reason": cell["reasons"].get(str(seed), "converged"),
                "flagged": (cell["n"], cell["scale"], seed) in flagged,
            } | {name: cell[name][seed] for name in ("negative", "anti_copies") if name in cell}


class Shares(NamedTuple):
    """For every `n` the `share` of the rows with a label, and the ends of its 95 % interval."""

    n: Int[np.ndarray, " sizes"]
    share: Float[np.ndarray, " sizes"]
    lower: Float[np.ndarray, " sizes"]
    upper: Float[np.ndarray, " sizes"]


def shares(rows: Iterable[dict[str, Any]], label: str = "n-copy") -> Shares:
    """Return for every n, in ascending order, which share of the rows has a label, with Wilson's 95 % interval.

    Parameters
    ----------
    rows : iterable of dict
        Such as `rows` yields.
    label : str
        The label to count.

    Examples
    --------
    >>> found = shares(rows(read("phase-diagram-k10")))
    >>> found.n[-1], found.share[-1], found.lower[-1].round(2)
    (np.int64(9), np.float64(0.98), np.float64(0.93))
    """
    counts: dict[int, list[int]] = {}
    for row in rows:
        counts.setdefault(row["n"], []).append(row["label"] == label)
    tests = {n: binomtest(sum(ended), len(ended)) for n, ended in sorted(counts.items())}
    intervals = np.array([test.proportion_ci(0.95, "wilson") for test in tests.values()])
    return Shares(np.array(list(tests)), np.array([test.statistic for test in tests.values()]), *intervals.T)
