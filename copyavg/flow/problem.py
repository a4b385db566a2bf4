"""Which field and which row serve a teacher and an activation."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation, has_gauge, is_odd
from copyavg.activations.erf import ERF
from copyavg.activations.gelu import GELU
from copyavg.activations.relu import RELU
from copyavg.landscape import loss
from copyavg.network import Network

from . import erf_field, pair_field
from .engine import Engine, assemble
from .rows import erf_row, gelu_row, nothing, relu_row


def engine_for(teacher: Network, activation: Activation, *, outgoing_moves: bool = True) -> Engine | None:
    """Return the engine that follows students of this teacher; None for a σ of which no compiled row is known.

    Parameters
    ----------
    teacher : Network
        One teacher, of NumPy arrays.
    activation : Activation
        σ: erf, ReLU, leaky ReLU or GELU.
    outgoing_moves : bool
        Whether the students' outgoing weights move. If they are held, a homogeneous σ has no gauge.

    Examples
    --------
    >>> from copyavg import get_activation, orthonormal_teacher
    >>> engine_for(orthonormal_teacher(3), get_activation("tanh")) is None
    True
    """
    known = _row(activation)
    if known is None:
        return None
    row, constants = known
    v, b = np.ascontiguousarray(teacher.incoming), np.ascontiguousarray(teacher.outgoing)
    k, d = v.shape
    on_axes = k <= d and np.array_equal(v, np.eye(k, d))
    field = erf_field if row is erf_row and on_axes and np.all(b == 1) else pair_field
    idle = Network(np.zeros((1, d)), np.zeros(1))
    homogeneous = has_gauge(activation)
    return assemble(
        field, nothing, row, v, b, np.sum(v * v, axis=1), float(loss(idle, teacher, activation)), on_axes,
        is_odd(activation), homogeneous, homogeneous and outgoing_moves, constants, np.zeros((0, 0)),
    )  # fmt: skip


def _row(activation: Activation) -> tuple[Callable, Float[np.ndarray, " constants"]] | None:
    """The row of an activation, and its constants: a homogeneous σ is a leaky ReLU, up to its size."""
    if activation.is_like(ERF):
        return erf_row, np.zeros(0)
    if activation.is_like(GELU):
        return gelu_row, np.zeros(0)
    slope = 0.0 if activation.is_like(RELU) else getattr(activation.closed_form, "slope", None)
    return None if slope is None else (relu_row, np.array([(1 - slope) ** 2, slope]))
