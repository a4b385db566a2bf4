"""Students that permutations leave as they are: a handful of parameters, for any k.

Let p student neurons single out one teacher neuron each, let q teacher neurons be left over, and let there
be, or not, one more student neuron. Permuting the p pairs, or the q others, only renames the neurons of a
unit-orthonormal teacher, so the loss does not change. The students that S_p × S_q leaves as they are,

    wᵢ = α vᵢ + β Σ_{j≤p, j≠i} vⱼ + γ Σ_{j>p} vⱼ,  outgoing weight a,     for the p,
    w  = δ Σ_{j≤p} vⱼ + ε Σ_{j>p} vⱼ,              outgoing weight b,     for the one more,

make up a *family*, and the gradient of the loss points along it. With p = n the family holds the *n-copy*
point, with p = n − 1 the best *copy-average* point.

A smaller group permutes within *cells* only, S_{p₁} × S_{p₂} × … × S_{q₁} × …, and every cell has parameters
of its own: `isotypic` puts the Hessian together from such families.
"""

from dataclasses import dataclass
from functools import cached_property
from math import isfinite, sqrt
from typing import NamedTuple

import array_api_compat.numpy as xp
import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation, OrderParameters, PairTerms, has_gauge
from copyavg.activations.named import get_activation
from copyavg.arrays import require_whole
from copyavg.interactions.geometry import PairGeometry, pair_geometry
from copyavg.interactions.pairs import pair_terms
from copyavg.network import Network, require_room

Size = int | float  # of a cell: whole, where it is that of a network


class Orbit(NamedTuple):
    """Weights of a student neuron that the group makes equal: one parameter."""

    neuron: int  # cell of the student neuron; the one more comes after all cells
    kind: str  # "own", "copied", "rest" or "beyond", for the direction of an incoming weight, or "outgoing"
    cell: int  # cell of the teacher neurons, among those of this kind
    size: Size  # how many weights of one neuron


