"""A batch of students followed along gradient flow through `landscape`: any activation, teacher, array library, device.

The simpler and slower way beside `steppers`: Rosenbrock steps with whole Hessians, every student with a step size of
its own, then Newton's method under the same certificate (`limits`). For ReLU and its like, neurons that have come to
w = 0 are left out of the steps until they revive (`kink`).
"""

import math
from typing import NamedTuple

import array_api_compat
import numpy as np
from jaxtyping import Float, Int

from copyavg.activations.base import has_gauge
from copyavg.arrays import Array, to_numpy
from copyavg.interactions.quadrature import QuadratureError
from copyavg.network import Network

from .kink import settle
from .limits import Problem, amounts_to, newton, spectrum
from .steppers import (
    CONVERGED,
    FIRST_TRY,
    GAMMA,
    IDLE_NEURON,
    LATEST,
    MERGED_PAIR,
    MOST_STEPS,
    NEXT_TRY,
    STAGES_FORCE,
    STAGES_STATE,
    STALLED,
    UNRESOLVED,
    degenerate_outcome,
    undecided_outcome,
)


class Settings(NamedTuple):
    """How exactly to follow the flow, how small ‖∇L‖∞ must be at its end, and when to keep the state."""

    accuracy: float
    tolerance: float
    times: Float[np.ndarray, " times"]


class Outcome(NamedTuple):
    """How every student of a batch ended, in the order of the batch."""

    code: Int[np.ndarray, " batch"]
    time: Float[np.ndarray, " batch"]
    norm: Float[np.ndarray, " batch"]
    smallest: Float[np.ndarray, " batch"]
    loss: Float[np.ndarray, " batch"]
    limit: Float[Array, "batch N"]
    states: Float[Array, "times batch N"]
    evaluations: Int[np.ndarray, " batch"]


def follow_batch(
    problem: Problem,
    start: Float[Array, "batch N"],
    settings: Settings,
) -> Outcome:
    """Follow gradient flow from every row of `start` to its limit; see `steppers.follow`, which does the same."""
    xp, size, (accuracy, tolerance, times) = problem.xp, start.shape[0], settings
    theta, limit = xp.asarray(start, copy=True), xp.asarray(start, copy=True)
    states = xp.zeros((len(times), *start.shape), dtype=start.dtype, device=array_api_compat.device(start))
    force, value = problem.force(theta), np.array(problem.loss(theta))
    rms = np.sqrt(to_numpy(xp.mean(force**2, axis=-1)))
    h = 0.1 * math.sqrt(accuracy) / np.maximum(rms, 1e-300)
    code, time, smallest, steps = np.full(size, -1), np.zeros(size), np.zeros(size), np.zeros(size, dtype=int)
    due, rejected, gate = np.zeros(size, dtype=int), np.zeros(size, dtype=bool), np.full(size, FIRST_TRY)
    norm = to_numpy(xp.max(xp.abs(force), axis=-1)).copy()
    free, dead = xp.ones_like(theta), np.zeros((size, problem.n), dtype=bool)  # 0 for weights of dead neurons
    kinked, device = has_gauge(problem.activation), array_api_compat.device(start)
    numbers = Network.unchecked(to_numpy(problem.teacher.incoming), to_numpy(problem.teacher.outgoing))
    for i in range(size):
        due[i] = np.searchsorted(times, 0.0, side="right")
        states[: due[i], i, :] = theta[i, :]

    def finish(i: int) -> None:
        """Decide whether student i has arrived, or can go no further."""
        arrived = due[i] == len(times)
        where = problem.coordinates(~dead[i])
        alive = Problem(problem.n - int(dead[i].sum()), problem.teacher, problem.activation)
        if arrived and norm[i] <= gate[i] and alive.n:
            found = newton(alive, xp.asarray(to_numpy(theta[i, :])[where], device=device), tolerance)
            gate[i] = NEXT_TRY * norm[i]
            if found is not None:
                there = to_numpy(theta[i, :]).copy()
                there[where], norm[i], smallest[i] = to_numpy(found[0]), *found[1:]
                limit[i, :] = xp.asarray(there, device=device)
                code[i] = IDLE_NEURON if dead[i].any() else CONVERGED
                states[due[i] :, i, :], value[i] = theta[i, :], problem.loss(limit[i, :])
                return
        stuck = h[i] <= 1e-12 * (1e-3 + time[i])
        if stuck or steps[i] >= MOST_STEPS or (arrived and (time[i] >= LATEST or norm[i] <= tolerance)):
            eigenvalues = stop(i)
            rest = xp.asarray(to_numpy(theta[i, :])[where], device=device)
            smaller = amounts_to(alive, rest, time[i], tolerance) if alive.n else None
            if alive.n == 0 or (dead[i].any() and smaller is not None):
                code[i] = IDLE_NEURON
            elif smaller is not None:
                code[i] = smaller
            else:
                code[i] = degenerate_outcome(to_numpy(theta[i, :]), problem.n, time[i])
                if code[i] in (MERGED_PAIR, IDLE_NEURON):  # by its weights, but not by what it amounts to
                    code[i] = STALLED
                if code[i] == STALLED and eigenvalues is not None:
                    code[i] = undecided_outcome(norm[i], eigenvalues[0], eigenvalues[-1], tolerance)

    def stop(i: int) -> Float[np.ndarray, " size"] | None:
        """Keep the last state of a student without a limit here; return its Hessian's eigenvalues if there are any."""
        limit[i, :] = theta[i, :]
        states[due[i] :, i, :] = theta[i, :]
        try:
            eigenvalues = spectrum(problem, theta[i, :])[0]
        except QuadratureError:
            smallest[i] = -math.inf
            return None
        smallest[i] = eigenvalues[0]
        return eigenvalues

    def turn(i: int) -> None:
        """Let neurons of student i die at w = 0, or revive."""
        here, push = (problem.network(to_numpy(x[i, :])) for x in (theta, force))
        changed = settle(here, push, dead[i], numbers, problem.activation, accuracy)
        if changed is not None:
            student, dead[i] = changed
            moves = np.ones(theta.shape[-1])
            moves[problem.coordinates(dead[i])] = 0
            free[i, :] = xp.asarray(moves, device=device)
            theta[i, :] = xp.asarray(student.to_vector(), device=device)
            force[i, :], value[i] = free[i, :] * problem.force(theta[i, :]), problem.loss(theta[i, :])
            norm[i] = float(xp.max(xp.abs(force[i, :])))

    while True:
        for i in np.flatnonzero(code < 0).tolist():
            finish(i)
        active = np.flatnonzero(code < 0)
        if not active.size:
            return Outcome(code, time, norm, smallest, value, limit, states, 13 * steps)
        step, lands = h[active].copy(), np.zeros(active.size, dtype=bool)
        for row, i in enumerate(active.tolist()):
            if due[i] < len(times) and times[due[i]] - time[i] <= step[row]:
                step[row], lands[row] = times[due[i]] - time[i], True
        here, push, moves = take(theta, active), take(force, active), take(free, active)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # in steps that are far too long, and then refused
                ahead, error = rosenbrock_steps(problem, here, push, step, moves)
                push_ahead, lower = moves * problem.force(ahead), problem.loss(ahead)
        except QuadratureError:
            if active.size > 1:
                raise
            steps[active] += 1
            h[active] = 0.1 * step
            if h[active[0]] <= 1e-9 * (1e-3 + time[active[0]]):
                code[active] = UNRESOLVED
                stop(int(active[0]))
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            scale = accuracy * (1 + xp.maximum(xp.abs(here), xp.abs(ahead)))
            badness = np.sqrt(to_numpy(xp.mean((error / scale) ** 2, axis=-1)))
        largest = to_numpy(xp.max(xp.abs(push_ahead), axis=-1))
        for row, i in enumerate(active.tolist()):
            steps[i] += 1
            bad = badness[row] if np.isfinite(badness[row]) else math.inf
            with np.errstate(invalid="ignore"):
                fine = bad <= 1 and np.isfinite(largest[row]) and lower[row] <= value[i] + 1e-13 * (1 + value[i])
            grow = 0.9 * max(bad, 1e-8) ** -0.25
            if not fine:
                h[i], rejected[i] = step[row] * min(0.5, max(0.1, grow)), True
                continue
            theta[i, :], force[i, :], value[i], norm[i] = ahead[row, :], push_ahead[row, :], lower[row], largest[row]
            time[i] = times[due[i]] if lands[row] else time[i] + step[row]
            while due[i] < len(times) and times[due[i]] <= time[i]:
                states[due[i], i, :] = theta[i, :]
                due[i] += 1
            longer = step[row] * min(1.0 if rejected[i] else 6.0, max(0.2, grow))
            h[i], rejected[i] = max(h[i], longer) if lands[row] else longer, False
            if kinked:
                turn(i)


