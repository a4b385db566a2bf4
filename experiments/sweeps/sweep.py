"""What the sweeps share: starts that can be drawn one by one, rows that survive a kill, and the committed data file.

A sweep follows gradient flow from many random starts and keeps, of every limit, its label and a few numbers, never its
weights. The work goes through joblib in small tasks, the longest first, so that no core waits for the slowest; with
joblib's own Dask backend a cluster runs the same line. A task's rows are appended to a log in `_build/sweeps` as soon
as it is done. A sweep that was stopped, by whatever means, goes on where it was.
"""

import argparse
import datetime
import importlib.metadata
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from scipy.integrate import solve_ivp
from tqdm import tqdm

import copyavg as ca
from copyavg import Network, gradient_flow
from copyavg.activations.base import has_gauge
from copyavg.activations.named import get_activation
from copyavg.book import digest, records
from copyavg.book.check import printable
from copyavg.network import balanced

ROOT = Path(ca.__file__).parents[1]  # not of this file, which a cluster copies to its workers
WORK = ROOT / "_build" / "sweeps"
LETTERS = {"copy-average": "c", "n-copy": "n", "reduced": "r", "other": "o"}

ACCURACY = 1e-5  # of the flow on its way
TIGHTER = 100  # the audit asks for this much more
AUDITED = 0.05  # the share of the rows that it looks at
REFERENCE = 1e-10  # both tolerances of the reference solver; an absolute one of 1e-12 stalls on rounding
REFERENCE_STOP = 1e-8  # ‖∇L‖∞ at which it hands over to Newton's method
REFERENCE_LARGEST = 10  # the k up to which there is a reference: at 20 one takes minutes
PATIENCE = 120  # seconds of a processor for one reference
SAME = 1e-4  # limits that are closer, relative to the largest weight, are the same one


@dataclass(frozen=True)
class Cell:
    """Starts of one kind: n neurons, k teacher neurons, what the Glorot start is multiplied by, and the activation."""

    k: int
    n: int
    scale: float = 1.0
    activation: str = "erf"

    @property
    def cost(self) -> float:
        """Roughly the seconds a seed: by compiled loops, or through `landscape` with whole Hessians."""
        if self.activation == "erf":
            return 2e-3 + 1.6e-6 * self.n * self.k**2
        return 2e-2 + 7e-6 * (self.n * self.k) ** 2


@dataclass(frozen=True)
class Task:
    """What one worker does at a time: a few seeds of a cell, by a method ("flow", "tight" or "reference")."""

    cell: Cell
    seeds: tuple[int, ...]
    method: str = "flow"

    @property
    def cost(self) -> float:
        """Roughly its seconds, or what puts it in the right order."""
        return len(self.seeds) * self.cell.cost * {"flow": 1, "tight": 3.5, "reference": 1000}[self.method]


@dataclass(frozen=True)
class Sweep:
    """The cells and seeds of one data file, and which part of them is audited."""

    name: str
    cells: tuple[Cell, ...]
    seeds: int
    command: str
    audit: float = 0.0
    reference: bool = False

    def tasks(self, done: set[tuple]) -> list[Task]:
        """What is not done yet, the longest first."""
        tasks = []
        for cell in self.cells:
            size = max(1, min(25, round(0.5 / cell.cost)))
            left = [seed for seed in range(self.seeds) if key("flow", cell, seed) not in done]
            tasks += [Task(cell, tuple(left[i : i + size])) for i in range(0, len(left), size)]
            for method in self.audits:
                tasks += [
                    Task(cell, (seed,), method)
                    for seed in range(self.seeds)
                    if is_audited(cell, seed, self.audit) and key(method, cell, seed) not in done
                ]
        return sorted(tasks, key=lambda task: -task.cost)

    @property
    def audits(self) -> list[str]:
        """The methods by which part of the rows is computed again."""
        return [] if not self.audit else ["tight", "reference"] if self.reference else ["tight"]


def key(method: str, cell: Cell, seed: int) -> tuple:
    """What tells the rows of a log apart."""
    return method, cell.n, cell.scale, seed


