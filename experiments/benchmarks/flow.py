"""Time copyavg's gradient flow against general ODE solvers, on two cores: `make bench`.

All follow the same starts, in float64. copyavg goes on to ‖∇L‖∞ ≤ 1e-13. The peers may stop at 1e-5; off the clock,
Newton's method then tells whether they were on the way to the same limit. Before and after each peer copyavg runs once
more, so that a busy machine shows. What counts are seconds of one core for each seed that was finished.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = "1"  # read when the libraries are loaded; two processes use the two cores
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import datetime  # noqa: E402
import importlib.metadata  # noqa: E402
import math  # noqa: E402
import multiprocessing  # noqa: E402
import platform  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import command_line  # noqa: E402
import numpy as np  # noqa: E402
from numba import njit  # noqa: E402
from scipy.integrate import solve_ivp  # noqa: E402
from tqdm import tqdm  # noqa: E402

import copyavg as ca  # noqa: E402
from copyavg import Network, gradient_flow  # noqa: E402
from copyavg.book import digest  # noqa: E402
from copyavg.flow.kernels import curvature, gradient, hessian_product  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "sweeps"))
from sweep import Cell, newton, starts  # noqa: E402

DATA = Path(__file__).parents[1] / "data" / "flow-benchmark.json"
PROCESSES = 2
STOP = 1e-5  # ‖∇L‖∞ at which a peer has arrived
GOAL = 1e-13  # the same for copyavg
HORIZON = 1e9  # flow time after which nobody waits any longer
SAME_LOSS = 1e-9


@dataclass(frozen=True)
class Race:
    """The starts that copyavg follows, and the names of the peers that follow as many of them as they can."""

    n: int
    k: int
    seeds: int
    peers: tuple[str, ...]


@dataclass(frozen=True)
class Effort:
    """How much is measured: for how many seconds a peer may start new seeds, and after how many it is stopped."""

    budget: float
    patience: float
    races: tuple[Race, ...]
    scaling: dict[int, int]  # k and how many seeds


class Arrival(NamedTuple):
    """Where a peer's seed is when its clock stops: its weights, the flow time, and whether ‖∇L‖∞ ≤ 1e-5."""

    weights: np.ndarray
    time: float
    finished: bool


Solver = Callable[[np.ndarray, float], list[Arrival]]  # weights of some seeds, and the time by which to give up


@dataclass(frozen=True)
class Peer:
    """What a user would pick otherwise; `build` returns a solver that is compiled and warm."""

    name: str
    settings: str
    build: Callable[[int, int, int], Solver]  # of n, k and the number of seeds that it follows at a time
    lanes: int = 1
    target: float | None = None  # the least ratio that the project asks of itself


# The peers: SciPy, one seed at a time, on copyavg's gradient.


def scipy_solver(method: str, exact: bool) -> Callable[[int, int, int], Solver]:
    """Build a solver on `solve_ivp`, which stops where ‖∇L‖∞ crosses 1e-5."""

    def build(n: int, k: int, lanes: int) -> Solver:
        teacher = ca.orthonormal_teacher(k, k + 1)

        def solve(weights: np.ndarray, deadline: float) -> list[Arrival]:
            last = [0.0, weights[0]]

            def slope(t: float, y: np.ndarray) -> np.ndarray:
                if time.perf_counter() > deadline:
                    raise TimeoutError
                last[:] = t, y
                return -ca.gradient(Network.from_vector(y, n), teacher).to_vector()

            def arrived(t: float, y: np.ndarray) -> float:
                return float(np.max(np.abs(slope(t, y)))) - STOP

            arrived.terminal = True
            jacobian = {"jac": lambda _, y: -ca.hessian(Network.from_vector(y, n), teacher)} if exact else {}
            try:
                path = solve_ivp(
                    slope, (0, HORIZON), weights[0], method, events=arrived, rtol=1e-5, atol=1e-5, **jacobian
                )
            except TimeoutError:
                return [Arrival(last[1], last[0], False)]
            return [Arrival(path.y[:, -1], path.t[-1], path.status == 1)]

        solve(weights_of(Cell(k, n), range(1)), time.perf_counter() + 0.3)  # loads what is loaded late
        return solve

    return build


