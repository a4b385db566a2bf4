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

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.sparse.csgraph import connected_components

from .activations import Activation, evaluate, get_activation, has_gauge
from .arrays import to_numpy
from .network import Network, balanced

LABELS = ("copy-average", "n-copy", "reduced", "other")
ROLES = ("copy", "average", "merged", "idle", "dipole", "mixed")

_ORTHONORMAL = 1e-5  # how far vᵢ·vⱼ may be from δᵢⱼ: float32 is good enough
_APART = 0.1  # a neuron that singles out a teacher neuron weighs it this much more than anything else there
_MERGED = 0.98  # correlation from which neurons count as one: flow brings them together as slowly as ‖∇L‖ ~ t^−1.5
_DIPOLE = 0.95  # correlation from which two neurons that cancel are a dipole
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(16)


@dataclass(frozen=True)
class Classification:
    """What a student was found to be. It is compared by value.

    Attributes
    ----------
    label : str
        One of `LABELS`: "copy-average", "n-copy", "reduced" or "other" (see `classify`).
    partition : tuple of int
        In ascending order, how many teacher neurons each student neuron has for itself: group sizes that add up
        to k for a copy-average student; n ones for an n-copy student, which shares the k − n others; for a reduced
        student those of the smaller one; empty for any other.
    residual : float
        How far the student is from the nearest one of that configuration: the largest change of any neuron's
        incoming or outgoing weights, relative to them. For a reduced student it is the smaller one's, for any
        other that of the configuration that comes closest (infinite if none is near enough to compare with).
    roles : tuple of str
        What each neuron does, one of `ROLES`: "copy" of one teacher neuron or "average" of several; "merged" with
        another neuron, which does the same; "idle", without effect; one of a "dipole", two nearly parallel neurons
        that nearly cancel; "mixed", none of these.
    groups : tuple of tuple of int
        The teacher neurons, from 0, that each student neuron stands for.
    residuals : dict
        The residual of every configuration that was compared, by its label.
    reduced_to : str or None
        For a reduced student, what the smaller one is.

    Examples
    --------
    >>> from copyavg import copy_average, orthonormal_teacher
    >>> found = classify(copy_average((1, 2)), orthonormal_teacher(3))
    >>> found.partition, found.roles, found.groups
    ((1, 2), ('copy', 'average'), ((0,), (1, 2)))
    """

    label: str
    partition: tuple[int, ...]
    residual: float = field(repr=False)
    roles: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    residuals: dict[str, float] = field(hash=False, repr=False)
    reduced_to: str | None = None

    def explain(self) -> str:
        """Return in one line, in words, what was found.

        Examples
        --------
        >>> from copyavg import n_copy, orthonormal_teacher
        >>> classify(n_copy(8, 10), orthonormal_teacher(10)).explain()
        'n-copy: 8 neurons single out one teacher neuron each, and share the rest'
        """
        if self.label == "reduced":
            spared = [f"{self.roles.count(role)} {role}" for role in ("idle", "merged") if role in self.roles]
            work = f"{len(self.roles)} neurons ({', '.join(spared)}) do the work of {len(self.partition)}"
            return f"reduced: {work}, {_in_words(self.reduced_to, self.partition)}"
        if self.label != "other":
            return _in_words(self.label, self.partition)
        counts = Counter(self.roles)
        if pairs := counts.pop("dipole", 0) // 2:
            what = "a dipole, two nearly parallel neurons" if pairs == 1 else f"{pairs} dipoles, nearly parallel pairs"
            beside = ", ".join(_some(number, role) for role, number in counts.items())
            return f"other: {what} whose effects nearly cancel" + (f", beside {beside}" if beside else "")
        seen = ", ".join(_some(number, role) for role, number in counts.items())
        nearest = min(self.residuals, key=self.residuals.__getitem__, default=None)
        near = f" (nearest: {nearest}, off by {self.residual:.1g})" if nearest else ""
        return f"other: no configuration that has a name{near}; of its neurons, one by one: {seen}"

    def __str__(self) -> str:
        return self.explain()