def is_audited(cell: Cell, seed: int, share: float) -> bool:
    """Whether a row is in the audit's random sample; a larger share contains the smaller ones."""
    return float(np.random.default_rng([cell.k, cell.n, seed, round(1e6 * cell.scale)]).random()) < share


def start(cell: Cell, seed: int) -> Network:
    """The start of one seed, which depends on nothing else: not on its batch, not on how many seeds there are."""
    drawn = ca.random_student(cell.n, cell.k + 1, np.random.default_rng([cell.k, cell.n, seed]))
    return Network(cell.scale * drawn.incoming, cell.scale * drawn.outgoing)


def starts(cell: Cell, seeds: Sequence[int]) -> Network:
    """The starts of several seeds, as a batch."""
    drawn = [start(cell, seed) for seed in seeds]
    return Network(np.stack([s.incoming for s in drawn]), np.stack([s.outgoing for s in drawn]))


# What the workers do.


def follow(task: Task) -> list[dict[str, Any]]:
    """The rows of a task."""
    begun = time.perf_counter()
    if task.method == "flow":
        rows = by_flow(task.cell, task.seeds, ACCURACY)[0]
    else:
        rows = [check(task.cell, seed, task.method) for seed in task.seeds]
    seconds = (time.perf_counter() - begun) / len(rows)
    return [{"method": task.method, **row, "seconds": round(seconds, 4)} for row in rows]


def by_flow(cell: Cell, seeds: Sequence[int], accuracy: float) -> tuple[list[dict[str, Any]], Network]:
    """Follow the flow from some seeds of a cell; return the rows, and the limits."""
    teacher = ca.orthonormal_teacher(cell.k, cell.k + 1)
    flow = gradient_flow(starts(cell, seeds), teacher, cell.activation, accuracy=accuracy, workers=1)
    partitions = ca.classify(flow.limit, teacher, cell.activation).partition
    rows = [
        {
            "n": cell.n,
            "scale": cell.scale,
            "seed": seed,
            "label": str(flow.label[i]),
            "partition": [int(size) for size in partitions[i]],
            "loss": finite(flow.loss[i], 12),
            "time": finite(flow.time[i], 3),
            "reason": str(flow.reason[i]),
            "converged": bool(flow.converged[i]),
            "gradient_norm": finite(flow.gradient_norm[i], 2),
            "smallest_eigenvalue": finite(flow.smallest_eigenvalue[i], 4),
            "negative": int(np.sum(flow.limit.outgoing[i] < 0)),
            "anti_copies": anti_copies(flow.limit, i, cell.k) if flow.label[i] == "other" else 0,
        }
        for i, seed in enumerate(seeds)
    ]
    return rows, flow.limit


def anti_copies(students: Network, i: int, k: int) -> int:
    """How many neurons of student i have a positive outgoing weight, and their largest on a teacher neuron negative."""
    along = students.incoming[i, :, :k]
    largest = np.take_along_axis(along, np.abs(along).argmax(axis=1)[:, None], axis=1)[:, 0]
    return int(np.sum((largest < 0) & (students.outgoing[i] > 0)))


def finite(value: Any, digits: int) -> float | None:
    """So many significant digits; JSON has no word for what is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def check(cell: Cell, seed: int, method: str) -> dict[str, Any]:
    """One seed again, by a more accurate flow or by the reference, and how far its limit is from the flow's."""
    (row,), limit = by_flow(cell, [seed], ACCURACY)
    before = Network(limit.incoming[0], limit.outgoing[0])
    if method == "tight":
        (again,), limit = by_flow(cell, [seed], ACCURACY / TIGHTER)
        after = Network(limit.incoming[0], limit.outgoing[0])
        found = {name: again[name] for name in ("label", "loss", "reason", "converged")}
    else:
        after, found = by_reference(cell, seed)
    distance = None  # there are not two limits to compare
    if row["converged"] and found["converged"]:
        here, there = (weights(student, cell.activation) for student in (before, after))
        distance = finite(np.max(np.abs(here - there)) / np.max(np.abs(there)), 2)
    return {"n": cell.n, "scale": cell.scale, "seed": seed, **found, "distance": distance}


