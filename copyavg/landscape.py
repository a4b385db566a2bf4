"""The loss landscape at infinite data: population loss, gradient and Hessian, exactly, over batches of students.

With input x ~ N(0, I), student f(x) = Σᵢ aᵢ σ(wᵢ·x) and teacher f*(x) = Σⱼ bⱼ σ(vⱼ·x),

    L = E[(f − f*)²] = Σᵢᵢ′ aᵢaᵢ′ G(wᵢ, wᵢ′) − 2 Σᵢⱼ aᵢbⱼ G(wᵢ, vⱼ) + Σⱼⱼ′ bⱼbⱼ′ G(vⱼ, vⱼ′):

a quadratic form in the outgoing weights whose entries G(w, p) are interactions. There is no factor ½.
Student and teacher neurons together, the latter with outgoing weights −bⱼ, are the *partners* p of a
student neuron.
"""

from math import prod
from typing import Any

import array_api_compat
from jaxtyping import Float

from .activations.base import Activation
from .activations.named import get_activation
from .arrays import Array, as_float_arrays, require_broadcast
from .interactions.geometry import order_parameters, pair_geometry
from .interactions.pairs import pair_terms
from .network import Network

MOST_ENTRIES = 10**9  # of the Hessians of a batch: 8 GB
_CHUNK = 4  # students whose Hessian is assembled at a time: more would leave the processor's cache


def loss(student: Network, teacher: Network, activation: str | Activation = "erf") -> Float[Array, "*batch"]:
    """Return the population loss L = E[(f(x) − f*(x))²] over x ~ N(0, I_d); no factor ½.

    Parameters
    ----------
    student : Network
        n neurons in d dimensions, or a batch of such students.
    teacher : Network
        k neurons in the same d dimensions; a batch of teachers broadcasts against the students'.
    activation : str or Activation
        As for `interaction`.

    Returns
    -------
    array, shape (...)
        The loss of every student in the batch.

    Raises
    ------
    ValueError
        If student and teacher differ in input dimension, their batches do not broadcast, or the
        activation is unknown.
    QuadratureError
        If a σ of your own has no closed form and the accuracy that `interaction` promises cannot be had.
    TypeError
        If student and teacher come from different array libraries, or are not networks.

    Notes
    -----
    With a closed form, |error| ≤ 1e-12 × the sum of the absolute terms; otherwise 1e-10 for ‖w‖ ≤ 10.
    A neuron shorter than 1.5e-154 counts as w = 0. There, torch's autograd through `loss` meets the
    kink of ‖w‖ and returns NaN: `gradient` and `hessian` are right.

    Examples
    --------
    >>> from copyavg import orthonormal_teacher
    >>> student = Network([[1.0, 0.0]], [1.0])  # one copy of two teacher neurons leaves E[erf(x/√2)²] = 1/3
    >>> float(round(loss(student, orthonormal_teacher(2)), 12))
    0.333333333333
    """
    xp, activation = _agree(student, teacher, activation)
    partners, c = _partners(xp, student, teacher)
    values = pair_terms(activation, order_parameters(xp, partners, partners), 0).value
    return xp.sum(c * xp.matmul(values, c[..., :, None])[..., 0], axis=-1)


def gradient(student: Network, teacher: Network, activation: str | Activation = "erf") -> Network:
    """Return the gradient of the population loss, as a `Network` of the student's shape.

    With the partners p of a neuron, their outgoing weights c, and ∂G/∂w = own w + cross p,

        ∂L/∂aᵢ = 2 Σ_p c G(wᵢ, p),    ∂L/∂wᵢ = 2aᵢ Σ_p c [own wᵢ + cross p].

    Parameters, errors and conventions are those of `loss`.

    Returns
    -------
    Network
        `.incoming` holds ∂L/∂wᵢ, shape (..., n, d); `.outgoing` holds ∂L/∂aᵢ, shape (..., n).

    Examples
    --------
    >>> from copyavg import orthonormal_teacher
    >>> slope = gradient(Network([[2.0, 0.0]], [1.0]), orthonormal_teacher(2))
    >>> bool(slope.incoming[0, 0] > 0)  # the copy is too long: the loss rises with its norm
    True
    """
    xp, activation = _agree(student, teacher, activation)
    partners, c = _partners(xp, student, teacher)
    terms = pair_terms(activation, order_parameters(xp, student.incoming, partners), 1)
    column = c[..., :, None]
    by_outgoing = 2 * xp.matmul(terms.value, column)[..., 0]
    along = xp.matmul(terms.own, column) * student.incoming + xp.matmul(c[..., None, :] * terms.cross, partners)
    by_incoming = (2 * student.outgoing)[..., None] * along
    return Network.unchecked(by_incoming, by_outgoing)