@dataclass(frozen=True, eq=False)
class Classifications:
    """What a batch of students was found to be: a `Classification` of each, and their fields as arrays.

    Two are equal if they have one shape and their records are equal.

    Attributes
    ----------
    records : array of Classification
        In the shape of the batch. Indexing, iteration and length are those of this array.

    Examples
    --------
    >>> import numpy as np
    >>> from copyavg import Network, n_copy, optimal_copy_average, orthonormal_teacher
    >>> two = [n_copy(3, 5), optimal_copy_average(3, 5)]
    >>> batch = Network(np.stack([s.incoming for s in two]), np.stack([s.outgoing for s in two]))
    >>> found = classify(batch, orthonormal_teacher(5))
    >>> found.label.tolist(), found.partition.tolist()
    (['n-copy', 'copy-average'], [(1, 1, 1), (1, 1, 3)])
    >>> print(found)
    2 students: 1 copy-average, 1 n-copy
    """

    records: Shaped[np.ndarray, "*batch"]

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.records, other.records) if isinstance(other, Classifications) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.records.shape, *self.records.flat))

    @property
    def label(self) -> Shaped[np.ndarray, "*batch"]:
        """The labels, an array of strings."""
        return self._field("label", np.dtype(f"<U{max(map(len, LABELS))}"))

    @property
    def partition(self) -> Shaped[np.ndarray, "*batch"]:
        """The partitions, an array of tuples."""
        return self._field("partition", object)

    @property
    def residual(self) -> Float[np.ndarray, "*batch"]:
        """The residuals, an array of numbers."""
        return self._field("residual", float)

    def _field(self, name: str, dtype: Any) -> Shaped[np.ndarray, "*batch"]:
        values = np.empty(self.records.shape, dtype)
        for place, record in np.ndenumerate(self.records):
            values[place] = getattr(record, name)
        return values

    def __getitem__(self, place: Any) -> "Classification | Classifications":
        picked = self.records[place]
        return Classifications(picked) if isinstance(picked, np.ndarray) else picked

    def __iter__(self) -> Iterator["Classification | Classifications"]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return len(self.records)

    def __str__(self) -> str:
        counts = Counter(self.label.ravel().tolist())
        parts = ", ".join(f"{counts[label]} {label}" for label in LABELS if counts[label])
        return f"{self.records.size} students" + (f": {parts}" if parts else "")


class _Neurons(NamedTuple):
    """A student in one form; the first k coordinates are those along the teacher neurons."""

    w: Float[np.ndarray, "n coordinates"]
    a: Float[np.ndarray, " n"]


class _Fit(NamedTuple):
    """How well a configuration describes a student, and which teacher neurons each neuron then stands for."""

    label: str
    residual: float
    groups: tuple[tuple[int, ...], ...]

    @property
    def partition(self) -> tuple[int, ...]:
        return tuple(sorted(map(len, self.groups)))


class _Setting(NamedTuple):
    k: int
    tolerance: float
    closed_form: bool
    odd: bool
    gauge: bool
    activation: Activation
    teacher_size: float  # root mean square of a teacher neuron's output


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
        A name that `interaction` knows, or an `Activation` of your own.
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
    setting = _Setting(
        k=teacher.n,
        tolerance=float(tolerance),
        closed_form=activation is get_activation("erf"),
        odd=_is_odd(activation),
        gauge=has_gauge(activation),
        activation=activation,
        teacher_size=float(_output_size(activation, np.ones(1))[0]),
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
    setting: _Setting,
) -> Classification:
    n = len(outgoing)
    if not (np.isfinite(incoming).all() and np.isfinite(outgoing).all()):
        return Classification("other", (), np.inf, ("mixed",) * n, ((),) * n, {})
    along = incoming @ v.T
    neurons = _in_one_form(np.concatenate([along, incoming - along @ v], axis=1), outgoing, setting)
    fits = _fits(neurons, setting)
    best = min(fits, key=lambda fit: fit.residual, default=None)
    residuals = {fit.label: fit.residual for fit in fits}
    idle = np.abs(neurons.a) * _output_size(setting.activation, _norms(neurons.w)) <= (
        setting.tolerance * setting.teacher_size
    )
    if best and best.residual <= setting.tolerance and not idle.any():
        roles = tuple("copy" if len(group) == 1 else "average" for group in best.groups)
        return Classification(best.label, best.partition, best.residual, roles, best.groups, residuals)

    # What is left without idle neurons, and with one for those that do the same?
    if setting.gauge:
        r = np.where(idle, 1.0, _norms(neurons.w))
        neurons = _Neurons(neurons.w / r[:, None], neurons.a * r)  # so that parallel neurons are equal
    number = _merged(neurons, ~idle, setting)
    counts = np.bincount(number[~idle], minlength=1)
    roles = ["idle" if idle[i] else "merged" if counts[number[i]] > 1 else "" for i in range(n)]
    smaller = _one_for_each(neurons, number, setting) if any(roles) and not idle.all() else None
    smaller_fits = _fits(smaller, setting) if smaller else []
    fit = min(smaller_fits, key=lambda fit: fit.residual, default=None)
    if fit and fit.residual <= setting.tolerance:
        groups = tuple(() if idle[i] else fit.groups[number[i]] for i in range(n))
        roles = tuple(role or ("copy" if len(group) == 1 else "average") for role, group in zip(roles, groups))
        residuals = {fit.label: fit.residual for fit in smaller_fits}
        return Classification("reduced", fit.partition, fit.residual, roles, groups, residuals, fit.label)

    for i, j in _dipoles(neurons, ~idle, setting):
        roles[i] = roles[j] = "dipole"
    described = [_describe(neurons, i, roles[i], setting) for i in range(n)]
    roles, groups = (tuple(part) for part in zip(*described))
    return Classification("other", (), best.residual if best else np.inf, roles, groups, residuals)


