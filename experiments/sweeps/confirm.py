"""Does the code of today find the committed rows again? Then their files may say that they are of today's code.

After a change of an engine that should not change what it finds, this follows every start with k ≤ 10 again, and of
larger k those that the audit looked at. If each ends as its file says, the file's digest is renewed, with the number
of rows and the date beside them. If one does not, nothing is written, and the sweep has to be run again.
"""

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any

import joblib
import sweep
from tqdm import tqdm

from copyavg.book import digest, records
from copyavg.book.check import printable

WHOLE = 10  # the largest k of which every start is followed again
SAME_LOSS = 1e-9


def sample(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows to find again."""
    share = 1.0 if data["k"] <= WHOLE else data["audit"]["share"]
    return [row for row in records.rows(data) if sweep.is_audited(cell_of(data, row), row["seed"], share)]


def cell_of(data: dict[str, Any], row: dict[str, Any]) -> sweep.Cell:
    """Where a row stands in its sweep."""
    return sweep.Cell(row["k"], row["n"], row["scale"], data["activation"])


def difference(row: dict[str, Any], cell: sweep.Cell, accuracy: float) -> str | None:
    """Follow a start again; say how it ends, if it ends otherwise than its row says."""
    (found,), _ = sweep.by_flow(cell, [row["seed"]], accuracy)
    words = [name for name in ("label", "partition", "reason") if found[name] != row[name]]
    if row["converged"] and abs(found["loss"] - row["loss"]) > SAME_LOSS:
        words.append("loss")
    where = f"n = {row['n']}, scale {row['scale']:g}, seed {row['seed']}"
    return f"{where}: " + ", ".join(f"{name} {row[name]} → {found[name]}" for name in words) if words else None


def confirm(path: Path, workers: int) -> list[str]:
    """Find the sample of a file again, and renew its digest if all of it is as it was; return what is not."""
    data = json.loads(path.read_text(encoding="utf-8"))
    rows = sorted(sample(data), key=lambda row: -cell_of(data, row).cost)
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")
    again = parallel(joblib.delayed(difference)(row, cell_of(data, row), data["accuracy"]) for row in rows)
    bar = tqdm(again, total=len(rows), desc=path.stem, unit="row", disable=None)
    differences = [found for found in bar if found is not None]
    if not differences:
        today = datetime.date.today().isoformat()
        renewed = {"code": digest.of_flow(data["activation"]), "confirmed": {"date": today, "rows": len(rows)}}
        sweep.write({**data, **renewed}, path)
    print(printable(f"{path.stem}: {len(rows) - len(differences)} of {len(rows)} rows found again"), flush=True)
    return [f"{path.stem}, {found}" for found in differences]


def main(arguments: list[str] | None = None) -> None:
    """Confirm the files named, or every one whose engine has changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", help="data files; all that are stale unless given")
    parser.add_argument("--workers", type=int, default=-1, help="processes, or -1 for one a core")
    options = parser.parse_args(arguments)
    every = options.files or sorted(records.FOLDER.glob("*.json"), key=lambda path: path.stat().st_size)
    stale = [path for path in every if sweep.is_stale(json.loads(path.read_text(encoding="utf-8")))]
    differences = [found for path in stale for found in confirm(path, options.workers)]
    if differences:
        sys.exit(printable("These rows end otherwise now; run their sweeps again:\n" + "\n".join(differences)))


if __name__ == "__main__":
    main()