def hessian(student: Network, teacher: Network, activation: str | Activation = "erf") -> Float[Array, "*batch N N"]:
    """Return the Hessian of the population loss, N × N with N = n(d + 1).

    Rows and columns run over the incoming weights, neuron by neuron, then over the outgoing weights.
    The blocks combine the second derivatives of the interaction that `copyavg.activations` defines.
    Parameters, errors and conventions are those of `loss`; more than 10⁹ entries in all are a `ValueError`.

    Returns
    -------
    array, shape (..., n(d+1), n(d+1))
        Symmetric. At a ReLU neuron with w = 0, where L has a kink, the value is that of σ′(0) = ½.

    Examples
    --------
    >>> import numpy as np
    >>> from copyavg import copy_average, orthonormal_teacher
    >>> curvature = hessian(copy_average((2,)), orthonormal_teacher(2))
    >>> curvature.shape, bool(np.linalg.eigvalsh(curvature)[0] > 0)  # a minimum
    ((3, 3), True)
    """
    xp, activation = _agree(student, teacher, activation)
    partners, c = _partners(xp, student, teacher)
    batch, n, size = c.shape[:-1], student.n, student.n * (student.d + 1)
    if prod(batch) * size**2 > MOST_ENTRIES:
        raise ValueError(
            f"the Hessian has {size} × {size} entries for each of {prod(batch)} students, "
            "and more than 10⁹ are too many; stability has the spectrum at a point of large n and k"
        )
    incoming = xp.reshape(xp.broadcast_to(student.incoming, (*batch, n, student.d)), (-1, n, student.d))
    partners, c = xp.reshape(partners, (-1, *partners.shape[-2:])), xp.reshape(c, (-1, c.shape[-1]))
    result = xp.empty((c.shape[0], size, size), dtype=c.dtype, device=array_api_compat.device(c))
    for start in range(0, c.shape[0], _CHUNK):
        part = slice(start, min(start + _CHUNK, c.shape[0]))
        result[part, ...] = _hessian(xp, activation, incoming[part, ...], partners[part, ...], c[part, ...])
    return xp.reshape(result, (*batch, size, size))