def take(x: Float[Array, "batch N"], rows: Int[np.ndarray, " rows"]) -> Float[Array, "rows N"]:
    """Return some rows of an array of any library."""
    xp = array_api_compat.array_namespace(x)
    return xp.take(x, xp.asarray(rows, device=array_api_compat.device(x)), axis=0)


def rosenbrock_steps(
    problem: Problem,
    theta: Float[Array, "batch N"],
    force: Float[Array, "batch N"],
    h: Float[np.ndarray, " batch"],
    free: Float[Array, "batch N"],
) -> tuple[Float[Array, "batch N"], Float[Array, "batch N"]]:
    """Take one step of the Rodas method with every student; return the states and the error estimates.

    `free` is 1 for weights that move and 0 for those that are held. Where H + 1/(γh) is not positive definite the error
    is infinite: so long a step would damp a direction in which the flow leaves a saddle, and end there.
    """
    xp, device = problem.xp, array_api_compat.device(theta)
    h = xp.asarray(h, dtype=theta.dtype, device=device)[:, None]
    eye = xp.eye(theta.shape[-1], dtype=theta.dtype, device=device)
    curved = free[..., None] * problem.hessian(theta) * free[..., None, :]
    shifted = curved + eye / (GAMMA * h)[..., None]
    short_enough = xp.asarray([positive_definite(matrix) for matrix in shifted], device=device)
    inverse = xp.linalg.inv(shifted)
    stages: list[Array] = []
    ahead = theta
    for a, c in zip(STAGES_STATE, STAGES_FORCE):
        if stages:
            ahead = theta + sum(factor * stage for factor, stage in zip(a.tolist(), stages))
            push = free * problem.force(ahead) + sum(factor * stage for factor, stage in zip(c.tolist(), stages)) / h
        else:
            push = force
        stages.append(xp.matmul(inverse, push[..., None])[..., 0])
    return ahead + stages[-1], xp.where(short_enough[:, None], stages[-1], math.inf)


def positive_definite(matrix: Float[Array, "N N"]) -> bool:
    """Whether a symmetric matrix is positive definite, by whether it has a Cholesky decomposition."""
    try:
        return bool(np.all(np.isfinite(np.linalg.cholesky(to_numpy(matrix)))))
    except np.linalg.LinAlgError:
        return False
