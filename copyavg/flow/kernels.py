"""The population loss of one erf student, compiled: gradient, Hessian-vector product, and solves with the Hessian.

What the flow runs on. The teacher is unit-orthonormal and stands on the axes, vₑ = the e-th unit vector for e < k, so
that its overlaps with the student are the student's own weights. The student is one vector θ of N = n(d+1) numbers:
incoming weights row by row, then outgoing weights, as in `hessian`. With

    sᵢ = 1/√(1+‖wᵢ‖²),   xᵢⱼ = sᵢsⱼ wᵢ·wⱼ,   yᵢₑ = sᵢ wᵢₑ/√2,
    L = k/3 + (2/π) [Σᵢⱼ aᵢaⱼ arcsin xᵢⱼ − 2 Σᵢₑ aᵢ arcsin yᵢₑ]

a gradient is two products of n × n and n × d matrices, a Hessian-vector product three, and no Hessian is ever written
out. `landscape` is the reference, to which tests hold these loops at 1e-13 of scale; it takes any activation, any
teacher and norms up to 1e60, where these lose accuracy above norms of about 100, with 1 − xᵢⱼ².
"""

import math
from typing import NamedTuple

import numpy as np

from .compiled import compiled

SUCCEEDED, NOT_POSITIVE, TOO_LONG = 0, 1, 2  # how a conjugate-gradient solve ends
_FOUR_OVER_PI = 4 / math.pi
_HALF = math.sqrt(0.5)
_BLAS_PAYS = 700  # n·d above which a call of BLAS is quicker than the loops here

# arcsin x = x + x³ P(x²) for |x| ≤ ½: P interpolated at the Chebyshev points of [0, ¼]. A test asks mpmath.
_ARCSIN = (
    0.16666666666666669, 0.07499999999998433, 0.04464285714635543, 0.030381944138531247, 0.02237217294214989,
    0.017352392720869973, 0.013971212973552933, 0.011479177415184906, 0.01032281435018578, 0.005457506718640358,
    0.01740087944269402, -0.014851887071247204, 0.028757851367421566,
)  # fmt: skip


@compiled
def arcsin(x):
    """Return arcsin x to two units in the last place, without branches, so that loops over it use vector registers."""
    size = abs(x)
    large = size > 0.5
    z = 0.5 * (1 - size) if large else size * size  # arcsin x = π/2 − 2 arcsin √((1−x)/2)
    y = math.sqrt(z) if large else size
    p = _ARCSIN[12]
    p = p * z + _ARCSIN[11]
    p = p * z + _ARCSIN[10]
    p = p * z + _ARCSIN[9]
    p = p * z + _ARCSIN[8]
    p = p * z + _ARCSIN[7]
    p = p * z + _ARCSIN[6]
    p = p * z + _ARCSIN[5]
    p = p * z + _ARCSIN[4]
    p = p * z + _ARCSIN[3]
    p = p * z + _ARCSIN[2]
    p = p * z + _ARCSIN[1]
    p = p * z + _ARCSIN[0]
    y += y * z * p
    return math.copysign(math.pi / 2 - 2 * y if large else y, x)


@compiled
def _overlaps(left, right, out):
    """Write left rightᵀ to out, for matrices with d columns: two columns of out at a time."""
    n, d = left.shape
    if n * d > _BLAS_PAYS:
        np.dot(left, right.T, out)
        return
    for i in range(n):
        for j in range(0, n - 1, 2):
            total = next_total = 0.0
            for e in range(d):
                total += left[i, e] * right[j, e]
                next_total += left[i, e] * right[j + 1, e]
            out[i, j], out[i, j + 1] = total, next_total
        if n % 2 == 1:
            total = 0.0
            for e in range(d):
                total += left[i, e] * right[n - 1, e]
            out[i, n - 1] = total


@compiled
def _overlaps_below(rows, out):
    """Write rows rowsᵀ to out, as far as it stands below the diagonal."""
    n, d = rows.shape
    if n * d > _BLAS_PAYS:
        np.dot(rows, rows.T, out)
        return
    for i in range(n):
        for j in range(i):
            total = 0.0
            for e in range(d):
                total += rows[i, e] * rows[j, e]
            out[i, j] = total


