"""Linear algebra with a Hessian that is known by its products alone: conjugate gradients and Lanczos' method.

Weights that are held stay out of everything. `across` the gauge of a homogeneous σ means: without the directions
(wᵢ, −aᵢ), along which L is constant.
"""

import math

import numpy as np

from .compiled import compiled
from .field import SOLVE

SUCCEEDED, NOT_POSITIVE, TOO_LONG = 0, 1, 2  # how a conjugate-gradient solve ends
MOST_PRODUCTS = 5000  # of one solve
GOLDEN = (math.sqrt(5) - 1) / 2  # (i × it) mod 1 is a direction like any other, and the same every time
_MOST_VECTORS = 30  # of Lanczos


@compiled
def go_across(theta, setting, x):
    """Take from x what lies along the gauge."""
    if not setting.gauge:
        return
    n = setting.n
    d = theta.size // n - 1
    for i in range(n):
        a = theta[n * d + i]
        along, length = -a * x[n * d + i], a * a
        for e in range(i * d, i * d + d):
            along += theta[e] * x[e]
            length += theta[e] * theta[e]
        if length > 0:
            for e in range(i * d, i * d + d):
                x[e] -= along / length * theta[e]
            x[n * d + i] += along / length * a


@compiled
def multiply(product, setting, at, across, direction, out):
    """Write H · direction to out, for the weights that move; `across` the gauge if so."""
    product(at, setting, direction, out)
    free = setting.free
    for i in range(out.size):
        out[i] *= free[i]
    if across:
        go_across(at.theta, setting, out)


@compiled
def some_direction(theta, setting, out):
    """Write a direction to out: across the gauge, of weights that move, of length 1, and always the same."""
    free = setting.free
    for i in range(out.size):
        out[i] = ((i * GOLDEN) % 1 - 0.5) * free[i]
    go_across(theta, setting, out)
    length = max(math.sqrt(np.dot(out, out)), 1e-300)
    for i in range(out.size):
        out[i] /= length


@compiled(SOLVE)
def solve(product, setting, at, shift, across, right, tolerance, counts, out):
    """Solve (H + shift) out = right by conjugate gradients, until the residual's norm is at most `tolerance`.

    Returns SUCCEEDED; NOT_POSITIVE as soon as a direction of non-positive curvature shows that H + shift is not
    positive definite; TOO_LONG after too many products. `right` must lie across the gauge if `across` is set. What
    rounding leaves of it along the gauge would grow like the sum of the inverse Ritz values: it is taken from `out`.
    """
    residual, direction, image = right.copy(), right.copy(), np.empty(right.size)
    for i in range(out.size):
        out[i] = 0.0
    before = np.dot(residual, residual)
    for _ in range(MOST_PRODUCTS):
        if before <= tolerance * tolerance:
            if across:
                go_across(at.theta, setting, out)
            return SUCCEEDED
        multiply(product, setting, at, across, direction, image)
        counts[1] += 1
        bend = length = after = 0.0
        for i in range(out.size):
            image[i] += shift * direction[i]
            bend += direction[i] * image[i]
            length += direction[i] * direction[i]
        if not bend > 1e-14 * length:
            return NOT_POSITIVE
        step = before / bend
        for i in range(out.size):
            out[i] += step * direction[i]
            residual[i] -= step * image[i]
            after += residual[i] * residual[i]
        for i in range(out.size):
            direction[i] = residual[i] + after / before * direction[i]
        before = after
    return TOO_LONG


@compiled
def spectral_radius(problem, theta, vector, iterations, counts):
    """Estimate the largest |eigenvalue| of the Hessian by power iteration from `vector`, which is turned to it."""
    at, image, radius = problem.curvature(theta, problem.setting), np.empty(theta.size), 0.0
    counts[1] += iterations
    for _ in range(iterations):
        length = max(math.sqrt(np.dot(vector, vector)), 1e-300)
        for i in range(vector.size):
            vector[i] /= length
        multiply(problem.product, problem.setting, at, False, vector, image)
        radius = math.sqrt(np.dot(image, image))
        for i in range(vector.size):
            vector[i] = image[i]
    return radius


