"""The field of any activation and any teacher, from what `rows` know of pairs of neurons; no Hessian is written out.

With the partners p of a neuron, their outgoing weights c (aⱼ of students, −bₑ of the teacher's), and G, its first
derivatives `CROSS` and `OWN` of `rows`,

    L = E[f*²] + Σᵢ aᵢ Σ_p c G(wᵢ, p)   (each pair of students once from either side, the teacher's twice),
    ∂L/∂aᵢ = 2 Σ_p c G,    ∂L/∂wᵢ = 2aᵢ Σ_p c [OWN wᵢ + CROSS p].

A Hessian-vector product is the derivative of these lines along the direction (U, α), with dqᵢ = 2wᵢ·Uᵢ and
d(w·p) = U·p + w·U_p: three products of matrices of n rows, and two with the teacher's vectors. Those with the teacher
are nothing but copies where it stands on the axes. `landscape` is the reference.
"""

import numpy as np

from .compiled import compiled
from .field import CURVATURE, GRADIENT, PRODUCT, make_point
from .loops import overlaps, overlaps_below, product
from .rows import (
    ALL_TERMS,
    CC,
    CROSS,
    OWN,
    OWN_C,
    OWN_OWN,
    RESOLVED,
    TERMS,
    THEIR,
    THEIR_C,
    THEIR_THEIR,
    VALUE,
)


@compiled
def _with_teacher(rows, setting, out):
    """Write rows · vₑ to out, of shape (n, k)."""
    if setting.on_axes:
        for i in range(out.shape[0]):
            for e in range(out.shape[1]):
                out[i, e] = rows[i, e]
    else:
        overlaps(rows, setting.teacher, out)


@compiled
def _add_teacher(matrix, setting, out):
    """Add Σₑ matrixᵢₑ vₑ to out, of shape (n, d)."""
    teacher = setting.teacher
    if setting.on_axes:
        for i in range(matrix.shape[0]):
            for e in range(matrix.shape[1]):
                out[i, e] += matrix[i, e]
    else:
        for i in range(matrix.shape[0]):
            for e in range(matrix.shape[1]):
                for f in range(out.shape[1]):
                    out[i, f] += matrix[i, e] * teacher[e, f]


@compiled
def _pairs_of(i, k, q, taught, shared, overlap):
    """Write the overlaps of neuron i: with the teacher, with the neurons before it, and with itself."""
    for e in range(k):
        overlap[e] = taught[i, e]
    for j in range(i):
        overlap[k + j] = shared[i, j]
    overlap[k + i] = q[k + i]


@compiled
def _squares(incoming, setting):
    """Return ‖v‖² of the teacher's neurons, and then ‖w‖² of the student's, with what σ needs to know of the latter."""
    n, d = incoming.shape
    squares = setting.squares
    k = squares.size
    q = np.empty(k + n)
    for e in range(k):
        q[e] = squares[e]
    for i in range(n):
        square = 0.0
        for e in range(d):
            square += incoming[i, e] * incoming[i, e]
        q[k + i] = square
    setting.prepare(k, q, setting.constants, setting.table)
    return q