@compiled
def _product(matrix, rows, out):
    """Write matrix rows to out, for matrices with d columns: four rows at a time, so that out is read less often."""
    n, d = out.shape
    if n * d > _BLAS_PAYS:
        np.dot(matrix, rows, out)
        return
    m = rows.shape[0]
    for i in range(n):
        if m < 4:
            for e in range(d):
                out[i, e] = 0.0
        else:
            f, g, p, q = matrix[i, 0], matrix[i, 1], matrix[i, 2], matrix[i, 3]
            for e in range(d):
                out[i, e] = f * rows[0, e] + g * rows[1, e] + p * rows[2, e] + q * rows[3, e]
        for j in range(4, m - 3, 4):
            f, g, p, q = matrix[i, j], matrix[i, j + 1], matrix[i, j + 2], matrix[i, j + 3]
            for e in range(d):
                out[i, e] += f * rows[j, e] + g * rows[j + 1, e] + p * rows[j + 2, e] + q * rows[j + 3, e]
        for j in range(m - m % 4, m):
            factor = matrix[i, j]
            for e in range(d):
                out[i, e] += factor * rows[j, e]


@compiled
def _shrink(incoming, s, out):
    """Write s and the shrunken weights ŵᵢ = sᵢwᵢ, which are shorter than 1; their overlaps are the xᵢⱼ."""
    n, d = incoming.shape
    for i in range(n):
        square = 1.0
        for e in range(d):
            square += incoming[i, e] * incoming[i, e]
        s[i] = 1 / math.sqrt(square)
        for e in range(d):
            out[i, e] = s[i] * incoming[i, e]


@compiled
def gradient(theta, n, k, out):
    """Write ∂L/∂θ to out and return L.

    ∂L/∂wᵢ = sᵢ [Σⱼ (Dᵢⱼ − δᵢⱼqᵢ) ŵⱼ + Σₑ Eᵢₑ/√2 vₑ],   ∂L/∂aᵢ = (4/π) [Σⱼ aⱼ arcsin xᵢⱼ − Σₑ arcsin yᵢₑ],
    Dᵢⱼ = (4/π) aᵢaⱼ/√(1−xᵢⱼ²),   Eᵢₑ = −(4/π) aᵢ/√(1−yᵢₑ²),   qᵢ = Σⱼ Dᵢⱼxᵢⱼ + Σₑ Eᵢₑyᵢₑ.

    θ and out have shape (N,), float64; nothing is checked.
    """
    d = theta.size // n - 1
    incoming, a = theta[: n * d].reshape(n, d), theta[n * d :]
    by_incoming, by_outgoing = out[: n * d].reshape(n, d), out[n * d :]
    shrunken, taught, matrix, s, q = np.empty((n, d)), np.empty((2, n * d)), np.empty((n, n)), np.empty(n), np.zeros(n)
    flat, fall, arcs = shrunken.reshape(n * d), taught[0], taught[1]
    _shrink(incoming, s, shrunken)
    _overlaps_below(shrunken, matrix)
    for m in range(n * d):  # the d − k coordinates in which there is no teacher, too, as one long loop is quicker
        y = _HALF * flat[m]
        fall[m] = 1 / math.sqrt(1 - y * y)
        arcs[m] = arcsin(y)
    value = k / 3
    for i in range(n):
        factor = _FOUR_OVER_PI * a[i]
        pulled = shared = learnt = 0.0
        for j in range(i):
            x = matrix[i, j]
            pull = factor * a[j] / math.sqrt((1 - x) * (1 + x))
            matrix[i, j] = pull
            pulled += pull * x
            q[j] += pull * x
            arc = arcsin(x)
            shared += a[j] * arc
            by_outgoing[j] += factor * arc
        x = 1 - s[i] * s[i]
        pull = factor * a[i] / (s[i] * math.sqrt(1 + x))
        alone = a[i] * arcsin(x)
        turned = 0.0
        for e in range(k):
            turned += fall[i * d + e] * shrunken[i, e]
            learnt += arcs[i * d + e]
        pulled -= _HALF * factor * turned
        matrix[i, i] = pull
        q[i] += pulled + pull * x
        by_outgoing[i] = _FOUR_OVER_PI * (shared + alone - learnt)
        value += factor * (shared + 0.5 * alone - learnt)
    for i in range(n):
        matrix[i, i] -= q[i]
        for j in range(i):
            matrix[j, i] = matrix[i, j]
    _product(matrix, shrunken, by_incoming)
    for i in range(n):
        factor = -_FOUR_OVER_PI * _HALF * a[i]
        for e in range(k):
            by_incoming[i, e] += factor * fall[i * d + e]
        for e in range(d):
            by_incoming[i, e] *= s[i]
    return value


