"""Time copyavg's landscape against what one would write without it, on one thread: `make bench`.

Both sides get the same inputs, must agree before the clock starts, and take turns in one process, so that a
busy machine slows both. What counts is the ratio within a turn; the table shows the median over the turns.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # read when NumPy and torch are loaded

import datetime  # noqa: E402
import gc  # noqa: E402
import importlib.metadata  # noqa: E402
import math  # noqa: E402
import platform  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import command_line  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.polynomial.hermite_e import hermegauss  # noqa: E402
from tqdm import tqdm  # noqa: E402

import copyavg as ca  # noqa: E402
from copyavg.activations.named import NAMED  # noqa: E402
from copyavg.book import digest  # noqa: E402

DATA = Path(__file__).parents[1] / "data" / "landscape-benchmark.json"
SEED = 20231103
N, K, D = 10, 20, 21
SAME_FORMULA = 1e-12  # largest difference of two evaluations of one formula, relative to the largest entry
SAME_QUANTITY = 1e-2  # the same for a quadrature rule, whose own error is part of the result
NODES, BLOCK = 64, 8  # of the naive rule: nodes in each direction, and values that are summed at a time


@dataclass(frozen=True)
class Effort:
    """How much is measured: sizes of the batches, least and most turns a row, and the seconds to fill with them."""

    students: int
    values: int
    turns: tuple[int, int]
    seconds: float


FULL = Effort(students=64, values=2000, turns=(11, 201), seconds=3.0)
QUICK = Effort(students=3, values=50, turns=(2, 2), seconds=0.0)
TURN = 0.005  # least seconds that one side takes in a turn of a full run


@dataclass(frozen=True)
class Case:
    """One row of the table: the same quantity by copyavg and by a peer."""

    what: str
    activation: str
    size: str
    batch: int
    ours: Callable[[], Any]
    peer: str
    theirs: Callable[[], Any]
    target: float | None  # the least ratio that the project asks of itself
    tolerance: float


def population_loss(
    w: torch.Tensor, a: torch.Tensor, v: torch.Tensor, b: torch.Tensor, constant: torch.Tensor | float
) -> torch.Tensor:
    """The erf loss of one student in torch, as a user would write it; `constant` is the teacher's own term."""
    return a @ interactions(w, w) @ a - 2 * a @ interactions(w, v) @ b + constant


