"""A batch of students followed along gradient flow through `landscape`: any activation, teacher, array library, device.

The simpler and slower way beside `steppers`: Rosenbrock steps with whole Hessians, every student with a step size of
its own, then Newton's method under the same certificate.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
from jaxtyping import Float, Int

from .activations import Activation, has_gauge
from .arrays import Array, to_numpy
from .interaction import QuadratureError
from .landscape import gradient, hessian, loss
from .network import Network
from .steppers import (
    BASIN,
    CONVERGED,
    FIRST_TRY,
    GAMMA,
    LATEST,
    MOST_STEPS,
    NEXT_TRY,
    STAGES_FORCE,
    STAGES_STATE,
    STALLED,
    UNRESOLVED,
    degenerate_outcome,
    undecided_outcome,
)


@dataclass(frozen=True)
class Problem:
    """A teacher and an activation, for students that are rows θ: incoming weights row by row, then outgoing weights."""

    n: int
    teacher: Network
    activation: Activation

    @property
    def xp(self) -> Any:
        """The array library."""
        return array_api_compat.array_namespace(self.teacher.incoming)

    def network(self, theta: Float[Array, "*batch N"]) -> Network:
        """Return the students whose weights these are."""
        split = self.n * self.teacher.d
        shape = (*theta.shape[:-1], self.n, self.teacher.d)
        return Network.unchecked(self.xp.reshape(theta[..., :split], shape), theta[..., split:])

    def vector(self, network: Network) -> Float[Array, "*batch N"]:
        """Return the weights of students (or a gradient) as rows."""
        incoming = self.xp.reshape(network.incoming, (*network.batch_shape, self.n * self.teacher.d))
        return self.xp.concat([incoming, network.outgoing], axis=-1)

    def loss(self, theta: Float[Array, "*batch N"]) -> Float[np.ndarray, "*batch"]:
        """Return the loss."""
        return to_numpy(loss(self.network(theta), self.teacher, self.activation))

    def force(self, theta: Float[Array, "*batch N"]) -> Float[Array, "*batch N"]:
        """Return −∇L."""
        return -self.vector(gradient(self.network(theta), self.teacher, self.activation))

    def hessian(self, theta: Float[Array, "*batch N"]) -> Float[Array, "*batch N N"]:
        """Return the Hessian."""
        return hessian(self.network(theta), self.teacher, self.activation)

    def gauge(self, theta: Float[Array, " N"]) -> Float[np.ndarray, "n N"] | None:
        """Return the directions (w, −a) of every neuron along which L is constant, of unit length; None without any."""
        if not has_gauge(self.activation):
            return None
        network = self.network(to_numpy(theta))
        directions = np.zeros((self.n, theta.shape[-1]))
        for i in range(self.n):
            directions[i, i * self.teacher.d : (i + 1) * self.teacher.d] = network.incoming[i]
            directions[i, self.n * self.teacher.d + i] = -network.outgoing[i]
        return directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-300)


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
    for i in range(size):
        due[i] = np.searchsorted(times, 0.0, side="right")
        states[: due[i], i, :] = theta[i, :]

    def finish(i: int) -> None:
        """Decide whether student i has arrived, or can go no further."""
        arrived = due[i] == len(times)
        if arrived and norm[i] <= gate[i]:
            found = newton(problem, theta[i, :], tolerance)
            gate[i] = NEXT_TRY * norm[i]
            if found is not None:
                code[i], limit[i, :], norm[i], smallest[i] = CONVERGED, *found
                value[i] = problem.loss(limit[i, :])
                return
        stuck = h[i] <= 1e-12 * (1e-3 + time[i])
        if stuck or steps[i] >= MOST_STEPS or (arrived and (time[i] >= LATEST or norm[i] <= tolerance)):
            code[i] = degenerate_outcome(to_numpy(theta[i, :]), problem.n, time[i])
            spectrum = stop(i)
            if code[i] == STALLED and spectrum is not None:
                code[i] = undecided_outcome(norm[i], spectrum[0], spectrum[-1], tolerance)

    def stop(i: int) -> Float[np.ndarray, " size"] | None:
        """Keep the last state of a student without a limit here; return its Hessian's eigenvalues if there are any."""
        limit[i, :] = theta[i, :]
        states[due[i] :, i, :] = theta[i, :]
        try:
            spectrum = _eigen(problem, theta[i, :])[0]
        except QuadratureError:
            smallest[i] = -math.inf
            return None
        smallest[i] = spectrum[0]
        return spectrum

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
        here, push = take(theta, active), take(force, active)
        try:
            ahead, error = rosenbrock_steps(problem, here, push, step)
            push_ahead, lower = problem.force(ahead), problem.loss(ahead)
        except QuadratureError:
            if active.size > 1:
                raise
            steps[active] += 1
            h[active] = 0.1 * step
            if h[active[0]] <= 1e-9 * (1e-3 + time[active[0]]):
                code[active] = UNRESOLVED
                stop(int(active[0]))
            continue
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