@compiled(GRADIENT)
def gradient(theta, setting, out):
    """Write ∂L/∂θ to out and return L, which is NaN if a pair could not be resolved."""
    n, k = setting.n, setting.teacher.shape[0]
    d = theta.size // n - 1
    incoming, a, b = theta[: n * d].reshape(n, d), theta[n * d :], setting.outgoing
    by_incoming, by_outgoing = out[: n * d].reshape(n, d), out[n * d :]
    q, taught, shared = _squares(incoming, setting), np.empty((n, k)), np.empty((n, n))
    terms, overlap = np.empty((TERMS, k + n)), np.empty(k + n)
    _with_teacher(incoming, setting, taught)
    overlaps_below(incoming, shared)
    value = setting.alone
    for i in range(n):
        by_outgoing[i] = shared[i, i] = 0.0
    for i in range(n):
        _pairs_of(i, k, q, taught, shared, overlap)
        if setting.row(k + i + 1, q, overlap, setting.constants, setting.table, False, terms) != RESOLVED:
            value = np.nan
        learnt = own = 0.0
        for e in range(k):
            learnt += b[e] * terms[VALUE, e]
            own -= b[e] * terms[OWN, e]
            taught[i, e] = -2 * a[i] * b[e] * terms[CROSS, e]
        among = 0.0
        for j in range(i):
            among += a[j] * terms[VALUE, k + j]
            own += a[j] * terms[OWN, k + j]
            by_outgoing[j] += 2 * a[i] * terms[VALUE, k + j]
            pull = 2 * a[i] * a[j]
            shared[i, j] = shared[j, i] = pull * terms[CROSS, k + j]
            shared[j, j] += pull * terms[THEIR, k + j]
        alone = a[i] * terms[VALUE, k + i]
        shared[i, i] += 2 * a[i] * (own + a[i] * terms[OWN, k + i])
        by_outgoing[i] += 2 * (alone + among - learnt)
        value += a[i] * (alone + 2 * (among - learnt))
    product(shared, incoming, by_incoming)
    _add_teacher(taught, setting, by_incoming)
    return value


@compiled(CURVATURE)
def curvature(theta, setting):
    """Return what `hessian_product` needs to know of the point θ: all derivatives of all pairs.

    `pairs` hold the terms of (wᵢ, wⱼ) at [i, j], THEIR being OWN of [j, i]; `taught` those of (wᵢ, vₑ) times −bₑ. Of
    neurons stand, in this order, Σ_p c OWN + aᵢF′, F, F′ and F″. `matrices` hold 2aᵢaⱼ CROSS and, on the diagonal, 2aᵢ
    times the first of these; and room for its change. `rows` hold the direction and then the incoming weights.
    """
    n, k = setting.n, setting.teacher.shape[0]
    d = theta.size // n - 1
    theta, rows = theta.copy(), np.empty((2 * n, d))
    incoming, a, b = theta[: n * d].reshape(n, d), theta[n * d :], setting.outgoing
    for i in range(n):
        for e in range(d):
            rows[n + i, e] = incoming[i, e]
    neurons, pairs, taught = np.zeros((4, n)), np.zeros((6, n, n)), np.empty((6, n, k))
    matrices, crossed = np.zeros((n, 2 * n)), np.empty((n, n))
    q, with_teacher = _squares(incoming, setting), np.empty((n, k))
    terms, overlap = np.empty((ALL_TERMS, k + n)), np.empty(k + n)
    _with_teacher(incoming, setting, with_teacher)
    overlaps_below(incoming, crossed)
    for i in range(n):
        _pairs_of(i, k, q, with_teacher, crossed, overlap)
        setting.row(k + i + 1, q, overlap, setting.constants, setting.table, True, terms)
        for e in range(k):
            taught[0, i, e] = -b[e] * terms[VALUE, e]
            taught[1, i, e] = -b[e] * terms[CROSS, e]
            taught[2, i, e] = -b[e] * terms[OWN, e]
            taught[3, i, e] = -b[e] * terms[CC, e]
            taught[4, i, e] = -b[e] * terms[OWN_C, e]
            taught[5, i, e] = -b[e] * terms[OWN_OWN, e]
            neurons[0, i] += taught[2, i, e]
        for j in range(i):
            pairs[0, i, j] = pairs[0, j, i] = terms[VALUE, k + j]
            pairs[1, i, j] = pairs[1, j, i] = terms[CROSS, k + j]
            pairs[2, i, j], pairs[2, j, i] = terms[OWN, k + j], terms[THEIR, k + j]
            pairs[3, i, j] = pairs[3, j, i] = terms[CC, k + j]
            pairs[4, i, j], pairs[4, j, i] = terms[OWN_C, k + j], terms[THEIR_C, k + j]
            pairs[5, i, j], pairs[5, j, i] = terms[OWN_OWN, k + j], terms[THEIR_THEIR, k + j]
            neurons[0, i] += a[j] * terms[OWN, k + j]
            neurons[0, j] += a[i] * terms[THEIR, k + j]
            matrices[i, j] = matrices[j, i] = 2 * a[i] * a[j] * terms[CROSS, k + j]
        neurons[0, i] += a[i] * terms[OWN, k + i]
        neurons[1, i], neurons[2, i], neurons[3, i] = terms[VALUE, k + i], terms[OWN, k + i], terms[OWN_OWN, k + i]
    for i in range(n):
        matrices[i, i] = 2 * a[i] * neurons[0, i]
    return make_point(theta, neurons, pairs, taught, matrices, rows, crossed)


