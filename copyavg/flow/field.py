"""The contract between the flow and an activation: three compiled functions, and what they know of the problem.

A *field* is

- `gradient(θ, setting, out)`, which writes ∇L(θ) and returns L(θ),
- `curvature(θ, setting)`, which returns what a Hessian-vector product needs to know of the point θ, and
- `product(at, setting, direction, out)`, which writes H(θ) · direction.

The student is one vector θ of N = n(d+1) numbers: incoming weights row by row, then outgoing weights, as in `hessian`.
`erf_field` and `pair_field` have such functions; everything else in this wing knows σ through them alone. They are
passed as pointers, so that the engine is compiled once, whatever σ. What they know is passed as a pointer, too, to a
record: a tuple of this size would take most of the time of compilation.
"""

from numba import types
from numba.experimental import structref
from numba.experimental.structref import new

from .compiled import compiled

_number, _vector, _matrix, _counts = types.float64, types.float64[::1], types.float64[:, ::1], types.int64[::1]
_stack = types.float64[:, :, ::1]

# How a pair field knows σ (see `rows`): what it works out for each neuron, and for all partners of one of them.
PREPARE = types.void(types.int64, _vector, _vector, _matrix)  # first, squares, constants, table
ROW = types.int64(types.int64, _vector, _vector, _vector, _matrix, types.boolean, _matrix)
# partners, squares, overlaps, constants, table, second, out


@structref.register
class _Setting(types.StructRef):
    """The teacher, how many neurons the student has and which of its weights move, and σ."""


@structref.register
class _Point(types.StructRef):
    """What a Hessian-vector product needs to know of a point θ, worked out once for many directions.

    Kept in few arrays: the compiler vectorises a loop only if it can tell the arrays in it apart. What stands in them
    is each field's own affair, but for θ.
    """


@structref.register
class _Problem(types.StructRef):
    """A field and its setting: all that the engine knows of L."""


SETTING = _Setting([
    ("n", types.int64),
    ("teacher", _matrix),  # (k, d): vₑ
    ("outgoing", _vector),  # (k,): bₑ
    ("squares", _vector),  # (k,): ‖vₑ‖²
    ("alone", types.float64),  # E[f*²], the loss of a student that does nothing
    ("on_axes", types.boolean),  # vₑ is the e-th unit vector
    ("odd", types.boolean),  # σ(−x) = −σ(x)
    ("homogeneous", types.boolean),  # σ(cx) = cσ(x) for c > 0, with a kink at 0
    ("gauge", types.boolean),  # such a σ, and outgoing weights that move: (wᵢ, aᵢ) → (cwᵢ, aᵢ/c) does not matter
    ("free", _vector),  # (N,): 1 for a weight that moves, 0 for one that is held
    ("constants", _vector),  # of σ
    ("table", _matrix),  # room of `prepare`: a column for every teacher neuron, then for every student neuron
    ("prepare", types.FunctionType(PREPARE)),
    ("row", types.FunctionType(ROW)),
])  # fmt: skip
POINT = _Point([
    ("theta", _vector),  # (N,)
    ("neurons", _matrix),  # (·, n)
    ("pairs", _stack),  # (·, n, n)
    ("taught", _stack),  # (·, n, k)
    ("matrices", _matrix),  # (n, ·)
    ("rows", _matrix),  # (·, d)
    ("crossed", _matrix),  # (n, n)
])  # fmt: skip
GRADIENT = types.float64(_vector, SETTING, _vector)
CURVATURE = POINT(_vector, SETTING)
PRODUCT = types.void(POINT, SETTING, _vector, _vector)
# Conjugate gradients, beside the field, so that they are compiled once: see `linear`.
SOLVE = types.int64(
    types.FunctionType(PRODUCT), SETTING, POINT, _number, types.boolean, _vector, _number, _counts, _vector
)
PROBLEM = _Problem([
    ("gradient", types.FunctionType(GRADIENT)),
    ("curvature", types.FunctionType(CURVATURE)),
    ("product", types.FunctionType(PRODUCT)),
    ("solve", types.FunctionType(SOLVE)),
    ("setting", SETTING),
])  # fmt: skip


@compiled
def make_setting(
    n, teacher, outgoing, squares, alone, on_axes, odd, homogeneous, gauge, free, constants, table, prepare, row
):
    """Return a setting of these parts, which are shared with it."""
    setting = new(SETTING)
    setting.n, setting.alone = n, alone
    setting.teacher, setting.outgoing, setting.squares, setting.free = teacher, outgoing, squares, free
    setting.on_axes, setting.odd, setting.homogeneous, setting.gauge = on_axes, odd, homogeneous, gauge
    setting.constants, setting.table, setting.prepare, setting.row = constants, table, prepare, row
    return setting


@compiled
def make_point(theta, neurons, pairs, taught, matrices, rows, crossed):
    """Return a point of these parts, which are shared with it."""
    point = new(POINT)
    point.theta, point.neurons, point.pairs, point.taught = theta, neurons, pairs, taught
    point.matrices, point.rows, point.crossed = matrices, rows, crossed
    return point


@compiled
def make_problem(gradient, curvature, product, solve, setting):
    """Return a problem of a field, the way to solve with its Hessian, and its setting."""
    problem = new(PROBLEM)
    problem.gradient, problem.curvature, problem.product = gradient, curvature, product
    problem.solve, problem.setting = solve, setting
    return problem


@compiled
def for_student(problem, n, free, table):
    """Return the problem of a student with n neurons, whose weights move where `free` is 1, and with that room."""
    old = problem.setting
    setting = make_setting(
        n, old.teacher, old.outgoing, old.squares, old.alone, old.on_axes, old.odd, old.homogeneous, old.gauge,
        free, old.constants, table, old.prepare, old.row,
    )  # fmt: skip
    return make_problem(problem.gradient, problem.curvature, problem.product, problem.solve, setting)