def interactions(w: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The erf interaction of every row of w with every row of p, in torch."""
    squares = torch.outer(1 + (w * w).sum(-1), 1 + (p * p).sum(-1))
    return 2 / math.pi * torch.asin(w @ p.T / torch.sqrt(squares))


def landscape_cases(effort: Effort) -> list[Case]:
    """Gradient and Hessian of one student and of a batch, against torch's automatic differentiation."""
    teacher = ca.orthonormal_teacher(K, D)
    batch = ca.random_student(N, D, np.random.default_rng(SEED), batch=effort.students)
    one = ca.Network(batch.incoming[0], batch.outgoing[0])
    v, b = tensors(teacher)
    constant = b @ interactions(v, v) @ b

    def of_weights(w: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return population_loss(w, a, v, b, constant)

    def of_parameters(parameters: torch.Tensor) -> torch.Tensor:
        return of_weights(parameters[: N * D].reshape(N, D), parameters[N * D :])

    compare("loss", ca.loss(batch, teacher), torch.func.vmap(of_weights)(*tensors(batch)), SAME_FORMULA)
    grad, hessian = torch.func.grad(of_weights, argnums=(0, 1)), torch.func.hessian(of_parameters)
    grads, hessians = torch.func.vmap(grad), torch.func.vmap(hessian)
    w, a = tensors(batch)
    w_one, a_one = tensors(one)
    parameters = torch.cat([w.reshape(-1, N * D), a], dim=-1)
    parameters_one = torch.cat([w_one.reshape(-1), a_one])
    size = f"n = {N}, k = {K}, d = {D}"

    def case(what: str, batch: int, ours: Callable, peer: str, theirs: Callable, target: float) -> Case:
        return Case(what, "erf", size, batch, ours, peer, theirs, target, SAME_FORMULA)

    many = effort.students
    return [
        case("gradient", 1, lambda: ca.gradient(one, teacher), "torch grad", lambda: grad(w_one, a_one), 10),
        case("gradient", many, lambda: ca.gradient(batch, teacher), "torch vmap(grad)", lambda: grads(w, a), 2),
        case("Hessian", 1, lambda: ca.hessian(one, teacher), "torch hessian", lambda: hessian(parameters_one), 10),
        case(
            "Hessian", many, lambda: ca.hessian(batch, teacher), "torch vmap(hessian)", lambda: hessians(parameters), 3
        ),
    ]


def tensors(network: ca.Network) -> tuple[torch.Tensor, torch.Tensor]:
    """Incoming and outgoing weights as torch tensors."""
    return torch.asarray(network.incoming), torch.asarray(network.outgoing)


def interaction_cases(effort: Effort) -> list[Case]:
    """Interactions of every named activation, of one pair of norms or many, against naive quadrature."""
    rng = np.random.default_rng(SEED)
    u = rng.uniform(-0.95, 0.95, effort.values)
    norms = {
        "r₁ = 1, r₂ = 1.5": (1.0, 1.5),
        "r₁, r₂ distinct, in (0.5, 2)": tuple(rng.uniform(0.5, 2, (2, effort.values))),
    }

    def case(activation: str, size: str, r1: Any, r2: Any) -> Case:
        return Case(
            "interaction",
            activation,
            size,
            effort.values,
            lambda: ca.interaction(r1, r2, u, activation),
            f"Gauss–Hermite, {NODES} × {NODES} nodes",
            lambda: naive_interaction(NAMED[activation].function, r1, r2, u),
            None,
            SAME_QUANTITY,
        )

    return [case(activation, size, *pair) for size, pair in norms.items() for activation in NAMED]


def naive_interaction(function: Callable, r1: Any, r2: Any, u: np.ndarray) -> np.ndarray:
    """E[σ(r₁x) σ(r₂y)] by Gauss–Hermite quadrature over x and t, where y = ux + √(1−u²) t."""
    nodes, weights = hermegauss(NODES)
    weights = weights / math.sqrt(2 * math.pi)
    r1, r2 = (np.broadcast_to(r, u.shape)[:, None] for r in (r1, r2))
    along, across = u[:, None], np.sqrt(1 - u * u)[:, None]
    result = np.empty_like(u)
    for start in range(0, u.size, BLOCK):
        part = slice(start, start + BLOCK)
        y = (along[part] * nodes)[:, :, None] + (across[part] * nodes)[:, None, :]
        inner = function(r2[part, :, None] * y) @ weights
        result[part] = (function(r1[part] * nodes) * inner) @ weights
    return result


def compare(what: str, ours: Any, theirs: Any, tolerance: float) -> float:
    """Return the largest difference, relative to the largest entry; stop the benchmark beyond the tolerance."""
    ours, theirs = as_vector(ours), as_vector(theirs)
    difference = float(np.max(np.abs(ours - theirs)) / np.max(np.abs(ours)))
    if not difference <= tolerance:
        raise SystemExit(f"{what}: copyavg and its peer disagree by {difference:.1e}, more than {tolerance:g}")
    return difference


def as_vector(result: Any) -> np.ndarray:
    """Every number of an array, a tensor, a network or a pair, in one row."""
    if isinstance(result, ca.Network):
        result = (result.incoming, result.outgoing)
    parts = result if isinstance(result, tuple) else (result,)
    return np.concatenate([np.asarray(part).reshape(-1) for part in parts])


def measure(case: Case, effort: Effort) -> dict[str, Any]:
    """Check that both sides agree, let them take turns, and return the row."""
    difference = compare(f"{case.activation} {case.what}", case.ours(), case.theirs(), case.tolerance)
    times = take_turns(case, effort)
    ratios = [theirs / ours for ours, theirs in times]
    return {
        "what": case.what,
        "activation": case.activation,
        "size": case.size,
        "batch": case.batch,
        "ours_us": rounded(1e6 * median(ours for ours, _ in times)),
        "peer": case.peer,
        "peer_us": rounded(1e6 * median(theirs for _, theirs in times)),
        "ratio": rounded(median(ratios)),
        "ratio_min": rounded(min(ratios)),
        "ratio_max": rounded(max(ratios)),
        "turns": len(times),
        "target": case.target,
        "difference": rounded(difference),
        "tolerance": case.tolerance,
    }


def take_turns(case: Case, effort: Effort) -> list[tuple[float, float]]:
    """Seconds a call of both sides, turn by turn, with the garbage collector at rest."""
    gc.collect()
    gc.disable()
    try:
        once = [clock(run, 1) for run in (case.ours, case.theirs)]
        counts = [math.ceil(min(TURN, effort.seconds) / seconds) or 1 for seconds in once]
        turn = sum(count * seconds for count, seconds in zip(counts, once, strict=True))
        least, most = effort.turns
        turns = min(max(least, int(effort.seconds / turn)), most)
        return [(clock(case.ours, counts[0]), clock(case.theirs, counts[1])) for _ in range(turns)]
    finally:
        gc.enable()


def clock(run: Callable[[], Any], count: int) -> float:
    """Seconds a call, over `count` calls."""
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


def rounded(value: float) -> float:
    """Three significant digits: more would be noise."""
    return float(f"{value:.3g}")


def hessian_memory(case: Case) -> dict[str, Any]:
    """Peak memory of copyavg's Hessian of a batch, as a multiple of its result."""
    tracemalloc.start()
    try:
        result = case.ours()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {
        "what": case.what,
        "size": case.size,
        "batch": case.batch,
        "result_mb": rounded(result.nbytes / 1e6),
        "peak_mb": rounded(peak / 1e6),
        "ratio": rounded(peak / result.nbytes),
        "target": 2,  # at most
    }


def machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names the machine."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return {"processor": processor, "cores": os.cpu_count(), "system": platform.system(), "threads": 1}


def versions() -> dict[str, str]:
    """Versions of what was compared."""
    packages = {name: importlib.metadata.version(name) for name in ("numpy", "torch", "copyavg")}
    return {"python": platform.python_version()} | packages


def benchmark(effort: Effort) -> dict[str, Any]:
    """Measure every case."""
    torch.set_num_threads(1)
    cases = landscape_cases(effort) + interaction_cases(effort)
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "code": digest.of("copyavg.landscape", NAMED),
        "seed": SEED,
        "memory": hessian_memory(next(case for case in cases if case.what == "Hessian" and case.batch > 1)),
        "rows": [measure(case, effort) for case in tqdm(cases, unit="case", disable=None)],
    }


def table(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    lines = [f"{'':<54}{'batch':>6}{'ours, µs':>11}{'peer, µs':>11}{'ratio':>8}  {'min–max':<14}target  difference"]
    for row in report["rows"]:
        name = f"{row['activation']} {row['what']}, {row['peer'] if row['target'] else row['size']}"
        times = f"{row['ours_us']:>11,.7g}{row['peer_us']:>11,.7g}"
        ratio = f"{row['ratio']:>8,.4g}  {row['ratio_min']:,.4g}–{row['ratio_max']:,.4g}"
        target = f"≥ {row['target']}" if row["target"] else ""
        lines.append(f"{name:<54}{row['batch']:>6}{times}{ratio:<24}{target:<6}{row['difference']:>12.0e}")
    memory = report["memory"]
    lines.append(
        f"peak memory of {memory['batch']} Hessians: {memory['peak_mb']:g} MB, "
        f"{memory['ratio']:g} times the result (target: at most {memory['target']})"
    )
    return "\n".join(lines)


def main() -> None:
    """Run, print, and write the data that the page Performance shows."""
    command_line.run(
        __doc__.splitlines()[0],
        lambda quick: benchmark(QUICK if quick else FULL),
        table,
        DATA,
        "small batches and two turns",
    )


if __name__ == "__main__":
    main()