def take(x: Float[Array, "batch N"], rows: Int[np.ndarray, " rows"]) -> Float[Array, "rows N"]:
    """Return some rows of an array of any library."""
    xp = array_api_compat.array_namespace(x)
    return xp.take(x, xp.asarray(rows, device=array_api_compat.device(x)), axis=0)


def rosenbrock_steps(
    problem: Problem, theta: Float[Array, "batch N"], force: Float[Array, "batch N"], h: Float[np.ndarray, " batch"]
) -> tuple[Float[Array, "batch N"], Float[Array, "batch N"]]:
    """Take one step of the Rodas method with every student; return the states and the error estimates."""
    xp, device = problem.xp, array_api_compat.device(theta)
    h = xp.asarray(h, dtype=theta.dtype, device=device)[:, None]
    eye = xp.eye(theta.shape[-1], dtype=theta.dtype, device=device)
    inverse = xp.linalg.inv(problem.hessian(theta) + eye / (GAMMA * h)[..., None])
    stages: list[Array] = []
    ahead = theta
    for a, c in zip(STAGES_STATE, STAGES_FORCE):
        if stages:
            ahead = theta + sum(factor * stage for factor, stage in zip(a.tolist(), stages))
            push = problem.force(ahead) + sum(factor * stage for factor, stage in zip(c.tolist(), stages)) / h
        else:
            push = force
        stages.append(xp.matmul(inverse, push[..., None])[..., 0])
    return ahead + stages[-1], stages[-1]


def newton(
    problem: Problem, theta: Float[Array, " N"], tolerance: float
) -> tuple[Float[Array, " N"], float, float] | None:
    """Go from θ to a minimum, modulo the gauge; return it with ‖∇L‖∞ and the smallest eigenvalue, if certified.

    The certificate is that of `steppers.newton`.
    """
    limit, first, before = theta, None, problem.loss(theta)
    for _ in range(12):
        force = problem.force(limit)
        norm = float(problem.xp.max(problem.xp.abs(force)))
        if first is not None and norm <= tolerance:
            break
        values, vectors = _eigen(problem, limit)
        if not values[0] > 1e-14 * values[-1]:
            return None
        along = vectors.T @ to_numpy(force)
        decrement = math.sqrt(np.sum(along**2 / values))
        if first is not None and decrement > max(BASIN * first, 1e-10):
            return None
        limit = limit + problem.xp.asarray(vectors @ (along / values), device=array_api_compat.device(theta))
        if first is None:
            first, expected = decrement, decrement**2 / 2
            if expected > 1e-12 and not 0.5 * expected <= before - problem.loss(limit) <= 1.5 * expected:
                return None
    if not norm <= tolerance:
        return None
    values, vectors = _eigen(problem, limit)
    if not values[0] > 0 or first * _third_derivative(problem, limit, values, vectors, theta - limit) > BASIN:
        return None
    return limit, norm, float(values[0])


def _eigen(
    problem: Problem, theta: Float[Array, " N"]
) -> tuple[Float[np.ndarray, " size"], Float[np.ndarray, "N size"]]:
    """Return eigenvalues, ascending, and eigenvectors of the Hessian across the gauge."""
    matrix, gauge = to_numpy(problem.hessian(theta)), problem.gauge(theta)
    if gauge is None:
        return np.linalg.eigh(matrix)
    across = np.linalg.qr(gauge.T, mode="complete")[0][:, problem.n :]
    values, vectors = np.linalg.eigh(across.T @ matrix @ across)
    return values, across @ vectors


def _third_derivative(
    problem: Problem,
    limit: Float[Array, " N"],
    values: Float[np.ndarray, " size"],
    vectors: Float[np.ndarray, "N size"],
    toward: Float[Array, " N"],
) -> float:
    """Estimate sup |D³L[u, u, u]| / (uᵀHu)^1.5 from below, by power iteration from the direction of the start."""
    root = vectors / np.sqrt(values)  # H^-½: unit vectors there are directions of unit length in the H-metric
    along, longest = np.sqrt(values) * (vectors.T @ to_numpy(toward)), 0.0
    for _ in range(3):
        if not np.linalg.norm(along) > 0:
            break
        direction = root @ (along / np.linalg.norm(along))
        step = 1e-4 / np.linalg.norm(direction)
        ends = np.stack([to_numpy(limit) + step * direction, to_numpy(limit) - step * direction])
        plus, minus = to_numpy(problem.hessian(problem.xp.asarray(ends, device=array_api_compat.device(limit))))
        spectrum, axes = np.linalg.eigh(root.T @ ((plus - minus) / (2 * step)) @ root)
        widest = int(np.argmax(np.abs(spectrum)))
        longest, along = max(longest, abs(float(spectrum[widest]))), axes[:, widest]
    return longest
