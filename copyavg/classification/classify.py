"""Which configuration is this student? Recognised by its structure, never by its loss.

What is looked at are the coordinates wᵢ·vⱼ of the student's neurons along the teacher's, and the outgoing
weights. They are brought to one form first: a ≥ 0 for an odd activation, where (w, a) → (−w, −a) leaves a
neuron as it is, and ‖w‖ = |a| for one with the gauge (w, a) → (cw, a/c). Then the student is compared with the
nearest student of every configuration that its largest coordinates suggest:

- *copy-average*: every teacher neuron belongs to the student neuron with the largest coordinate along it. The
  nearest student has the groups' closed form (erf, or all groups of one), or else is the mean over all
  permutations that keep the groups together;
- *n-copy*: of the teacher neurons, the n along which the student neurons differ most are singled out by one
  each. The nearest student is the mean over all permutations of these pairs, and of the others.

A mean over a group of permutations is the orthogonal projection onto the students that the group leaves as
they are; here it costs as much as reading the weights.
"""

from numbers import Real

import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation, has_gauge, is_odd
from copyavg.activations.named import get_activation
from copyavg.arrays import to_numpy
from copyavg.network import Network

from .fits import APART, fits_of
from .neurons import (
    Neurons,
    Setting,
    find_dipoles,
    in_one_form,
    is_even,
    number_of_each,
    one_for_each,
    output_size,
    row_norms,
)
from .result import Classification, Classifications

_ORTHONORMAL = 1e-5  # how far vᵢ·vⱼ may be from δᵢⱼ: float32 is good enough


def classify(
    student: Network, teacher: Network, activation: str | Activation = "erf", tolerance: float = 1e-2
) -> Classification | Classifications:
    """Return which configuration a student at a critical point, or near one, has, by its structure.

    - "copy-average": the teacher neurons are split into n groups, and student neuron i stands for group Sᵢ. For
      erf, wᵢ = Σ_{j∈Sᵢ} vⱼ/√(m(2m − 1)) and aᵢ = m = |Sᵢ| (see `copy_average`). For other activations the point is
      displaced, and only its symmetry is asked for: weights are equal that a permutation exchanges which keeps
      the groups together, and wᵢ is largest along Sᵢ. With n = k all groups have one member, and the student
      is the teacher.
    - "n-copy": wᵢ = α vᵢ + β Σ_{j≤n, j≠i} vⱼ + γ Σ_{j>n} vⱼ and aᵢ = a, with α > β, γ, after a renumbering (see
      `n_copy`); 1 < n < k.
    - "reduced": the function is that of a smaller student of either kind. The others are idle (a = 0, or a w that
      makes σ vanish), or have merged with a neuron that does the same.
    - "other": anything else, such as a student with a dipole. Along gradient flow a dipole's outgoing weights grow,
      seemingly for ever, so that there is no limit to have a configuration.

    In an "other" student each neuron is described by itself. It is a *copy* of teacher neuron j if at least half of
    ‖w‖² lies along vⱼ, and no other w·vₗ reaches half of w·vⱼ > 0 (w with the sign of a). It is an *anti-copy* if it
    points away from a teacher neuron in the same measure, and a > 0:

        wᵢ·vⱼ ≤ −‖wᵢ‖/√2   and   −wᵢ·vₗ < −wᵢ·vⱼ/2 for all l ≠ j.

    Lengths do not matter, nor what the other neurons do. If σ is odd or even, w → −w is a symmetry (with a → −a, if it
    is odd), and there are no anti-copies. Nor are there any in a student that has a configuration, where a neuron is
    what it is there: even ReLU's average at n = 2 and large k, which points away from what the other neuron copies.

    Neurons may come in any order. Signs (w, a) → (−w, −a), if σ is odd, and the gauge (w, a) → (cw, a/c), if it
    has one, do not matter.

    Parameters
    ----------
    student : Network
        n neurons in d dimensions, or a batch of such students. n > k is allowed; then only a reduced student
        has a configuration.
    teacher : Network
        k neurons, unit-orthonormal: vᵢ·vⱼ = δᵢⱼ and outgoing weights 1.
    activation : str or Activation
        As for `interaction`.
    tolerance : float
        The residual up to which a student has a configuration; see `Classification`. A neuron whose output is
        smaller than this, relative to a teacher neuron's, is idle.

    Returns
    -------
    Classification or Classifications
        Of a single student, or of a batch.

    Raises
    ------
    ValueError
        If the teacher is not unit-orthonormal or a batch, student and teacher differ in input dimension, the
        tolerance does not lie between 0 and 0.1, or the activation is unknown or NaN somewhere.
    TypeError
        If student or teacher is not a network, or an activation does not map NumPy arrays of real numbers to such
        arrays, elementwise.

    Notes
    -----
    That the student is a critical point is not checked, nor for displaced points and n-copy the values of their
    parameters: see `gradient`. Torch tensors are brought to the CPU. A student with a weight that is not finite
    is "other". Neurons that differ by the sign of their effect are merged only if there is a gauge, as for ReLU,
    and they have one direction to within the tolerance. Derived in this book.

    Examples
    --------
    Two points of nearly the same loss:

    >>> from copyavg import n_copy, optimal_copy_average, orthonormal_teacher
    >>> teacher = orthonormal_teacher(20)
    >>> print(classify(optimal_copy_average(15, 20), teacher).explain())
    copy-average: 14 copies and an average of 6
    >>> print(classify(n_copy(15, 20), teacher).explain())
    n-copy: 15 neurons single out one teacher neuron each, and share the rest
    """
    v = _require_unit_orthonormal(student, teacher)
    activation = get_activation(activation)
    if not (isinstance(tolerance, Real) and 0 < tolerance <= 0.1):
        raise ValueError(f"tolerance must be a number between 0 and 0.1, but was given {tolerance!r}")
    setting = Setting(
        k=teacher.n,
        tolerance=float(tolerance),
        closed_form=activation.exact_averages,
        odd=is_odd(activation),
        even=is_even(activation),
        gauge=has_gauge(activation),
        activation=activation,
        teacher_size=float(output_size(activation, np.ones(1))[0]),
    )
    incoming, outgoing = (to_numpy(x).astype(float) for x in (student.incoming, student.outgoing))
    records = np.empty(student.batch_shape, dtype=object)
    for place in np.ndindex(student.batch_shape):
        records[place] = _classify(incoming[place], outgoing[place], v, setting)
    return Classifications(records) if student.batch_shape else records[()]