# torchdiffeq: all seeds of a process in one batch, which shares its steps.


def torchdiffeq_solver(n: int, k: int, lanes: int) -> Solver:
    """Build torchdiffeq's dopri5 on copyavg's gradient of torch tensors."""
    import torch
    from torchdiffeq import odeint_event

    torch.set_num_threads(1)
    v = ca.orthonormal_teacher(k, k + 1)
    teacher = Network(torch.asarray(v.incoming), torch.asarray(v.outgoing))

    def solve(weights: np.ndarray, deadline: float) -> list[Arrival]:
        last = [0.0, torch.asarray(weights)]

        def slope(t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            if time.perf_counter() > deadline:
                raise TimeoutError
            last[:] = float(t), y
            students = Network.unchecked(y[:, :-n].reshape(-1, n, k + 1), y[:, -n:])
            g = ca.gradient(students, teacher)
            return -torch.cat([g.incoming.reshape(len(y), -1), g.outgoing], dim=1)

        def arrived(t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.max(torch.abs(slope(t, y))) - STOP

        begin = torch.tensor(0.0, dtype=torch.float64)
        try:
            with torch.no_grad():
                t, path = odeint_event(slope, last[1], begin, event_fn=arrived, method="dopri5", rtol=1e-7, atol=1e-7)
        except TimeoutError:
            return [Arrival(y.numpy(), last[0], False) for y in last[1]]
        return [Arrival(y.numpy(), float(t), True) for y in path[-1]]

    solve(weights_of(Cell(k, n), range(2)), time.perf_counter() + 0.5)  # loads what is loaded late
    return solve


# diffrax: jax writes the gradient, and compiles the solver for all lanes at once.


def diffrax_solver(kind: str) -> Callable[[int, int, int], Solver]:
    """Build a diffrax solver that stops at the first step's end where ‖∇L‖∞ ≤ 1e-5."""

    def build(n: int, k: int, lanes: int) -> Solver:
        import diffrax
        import jax
        import jax.numpy as jnp
        import optimistix

        jax.config.update("jax_enable_x64", True)

        def loss(parameters: tuple[Any, Any]) -> Any:
            w, a = parameters
            squares = 1 + jnp.sum(w * w, axis=1)
            students = jnp.arcsin(w @ w.T / jnp.sqrt(squares[:, None] * squares))
            teachers = jnp.arcsin(w[:, :k] / jnp.sqrt(2 * squares)[:, None])
            return 2 / jnp.pi * (a @ students @ a - 2 * a @ jnp.sum(teachers, axis=1) + k * jnp.pi / 6)

        slope = jax.grad(loss)
        solver, controller, most = {
            "Kvaerno5": (diffrax.Kvaerno5(), {"rtol": 1e-5, "atol": 1e-5}, 4096),
            "Kvaerno5 with Newton": (
                diffrax.Kvaerno5(root_finder=optimistix.Newton(rtol=1e-5, atol=1e-5)),
                {"rtol": 1e-5, "atol": 1e-5},
                4096,
            ),
            "Tsit5": (diffrax.Tsit5(), {"rtol": 1e-7, "atol": 1e-7, "pcoeff": 0.2, "icoeff": 0.4}, 400_000),
        }[kind]

        def follow(w: Any, a: Any) -> tuple:
            end = diffrax.diffeqsolve(
                diffrax.ODETerm(lambda t, y, _: jax.tree.map(jnp.negative, slope(y))),
                solver,
                0.0,
                HORIZON,
                None,
                (w, a),
                saveat=diffrax.SaveAt(t1=True),
                stepsize_controller=diffrax.PIDController(**controller),
                max_steps=most,
                throw=False,
                event=diffrax.Event(diffrax.steady_state_event(rtol=0.0, atol=STOP, norm=optimistix.max_norm)),
            )
            return *(part[0] for part in end.ys), end.ts[0], end.result == diffrax.RESULTS.event_occurred

        shapes = [jax.ShapeDtypeStruct(shape, jnp.float64) for shape in ((lanes, n, k + 1), (lanes, n))]
        compiled = jax.jit(jax.vmap(follow)).lower(*shapes).compile()

        def solve(weights: np.ndarray, deadline: float) -> list[Arrival]:
            w, a, t, arrived = map(np.asarray, compiled(weights[:, :-n].reshape(lanes, n, k + 1), weights[:, -n:]))
            ends = np.concatenate([w.reshape(lanes, -1), a], axis=1)
            return [Arrival(*end) for end in zip(ends, t.tolist(), arrived.tolist())]

        return solve

    return build


PEERS = {
    peer.name: peer
    for peer in (
        Peer("scipy LSODA", "rtol = atol = 1e-5", scipy_solver("LSODA", False), target=1000),
        Peer("scipy LSODA, exact Jacobian", "rtol = atol = 1e-5", scipy_solver("LSODA", True)),
        Peer("scipy BDF, exact Jacobian", "rtol = atol = 1e-5", scipy_solver("BDF", True)),
        Peer("torchdiffeq dopri5", "rtol = atol = 1e-7, one batch a process", torchdiffeq_solver, lanes=128),
        Peer("diffrax Kvaerno5", "rtol = atol = 1e-5", diffrax_solver("Kvaerno5"), lanes=16, target=100),
        Peer(
            "diffrax Kvaerno5, full Newton",
            "rtol = atol = 1e-5, optimistix.Newton in each stage",
            diffrax_solver("Kvaerno5 with Newton"),
            lanes=16,
            target=100,
        ),
        Peer("diffrax Tsit5", "rtol = atol = 1e-7, PI controller 0.2, 0.4", diffrax_solver("Tsit5"), lanes=8),
    )
}
FEW = ("scipy LSODA", "scipy LSODA, exact Jacobian", "scipy BDF, exact Jacobian")
FULL = Effort(
    budget=15.0,
    patience=60.0,
    races=(
        Race(5, 10, 256, tuple(PEERS)),
        Race(10, 20, 64, (*FEW, "diffrax Kvaerno5, full Newton")),
        Race(25, 50, 16, FEW),
    ),
    scaling={6: 64, 10: 64, 20: 32, 50: 12, 100: 3},
)
QUICK = Effort(budget=0.2, patience=30.0, races=(Race(5, 10, 8, FEW),), scaling={4: 2, 6: 2})
LANES = {(10, 20, "diffrax Kvaerno5, full Newton"): 1}  # a larger batch would not end in time
SHARES = (0.25, 0.5, 0.75)  # n/k of the scaling


def weights_of(cell: Cell, seeds: Iterator[int] | range) -> np.ndarray:
    """The starts of some seeds, a row each."""
    batch = starts(cell, list(seeds))
    return np.concatenate([batch.incoming.reshape(len(batch.incoming), -1), batch.outgoing], axis=1)


def compete(connection: Any, name: str, race: Race, seeds: list[int], lanes: int, effort: Effort) -> None:
    """In a process of its own: get ready, wait for the start, and follow as many seeds as the budget allows."""
    solve, cell = PEERS[name].build(race.n, race.k, lanes), Cell(race.k, race.n)
    batches = [seeds[i : i + lanes] for i in range(0, len(seeds) - lanes + 1, lanes)]
    weights = [weights_of(cell, batch) for batch in batches]
    connection.send("ready")
    connection.recv()
    begun = time.perf_counter()
    for batch, first in zip(batches, weights, strict=True):
        now = time.perf_counter()
        if now - begun > effort.budget:
            break
        arrivals = solve(first, now + effort.patience)
        connection.send((batch, time.perf_counter() - now, arrivals))
    connection.send(None)


def run_peer(peer: Peer, race: Race, effort: Effort) -> tuple[dict[int, Arrival], dict[int, float], list[int]]:
    """Let a peer run in two processes at once; return the arrivals, the seconds a seed, and the seeds that were lost.

    A process that has said nothing for twice the patience is stopped; its seeds count as not finished.
    """
    context = multiprocessing.get_context("spawn")  # jax and torch do not survive a fork
    lanes = min(LANES.get((race.n, race.k, peer.name), peer.lanes), race.seeds // PROCESSES)
    runners = []
    for slot in range(PROCESSES):
        ours, theirs = context.Pipe()
        seeds = list(range(slot, race.seeds, PROCESSES))
        process = context.Process(target=compete, args=(theirs, peer.name, race, seeds, lanes, effort), daemon=True)
        process.start()
        theirs.close()
        runners.append((process, ours, seeds))
    for _, ours, _ in runners:
        ours.recv()  # all are ready before any starts
    for _, ours, _ in runners:
        ours.send("go")
    arrivals, seconds, lost = {}, {}, []
    for process, ours, seeds in runners:
        while True:
            if not ours.poll(2 * effort.patience):
                lost += [seed for seed in seeds if seed not in arrivals][:lanes]
                process.terminate()
                break
            if (message := ours.recv()) is None:
                break
            batch, elapsed, ends = message
            arrivals |= dict(zip(batch, ends, strict=True))
            seconds |= dict.fromkeys(batch, elapsed / len(batch))
        process.join()
    return arrivals, seconds, lost


def run_engine(cell: Cell, seeds: int) -> tuple[float, Any]:
    """Core-seconds a seed of copyavg, for a whole batch on both cores, and the flow."""
    batch, teacher = starts(cell, range(seeds)), ca.orthonormal_teacher(cell.k, cell.k + 1)
    begun = time.perf_counter()
    flow = gradient_flow(batch, teacher, workers=PROCESSES)
    return PROCESSES * (time.perf_counter() - begun) / seeds, flow


def compare(peer: Peer, race: Race, effort: Effort) -> dict[str, Any]:
    """One row: a peer, and copyavg right before and after it."""
    cell = Cell(race.k, race.n)
    before, flow = run_engine(cell, race.seeds)
    arrivals, seconds, lost = run_peer(peer, race, effort)
    after, _ = run_engine(cell, race.seeds)
    finished = [seed for seed, arrival in arrivals.items() if arrival.finished]
    ends = [destination(arrivals[seed], flow.loss[seed], race) for seed in finished]
    # Without a seed that finished, the time spent is a bound: it would have taken at least so long.
    counted = finished or list(arrivals)
    theirs = sum(seconds[seed] for seed in counted) / len(counted) if counted else None
    return {
        "peer": peer.name,
        "settings": peer.settings,
        "n": race.n,
        "k": race.k,
        "seeds": len(arrivals) + len(lost),
        "finished": len(finished),
        "flow_time": rounded(median(arrival.time for arrival in arrivals.values())) if arrivals else None,
        "same_limit": ends.count("same"),
        "saddle": ends.count("saddle"),
        "peer_s": rounded(theirs) if theirs else None,
        "is_bound": not finished,
        "ours_s": rounded((before + after) / 2),
        "ratio": rounded(2 * theirs / (before + after)) if theirs else None,
        "ratio_min": rounded(theirs / max(before, after)) if theirs else None,
        "ratio_max": rounded(theirs / min(before, after)) if theirs else None,
        "target": peer.target if race.k == 10 else None,
    }


def destination(arrival: Arrival, loss: float, race: Race) -> str:
    """Where Newton's method leads from where a peer stopped: to the "same" loss as copyavg, a "saddle", or "other"."""
    teacher = ca.orthonormal_teacher(race.k, race.k + 1)
    limit, slope = newton(Network.from_vector(np.array(arrival.weights), race.n), teacher)
    if slope > 1e-11:
        return "other"
    if abs(float(ca.loss(limit, teacher)) - float(loss)) <= SAME_LOSS:
        return "same"
    return "saddle" if np.linalg.eigvalsh(ca.hessian(limit, teacher))[0] < -1e-9 else "other"


def engine_row(race: Race) -> dict[str, Any]:
    """What copyavg does with the starts of a race."""
    turns = [run_engine(Cell(race.k, race.n), race.seeds) for _ in range(3)]
    flow = turns[0][1]
    return {
        "n": race.n,
        "k": race.k,
        "seeds": race.seeds,
        "converged": int(np.sum(flow.converged)),
        "largest_gradient": rounded(np.max(flow.gradient_norm[flow.converged])),
        "seconds": rounded(median(seconds for seconds, _ in turns)),
        "evaluations": round(float(np.mean(flow.evaluations))),
        **kernel_seconds(race),
        "labels": {label: int(np.sum(flow.label == label)) for label in sorted(set(flow.label.tolist()))},
    }


def kernel_seconds(race: Race, repeats: int = 2000) -> dict[str, float]:
    """Seconds for one compiled gradient and one Hessian-vector product, the least of five turns."""
    theta = weights_of(Cell(race.k, race.n), range(1))[0]
    at, out = curvature(theta, race.n, race.k), np.empty(theta.size)
    calls = {
        "gradient_s": lambda: gradients(theta, race.n, race.k, out, repeats),
        "product_s": lambda: products(at, theta, out, repeats),
    }
    found = {}
    for name, call in calls.items():
        call()  # compiles
        turns = []
        for _ in range(5):
            begun = time.perf_counter()
            call()
            turns.append(time.perf_counter() - begun)
        found[name] = rounded(min(turns) / repeats)
    return found


@njit
def gradients(theta, n, k, out, repeats):
    """Many gradients, one after the other."""
    for _ in range(repeats):
        gradient(theta, n, k, out)


@njit
def products(at, direction, out, repeats):
    """Many Hessian-vector products, one after the other."""
    for _ in range(repeats):
        hessian_product(at, direction, out)


def scaling_rows(effort: Effort) -> list[dict[str, Any]]:
    """Seconds a seed on one core, seed by seed, beside its gradients and Hessian-vector products."""
    rows = []
    cells = [(k, max(1, math.floor(share * k + 0.5)), seeds) for k, seeds in effort.scaling.items() for share in SHARES]
    for k, n, seeds in tqdm(cells, unit="size", disable=None):
        teacher, spent, converged, evaluations = ca.orthonormal_teacher(k, k + 1), [], 0, 0
        gradient_flow(starts(Cell(k, n), [seeds]), teacher, workers=1)  # loads what was compiled
        for seed in range(seeds):
            start = starts(Cell(k, n), [seed])
            begun = time.perf_counter()
            flow = gradient_flow(start, teacher, workers=1)
            spent.append(time.perf_counter() - begun)
            converged += int(flow.converged[0])
            evaluations += int(flow.evaluations[0])
        rows.append(
            {
                "k": k,
                "n": n,
                "d": k + 1,
                "seeds": seeds,
                "converged": converged,
                "seconds": rounded(sum(spent) / seeds),
                "median": rounded(median(spent)),
                "slowest": rounded(max(spent)),
                "evaluations": round(evaluations / seeds),
            }
        )
    return rows


def gpu_row(n: int, k: int, seeds: int, device: str = "cuda") -> dict[str, Any]:
    """Seeds a second through torch on a GPU, for a batch that fills it; or why there is none."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        return {"skipped": "no GPU at hand"}

    def on_device(weights: Network) -> Network:
        return Network(*(torch.asarray(part, device=device) for part in (weights.incoming, weights.outgoing)))

    students, teacher = on_device(starts(Cell(k, n), range(seeds))), on_device(ca.orthonormal_teacher(k, k + 1))
    few = Network(students.incoming[:2], students.outgoing[:2])
    gradient_flow(few, teacher)
    begun = time.perf_counter()
    flow = gradient_flow(students, teacher)
    elapsed = time.perf_counter() - begun
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "n": n,
        "k": k,
        "seeds": seeds,
        "converged": int(flow.converged.sum()),
        "seeds_per_second": rounded(seeds / elapsed),
    }


def rounded(value: float) -> float:
    """Three significant digits: more would be noise."""
    return float(f"{value:.3g}")


def machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names the machine."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or platform.machine()
    return {"processor": processor, "cores": os.cpu_count(), "system": platform.system(), "processes": PROCESSES}


def versions(peers: set[str]) -> dict[str, str]:
    """Versions of what was compared."""
    packages = ["numpy", "scipy", "numba", "copyavg"]
    packages += ["torch", "torchdiffeq"] * any(name.startswith("torchdiffeq") for name in peers)
    packages += ["jax", "diffrax"] * any(name.startswith("diffrax") for name in peers)
    try:
        found = {name: importlib.metadata.version(name) for name in packages}
    except importlib.metadata.PackageNotFoundError as missing:
        raise SystemExit(f"{missing.name} is not installed; see requirements.txt beside this script") from missing
    return {"python": platform.python_version()} | found


def benchmark(effort: Effort) -> dict[str, Any]:
    """Run every race, and the sizes."""
    run_engine(Cell(4, 2), 2 * PROCESSES)  # starts the workers, and compiles
    races = [(PEERS[name], race) for race in effort.races for name in race.peers]
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions({peer.name for peer, _ in races}),
        "code": digest.of_flow("erf"),
        "rng": "numpy.random.default_rng([k, n, seed])",
        "stop": {"copyavg": GOAL, "peers": STOP},
        "patience": effort.patience,
        "engine": [engine_row(race) for race in effort.races],
        "rows": [compare(peer, race, effort) for peer, race in tqdm(races, unit="race", disable=None)],
        "scaling": scaling_rows(effort),
        "gpu": gpu_row(5, 10, seeds=4096),
    }


def table(report: dict[str, Any]) -> str:
    """The report for a terminal."""
    lines = []
    for ours in report["engine"]:
        lines.append(
            f"n = {ours['n']}, k = {ours['k']}: copyavg {ours['seconds']:g} s of one core a seed, "
            f"{ours['converged']} of {ours['seeds']} seeds to ‖∇L‖∞ ≤ {ours['largest_gradient']:g}; peers to {STOP:g}:"
        )
        for row in report["rows"]:
            if (row["n"], row["k"]) == (ours["n"], ours["k"]):
                bound = "> " if row["is_bound"] else ""
                target = f", target ≥ {row['target']:g}" if row["target"] else ""
                seconds, ratio = (f"{bound}{row[name]:g}" if row[name] else "?" for name in ("peer_s", "ratio"))
                lines.append(
                    f"  {row['peer']:<30}{seconds:>8} s, ratio {ratio}{target}; {row['finished']} of {row['seeds']} "
                    f"seeds finished (t = {row['flow_time']}), {row['same_limit']} with the same limit"
                )
    lines += [f"k = {row['k']}, n = {row['n']}: {row['seconds']:g} s a seed" for row in report["scaling"]]
    gpu = report["gpu"]
    lines.append(gpu.get("skipped") or f"{gpu['device']}: {gpu['seeds_per_second']:g} seeds a second")
    return "\n".join(lines)


def main() -> None:
    """Run, print, and write the data that the page Performance shows."""
    command_line.run(
        __doc__.splitlines()[0],
        lambda quick: benchmark(QUICK if quick else FULL),
        table,
        DATA,
        "few seeds, and SciPy alone",
    )


if __name__ == "__main__":
    main()