X, RISE, BEND, ARCS = range(4)  # of pairs: x, (4/π)/√(1−x²), x/(1−x²), (4/π) arcsin x
Y, FALL, BOW = range(3)  # of taught: y, −(4/π)/√(1−y²), y/(1−y²)


class Curvature(NamedTuple):
    """What a Hessian-vector product needs to know of the point θ, worked out once for many directions.

    Kept in few arrays: the compiler vectorises a loop only if it can tell the arrays in it apart.
    """

    outgoing: np.ndarray  # (n,)
    s: np.ndarray  # (n,)
    q: np.ndarray  # (n,)
    pairs: np.ndarray  # (4, n, n)
    taught: np.ndarray  # (3, n, k)
    matrices: np.ndarray  # (n, 2n): D − diag q, and room for its change
    rows: np.ndarray  # (2n, d): room for the direction sᵢUᵢ, and the shrunken weights ŵᵢ
    crossed: np.ndarray  # (n, n): room for the overlaps of these two


@compiled
def curvature(theta, n, k):
    """Return what `hessian_product` needs to know of the point θ."""
    d = theta.size // n - 1
    a, s, q, rows = theta[n * d :].copy(), np.empty(n), np.empty(n), np.empty((2 * n, d))
    pairs, taught, matrices = np.empty((4, n, n)), np.empty((3, n, k)), np.empty((n, 2 * n))
    shrunken = rows[n:]
    _shrink(theta[: n * d].reshape(n, d), s, shrunken)
    _overlaps_below(shrunken, pairs[X])
    for i in range(n):
        for j in range(i):
            x = pairs[X, i, j]
            rise = 1 / math.sqrt((1 - x) * (1 + x))
            pairs[RISE, i, j] = _FOUR_OVER_PI * rise
            pairs[BEND, i, j] = x * rise * rise
            pairs[ARCS, i, j] = _FOUR_OVER_PI * arcsin(x)
        x = 1 - s[i] * s[i]
        rise = 1 / (s[i] * math.sqrt(1 + x))
        pairs[X, i, i], pairs[RISE, i, i] = x, _FOUR_OVER_PI * rise
        pairs[BEND, i, i], pairs[ARCS, i, i] = x * rise * rise, _FOUR_OVER_PI * arcsin(x)
        for e in range(k):
            y = _HALF * shrunken[i, e]
            fall = 1 / math.sqrt(1 - y * y)
            taught[Y, i, e] = y
            taught[FALL, i, e] = -_FOUR_OVER_PI * fall
            taught[BOW, i, e] = y * fall * fall
    for quantity in range(4):
        for i in range(n):
            for j in range(i + 1, n):
                pairs[quantity, i, j] = pairs[quantity, j, i]
    for i in range(n):
        pulled = 0.0
        for j in range(n):
            matrices[i, j] = a[i] * a[j] * pairs[RISE, i, j]
            pulled += matrices[i, j] * pairs[X, i, j]
        for e in range(k):
            pulled += a[i] * taught[FALL, i, e] * taught[Y, i, e]
        q[i] = pulled
        matrices[i, i] -= pulled
    return Curvature(a, s, q, pairs, taught, matrices, rows, np.empty((n, n)))


