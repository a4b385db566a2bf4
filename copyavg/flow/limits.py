"""Limits of gradient flow through `landscape`: Newton's method across the gauge, its certificate, smaller students.

The counterpart of what `steppers` does for erf by compiled loops, for any activation, teacher, array library, device.
"""

import math
from dataclasses import dataclass
from typing import Any

import array_api_compat
import numpy as np
from jaxtyping import Bool, Float, Int

from copyavg.activations.base import Activation, has_gauge
from copyavg.arrays import Array, to_numpy
from copyavg.landscape import gradient, hessian, loss
from copyavg.network import Network, balanced

from .steppers import BASIN, IDLE_NEURON, MERGED_PAIR, NORM_OF_SMALLER, degenerate_outcome, smaller

_SAME_LOSS = 1e-9  # of a degenerate limit and of the smaller student that it amounts to
_PARALLEL = 1e-6  # 1 − correlation of neurons with a gauge that count as one


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
        return Network.from_vector(theta, self.n)

    def loss(self, theta: Float[Array, "*batch N"]) -> Float[np.ndarray, "*batch"]:
        """Return the loss."""
        return to_numpy(loss(self.network(theta), self.teacher, self.activation))

    def force(self, theta: Float[Array, "*batch N"]) -> Float[Array, "*batch N"]:
        """Return −∇L."""
        return -gradient(self.network(theta), self.teacher, self.activation).to_vector()

    def hessian(self, theta: Float[Array, "*batch N"]) -> Float[Array, "*batch N N"]:
        """Return the Hessian."""
        return hessian(self.network(theta), self.teacher, self.activation)

    def coordinates(self, neurons: Bool[np.ndarray, " n"]) -> Int[np.ndarray, " M"]:
        """Return where in θ the weights of these neurons stand."""
        d = self.teacher.d
        chosen = np.flatnonzero(neurons)
        return np.concatenate([(chosen[:, None] * d + np.arange(d)).ravel(), self.n * d + chosen])

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
        values, vectors = spectrum(problem, limit)
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
    values, vectors = spectrum(problem, limit)
    if not values[0] > 0 or first * _third_derivative(problem, limit, values, vectors, theta - limit) > BASIN:
        return None
    return limit, norm, float(values[0])


def spectrum(
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


def amounts_to(problem: Problem, theta: Float[Array, " N"], time: float, tolerance: float) -> int | None:
    """Say whether a student without a non-degenerate limit does what a smaller one does, at a certified minimum.

    With a gauge, neurons of one direction do what one neuron could, whatever the signs of their outgoing weights;
    without, see `steppers.degenerate_outcome`. Returns MERGED_PAIR, IDLE_NEURON, or None.
    """
    numbers = to_numpy(theta)
    if has_gauge(problem.activation):
        code, fewer = MERGED_PAIR, one_for_each_direction(problem.network(numbers))
    else:
        code = degenerate_outcome(numbers, problem.n, time)
        if code not in (MERGED_PAIR, IDLE_NEURON):
            return None
        fewer = Problem(problem.n - 1, problem.teacher, problem.activation).network(smaller(numbers, problem.n, code))
    if fewer.n in (0, problem.n):
        return None
    there = Problem(fewer.n, problem.teacher, problem.activation)
    start = problem.xp.asarray(fewer.to_vector(), device=array_api_compat.device(theta))
    found, value = newton(there, start, max(tolerance, NORM_OF_SMALLER)), float(problem.loss(theta))
    same = found is not None and abs(float(there.loss(found[0])) - value) <= _SAME_LOSS * (1 + value)
    return code if same else None


def one_for_each_direction(student: Network) -> Network:
    """Return the student with one neuron, of ‖w‖ = |a|, for all that share a direction; for activations with a gauge.

    Examples
    --------
    >>> one_for_each_direction(Network([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [2.0, -0.5, 1.0])).outgoing
    array([1., 1.])
    """
    r = np.linalg.norm(student.incoming, axis=1)
    alive = (r > 0) & (student.outgoing != 0)
    directions, strengths = student.incoming[alive] / r[alive, None], (student.outgoing * r)[alive]
    rows: list[np.ndarray] = []
    sums: list[float] = []
    for direction, strength in zip(directions, strengths):
        same = [j for j, row in enumerate(rows) if row @ direction > 1 - _PARALLEL]
        if same:
            sums[same[0]] += strength
        else:
            rows.append(direction)
            sums.append(strength)
    return Network.unchecked(*balanced(np.reshape(rows, (len(rows), student.d)), np.asarray(sums)))
