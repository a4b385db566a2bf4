"""Students without a non-degenerate limit, and why: neurons that do nothing, or what one of them could do.

A student whose neurons merge, or of which one goes idle, has the loss of a smaller student at its limit. That smaller
student is built here, neuron by neuron, and has a minimum of its own.
"""

import math

import numpy as np
from numba import types

from .basin import NEWTON
from .compiled import compiled
from .field import PROBLEM, for_student
from .neurons import closest_pair, norm_of, strength_of
from .outcomes import IDLE_NEURON, MERGED_PAIR, STALLED

_IDLE = 1e-6  # |a|, or |a| ‖w‖ with a gauge, of the largest, below which a neuron does nothing
_MERGING, _OPPOSED = 0.98, 0.95  # correlations of neurons that may be merging, and of those that may be a dipole
NORM_OF_SMALLER = 1e-10  # ‖∇L‖∞ that certifies a smaller student: only its loss is used
_SAME_LOSS = 1e-9  # of a degenerate limit and of the smaller student that it amounts to


@compiled
def degeneracy(theta, setting):
    """Say what may keep a student from a non-degenerate limit: IDLE_NEURON, MERGED_PAIR, or neither, STALLED.

    Also returns the neurons in question, of which the second goes.
    """
    n = setting.n
    if n == 1:
        return STALLED, 0, 0
    least, most, which = math.inf, 0.0, 0
    for i in range(n):
        strength = strength_of(theta, setting, i)
        most = max(most, strength)
        if strength < least:
            least, which = strength, i
    if least <= _IDLE * most:
        return IDLE_NEURON, which, which
    first, second, correlation = closest_pair(theta, setting, False)
    if abs(correlation) > _MERGING:
        return MERGED_PAIR, first, second
    return STALLED, 0, 0


@compiled
def opposed(theta, setting):
    """Whether two nearly parallel neurons have outgoing weights that cancel."""
    return abs(closest_pair(theta, setting, True)[2]) > _OPPOSED


@compiled
def without(problem, theta, first, second):
    """Return the problem and the student without the second neuron, which has been merged into the first, if another.

    Without a gauge, outgoing weights add and incoming ones are averaged; with one, the vectors aᵢwᵢ, of signs as their
    a, and the result has ‖w‖ = |a|.
    """
    old = problem.setting
    n, moves = old.n, old.free
    d = theta.size // n - 1
    fewer, free = np.empty((n - 1) * (d + 1)), np.empty((n - 1) * (d + 1))
    row = 0
    for i in range(n):
        if i == second:
            continue
        for e in range(d):
            fewer[row * d + e], free[row * d + e] = theta[i * d + e], moves[i * d + e]
        fewer[(n - 1) * d + row], free[(n - 1) * d + row] = theta[n * d + i], moves[n * d + i]
        if i == first:
            a, b = theta[n * d + first], theta[n * d + second]
            if old.homogeneous:
                r, s = norm_of(theta, old, first), norm_of(theta, old, second)
                together = a * r + b * s
                length = math.sqrt(abs(together)) if old.gauge else abs(together / (a + b))
                for e in range(d):
                    fewer[row * d + e] *= length / max(r, 1e-300)
                fewer[(n - 1) * d + row] = math.copysign(length, together) if old.gauge else a + b
            else:
                product = 0.0
                for e in range(d):
                    product += theta[first * d + e] * theta[second * d + e]
                sign = math.copysign(1.0, product)
                total = a + sign * b
                for e in range(d):
                    fewer[row * d + e] = (a * theta[first * d + e] + b * theta[second * d + e]) / total
                fewer[(n - 1) * d + row] = total
        row += 1
    return for_student(problem, n - 1, free, old.table), fewer


AMOUNTS = types.int64(
    PROBLEM, types.FunctionType(NEWTON), types.float64[::1], types.float64, types.float64, types.int64[::1]
)


@compiled(AMOUNTS)
def amounts_to_smaller(problem, newton, theta, value, tolerance, counts):
    """Say why a student does what a smaller one does at a minimum: IDLE_NEURON, MERGED_PAIR, or STALLED if it does not.

    Neurons are taken away one by one, until there is a minimum of the same loss or nothing is left to take.
    """
    outcome, first, second = degeneracy(theta, problem.setting)
    why, fewer, there = outcome, theta, problem
    while outcome != STALLED:
        there, fewer = without(there, fewer, first, second)
        loose = max(tolerance, NORM_OF_SMALLER)
        certified, _, _, lowest = newton(there, fewer, loose, np.empty(fewer.size), counts)
        if certified and abs(lowest - value) <= _SAME_LOSS * (1 + value):
            return why
        outcome, first, second = degeneracy(fewer, there.setting)
    return STALLED