def weights(student: Network, activation: str) -> np.ndarray:
    """All weights in a row; those with ‖wᵢ‖ = |aᵢ|, if (w, a) → (cw, a/c) is a gauge, along which limits may differ."""
    w, a = student.incoming, student.outgoing
    if has_gauge(get_activation(activation)):
        w, a = balanced(w, a)
    return Network(w, a).to_vector()


def by_reference(cell: Cell, seed: int) -> tuple[Network, dict[str, Any]]:
    """Follow the flow with SciPy's Radau and the exact Hessian of `landscape`; end with Newton's method."""
    teacher = ca.orthonormal_teacher(cell.k, cell.k + 1)
    begun, first = time.process_time(), start(cell, seed).to_vector()

    def slope(_: float, y: np.ndarray) -> np.ndarray:
        if time.process_time() - begun > PATIENCE:
            raise TimeoutError
        return -ca.gradient(Network.from_vector(y, cell.n), teacher).to_vector()

    def arrived(t: float, y: np.ndarray) -> float:
        return float(np.max(np.abs(slope(t, y)))) - REFERENCE_STOP

    arrived.terminal = True
    try:
        path = solve_ivp(
            slope,
            (0, 1e9),
            first,
            method="Radau",
            jac=lambda _, y: -ca.hessian(Network.from_vector(y, cell.n), teacher),
            events=arrived,
            rtol=REFERENCE,
            atol=REFERENCE,
        )
    except TimeoutError:
        lost = {"label": None, "loss": None, "reason": f"no end in {PATIENCE} s", "converged": False}
        return Network.from_vector(first, cell.n), lost
    limit, slope_left = newton(Network.from_vector(path.y[:, -1], cell.n), teacher)
    converged = path.status == 1 and slope_left <= 1e-11
    return limit, {
        "label": ca.classify(limit, teacher).label,
        "loss": finite(ca.loss(limit, teacher), 12),
        "reason": "converged" if converged else f"‖∇L‖∞ = {slope_left:.0e} at t = {path.t[-1]:.0e}",
        "converged": bool(converged),
    }


def newton(student: Network, teacher: Network, steps: int = 20) -> tuple[Network, float]:
    """Newton's method from a point near a critical one: the best point seen, and ‖∇L‖∞ there.

    Along a flat direction the first step is long, and ‖∇L‖∞ may rise before it falls.
    """
    best, least, y = student, math.inf, student.to_vector()
    for _ in range(steps):
        here = Network.from_vector(y, student.n)
        slope = ca.gradient(here, teacher).to_vector()
        largest = float(np.max(np.abs(slope)))
        if largest < least:
            best, least = here, largest
        if largest <= 1e-15 or not math.isfinite(largest):
            break
        try:
            y = y - np.linalg.solve(ca.hessian(here, teacher), slope)
        except np.linalg.LinAlgError:
            break
    return best, least


# What survives.


