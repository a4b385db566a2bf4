"""Where σ has a kink at 0 and is homogeneous, as ReLU, L has a kink at w = 0; how the flow goes on from there.

A neuron with a² > ‖w‖² can never change the sign of a, for a² − ‖w‖² is conserved; but w may reach 0, after finite
time. Along a unit vector ŵ the loss leaves w = 0 with the slope

    s(ŵ) = 2 a E[(f − f*) σ(ŵ·x)],

f being the student without this neuron. If no slope is negative, the neuron stays there, with a as it is: it is dead.
It revives, along the steepest descent, when the others have changed so much that a slope is negative. That is the curve
of maximal slope: the loss falls as fast as it can.
"""

import math

import numpy as np
from numba import types

from .compiled import compiled
from .field import PROBLEM

_STEPS = 12  # of descent on the sphere, from each of the best
_BEST = 3  # candidates


@compiled
def _slope(problem, theta, i, direction, turning):
    """Return s(ŵ) of neuron i, and write how it changes on the sphere.

    It is a (∂L/∂aᵢ − 2F(1)) at wᵢ = ŵ, aᵢ = 1, where F(1) = E[σ(x)²] is what the neuron does to itself.
    """
    setting = problem.setting
    n = setting.n
    d = theta.size // n - 1
    a, moved, slope = theta[n * d + i], theta.copy(), np.empty(theta.size)
    one, own = np.ones(1), np.empty((4, 1))
    for e in range(d):
        moved[i * d + e] = direction[e]
    moved[n * d + i] = 1.0
    problem.gradient(moved, setting, slope)
    setting.row(1, one, one, setting.constants, setting.table, False, own)
    along = 0.0
    for e in range(d):
        turning[e] = a * slope[i * d + e]
        along += turning[e] * direction[e]
    for e in range(d):
        turning[e] -= along * direction[e]
    return a * (slope[n * d + i] - 2 * own[0, 0])


@compiled
def _normalise(direction):
    length = math.sqrt(np.dot(direction, direction))
    if length > 0:
        for e in range(direction.size):
            direction[e] /= length
    return length


@compiled
def _candidates(theta, setting):
    """Return the directions ±wⱼ and ±vₑ of all neurons that have one, and that against the sum of the teacher's."""
    n, teacher = setting.n, setting.teacher
    k, d = teacher.shape
    rows, count = np.zeros((2 * (n + k) + 1, d)), 0
    for j in range(n + k):
        for e in range(d):
            rows[count, e] = theta[j * d + e] if j < n else teacher[j - n, e]
        if _normalise(rows[count]) > 0:
            for e in range(d):
                rows[count + 1, e] = -rows[count, e]
            count += 2
    for e in range(d):
        rows[count, e] = 0.0
        for j in range(k):
            rows[count, e] -= teacher[j, e]
    if _normalise(rows[count]) > 0:
        count += 1
    return rows[:count]


@compiled
def least_slope(problem, theta, i, direction):
    """Return the least slope of L where neuron i leaves w = 0, for its outgoing weight as it is; write the direction.

    The best of ±wⱼ, ±vₑ and −Σvₑ are followed downhill on the sphere: a local minimum, and as far as we know the
    least.
    """
    rows, d = _candidates(theta, problem.setting), direction.size
    turning, ahead, turning_ahead = np.empty(d), np.empty(d), np.empty(d)
    slopes = np.empty(rows.shape[0])
    for r in range(rows.shape[0]):
        slopes[r] = _slope(problem, theta, i, rows[r], turning)
    least = math.inf
    for _ in range(min(_BEST, rows.shape[0])):
        r = slopes.argmin()
        here, row = slopes[r], rows[r]
        slopes[r] = math.inf
        _slope(problem, theta, i, row, turning)
        step = 1 / max(abs(theta[theta.size - problem.setting.n + i]), 1e-300)
        for _ in range(_STEPS):
            for e in range(d):
                ahead[e] = row[e] - step * turning[e]
            _normalise(ahead)
            there = _slope(problem, theta, i, ahead, turning_ahead)
            if there < here:
                here = there
                for e in range(d):
                    row[e], turning[e] = ahead[e], turning_ahead[e]
            step *= 1.5 if there < here or there == here else 0.4
        if here < least:
            least = here
            for e in range(d):
                direction[e] = row[e]
    return least


SETTLE = types.boolean(
    PROBLEM, types.float64[::1], types.float64[::1], types.float64[::1], types.boolean[::1], types.float64
)


@compiled(SETTLE)
def settle(problem, theta, force, moves, dead, accuracy):
    """Let neurons die that have come to w = 0, and leave that may; return whether anything has changed.

    A neuron has come to w = 0 if ‖w‖ ≤ accuracy |a| and it shrinks. It may leave, at once or later, if a slope is below
    −accuracy, and starts with ‖w‖ = 2 accuracy |a|. Writes θ, who is dead, and which weights move (`setting.free`):
    those of `moves`, but for those of the dead.
    """
    setting = problem.setting
    n, free = setting.n, setting.free
    d, changed = theta.size // n - 1, False
    for i in range(n):
        square = toward = 0.0
        for e in range(i * d, i * d + d):
            square += theta[e] * theta[e]
            toward += theta[e] * force[e]
        near = not dead[i] and toward < 0 and math.sqrt(square) <= accuracy * abs(theta[n * d + i])
        if near:
            for e in range(i * d, i * d + d):
                theta[e] = 0.0
            dead[i] = changed = True
    direction = np.empty(d)
    for i in range(n):
        if dead[i] and least_slope(problem, theta, i, direction) < -accuracy:
            for e in range(d):
                theta[i * d + e] = 2 * accuracy * abs(theta[n * d + i]) * direction[e]
            dead[i], changed = False, True
    if changed:
        for i in range(n):
            for e in range(i * d, i * d + d):
                free[e] = 0.0 if dead[i] else moves[e]
            free[n * d + i] = 0.0 if dead[i] else moves[n * d + i]
    return changed