def _in_one_form(w: Float[np.ndarray, "n coordinates"], a: Float[np.ndarray, " n"], setting: _Setting) -> _Neurons:
    """The same function, with a ≥ 0 if σ is odd and ‖w‖ = |a| if it has a gauge."""
    if setting.odd:
        sign = np.where(a < 0, -1.0, 1.0)
        w, a = sign[:, None] * w, sign * a
    if setting.gauge:
        w, a = balanced(w, a)
    return _Neurons(w, a)


def _fits(neurons: _Neurons, setting: _Setting) -> list[_Fit]:
    fits = (_copy_average_fit(neurons, setting), _n_copy_fit(neurons, setting))
    return [fit for fit in fits if fit is not None]


def _copy_average_fit(neurons: _Neurons, setting: _Setting) -> _Fit | None:
    (w, a), k = neurons, setting.k
    owner = w[:, :k].argmax(axis=0)
    sizes = np.bincount(owner, minlength=len(a))
    if sizes.min() == 0:
        return None
    own = owner == np.arange(len(a))[:, None]
    if setting.closed_form or len(a) == k:
        target = own / np.sqrt(sizes * (2.0 * sizes - 1))[:, None], sizes.astype(float)
    else:
        target = _mean_over_permutations(neurons, own, sizes, sizes[owner])
        if not _singled_out(*target, own):
            return None
    return _Fit("copy-average", _distance(neurons, *target), tuple(tuple(np.flatnonzero(row).tolist()) for row in own))


def _n_copy_fit(neurons: _Neurons, setting: _Setting) -> _Fit | None:
    n, k = len(neurons.a), setting.k
    if not 1 < n < k:
        return None
    w = neurons.w[:, :k]
    copied = np.sort(np.argsort(np.ptp(w, axis=0))[k - n :])
    owner = w[:, copied].argmax(axis=0)
    if len(set(owner.tolist())) < n:
        return None
    own = np.zeros((n, k), dtype=bool)
    own[owner, copied] = True
    shared = ~own.any(axis=0)
    target = _mean_over_permutations(neurons, own, np.zeros(n, dtype=int), shared.astype(int))
    if not _singled_out(*target, own):
        return None
    return _Fit("n-copy", _distance(neurons, *target), tuple((int(j),) for j in copied[np.argsort(owner)]))


def _mean_over_permutations(
    neurons: _Neurons, own: Bool[np.ndarray, "n k"], rows: Int[np.ndarray, " n"], columns: Int[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, " n"]]:
    """The nearest student whose weights depend only on the kinds of row and column, and on whether it is its own."""
    orbit = (rows[:, None] * (columns.max() + 1) + columns) * 2 + own
    return _means(neurons.w[:, : own.shape[1]], orbit), _means(neurons.a, rows)


