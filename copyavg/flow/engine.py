"""What `follow` works with: a problem, and the functions that it calls, each compiled for itself.

Functions that are compiled into each other are optimised again with every one that calls them, which took half a
minute. So the larger ones are passed as pointers.
"""

from numba import types
from numba.experimental import structref
from numba.experimental.structref import new

from .basin import NEWTON, newton
from .compiled import compiled, ready
from .field import (
    CURVATURE,
    GRADIENT,
    PREPARE,
    PROBLEM,
    PRODUCT,
    ROW,
    SOLVE,
    make_problem,
    make_setting,
)
from .linear import solve
from .naming import NAME, name
from .origin import SETTLE, settle
from .reduction import AMOUNTS, amounts_to_smaller
from .steps import CHEBYSHEV, ROSENBROCK, chebyshev_step, rosenbrock_step


class Engine(structref.StructRefProxy):
    """The engine for one problem, as Python holds it: a pointer to what compiled functions read."""

    def __new__(cls) -> None:
        """Refuse."""
        raise TypeError("an engine comes from `assemble`")


@structref.register
class _Engine(types.StructRef):
    pass


structref.define_boxing(_Engine, Engine)
ENGINE = _Engine([
    ("problem", PROBLEM),
    ("chebyshev_step", types.FunctionType(CHEBYSHEV)),
    ("rosenbrock_step", types.FunctionType(ROSENBROCK)),
    ("newton", types.FunctionType(NEWTON)),
    ("amounts_to_smaller", types.FunctionType(AMOUNTS)),
    ("name", types.FunctionType(NAME)),
    ("settle", types.FunctionType(SETTLE)),
])  # fmt: skip

_number, _fact, _vector, _matrix = types.float64, types.boolean, types.float64[::1], types.float64[:, ::1]
_ASSEMBLE = ENGINE(
    *(types.FunctionType(signature) for signature in (
        GRADIENT, CURVATURE, PRODUCT, SOLVE, CHEBYSHEV, ROSENBROCK, NEWTON, AMOUNTS, NAME, SETTLE, PREPARE, ROW
    )),
    _matrix, _vector, _vector, _number, _fact, _fact, _fact, _fact, _vector, _matrix,
)  # fmt: skip


@compiled(_ASSEMBLE)
def _assemble(
    gradient, curvature, product, solve, chebyshev_step, rosenbrock_step, newton, amounts_to_smaller, name, settle,
    prepare, row, teacher, outgoing, squares, alone, on_axes, odd, homogeneous, gauge, constants, table,
):  # fmt: skip
    setting = make_setting(
        0, teacher, outgoing, squares, alone, on_axes, odd, homogeneous, gauge, outgoing, constants, table, prepare, row
    )
    engine = new(ENGINE)
    engine.problem = make_problem(gradient, curvature, product, solve, setting)
    engine.chebyshev_step, engine.rosenbrock_step, engine.newton = chebyshev_step, rosenbrock_step, newton
    engine.amounts_to_smaller, engine.name, engine.settle = amounts_to_smaller, name, settle
    return engine


@compiled(SETTLE)
def stay(problem, theta, force, moves, dead, accuracy):
    """Where L is smooth, no neuron dies."""
    return False


def assemble(field, prepare, row, *setting) -> Engine:
    """Return the engine for a field and a setting, and compile what has not been compiled.

    Parameters
    ----------
    field : module
        With `gradient`, `curvature` and `hessian_product`.
    prepare, row : compiled functions
        How a pair field knows σ: see `rows`.
    *setting
        teacher, outgoing, squares, alone, on_axes, odd, homogeneous, gauge, constants, table: see `field.SETTING`.
    """
    origin = settle if setting[6] else stay
    functions = (
        field.gradient, field.curvature, field.hessian_product, solve, chebyshev_step, rosenbrock_step, newton,
        amounts_to_smaller, name, origin, prepare, row,
    )  # fmt: skip
    ready(*functions, _assemble)
    return _assemble(*functions, *setting)