@compiled
def _largest_ritz(alpha, beta, m, out):
    """Return the largest eigenvalue of the m × m tridiagonal matrix of α and β > 0, and write its eigenvector.

    By bisection, as T − x is negative definite for x above it; then by inverse iteration from just above.
    """
    low, high = alpha[0], alpha[0]
    for i in range(m):
        low = max(low, alpha[i])
        high = max(high, alpha[i] + (beta[i - 1] if i > 0 else 0.0) + (beta[i] if i + 1 < m else 0.0))
    high += 1e-15 * abs(high)
    while high - low > 1e-9 * abs(high):
        middle, pivot, above = 0.5 * (low + high), 0.0, True
        for i in range(m):
            pivot = alpha[i] - middle - (beta[i - 1] ** 2 / pivot if i > 0 else 0.0)
            if not pivot < 0:
                above = False
                break
        low, high = (low, middle) if above else (middle, high)
    pivots = np.empty(m)
    for i in range(m):
        out[i] = 1.0
        pivots[i] = alpha[i] - high - (beta[i - 1] ** 2 / pivots[i - 1] if i > 0 else 0.0)
    for _ in range(2):
        length = 0.0
        for i in range(1, m):
            out[i] -= beta[i - 1] / pivots[i - 1] * out[i - 1]
        out[m - 1] /= pivots[m - 1]
        for i in range(m - 2, -1, -1):
            out[i] = (out[i] - beta[i] * out[i + 1]) / pivots[i]
        for i in range(m):
            length += out[i] * out[i]
        for i in range(m):
            out[i] /= math.sqrt(length)
    return 0.5 * (low + high)


@compiled
def smallest_eigenvalue(problem, at, shift, vector, counts):
    """Find the smallest eigenvalue of H across the gauge by Lanczos' method on (H + shift)⁻¹, and its eigenvector.

    Returns whether H + shift is positive definite, and the eigenvalue: an upper bound, good to about 1e-6 of itself
    plus the shift.
    """
    size, image = vector.size, vector.copy()
    basis, along, ritz = np.zeros((_MOST_VECTORS, size)), np.zeros((2, _MOST_VECTORS)), np.empty(_MOST_VECTORS)
    alpha, beta = along[0], along[1]
    some_direction(at.theta, problem.setting, basis[0])
    before = value = 0.0
    for m in range(_MOST_VECTORS):
        if problem.solve(problem.product, problem.setting, at, shift, True, basis[m], 1e-6, counts, image) != SUCCEEDED:
            return False, 0.0
        for _ in range(2):  # twice is enough to be orthogonal to all before
            for j in range(m + 1):
                part = 0.0
                for i in range(size):
                    part += basis[j, i] * image[i]
                for i in range(size):
                    image[i] -= part * basis[j, i]
                if j == m:
                    alpha[m] += part
        length = 0.0
        for i in range(size):
            length += image[i] * image[i]
        beta[m] = math.sqrt(length)
        value = _largest_ritz(alpha, beta, m + 1, ritz)
        if abs(value - before) <= 1e-6 * value or m + 1 == _MOST_VECTORS or beta[m] < 1e-6 * value:
            for i in range(size):
                vector[i] = 0.0
                for j in range(m + 1):
                    vector[i] += ritz[j] * basis[j, i]
            break
        before = value
        for i in range(size):
            basis[m + 1, i] = image[i] / beta[m]
    multiply(problem.product, problem.setting, at, True, vector, image)
    return True, min(1 / value - shift, np.dot(vector, image))  # by the latter, where H + shift is nearly singular


@compiled
def lowest_eigenvalue(problem, theta, counts):
    """Return the smallest eigenvalue where it may be zero or negative, to about 1e-10 or 1e-6 of its size."""
    at, shift, vector = problem.curvature(theta, problem.setting), 1e-4, np.empty(theta.size)
    while shift < 1e100:
        positive, value = smallest_eigenvalue(problem, at, shift, vector, counts)
        if positive:
            return value
        shift *= 10
    return -math.inf
