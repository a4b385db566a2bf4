"""The field of erf before a unit-orthonormal teacher of unit outgoing weights on the axes, in three matrix products.

vₑ is the e-th unit vector for e < k, so that the teacher's overlaps with the student are the student's own weights.
With

    sᵢ = 1/√(1+‖wᵢ‖²),   xᵢⱼ = sᵢsⱼ wᵢ·wⱼ,   yᵢₑ = sᵢ wᵢₑ/√2,
    L = k/3 + (2/π) [Σᵢⱼ aᵢaⱼ arcsin xᵢⱼ − 2 Σᵢₑ aᵢ arcsin yᵢₑ]

a gradient is two products of n × n and n × d matrices, a Hessian-vector product three, and no Hessian is ever written
out. `landscape` is the reference, to which tests hold these loops at 1e-13 of scale; it takes any activation, any
teacher and norms up to 1e60, where these lose accuracy above norms of about 100, with 1 − xᵢⱼ².
"""

import math

import numpy as np

from .compiled import compiled
from .field import CURVATURE, GRADIENT, PRODUCT, make_point
from .loops import arcsin, overlaps, overlaps_below, product

_FOUR_OVER_PI = 4 / math.pi
_HALF = math.sqrt(0.5)


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


@compiled(GRADIENT)
def gradient(theta, setting, out):
    """Write ∂L/∂θ to out and return L.

    ∂L/∂wᵢ = sᵢ [Σⱼ (Dᵢⱼ − δᵢⱼqᵢ) ŵⱼ + Σₑ Eᵢₑ/√2 vₑ],   ∂L/∂aᵢ = (4/π) [Σⱼ aⱼ arcsin xᵢⱼ − Σₑ arcsin yᵢₑ],
    Dᵢⱼ = (4/π) aᵢaⱼ/√(1−xᵢⱼ²),   Eᵢₑ = −(4/π) aᵢ/√(1−yᵢₑ²),   qᵢ = Σⱼ Dᵢⱼxᵢⱼ + Σₑ Eᵢₑyᵢₑ.

    θ and out have shape (N,), float64; nothing is checked.
    """
    n, k = setting.n, setting.teacher.shape[0]
    d = theta.size // n - 1
    incoming, a = theta[: n * d].reshape(n, d), theta[n * d :]
    by_incoming, by_outgoing = out[: n * d].reshape(n, d), out[n * d :]
    shrunken, taught, matrix, s, q = np.empty((n, d)), np.empty((2, n * d)), np.empty((n, n)), np.empty(n), np.zeros(n)
    flat, fall, arcs = shrunken.reshape(n * d), taught[0], taught[1]
    _shrink(incoming, s, shrunken)
    overlaps_below(shrunken, matrix)
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
    product(matrix, shrunken, by_incoming)
    for i in range(n):
        factor = -_FOUR_OVER_PI * _HALF * a[i]
        for e in range(k):
            by_incoming[i, e] += factor * fall[i * d + e]
        for e in range(d):
            by_incoming[i, e] *= s[i]
    return value


S, Q = range(2)  # of neurons
X, RISE, BEND, ARCS = range(4)  # of pairs: x, (4/π)/√(1−x²), x/(1−x²), (4/π) arcsin x
Y, FALL, BOW = range(3)  # of taught: y, −(4/π)/√(1−y²), y/(1−y²)


@compiled(CURVATURE)
def curvature(theta, setting):
    """Return what `hessian_product` needs to know of the point θ.

    `matrices` hold D − diag q, and room for its change; `rows` room for the direction sᵢUᵢ, and the shrunken weights
    ŵᵢ; `crossed` room for the overlaps of these two.
    """
    n, k = setting.n, setting.teacher.shape[0]
    d = theta.size // n - 1
    theta, neurons, rows = theta.copy(), np.empty((2, n)), np.empty((2 * n, d))
    a, s, q = theta[n * d :], neurons[S], neurons[Q]
    pairs, taught, matrices = np.empty((4, n, n)), np.empty((3, n, k)), np.empty((n, 2 * n))
    shrunken = rows[n:]
    _shrink(theta[: n * d].reshape(n, d), s, shrunken)
    overlaps_below(shrunken, pairs[X])
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
    return make_point(theta, neurons, pairs, taught, matrices, rows, np.empty((n, n)))


@compiled(PRODUCT)
def hessian_product(at, setting, direction, out):
    """Write H(θ) (U, α) to out: the derivative of every line of the gradient's formula along (U, α).

    pᵢ = ŵᵢ·sᵢUᵢ,   dxᵢⱼ = sᵢUᵢ·ŵⱼ + ŵᵢ·sⱼUⱼ − xᵢⱼ(pᵢ+pⱼ),   dyᵢₑ = sᵢUᵢₑ/√2 − yᵢₑpᵢ,
    dDᵢⱼ = (4/π)(αᵢaⱼ + aᵢαⱼ)/√(1−xᵢⱼ²) + Dᵢⱼxᵢⱼ dxᵢⱼ/(1−xᵢⱼ²),   and so for E,
    (HU)ᵢ = sᵢ Σⱼ [(Dᵢⱼ − δᵢⱼqᵢ) sⱼUⱼ + (dDᵢⱼ − Dᵢⱼ(pᵢ+pⱼ) − δᵢⱼ(dqᵢ − 2qᵢpᵢ)) ŵⱼ] + sᵢ Σₑ (dEᵢₑ − Eᵢₑpᵢ)/√2 vₑ.

    Direction and out have shape (N,), float64; nothing is checked.
    """
    n, d, k = setting.n, at.rows.shape[1], at.taught.shape[2]
    turned, alpha = direction[: n * d].reshape(n, d), direction[n * d :]
    by_incoming, by_outgoing = out[: n * d].reshape(n, d), out[n * d :]
    a, s, q = at.theta[n * d :], at.neurons[S], at.neurons[Q]
    pairs, taught, matrices, rows, crossed = at.pairs, at.taught, at.matrices, at.rows, at.crossed
    for i in range(n):
        for e in range(d):
            rows[i, e] = s[i] * turned[i, e]
    overlaps(rows[:n], rows[n:], crossed)
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
        matrices[i, n + i] -= turn - 2 * q[i] * p[i]
    product(matrices, rows, by_incoming)
    for i in range(n):
        for e in range(k):
            dy = _HALF * rows[i, e] - taught[Y, i, e] * p[i]
            gain = alpha[i] + a[i] * (taught[BOW, i, e] * dy - p[i])
            by_incoming[i, e] += _HALF * taught[FALL, i, e] * gain
        for e in range(d):
            by_incoming[i, e] *= s[i]