def _means(values: Float[np.ndarray, "*shape"], orbit: Int[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    sums = np.bincount(orbit.ravel(), weights=values.ravel())
    return (sums / np.maximum(np.bincount(orbit.ravel()), 1))[orbit]


def _singled_out(w: Float[np.ndarray, "n k"], a: Float[np.ndarray, " n"], own: Bool[np.ndarray, "n k"]) -> bool:
    """Whether each neuron speaks up, and its own teacher neurons stand out in its row and in their columns."""
    others = np.where(own, -np.inf, w)
    best = (1 - _APART) * np.where(own, w, np.inf)
    claimed = own.any(axis=0)
    return bool(
        np.all(a > 0)
        and np.all(best > 0)
        and np.all(best.min(axis=1) >= others.max(axis=1))
        and np.all(best.min(axis=0)[claimed] >= others.max(axis=0)[claimed])
    )


def _distance(neurons: _Neurons, w: Float[np.ndarray, "n k"], a: Float[np.ndarray, " n"]) -> float:
    """The largest change of any neuron's incoming or outgoing weights, relative to them."""
    change = neurons.w.copy()
    change[:, : w.shape[1]] -= w
    return float(max((_norms(change) / _norms(w)).max(), (np.abs(neurons.a - a) / a).max()))


def _merged(neurons: _Neurons, counted: Bool[np.ndarray, " n"], setting: _Setting) -> Int[np.ndarray, " n"]:
    """Number the neurons so that those that do the same share a number; neurons that do not count get −1.

    To do the same, neurons need one sign and nearly the same incoming weights, not only the same direction. With a
    gauge, where the weights here are directions, the sign may differ if they agree so well that what is left of the
    difference is within the tolerance: one neuron then takes away from the other, which no rescaling undoes.
    """
    w, a = neurons
    squares = np.sum(w**2, axis=1)
    alike = w @ w.T > _MERGED / 2 * (squares[:, None] + squares)
    same = alike & (np.sign(a)[:, None] == np.sign(a))
    if setting.gauge:
        apart = _norms((w[:, None] - w).reshape(-1, w.shape[1])).reshape(alike.shape)
        left = np.minimum.outer(np.abs(a), np.abs(a)) * apart
        same |= alike & (left <= setting.tolerance * np.abs(a[:, None] + a))
    number = np.full(len(a), -1)
    number[counted] = connected_components(same[counted][:, counted])[1]
    return number


def _one_for_each(neurons: _Neurons, number: Int[np.ndarray, " n"], setting: _Setting) -> _Neurons:
    """One neuron for all of a number, with the sum of their outgoing weights, which also weigh the incoming ones."""
    adds = (number == np.arange(number.max() + 1)[:, None]) * neurons.a
    a = adds.sum(axis=1)
    return _in_one_form((adds / a[:, None]) @ neurons.w, a, setting)


def _dipoles(neurons: _Neurons, counted: Bool[np.ndarray, " n"], setting: _Setting) -> list[tuple[int, int]]:
    """Pairs of nearly parallel neurons whose effects nearly cancel, each neuron in one pair at most."""
    w, a = neurons
    r = _norms(w)
    aligned = np.sign(np.outer(a, a)) * (w @ w.T) / np.maximum(np.outer(r, r), 1e-300)
    if not setting.odd:  # (w, a) and (−w, −a) are different neurons
        aligned = np.where(np.outer(a, a) < 0, aligned, 0.0)
    size = np.abs(a) * r
    alike = 2 * np.minimum.outer(size, size) > np.maximum.outer(size, size)
    strength = np.where(alike & counted & counted[:, None], -aligned, 0.0)
    pairs = []
    while strength.max() > _DIPOLE:
        i, j = (int(x) for x in np.unravel_index(strength.argmax(), strength.shape))
        pairs.append((i, j))
        strength[[i, j], :] = strength[:, [i, j]] = 0
    return pairs


def _describe(neurons: _Neurons, i: int, role: str, setting: _Setting) -> tuple[str, tuple[int, ...]]:
    """Role and group of one neuron by itself: along the teacher neurons of its group lies at least half of ‖w‖²."""
    if role == "idle":
        return role, ()
    w = neurons.w[i, : setting.k] * (1.0 if neurons.a[i] > 0 else -1.0)
    if role == "dipole":
        w = np.abs(w)
    group = np.flatnonzero(w >= w.max() / 2) if w.max() > 0 else np.empty(0, dtype=int)
    if len(group) == 0 or np.sum(w[group] ** 2) < np.sum(neurons.w[i] ** 2) / 2:
        return role or "mixed", ()
    if np.ptp(w[group]) > _APART * w.max():
        return role or "mixed", ()
    return role or ("copy" if len(group) == 1 else "average"), tuple(group.tolist())


def _in_words(label: str, partition: tuple[int, ...]) -> str:
    if label == "n-copy":
        return f"n-copy: {len(partition)} neurons single out one teacher neuron each, and share the rest"
    counts = sorted(Counter(partition).items())
    parts = [_some(number, "copy" if size == 1 else "average") + f" of {size}" * (size > 1) for size, number in counts]
    return f"copy-average: {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}"


def _some(number: int, role: str) -> str:
    one, several = {"copy": ("a copy", "copies"), "average": ("an average", "averages")}.get(role, (f"1 {role}", role))
    return one if number == 1 else f"{number} {several}"


def _norms(w: Float[np.ndarray, "n coordinates"]) -> Float[np.ndarray, " n"]:
    return np.linalg.norm(w, axis=1)


def _output_size(activation: Activation, r: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """√E[σ(rx)²], roughly: it is compared with a tolerance."""
    with np.errstate(all="ignore"):
        return np.sqrt(_values(activation, r[:, None] * _NODES) ** 2 @ _WEIGHTS / _WEIGHTS.sum())


def _is_odd(activation: Activation) -> bool:
    x = np.linspace(0.1, 3.1, 11)
    return bool(np.allclose(_values(activation, -x), -_values(activation, x), rtol=1e-12, atol=0))


def _values(activation: Activation, x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """σ(x), or the reason why not; infinite values are left to the caller."""
    values = evaluate(activation, x)
    if np.isnan(values).any():
        raise ValueError(f"{activation.name}: σ is not a number at {x[np.isnan(values)][0]:g}")
    return values


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
