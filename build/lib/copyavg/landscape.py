"""The loss landscape at infinite data: population loss and gradient, exactly, over batches of students.

With input x ~ N(0, I), student f(x) = Σᵢ aᵢ σ(wᵢ·x) and teacher f*(x) = Σⱼ bⱼ σ(vⱼ·x),

    L = E[(f − f*)²] = Σᵢᵢ′ aᵢaᵢ′ g(wᵢ, wᵢ′) − 2 Σᵢⱼ aᵢbⱼ g(wᵢ, vⱼ) + Σⱼⱼ′ bⱼbⱼ′ g(vⱼ, vⱼ′):

a quadratic form in the outgoing weights whose entries are interactions. There is no factor ½.
"""

from typing import Any

from jaxtyping import Float

from .activations import Activation, OrderParameters, get_activation
from .arrays import Array, as_float_arrays
from .network import Network


def loss(student: Network, teacher: Network, activation: str | Activation = "erf") -> Float[Array, "*batch"]:
    """Return the population loss L = E[(f(x) − f*(x))²] over x ~ N(0, I_d); no factor ½.

    Parameters
    ----------
    student : Network
        n neurons in d dimensions, or a batch of such students.
    teacher : Network
        k neurons in the same d dimensions; a batch of teachers broadcasts against the students'.
    activation : str or Activation
        "erf".

    Returns
    -------
    array, shape (...)
        The loss of every student in the batch.

    Raises
    ------
    ValueError
        If student and teacher differ in input dimension or their batches do not broadcast.
    TypeError
        If student and teacher come from different array libraries, or are not networks.

    Notes
    -----
    Exact up to rounding: |error| ≤ 1e-12 × the sum of the absolute terms.

    Examples
    --------
    >>> from copyavg import orthonormal_teacher
    >>> student = Network([[1.0, 0.0]], [1.0])  # one copy of two teacher neurons leaves E[erf(x/√2)²] = 1/3
    >>> float(round(loss(student, orthonormal_teacher(2)), 12))
    0.333333333333
    """
    xp, activation = _agree(student, teacher, activation)
    a, b = student.outgoing, teacher.outgoing
    student_student = activation.interaction(_order_parameters(xp, student.incoming))
    student_teacher = activation.interaction(_order_parameters(xp, student.incoming, teacher.incoming))
    teacher_teacher = activation.interaction(_order_parameters(xp, teacher.incoming))
    return (
        _quadratic_form(xp, a, student_student, a)
        - 2 * _quadratic_form(xp, a, student_teacher, b)
        + _quadratic_form(xp, b, teacher_teacher, b)
    )


def gradient(student: Network, teacher: Network, activation: str | Activation = "erf") -> Network:
    """Return the gradient of the population loss, as a `Network` of the student's shape.

    With g₁, g_c the derivatives of the interaction by the variance of the first pre-activation and by
    the covariance,

        ∂L/∂aᵢ = 2 Σᵢ′ aᵢ′ g(wᵢ, wᵢ′) − 2 Σⱼ bⱼ g(wᵢ, vⱼ),
        ∂L/∂wᵢ = 2aᵢ Σᵢ′ aᵢ′ [2 g₁ wᵢ + g_c wᵢ′] − 2aᵢ Σⱼ bⱼ [2 g₁ wᵢ + g_c vⱼ].

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
    # One list of partners for every student neuron: the other students, then the teacher with b → −b.
    by_incoming, by_outgoing = 0.0, 0.0
    a = student.outgoing
    for partner, parameters, sign in (
        (student, _order_parameters(xp, student.incoming), 1),
        (teacher, _order_parameters(xp, student.incoming, teacher.incoming), -1),
    ):
        c = sign * partner.outgoing[..., None, :]
        slopes = activation.slopes(parameters)
        along_self = xp.sum(2 * c * slopes.by_variance1, axis=-1)[..., None] * student.incoming
        along_partner = xp.matmul(c * slopes.by_covariance, partner.incoming)
        by_incoming = by_incoming + 2 * a[..., None] * (along_self + along_partner)
        by_outgoing = by_outgoing + 2 * xp.sum(c * activation.interaction(parameters), axis=-1)
    return Network(by_incoming, by_outgoing)


def _agree(student: Network, teacher: Network, activation: str | Activation) -> tuple[Any, Activation]:
    """Check that the two networks fit together; return their array namespace and the activation."""
    for name, network in (("student", student), ("teacher", teacher)):
        if not isinstance(network, Network):
            raise TypeError(f"{name} must be a Network, but was given {type(network).__name__}")
    if student.d != teacher.d:
        raise ValueError(
            f"student and teacher must share an input dimension, but d = {student.d} and d = {teacher.d} were given"
        )
    for ours, theirs in zip(reversed(student.batch_shape), reversed(teacher.batch_shape), strict=False):
        if ours != theirs and 1 not in (ours, theirs):
            raise ValueError(
                f"the batches must broadcast, but {student.batch_shape} and {teacher.batch_shape} were given"
            )
    xp, _ = as_float_arrays(student=student.incoming, teacher=teacher.incoming)
    return xp, get_activation(activation)


def _order_parameters(
    xp: Any, incoming: Float[Array, "*batch n d"], partners: Float[Array, "*batches k d"] | None = None
) -> OrderParameters:
    """Norms and correlations of every neuron with every partner; with itself the correlation is exactly 1."""
    r1 = xp.linalg.vector_norm(incoming, axis=-1)
    r2 = r1 if partners is None else xp.linalg.vector_norm(partners, axis=-1)
    overlap = xp.matmul(incoming, xp.matrix_transpose(incoming if partners is None else partners))
    product = r1[..., :, None] * r2[..., None, :]
    u = xp.clip(overlap / xp.where(product > 0, product, 1), -1, 1)  # w = 0 has no direction: call it u = 0
    if partners is None:
        identity = xp.eye(incoming.shape[-2], dtype=incoming.dtype, device=u.device) > 0
        u = xp.where(identity, 1, u)
    r1, r2, u = xp.broadcast_arrays(r1[..., :, None], r2[..., None, :], u)
    return OrderParameters(r1, r2, u, (1 - u) * (1 + u))


def _quadratic_form(xp: Any, left: Array, matrix: Array, right: Array) -> Array:
    return xp.sum(left * xp.sum(matrix * right[..., None, :], axis=-1), axis=-1)
