"""The committed data of the sweeps: experiments/data, which minutes and hours of gradient flow have filled."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path("experiments", "data")


def places() -> list[Path]:
    """Return where the data may lie: beside the package, or in the repository in which a notebook runs."""
    here = Path.cwd()
    return [root / FOLDER for root in (Path(__file__).parents[1], here, *here.parents) if (root / FOLDER).is_dir()]


def read(name: str) -> dict[str, Any]:
    """Return a data file as it is: rows in columns, and where they come from.

    Parameters
    ----------
    name : str
        Such as "phase-diagram-k10".

    Raises
    ------
    FileNotFoundError
        If there is no such file. It lies in the repository, not in the installed package.

    Examples
    --------
    >>> read("phase-diagram-k10")["seeds"]
    100
    """
    folders = places()
    path = next((folder / f"{name}.json" for folder in folders if (folder / f"{name}.json").exists()), None)
    if path is None:
        names = ", ".join(sorted({file.stem for folder in folders for file in folder.glob("*-k*.json")})) or "none"
        raise FileNotFoundError(
            f"there is no data file {name!r} in {FOLDER.as_posix()} of a copy of the book's repository around this "
            f"package or the working directory; there are: {names}"
        )
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
        the row was computed again more accurately.

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
            }