class Log:
    """Rows in an append-only file, one a line. A line that a kill has torn is cut off, and its row computed again."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        text = path.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            os.truncate(path, whole)
        self._take(json.loads(line) for line in text[:whole].splitlines())

    def append(self, rows: list[dict[str, Any]]) -> None:
        """Keep the rows of a task: when this returns, they are on the disk."""
        with self.path.open("ab") as file:
            file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
            file.flush()
            os.fsync(file.fileno())
        self._take(rows)

    def _take(self, rows: Iterator[dict] | list[dict]) -> None:
        self.rows |= {(row["method"], row["n"], row["scale"], row["seed"]): row for row in rows}


def run(sweep: Sweep, log: Log, workers: int = -1) -> None:
    """Compute what the log does not hold yet."""
    tasks = sweep.tasks(set(log.rows))
    parallel = joblib.Parallel(n_jobs=workers, batch_size=1, return_as="generator_unordered")
    with tqdm(total=sum(len(task.seeds) for task in tasks), desc=sweep.name, unit="seed", disable=None) as bar:
        for rows in parallel(joblib.delayed(follow)(task) for task in tasks):
            log.append(rows)
            bar.update(len(rows))


# What is committed.


def is_stale(data: dict[str, Any]) -> bool:
    """Whether the code that a data file depends on has changed since it was computed."""
    return data["code"] != digest.of_flow(data["activation"])


def summary(sweep: Sweep, log: Log) -> dict[str, Any]:
    """The data file: for every cell, its seeds in columns."""
    wanted = [key("flow", cell, seed) for cell in sweep.cells for seed in range(sweep.seeds)]
    rows = [log.rows[name] for name in wanted]
    partitions = sorted({tuple(row["partition"]) for row in rows})
    place = {partition: i for i, partition in enumerate(partitions)}
    audits = {method: audit_rows(sweep, log, method) for method in sweep.audits}
    flagged = {
        (row["n"], row["scale"], row["seed"]): None
        for pairs in audits.values()
        for row, again in pairs
        if again["label"] not in (row["label"], None)
    }
    packages = ("numpy", "scipy", "numba", "copyavg")
    return {
        "name": sweep.name,
        "activation": sweep.cells[0].activation,
        "k": sweep.cells[0].k,
        "seeds": sweep.seeds,
        "rng": "numpy.random.default_rng([k, n, seed])",
        "accuracy": ACCURACY,
        "command": sweep.command,
        "date": datetime.date.today().isoformat(),
        "versions": {"python": platform.python_version()} | {p: importlib.metadata.version(p) for p in packages},
        "code": digest.of_flow(sweep.cells[0].activation),
        "core_seconds": finite(sum(row["seconds"] for row in rows), 2),
        "letters": {letter: label for label, letter in LETTERS.items()},
        "partitions": [run_lengths(partition) for partition in partitions],
        "audit": {"share": sweep.audit} | {method: verdict(pairs) for method, pairs in audits.items()},
        "flagged": [list(name) for name in flagged],
        "cells": [
            columns(cell, [log.rows[key("flow", cell, seed)] for seed in range(sweep.seeds)], place)
            for cell in sweep.cells
        ],
    }


def audit_rows(sweep: Sweep, log: Log, method: str) -> list[tuple[dict, dict]]:
    """The audited rows, as they are and computed again."""
    return [
        (log.rows[key("flow", cell, seed)], log.rows[key(method, cell, seed)])
        for cell in sweep.cells
        for seed in range(sweep.seeds)
        if is_audited(cell, seed, sweep.audit)
    ]


def verdict(pairs: list[tuple[dict, dict]]) -> dict[str, Any]:
    """What an audit found; limits are compared weight by weight where both ways have converged."""
    both = [(row, again) for row, again in pairs if again["distance"] is not None]
    return {
        "rows": len(pairs),
        "label_changes": sum(again["label"] not in (row["label"], None) for row, again in pairs),
        "both_converged": len(both),
        "limit_changes": sum(again["distance"] > SAME for _, again in both),
        "loss_changes": sum(abs(row["loss"] - again["loss"]) > 1e-9 for row, again in both),
        "unconverged": {
            f"n = {again['n']}, scale {again['scale']:g}, seed {again['seed']}": again["reason"]
            for _, again in pairs
            if not again["converged"]
        },
    }


def columns(cell: Cell, rows: list[dict[str, Any]], place: dict[tuple, int]) -> dict[str, Any]:
    """One cell: a letter a seed for the labels, a list for each number, and a word only where one is needed."""
    return {
        "n": cell.n,
        "scale": cell.scale,
        "labels": "".join(LETTERS[row["label"]] for row in rows),
        "partitions": [place[tuple(row["partition"])] for row in rows],
        "losses": [row["loss"] for row in rows],
        "times": [row["time"] for row in rows],
        "gradient_norms": [row["gradient_norm"] for row in rows],
        "smallest_eigenvalues": [row["smallest_eigenvalue"] for row in rows],
        "unconverged": [row["seed"] for row in rows if not row["converged"]],
        "reasons": {str(row["seed"]): row["reason"] for row in rows if row["reason"] != "converged"},
    } | (
        {} if cell.activation == "erf" else {name: [row[name] for row in rows] for name in ("negative", "anti_copies")}
    )


def run_lengths(partition: Sequence[int]) -> list[list[int]]:
    """A partition as pairs of a size and how often it comes."""
    return [[size, partition.count(size)] for size in sorted(set(partition))]


def write(data: dict[str, Any], path: Path) -> None:
    """Write a data file, a line for each entry and each cell, whole or not at all."""
    dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    head = [f" {dump(name)}: {dump(value)}" for name, value in data.items() if name != "cells"]
    cells = ",\n".join("  " + dump(cell) for cell in data["cells"])
    draft = path.with_suffix(".part")
    draft.write_text("{\n" + ",\n".join([*head, ' "cells": [\n' + cells + "\n ]"]) + "\n}\n", encoding="utf-8")
    draft.replace(path)


# The command line.


def main(
    name: str,
    description: str,
    cells: Callable[[int], list[Cell]],
    seeds: Callable[[int], int],
    ks: Sequence[int],
    reference: bool,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run a sweep for each k asked for, and write its data file when every row is there."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--k", type=int, nargs="+", default=ks, help="teacher neurons, one data file each")
    parser.add_argument("--seeds", type=int, help="starts for each n; what the committed file has, unless given")
    parser.add_argument(
        "--audit",
        type=float,
        nargs="?",
        const=AUDITED,
        default=0.0,
        metavar="SHARE",
        help=f"compute this share of the rows again, more accurately and by a reference; {AUDITED} if none is given",
    )
    parser.add_argument("--workers", type=int, default=-1, help="processes, or -1 for one a core")
    parser.add_argument("--scheduler", help="address of a Dask scheduler whose workers are to be used instead")
    parser.add_argument("--work", type=folder, default=WORK, help="where finished rows are kept until all are there")
    parser.add_argument("--output", type=folder, default=records.FOLDER, help="the folder of the data files")
    options = parser.parse_args(arguments)
    for k in options.k:
        number = options.seeds or seeds(k)
        command = f"python experiments/sweeps/{name.replace('-', '_')}.py --k {k} --seeds {number}"
        sweep = Sweep(
            name=f"{name}-k{k}",
            cells=tuple(cells(k)),
            seeds=number,
            command=command + (f" --audit {options.audit:g}" if options.audit else ""),
            audit=options.audit,
            reference=reference and k <= REFERENCE_LARGEST,
        )
        # Another engine, another log: rows of two engines never meet in one file.
        engine = f"{digest.of_flow(sweep.cells[0].activation)[:8]}-{ACCURACY:g}"
        log = Log(options.work / f"{sweep.name}-{engine}.jsonl")
        try:
            with on_the_cluster(options.scheduler):
                run(sweep, log, options.workers)
        except KeyboardInterrupt:
            sys.exit(f"Stopped; {len(log.rows)} rows are kept, and the same command goes on from there.")
        data = summary(sweep, log)
        write(data, options.output / f"{sweep.name}.json")
        print(printable(report(data)))


def folder(name: str) -> Path:
    """Make a folder, unless it is there: before the work begins, not when it is to be written down."""
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"there can be no folder {name}: {error.strerror}") from error
    return path


@contextmanager
def on_the_cluster(scheduler: str | None) -> Iterator[None]:
    """Send the work to a Dask cluster, if there is to be one; its workers must have copyavg."""
    if scheduler is None:
        yield
        return
    from dask.distributed import Client

    with Client(scheduler) as client:
        client.upload_file(__file__)
        with joblib.parallel_config(backend="dask"):
            yield


def report(data: dict[str, Any]) -> str:
    """The data file in a few words."""
    rows = list(records.rows(data))
    labels = ", ".join(f"{sum(row['label'] == label for row in rows)} {label}" for label in LETTERS)
    lines = [
        f"{data['name']}: {len(rows)} rows in {data['core_seconds']:g} core-seconds: {labels}; "
        f"{sum(not row['converged'] for row in rows)} not converged"
    ]
    for method, found in data["audit"].items():
        if method != "share":
            lines.append(
                f"  audit, {method}: of {found['rows']} rows {found['label_changes']} labels and of "
                f"{found['both_converged']} limits {found['limit_changes']} differ; "
                f"{len(found['unconverged'])} without a limit"
            )
    return "\n".join(lines)
