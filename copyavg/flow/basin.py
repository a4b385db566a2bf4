"""Newton's method to a minimum, and the test that a state lies in its basin.

With the Newton decrement δ = √(gᵀH⁻¹g) at θ and M = sup |D³L[u, u, u]| / (uᵀHu)^1.5 at the minimum, M δ ≤ ½ puts the
part of {L ≤ L(θ)} around the minimum, to third order, into a ball in which L is convex: the flow cannot leave it. M is
taken at one point and estimated from below, so that this is a test and strong evidence, not a proof. What is certified
is the limit: ‖∇L‖∞ and that its Hessian is positive definite. All of this across the gauge, and for the weights that
move.
"""

import math

import numpy as np
from numba import types

from .compiled import compiled
from .field import PROBLEM
from .linear import SUCCEEDED, go_across, multiply, smallest_eigenvalue
from .neurons import closest_pair
from .steps import force_at, largest

BASIN = 0.5  # M × Newton decrement, below which the state lies in the minimum's basin
_MOST_ITERATIONS = 12
_PARALLEL = 1e-6  # 1 − correlation of two neurons that do what one could: with a kink, this is degenerate
_SINGULAR = 1e-10  # an eigenvalue that is not told from zero: weights and their Hessian are of order one


@compiled
def _third_derivative(problem, theta, at, toward, vector, counts):
    """Estimate M = sup |D³L[u, u, u]| / (uᵀHu)^1.5 from below, by alternating power iteration of D³L in the H-metric.

    The supremum of D³L[e, u, u] over both is attained at e = u (Banach); e is held while u ← H⁻¹ D³L[e, u, ·].
    """
    size, setting = theta.size, problem.setting
    image, other, moved, longest = np.empty(size), np.empty(size), np.empty(size), 0.0
    go_across(theta, setting, toward)
    for _ in range(3):
        multiply(problem.product, setting, at, True, toward, image)
        length = max(math.sqrt(max(np.dot(toward, image), 0.0)), 1e-150)
        for i in range(size):
            toward[i] /= length
        step = 1e-4 / max(math.sqrt(np.dot(toward, toward)), 1e-150)
        for i in range(size):
            moved[i] = theta[i] + step * toward[i]
        plus = problem.curvature(moved, setting)
        for i in range(size):
            moved[i] = theta[i] - step * toward[i]
        minus = problem.curvature(moved, setting)
        for _ in range(3):
            multiply(problem.product, setting, at, True, vector, image)
            length = max(math.sqrt(max(np.dot(vector, image), 0.0)), 1e-150)
            for i in range(size):
                vector[i] /= length
            multiply(problem.product, setting, plus, False, vector, image)
            multiply(problem.product, setting, minus, False, vector, other)
            for i in range(size):
                image[i] = (image[i] - other[i]) / (2 * step)
            go_across(theta, setting, image)
            problem.solve(
                problem.product, setting, at, 0.0, True, image, 1e-2 * math.sqrt(np.dot(image, image)), counts, other
            )
            counts[1] += 3
            longest = max(longest, math.sqrt(max(np.dot(image, other), 0.0)))
            if not np.dot(other, other) > 0:
                return longest
            for i in range(size):
                vector[i] = other[i]
        for i in range(size):
            toward[i] = vector[i]
    return longest


_number, _vector, _counts = types.float64, types.float64[::1], types.int64[::1]
NEWTON = types.Tuple([types.boolean, _number, _number, _number])(PROBLEM, _vector, _number, _vector, _counts)


@compiled(NEWTON)
def newton(problem, theta, tolerance, limit, counts):
    """Go from θ to a critical point by Newton's method, and test whether θ lies in the basin of this minimum.

    Writes the limit; returns whether all held, and there ‖∇L‖∞, the smallest eigenvalue and the loss.
    """
    size = theta.size
    force, step = np.empty(size), np.empty(size)
    for i in range(size):
        limit[i] = theta[i]
    value = before = force_at(problem, limit, force)
    first = norm = smallest = 0.0
    for iteration in range(_MOST_ITERATIONS):
        norm = largest(force)
        if iteration > 0 and norm <= tolerance:
            break
        at = problem.curvature(limit, problem.setting)
        go_across(limit, problem.setting, force)
        accuracy = 1e-4 * math.sqrt(np.dot(force, force))
        if problem.solve(problem.product, problem.setting, at, 0.0, True, force, accuracy, counts, step) != SUCCEEDED:
            return False, norm, smallest, value
        decrement = math.sqrt(max(np.dot(force, step), 0.0))
        for i in range(size):
            limit[i] += step[i]
        value = force_at(problem, limit, force)
        counts[0] += 1
        if iteration == 0:
            first, expected = decrement, decrement**2 / 2
            if expected > 1e-12 and not 0.5 * expected <= before - value <= 1.5 * expected:
                return False, norm, smallest, value
        elif not (decrement <= BASIN * first or decrement <= 1e-10):
            return False, norm, smallest, value
    if not norm <= tolerance:
        return False, norm, smallest, value
    if problem.setting.homogeneous and closest_pair(limit, problem.setting, False)[2] > 1 - _PARALLEL:
        return False, norm, smallest, value
    at, vector = problem.curvature(limit, problem.setting), np.empty(size)
    positive, smallest = smallest_eigenvalue(problem, at, 0.0, vector, counts)
    if not positive or smallest <= _SINGULAR:
        return False, norm, smallest, value
    bound = 0.0
    if first > 0:
        for i in range(size):
            step[i] = theta[i] - limit[i]
        bound = first * _third_derivative(problem, limit, at, step, vector, counts)
    return bound <= BASIN, norm, smallest, value