@compiled(PRODUCT)
def hessian_product(at, setting, direction, out):
    """Write H(θ) (U, α) to out: the derivative of every line of the gradient along (U, α).

    dG = CROSS dc + ½ OWN dq₁ + ½ THEIR dq₂,      d CROSS = CC dc + ½ OWN_C dq₁ + ½ THEIR_C dq₂,
    d OWN = OWN_C dc + OWN_OWN dq₁ + ½ CC dq₂.
    """
    n, k, d = setting.n, setting.teacher.shape[0], at.rows.shape[1]
    turned, alpha = direction[: n * d].reshape(n, d), direction[n * d :]
    by_incoming, by_outgoing = out[: n * d].reshape(n, d), out[n * d :]
    a, neurons, pairs, taught = at.theta[n * d :], at.neurons, at.pairs, at.taught
    matrices, rows, crossed = at.matrices, at.rows, at.crossed
    for i in range(n):
        for e in range(d):
            rows[i, e] = turned[i, e]
    overlaps(turned, rows[n:], crossed)
    push, pulled = np.empty(n), np.empty((n, k))  # pushed: dqᵢ; pulled: the overlaps of U with the teacher
    _with_teacher(turned, setting, pulled)
    for i in range(n):
        push[i] = 2 * crossed[i, i]
    for i in range(n):
        fed = change = 0.0
        for e in range(k):
            dc = pulled[i, e]
            fed += taught[1, i, e] * dc + 0.5 * taught[2, i, e] * push[i]
            change += taught[4, i, e] * dc + taught[5, i, e] * push[i]
            turn = taught[3, i, e] * dc + 0.5 * taught[4, i, e] * push[i]
            pulled[i, e] = 2 * (alpha[i] * taught[1, i, e] + a[i] * turn)
        for j in range(n):
            if j != i:
                dc = crossed[i, j] + crossed[j, i]
                fed += alpha[j] * pairs[0, i, j]
                fed += a[j] * (pairs[1, i, j] * dc + 0.5 * (pairs[2, i, j] * push[i] + pairs[2, j, i] * push[j]))
                turn = pairs[3, i, j] * dc + 0.5 * (pairs[4, i, j] * push[i] + pairs[4, j, i] * push[j])
                change += alpha[j] * pairs[2, i, j]
                change += a[j] * (pairs[4, i, j] * dc + pairs[5, i, j] * push[i] + 0.5 * pairs[3, i, j] * push[j])
                matrices[i, n + j] = 2 * ((alpha[i] * a[j] + a[i] * alpha[j]) * pairs[1, i, j] + a[i] * a[j] * turn)
        fed += alpha[i] * neurons[1, i] + a[i] * neurons[2, i] * push[i]
        change += alpha[i] * neurons[2, i] + a[i] * neurons[3, i] * push[i]
        by_outgoing[i] = 2 * fed
        matrices[i, n + i] = 2 * (alpha[i] * neurons[0, i] + a[i] * change)
    product(matrices, rows, by_incoming)
    _add_teacher(pulled, setting, by_incoming)