def _classify(
    incoming: Float[np.ndarray, "n d"],
    outgoing: Float[np.ndarray, " n"],
    v: Float[np.ndarray, "k d"],
    setting: Setting,
) -> Classification:
    n = len(outgoing)
    if not (np.isfinite(incoming).all() and np.isfinite(outgoing).all()):
        return Classification("other", (), np.inf, ("mixed",) * n, ((),) * n, {})
    along = incoming @ v.T
    neurons = in_one_form(np.concatenate([along, incoming - along @ v], axis=1), outgoing, setting)
    fits = fits_of(neurons, setting)
    best = min(fits, key=lambda fit: fit.residual, default=None)
    residuals = {fit.label: fit.residual for fit in fits}
    idle = np.abs(neurons.a) * output_size(setting.activation, row_norms(neurons.w)) <= (
        setting.tolerance * setting.teacher_size
    )
    if best and best.residual <= setting.tolerance and not idle.any():
        roles = tuple("copy" if len(group) == 1 else "average" for group in best.groups)
        return Classification(best.label, best.partition, best.residual, roles, best.groups, residuals)

    # What is left without idle neurons, and with one for those that do the same?
    if setting.gauge:
        r = np.where(idle, 1.0, row_norms(neurons.w))
        neurons = Neurons(neurons.w / r[:, None], neurons.a * r)  # so that parallel neurons are equal
    number = number_of_each(neurons, ~idle, setting)
    counts = np.bincount(number[~idle], minlength=1)
    roles = ["idle" if idle[i] else "merged" if counts[number[i]] > 1 else "" for i in range(n)]
    smaller = one_for_each(neurons, number, setting) if any(roles) and not idle.all() else None
    smaller_fits = fits_of(smaller, setting) if smaller else []
    fit = min(smaller_fits, key=lambda fit: fit.residual, default=None)
    if fit and fit.residual <= setting.tolerance:
        groups = tuple(() if idle[i] else fit.groups[number[i]] for i in range(n))
        roles = tuple(role or ("copy" if len(group) == 1 else "average") for role, group in zip(roles, groups))
        residuals = {fit.label: fit.residual for fit in smaller_fits}
        return Classification("reduced", fit.partition, fit.residual, roles, groups, residuals, fit.label)

    for i, j in find_dipoles(neurons, ~idle, setting):
        roles[i] = roles[j] = "dipole"
    described = [_describe(neurons, i, roles[i], setting) for i in range(n)]
    roles, groups = (tuple(part) for part in zip(*described))
    return Classification("other", (), best.residual if best else np.inf, roles, groups, residuals)


def _describe(neurons: Neurons, i: int, role: str, setting: Setting) -> tuple[str, tuple[int, ...]]:
    """Role and group of one neuron by itself: along the teacher neurons of its group lies at least half of ‖w‖²."""
    if role == "idle":
        return role, ()
    w = neurons.w[i, : setting.k] * (1.0 if neurons.a[i] > 0 else -1.0)
    whole = np.sum(neurons.w[i] ** 2)
    group = _singled(np.abs(w) if role == "dipole" else w, whole)
    if not (role or group or setting.odd or setting.even) and neurons.a[i] > 0:
        away = _singled(-w, whole)
        if len(away) == 1:
            return "anti-copy", away
    return role or ("mixed", "copy", "average")[min(len(group), 2)], group


def _singled(w: Float[np.ndarray, " k"], whole: float) -> tuple[int, ...]:
    """The teacher neurons that a neuron points to about equally, if they have half of ‖w‖², the whole; else none."""
    group = np.flatnonzero(w >= w.max() / 2) if w.max() > 0 else np.empty(0, dtype=int)
    if np.sum(w[group] ** 2) < whole / 2 or len(group) == 0 or np.ptp(w[group]) > APART * w.max():
        return ()
    return tuple(group.tolist())


def _require_unit_orthonormal(student: Network, teacher: Network) -> Float[np.ndarray, "k d"]:
    """Return the teacher's directions, or say what kind of teacher is needed."""
    for name, network in (("student", student), ("teacher", teacher)):
        if not isinstance(network, Network):
            raise TypeError(f"{name} must be a Network, but was given {type(network).__name__}")
    if student.d != teacher.d:
        raise ValueError(
            f"student and teacher must share an input dimension, but d = {student.d} and d = {teacher.d} were given"
        )
    if teacher.batch_shape:
        raise ValueError(f"teacher must be a single network, but was given a batch of shape {teacher.batch_shape}")
    v, b = (to_numpy(x).astype(float) for x in (teacher.incoming, teacher.outgoing))
    off, loud = float(np.abs(v @ v.T - np.eye(teacher.n)).max()), float(np.abs(b - 1).max())
    if not max(off, loud) <= _ORTHONORMAL:
        raise ValueError(
            "teacher must be unit-orthonormal, with orthonormal incoming weights and outgoing weights 1, but its "
            f"incoming weights' products are off by {off:.1g} and its outgoing weights by {loud:.1g}"
        )
    return v