@compiled
def hessian_product(at, direction, out):
    """Write H(θ) (U, α) to out: the derivative of every line of the gradient's formula along (U, α).

    pᵢ = ŵᵢ·sᵢUᵢ,   dxᵢⱼ = sᵢUᵢ·ŵⱼ + ŵᵢ·sⱼUⱼ − xᵢⱼ(pᵢ+pⱼ),   dyᵢₑ = sᵢUᵢₑ/√2 − yᵢₑpᵢ,
    dDᵢⱼ = (4/π)(αᵢaⱼ + aᵢαⱼ)/√(1−xᵢⱼ²) + Dᵢⱼxᵢⱼ dxᵢⱼ/(1−xᵢⱼ²),   and so for E,
    (HU)ᵢ = sᵢ Σⱼ [(Dᵢⱼ − δᵢⱼqᵢ) sⱼUⱼ + (dDᵢⱼ − Dᵢⱼ(pᵢ+pⱼ) − δᵢⱼ(dqᵢ − 2qᵢpᵢ)) ŵⱼ] + sᵢ Σₑ (dEᵢₑ − Eᵢₑpᵢ)/√2 vₑ.

    Direction and out have shape (N,), float64; nothing is checked.
    """
    n, d = at.rows.shape[0] // 2, at.rows.shape[1]
    k = at.taught.shape[2]
    turned, alpha = direction[: n * d].reshape(n, d), direction[n * d :]
    by_incoming, by_outgoing = out[: n * d].reshape(n, d), out[n * d :]
    a, s, pairs, taught, matrices, rows, crossed = (
        at.outgoing, at.s, at.pairs, at.taught, at.matrices, at.rows, at.crossed
    )  # fmt: skip
    for i in range(n):
        for e in range(d):
            rows[i, e] = s[i] * turned[i, e]
    _overlaps(rows[:n], rows[n:], crossed)
    p = np.empty(n)
    for i in range(n):
        p[i] = crossed[i, i]
    for i in range(n):
        turn = fed = 0.0
        for j in range(n):
            x, rise, both = pairs[X, i, j], pairs[RISE, i, j], p[i] + p[j]
            dx = crossed[i, j] + crossed[j, i] - x * both
            gain = a[j] * (alpha[i] + a[i] * pairs[BEND, i, j] * dx) + a[i] * alpha[j]  # dD over RISE
            matrices[i, n + j] = rise * (gain - a[i] * a[j] * both)
            turn += rise * (gain * x + a[i] * a[j] * dx)
            fed += rise * a[j] * dx + pairs[ARCS, i, j] * alpha[j]
        for e in range(k):
            y, fall = taught[Y, i, e], taught[FALL, i, e]
            dy = _HALF * rows[i, e] - y * p[i]
            gain = alpha[i] + a[i] * taught[BOW, i, e] * dy  # dE over FALL
            turn += fall * (gain * y + a[i] * dy)
            fed += fall * dy
        by_outgoing[i] = fed
        matrices[i, n + i] -= turn - 2 * at.q[i] * p[i]
    _product(matrices, rows, by_incoming)
    for i in range(n):
        for e in range(k):
            dy = _HALF * rows[i, e] - taught[Y, i, e] * p[i]
            gain = alpha[i] + a[i] * (taught[BOW, i, e] * dy - p[i])
            by_incoming[i, e] += _HALF * taught[FALL, i, e] * gain
        for e in range(d):
            by_incoming[i, e] *= s[i]


@compiled
def solve(at, shift, right, tolerance, most, out):
    """Solve (H + shift) out = right by conjugate gradients, until the residual's norm is at most `tolerance`.

    Returns SUCCEEDED; NOT_POSITIVE as soon as a direction of non-positive curvature shows that H + shift is not
    positive definite; TOO_LONG after `most` products. Also returns the number of products.
    """
    residual, direction, image = right.copy(), right.copy(), np.empty(right.size)
    out[:] = 0.0
    before = np.dot(residual, residual)
    for product in range(most):
        if before <= tolerance * tolerance:
            return SUCCEEDED, product
        hessian_product(at, direction, image)
        bend = length = after = 0.0
        for i in range(out.size):
            image[i] += shift * direction[i]
            bend += direction[i] * image[i]
            length += direction[i] * direction[i]
        if not bend > 1e-14 * length:
            return NOT_POSITIVE, product + 1
        step = before / bend
        for i in range(out.size):
            out[i] += step * direction[i]
            residual[i] -= step * image[i]
            after += residual[i] * residual[i]
        for i in range(out.size):
            direction[i] = residual[i] + after / before * direction[i]
        before = after
    return TOO_LONG, most