def _hessian(xp: Any, activation: Activation, w: Array, partners: Array, c: Array) -> Float[Array, "chunk N N"]:
    n, d = w.shape[-2:]
    geometry = pair_geometry(xp, w, partners)
    t = pair_terms(activation, geometry.order_parameters, 2)
    t = type(t)(*(xp.broadcast_to(term, geometry.order_parameters.u.shape)[..., None] for term in t))
    students, eye_n, eye_d = slice(0, n), _eye(xp, n, c), _eye(xp, d, c)
    w_hat, p_hat, m = geometry.w_hat[..., :, None, :], geometry.p_hat[..., None, :, :], geometry.across
    both = 2 * c[..., students, None, None] * c[..., None, :, None]  # 2 aᵢ c, shape (…, n, n + k, 1)

    # ∂²/∂wᵢ²: the partners of a neuron add up.
    own = xp.matmul(xp.matrix_transpose(both * t.own_mm * m), m)
    wm = _outer(w_hat[..., 0, :], xp.sum(both * t.own_wm * m, axis=-2))
    own = own + wm + xp.matrix_transpose(wm)
    own = own + xp.sum(both * t.own_ww, axis=-2)[..., None] * _outer(w_hat[..., 0, :], w_hat[..., 0, :])
    own = own + xp.sum(both * t.own, axis=-2)[..., None] * eye_d

    # ∂²/∂wᵢ∂wᵢ′: among the partners, only the students move.
    t_s, both_s, m_s, p_hat = (
        type(t)(*(term[..., students, :] for term in t)),
        both[..., students, :],
        m[..., students, :],
        p_hat[..., students, :],
    )
    m_back = xp.permute_dims(m_s, (0, 2, 1, 3))  # the part of w's direction across each student's
    blocks = _outer(w_hat, both_s * (t_s.cross_wp * p_hat + t_s.cross_wm * m_back))
    blocks += _outer(m_s, both_s * (t_s.cross_mp * p_hat + t_s.cross_mm * m_back))
    blocks += (both_s * t_s.cross)[..., None] * eye_d
    blocks += eye_n[:, :, None, None] * own[..., :, None, :, :]

    # ∂²/∂wᵢ∂aᵢ′: through the slope of the pair, and for i = i′ through the factor aᵢ of the whole gradient.
    slopes = t.own * w[..., :, None, :] + t.cross * partners[..., None, :, :]
    whole = xp.sum(c[..., None, :, None] * slopes, axis=-2)
    by_both = 2 * c[..., students, None, None] * slopes[..., students, :]
    by_both += 2 * eye_n[:, :, None] * whole[..., :, None, :]

    chunk = c.shape[0]
    by_incoming = xp.reshape(xp.permute_dims(blocks, (0, 1, 3, 2, 4)), (chunk, n * d, n * d))
    by_both = xp.reshape(xp.permute_dims(by_both, (0, 1, 3, 2)), (chunk, n * d, n))
    by_outgoing = 2 * t_s.value[..., 0]
    top = xp.concat([by_incoming, by_both], axis=-1)
    return xp.concat([top, xp.concat([xp.matrix_transpose(by_both), by_outgoing], axis=-1)], axis=-2)


def _agree(student: Network, teacher: Network, activation: str | Activation) -> tuple[Any, Activation]:
    """Check that the two networks fit together; return their array namespace and the activation."""
    if not (isinstance(student, Network) and isinstance(teacher, Network)):
        name, given = ("teacher", teacher) if isinstance(student, Network) else ("student", student)
        raise TypeError(f"{name} must be a Network, but was given {type(given).__name__}")
    if student.d != teacher.d:
        raise ValueError(
            f"student and teacher must share an input dimension, but d = {student.d} and d = {teacher.d} were given"
        )
    require_broadcast(**{"student's batch": student.batch_shape, "teacher's batch": teacher.batch_shape})
    if type(student.incoming) is not type(teacher.incoming):
        as_float_arrays(student=student.incoming, teacher=teacher.incoming)  # says what was mixed
    return array_api_compat.array_namespace(student.incoming), get_activation(activation)


def _partners(
    xp: Any, student: Network, teacher: Network
) -> tuple[Float[Array, "*batch partners d"], Float[Array, "*batch partners"]]:
    """Student and teacher neurons in one list, and their outgoing weights a and −b."""
    w, v, a, b = student.incoming, teacher.incoming, student.outgoing, -teacher.outgoing
    if student.batch_shape != teacher.batch_shape:
        batch = xp.broadcast_arrays(a[..., 0], b[..., 0])[0].shape
        w, v = xp.broadcast_to(w, (*batch, *w.shape[-2:])), xp.broadcast_to(v, (*batch, *v.shape[-2:]))
        a, b = xp.broadcast_to(a, (*batch, a.shape[-1])), xp.broadcast_to(b, (*batch, b.shape[-1]))
    return xp.concat([w, v], axis=-2), xp.concat([a, b], axis=-1)


def _eye(xp: Any, rows: int, like: Array, columns: int | None = None) -> Array:
    return xp.eye(rows, columns, dtype=like.dtype, device=array_api_compat.device(like))


def _outer(x: Array, y: Array) -> Array:
    return x[..., :, None] * y[..., None, :]
