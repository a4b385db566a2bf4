"""The name of a trajectory's end that is no certified minimum."""

import numpy as np
from numba import types

from .basin import NEWTON
from .compiled import compiled
from .field import PROBLEM
from .linear import lowest_eigenvalue, some_direction, spectral_radius
from .outcomes import CRITICAL, DIPOLE, IDLE_NEURON, ROUNDING, STALLED, TO_INFINITY, ZERO_LOSS
from .reduction import AMOUNTS, opposed

_FLAT = 1e-9  # the smallest eigenvalue that is told from zero
_NOTHING = 1e-13  # loss, of the teacher's own, that is zero up to rounding

_number, _vector, _counts = types.float64, types.float64[::1], types.int64[::1]
NAME = types.Tuple([types.int64, _number])(
    PROBLEM, types.FunctionType(NEWTON), types.FunctionType(AMOUNTS), _vector, _number, _number, _number,
    types.boolean[::1], types.boolean, types.boolean, _counts,
)  # fmt: skip


@compiled(NAME)
def name(problem, newton, amounts_to_smaller, theta, value, norm, tolerance, dead, over, grows, counts):
    """Say how a trajectory has ended that has no certified minimum, and the smallest eigenvalue there.

    STALLED if it is not `over` and may go on.
    """
    if over and dead.all():
        return IDLE_NEURON, 0.0
    outcome = amounts_to_smaller(problem, newton, theta, value, tolerance, counts)
    if outcome == STALLED and not over:
        return STALLED, 0.0
    smallest = lowest_eigenvalue(problem, theta, counts)
    if outcome != STALLED:
        return (IDLE_NEURON if dead.any() else outcome), smallest
    setting = problem.setting
    if value <= _NOTHING * setting.alone + 1e-20:
        return ZERO_LOSS, smallest
    if grows:
        return (DIPOLE if opposed(theta, setting) else TO_INFINITY), smallest
    # Weights of order one are known to 2⁻⁵² and ∇L thus to 2⁻⁵² ‖H‖: a minimum whose gradient is smaller than that, but
    # not small enough to be certified, is lost in rounding.
    vector = np.empty(theta.size)
    some_direction(theta, setting, vector)
    if smallest > _FLAT and norm <= 2**-52 * spectral_radius(problem, theta, vector, 12, counts):
        return ROUNDING, smallest
    return (CRITICAL if norm <= tolerance else STALLED), smallest