@dataclass(frozen=True)
class Family:
    """The students that a product of permutation groups leaves as they are, with their loss.

    With p copied neurons and q teacher neurons left over, all in one cell each, they are

        wᵢ = α vᵢ + β Σ_{j≤p, j≠i} vⱼ + γ Σ_{j>p} vⱼ, with outgoing weight a, for i ≤ p,
        w  = δ Σ_{j≤p} vⱼ + ε Σ_{j>p} vⱼ, with outgoing weight b, for the one more.

    Parameters
    ----------
    copied : tuple of numbers
        Sizes of the cells of student neurons that single out a teacher neuron each; they add up to p.
    rest : tuple of numbers
        Sizes of the cells of the teacher neurons left over; they add up to q.
    average : bool
        Whether there is one more student neuron.
    activation : str or Activation
        As for `interaction`.
    beyond : bool
        Whether weights along one more input dimension, which the teacher does not use, are parameters too.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive whole number or a larger real one (see below), or there is no student
        neuron or no teacher neuron.

    Notes
    -----
    Loss and derivatives are polynomials in p and q. So sizes beyond 2 (of `copied`) or 1 (of `rest`) need not
    be whole, and a critical point can be followed from one p to the next; only `student` needs whole sizes.
    A point is the vector of the parameters in the order of `orbits`: with one cell each, (α, β, γ, a, δ, ε, b),
    without those that do not occur. Derived in this book.

    Examples
    --------
    >>> family = copy_average_family(3, 5)
    >>> [orbit.kind for orbit in family.orbits]
    ['own', 'copied', 'rest', 'outgoing', 'copied', 'rest', 'outgoing']
    >>> x = np.array([1, 0, 0, 1, 0, 1 / np.sqrt(15), 3])  # two copies and an average of three
    >>> bool(np.abs(family.gradient(x)).max() < 1e-14), round(family.loss(x), 7)
    (True, 0.0405932)
    """

    copied: tuple[Size, ...]
    rest: tuple[Size, ...]
    average: bool
    activation: str | Activation = "erf"
    beyond: bool = False

    def __post_init__(self) -> None:
        for name, real_beyond in (("copied", 2), ("rest", 1)):
            if not isinstance(getattr(self, name), tuple):
                raise TypeError(f"{name} must be a tuple of cell sizes, but was given {getattr(self, name)!r}")
            sizes = tuple(_size(name, size, real_beyond) for size in getattr(self, name))
            object.__setattr__(self, name, sizes)
        for name in ("average", "beyond"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, but was given {getattr(self, name)!r}")
        if not (self.copied or self.average):
            raise ValueError("a family needs a student neuron: give copied a cell, or set average")
        if not (self.copied or self.rest):
            raise ValueError("a family needs a teacher neuron: give copied or rest a cell")
        object.__setattr__(self, "activation", get_activation(self.activation))

    @property
    def n(self) -> Size:
        """Number of student neurons."""
        return sum(self.copied) + self.average

    @property
    def k(self) -> Size:
        """Number of teacher neurons."""
        return sum(self.copied) + sum(self.rest)

    @cached_property
    def members(self) -> tuple[Size, ...]:
        """How many student neurons each cell has, the one more included."""
        return (*self.copied, *[1] * self.average)

    @cached_property
    def orbits(self) -> tuple[Orbit, ...]:
        """What the parameters are, in order."""
        orbits = []
        for neuron in range(len(self.members)):
            copies = neuron < len(self.copied)
            orbits += [Orbit(neuron, "own", neuron, 1)] * copies
            sizes = [size - (copies and cell == neuron) for cell, size in enumerate(self.copied)]
            orbits += [Orbit(neuron, "copied", cell, size) for cell, size in enumerate(sizes) if size]
            orbits += [Orbit(neuron, "rest", cell, size) for cell, size in enumerate(self.rest)]
            orbits += [Orbit(neuron, "beyond", 0, 1)] * self.beyond
            orbits.append(Orbit(neuron, "outgoing", 0, 1))
        return tuple(orbits)

    @cached_property
    def counts(self) -> Float[np.ndarray, " parameters"]:
        """How many weights of the network each parameter sets."""
        counts = np.array([self.members[orbit.neuron] * orbit.size for orbit in self.orbits], dtype=float)
        counts.flags.writeable = False
        return counts

    @cached_property
    def has_gauge(self) -> bool:
        """Whether (w, a) → (cw, a/c) leaves a neuron as it is."""
        return has_gauge(self.activation)

    def require_point(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, " parameters"]:
        """Return x as an array of this family's parameters, or say what they are."""
        x = np.array(x, dtype=float)
        if x.shape != (len(self.orbits),):
            names = ", ".join(f"{orbit.kind} {orbit.cell} of neuron {orbit.neuron}" for orbit in self.orbits)
            raise ValueError(f"a point of this family has {len(self.orbits)} parameters ({names}), not shape {x.shape}")
        if not np.all(np.abs(x) <= 1e60):
            raise ValueError(f"the parameters of a point must be finite and at most 1e60, but were given {x}")
        return x

    def loss(self, x: Float[np.ndarray, " parameters"]) -> float:
        """Return the population loss at the point x of the family."""
        pairs = self._pairs(x, 0)
        twice = np.where(np.arange(pairs.c.size) < pairs.students, 1, 2)  # pairs of students are met in both orders
        met = (pairs.numbers * pairs.terms.value) @ (twice * pairs.c)
        itself, other = self._teacher_values
        return float(pairs.members * pairs.a @ met + self.k * (itself + (self.k - 1) * other))

    def gradient(self, x: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
        """Return ∂L/∂x. Every entry is `counts` times the entry of the network's gradient."""
        return self._gradient(self._pairs(x, 1))

    def hessian(self, x: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, "parameters parameters"]:
        """Return ∂²L/∂x². Divided by √counts on either side it is the network's Hessian, along the family."""
        return self._hessian(self._pairs(x, 2))

    def derivatives(
        self, x: Float[np.ndarray, " parameters"]
    ) -> tuple[Float[np.ndarray, " parameters"], Float[np.ndarray, "parameters parameters"]]:
        """Return ∂L/∂x and ∂²L/∂x² in the time of the latter."""
        pairs = self._pairs(x, 2)
        return self._gradient(pairs), self._hessian(pairs)

    def _gradient(self, pairs: "_Pairs") -> Float[np.ndarray, " parameters"]:
        moves, louder = pairs.moves[: pairs.rows], pairs.louder[: pairs.rows]
        by_incoming = np.einsum("ip,ipe->ie", pairs.numbers * pairs.c, pairs.slopes())
        by_outgoing = (pairs.numbers * pairs.terms.value) @ pairs.c
        weights = (pairs.members * pairs.a)[:, None]
        return 2 * (np.tensordot(weights * by_incoming, moves, 2) + (pairs.members * by_outgoing) @ louder)

    def _hessian(self, pairs: "_Pairs") -> Float[np.ndarray, "parameters parameters"]:
        n, s = slice(0, pairs.rows), slice(0, pairs.students)
        moves, louder, c, slopes = pairs.moves, pairs.louder, pairs.c, pairs.slopes()
        number = 2 * pairs.members[:, None] * pairs.numbers
        times_a = number * pairs.a[:, None]
        own, cross = pairs.curvatures()
        # What a change of the parameters does to ∂L/∂wᵢ, through incoming and through outgoing weights, and to ∂L/∂aᵢ.
        bent = np.einsum("ip,ipef->ief", times_a * c, own) @ moves[n]
        bent += np.einsum("ip,ipef,pfy->iey", times_a[:, s] * c[s], cross, moves)
        pulled = np.einsum("ip,ipe,py->iey", times_a[:, s], slopes[:, s], louder)
        pulled += np.einsum("ip,ipe->ie", number * c, slopes)[..., None] * louder[n, None]
        mixed = np.tensordot(moves[n], pulled, ((0, 1), (0, 1)))
        louder_still = louder[n].T @ (number * pairs.terms.value)[:, s] @ louder
        return np.tensordot(moves[n], bent, ((0, 1), (0, 1))) + louder_still + mixed + mixed.T

    def student(self, x: Float[np.ndarray, " parameters"], d: int | None = None) -> Network:
        """Return the point x as a network; the teacher is `orthonormal_teacher(k, d)`.

        Its copied neurons come first, cell by cell. Among the student neurons the one more comes last.
        """
        if not float(self.n).is_integer() or not float(self.k).is_integer():
            raise ValueError(f"a network needs whole numbers of neurons, but n = {self.n} and k = {self.k}")
        x = self.require_point(x)
        d = self.k + self.beyond if d is None else require_whole("d", d, least=self.k + self.beyond)
        require_room(self.n, d, instead="; the parameters alone describe the network")
        cells = {
            "own": np.repeat(np.arange(len(self.copied)), self.copied),
            "rest": np.repeat(np.arange(len(self.rest)), self.rest),
        }
        kinds = ["copied"] * sum(self.copied) + ["rest"] * sum(self.rest) + ["beyond"] * self.beyond
        cell_of = [*cells["own"], *cells["rest"], *[0] * self.beyond]
        values = {orbit[:3]: value for orbit, value in zip(self.orbits, x, strict=True)}
        incoming, outgoing = np.zeros((self.n, d)), np.zeros(self.n)
        for i, neuron in enumerate([*cells["own"], *[len(self.copied)] * self.average]):
            outgoing[i] = values[neuron, "outgoing", 0]
            for j, (kind, cell) in enumerate(zip(kinds, cell_of, strict=True)):
                own = i == j and neuron < len(self.copied)
                incoming[i, j] = values[neuron, "own" if own else kind, cell]
        return Network(incoming, outgoing)

    @cached_property
    def _teacher_values(self) -> tuple[float, float]:
        """The interaction of a teacher neuron with itself and with another."""
        one, u = np.ones(2), np.array([1.0, 0.0])
        return tuple(pair_terms(self.activation, OrderParameters(one, one, u, 1 - u), 0).value)

    @cached_property
    def _layout(self) -> "_Layout":
        return _Layout(self)

    def _pairs(self, x: Float[np.ndarray, " parameters"], order: int) -> "_Pairs":
        return _Pairs(self, self._layout, self.require_point(x), order)


class _Layout:
    """Which neurons represent all others, in coordinates that number only what the group tells apart.

    Of every cell of copied neurons there are a *representative* and, if it has a second member, its *twin*;
    the input directions of the cell's other members are one unit vector along their sum.
    """

    def __init__(self, family: Family) -> None:
        # Coordinates: (kind, cell, role) → number, and how many input directions each stands for.
        stands_for: dict[tuple[str, int, str], Size] = {}
        for cell, size in enumerate(family.copied):
            stands_for |= {
                ("copied", cell, "first"): 1,
                ("copied", cell, "twin"): size > 1,
                ("copied", cell, "others"): size - 2,
            }
        for cell, size in enumerate(family.rest):
            stands_for |= {("rest", cell, "first"): 1, ("rest", cell, "others"): size - 1}
        stands_for["beyond", 0, "first"] = family.beyond
        stands_for = {key: size for key, size in stands_for.items() if size > 0}
        place = {key: number for number, key in enumerate(stands_for)}
        self.dimension = len(place)

        # The students (cell, role): one of every cell, then the twins.
        self.students = [(neuron, "first") for neuron in range(len(family.members))]
        self.students += [(neuron, "twin") for neuron, size in enumerate(family.copied) if size > 1]
        self.moves = np.zeros((len(self.students), self.dimension, len(family.orbits)))
        self.louder = np.zeros((len(self.students), len(family.orbits)))
        for row, (neuron, role) in enumerate(self.students):
            own = ("copied", neuron, role) if neuron < len(family.copied) else None
            for column, orbit in enumerate(family.orbits):
                if orbit.neuron != neuron:
                    continue
                if orbit.kind == "outgoing":
                    self.louder[row, column] = 1
                    continue
                for key, number in place.items():
                    along = orbit.kind == "own" if key == own else key[:2] == (orbit.kind, orbit.cell)
                    if along:
                        self.moves[row, number, column] = sqrt(stands_for[key])

        # The teacher neurons that stand for all.
        teachers = [key for key in place if key[0] != "beyond" and key[2] != "others"]
        self.teachers = np.eye(self.dimension)[[place[key] for key in teachers]]

        # How many neurons of each kind the representative of each cell meets.
        self.members = np.array(family.members, dtype=float)
        partners = [("copied", *student) for student in self.students] + teachers
        self.numbers = np.array(
            [[_number(family, neuron, *partner) for partner in partners] for neuron in range(len(family.members))],
            dtype=float,
        )


def _number(family: Family, neuron: int, kind: str, cell: int, role: str) -> Size:
    """For how many neurons that this one meets a partner stands."""
    if kind == "rest":
        return family.rest[cell]
    size = family.members[cell]
    if cell != neuron or neuron == len(family.copied):
        return size if role == "first" else 0
    return 1 if role == "first" else size - 1


class _Pairs:
    """The representatives (rows) with all their partners (columns): students, then teachers, at one point."""

    def __init__(self, family: Family, layout: _Layout, x: Float[np.ndarray, " parameters"], order: int) -> None:
        self.members, self.numbers, self.moves, self.louder = (
            layout.members,
            layout.numbers,
            layout.moves,
            layout.louder,
        )
        self.rows, self.students = len(layout.members), len(layout.students)
        self.w = layout.moves @ x
        self.partners = np.concatenate([self.w, layout.teachers])
        a = layout.louder @ x
        self.a, self.c = a[: self.rows], np.concatenate([a, -np.ones(len(layout.teachers))])
        self.geometry: PairGeometry = pair_geometry(xp, self.w, self.partners, directions=order > 1)
        rows = slice(0, self.rows)
        p = self.geometry.order_parameters
        p = OrderParameters(p.r1[rows], p.r2, p.u[rows], p.v[rows])
        terms = pair_terms(family.activation, p, order)
        self.terms = PairTerms(*(t if t is None else np.broadcast_to(t, p.u.shape) for t in terms))

    def slopes(self) -> Float[np.ndarray, "rows partners d"]:
        """∂G/∂w of every pair."""
        w = self.w[: self.rows, None]
        return self.terms.own[..., None] * w + self.terms.cross[..., None] * self.partners

    def curvatures(self) -> tuple[Float[np.ndarray, "rows partners d d"], Float[np.ndarray, "rows students d d"]]:
        """∂²G/∂w² of every pair, and ∂²G/∂w∂w′ of the pairs of students."""
        n, s = slice(0, self.rows), slice(0, self.students)
        t = PairTerms(*(term[..., None, None] for term in self.terms))
        w_hat, p_hat = self.geometry.w_hat[n, None], self.geometry.p_hat
        m, eye = self.geometry.across[n], np.eye(self.w.shape[-1])

        own = t.own * eye + t.own_ww * _outer(w_hat, w_hat) + t.own_mm * _outer(m, m)
        own = own + t.own_wm * (_outer(w_hat, m) + _outer(m, w_hat))
        t = PairTerms(*(term[:, s] for term in t))
        m, p_hat, m_back = m[:, s], p_hat[s], np.swapaxes(self.geometry.across[s, s], 0, 1)[n]
        cross = t.cross * eye + t.cross_wp * _outer(w_hat, p_hat) + t.cross_wm * _outer(w_hat, m_back)
        cross = cross + t.cross_mp * _outer(m, p_hat) + t.cross_mm * _outer(m, m_back)
        return own, cross


def _outer(x: Float[np.ndarray, "... d"], y: Float[np.ndarray, "... d"]) -> Float[np.ndarray, "... d d"]:
    return x[..., :, None] * y[..., None, :]


def copy_average_family(n: int, k: int, activation: str | Activation = "erf") -> Family:
    """Return the family of S_{n−1} × S_{k−n+1}: n − 1 neurons that single out a teacher neuron, and one more.

    Parameters
    ----------
    n, k : int
        Numbers of student and teacher neurons, 1 ≤ n ≤ k.
    activation : str or Activation
        As for `interaction`.

    Raises
    ------
    TypeError, ValueError
        If n and k are not whole numbers with 1 ≤ n ≤ k, or the activation is unknown.

    Examples
    --------
    >>> copy_average_family(3, 5).counts
    array([2., 2., 6., 2., 2., 3., 1.])
    """
    n, k = require_smaller(n, k)
    return Family((n - 1,) if n > 1 else (), (k - n + 1,), average=True, activation=activation)


def n_copy_family(n: int, k: int, activation: str | Activation = "erf") -> Family:
    """Return the family of S_n × S_{k−n}: every student neuron singles out a teacher neuron of its own.

    Parameters, errors and conventions are those of `copy_average_family`.

    Examples
    --------
    >>> [orbit.kind for orbit in n_copy_family(3, 5).orbits]
    ['own', 'copied', 'rest', 'outgoing']
    """
    n, k = require_smaller(n, k)
    return Family((n,), (k - n,) if k > n else (), average=False, activation=activation)


def require_smaller(n: int, k: int) -> tuple[int, int]:
    """Return whole numbers 1 ≤ n ≤ k, or say what was given."""
    n, k = require_whole("n", n), require_whole("k", k)
    if k > 2**50:
        raise ValueError(f"k must be at most 2⁵⁰, so that neurons can be counted in floats, but was given {k}")
    if n > k:
        raise ValueError(f"n must be at most k, but was given n = {n} and k = {k}")
    return n, k


def _size(name: str, size: Size, real_beyond: int) -> Size:
    if isinstance(size, float) and isfinite(size) and size >= real_beyond:
        return int(size) if size.is_integer() else size
    return require_whole(f"every size in {name}", size)
