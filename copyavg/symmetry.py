"""Students that permutations leave as they are: a handful of parameters for any k, and the Hessian by blocks.

Let p student neurons single out one teacher neuron each, let q teacher neurons be left over, and let there
be, or not, one more student neuron. Permuting the p pairs, or the q others, only renames the neurons of a
unit-orthonormal teacher, so the loss does not change. The students that S_p × S_q leaves as they are,

    wᵢ = α vᵢ + β Σ_{j≤p, j≠i} vⱼ + γ Σ_{j>p} vⱼ,  outgoing weight a,     for the p,
    w  = δ Σ_{j≤p} vⱼ + ε Σ_{j>p} vⱼ,              outgoing weight b,     for the one more,

make up a *family*, and the gradient of the loss points along it. With p = n the family holds the *n-copy*
point, with p = n − 1 the best *copy-average* point.

A smaller group permutes within *cells* only, S_{p₁} × S_{p₂} × … × S_{q₁} × …, and every cell has parameters
of its own. A direction that is symmetric under the smaller group lies along its family, so that second
derivatives by it are as cheap. By Schur's lemma a few such directions give the whole Hessian at a point of
the larger group: one block for every irreducible representation, as often as its dimension says.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite, sqrt
from typing import NamedTuple

import array_api_compat.numpy as xp
import numpy as np
from jaxtyping import Float

from .activations import Activation, OrderParameters, PairTerms, get_activation, has_gauge
from .arrays import require_whole
from .interaction import QuadratureError, pair_terms
from .landscape import PairGeometry, pair_geometry
from .network import MOST_WEIGHTS, Network

Size = int | float  # of a cell: whole, where it is that of a network


class NoCriticalPointError(ValueError):
    """No critical point was found where one was looked for."""


class Orbit(NamedTuple):
    """Weights of a student neuron that the group makes equal: one parameter."""

    neuron: int  # cell of the student neuron; the one more comes after all cells
    kind: str  # "own", "copied", "rest" or "beyond", for the direction of an incoming weight, or "outgoing"
    cell: int  # cell of the teacher neurons, among those of this kind
    size: Size  # how many weights of one neuron


class Block(NamedTuple):
    """The Hessian on one irreducible representation: each of its eigenvalues occurs `multiplicity` times."""

    name: str
    multiplicity: int
    matrix: Float[np.ndarray, "size size"]


@dataclass(frozen=True)
class Family:
    """The students that a product of permutation groups leaves as they are, with their loss (see the module).

    Parameters
    ----------
    copied : tuple of numbers
        Sizes of the cells of student neurons that single out a teacher neuron each; they add up to p.
    rest : tuple of numbers
        Sizes of the cells of the teacher neurons left over; they add up to q.
    average : bool
        Whether there is one more student neuron.
    activation : str or Activation
        A name that `interaction` knows, or an `Activation` of your own.
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
        pairs = self._pairs(x, 1)
        n = pairs.rows
        by_incoming = pairs.a[:, None] * np.einsum("ip,p,ipe->ie", pairs.numbers, pairs.c, pairs.slopes())
        by_outgoing = (pairs.numbers * pairs.terms.value) @ pairs.c
        result = np.einsum("i,ie,iex->x", pairs.members, by_incoming, pairs.moves[:n])
        return 2 * (result + (pairs.members * by_outgoing) @ pairs.louder[:n])

    def hessian(self, x: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, "parameters parameters"]:
        """Return ∂²L/∂x². Divided by √counts on either side it is the network's Hessian, along the family."""
        pairs = self._pairs(x, 2)
        n, s = slice(0, pairs.rows), slice(0, pairs.students)
        moves, louder, c, slopes = pairs.moves, pairs.louder, pairs.c, pairs.slopes()
        number = 2 * pairs.members[:, None] * pairs.numbers
        times_a = number * pairs.a[:, None]
        own, cross = pairs.curvatures()
        result = np.einsum("ip,p,ipef,iex,ify->xy", times_a, c, own, moves[n], moves[n], optimize=True)
        result += np.einsum("ip,p,ipef,iex,pfy->xy", times_a[:, s], c[s], cross, moves[n], moves, optimize=True)
        result += np.einsum("ip,ip,ix,py->xy", number[:, s], pairs.terms.value[:, s], louder[n], louder, optimize=True)
        mixed = np.einsum("ip,ipe,iex,py->xy", times_a[:, s], slopes[:, s], moves[n], louder, optimize=True)
        mixed += np.einsum("ip,p,ipe,iex,iy->xy", number, c, slopes, moves[n], louder[n], optimize=True)
        return result + mixed + mixed.T

    def student(self, x: Float[np.ndarray, " parameters"], d: int | None = None) -> Network:
        """Return the point x as a network; the teacher is `orthonormal_teacher(k, d)`.

        Its copied neurons come first, cell by cell. Among the student neurons the one more comes last.
        """
        if not float(self.n).is_integer() or not float(self.k).is_integer():
            raise ValueError(f"a network needs whole numbers of neurons, but n = {self.n} and k = {self.k}")
        x = self.require_point(x)
        d = self.k + self.beyond if d is None else require_whole("d", d, least=self.k + self.beyond)
        if self.n * d > MOST_WEIGHTS:
            raise ValueError(f"a network of {self.n} × {d} weights is too large; the parameters alone describe it")
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
                ("copied", cell, "twin"): 1,
                ("copied", cell, "others"): size - 2,
            }
        for cell, size in enumerate(family.rest):
            stands_for |= {("rest", cell, "first"): 1, ("rest", cell, "others"): size - 1}
        stands_for["beyond", 0, "first"] = family.beyond
        stands_for = {key: size for key, size in stands_for.items() if size > 0}
        if family.copied:
            for cell, size in enumerate(family.copied):
                if size == 1:
                    del stands_for["copied", cell, "twin"]
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

        def outer(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            return x[..., :, None] * y[..., None, :]

        own = t.own * eye + t.own_ww * outer(w_hat, w_hat) + t.own_mm * outer(m, m)
        own = own + t.own_wm * (outer(w_hat, m) + outer(m, w_hat))
        t = PairTerms(*(term[:, s] for term in t))
        m, p_hat, m_back = m[:, s], p_hat[s], np.swapaxes(self.geometry.across[s, s], 0, 1)[n]
        cross = t.cross * eye + t.cross_wp * outer(w_hat, p_hat) + t.cross_wm * outer(w_hat, m_back)
        cross = cross + t.cross_mp * outer(m, p_hat) + t.cross_mm * outer(m, m_back)
        return own, cross


def copy_average_family(n: int, k: int, activation: str | Activation = "erf") -> Family:
    """Return the family of S_{n−1} × S_{k−n+1}: n − 1 neurons that single out a teacher neuron, and one more.

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

    Raises
    ------
    TypeError, ValueError
        As for `copy_average_family`.

    Examples
    --------
    >>> [orbit.kind for orbit in n_copy_family(3, 5).orbits]
    ['own', 'copied', 'rest', 'outgoing']
    """
    n, k = require_smaller(n, k)
    return Family((n,), (k - n,) if k > n else (), average=False, activation=activation)


def hessian_blocks(family: Family, x: Float[np.ndarray, " parameters"], d: int | None = None) -> list[Block]:
    """Return the Hessian at the point x of a family by blocks, one for every irreducible representation.

    The weights of the p copied neurons transform as pairs of indices, those towards the q others and the
    outgoing weights as one index each, so that beside the trivial representation there occur: *copied*
    (dimension p − 1), *rest* (q − 1), *copied ⊗ rest*, the *symmetric* and the *antisymmetric* matrices
    without row sums (dimensions p(p − 3)/2 and (p − 1)(p − 2)/2), and for d > k the directions *beyond* the
    teacher (d − k) and *copied ⊗ beyond*.

    Parameters
    ----------
    family : Family
        With at most one cell of each kind.
    x : array, shape (parameters,)
        A point of the family, critical or not.
    d : int, optional
        Input dimension, at least k; k unless given.

    Returns
    -------
    list of Block
        Together the eigenvalues of the blocks, each with its multiplicity, are those of the full Hessian.

    Raises
    ------
    ValueError
        If the family has more than one cell of a kind, or d < k.

    Notes
    -----
    For ReLU and its like, (w, a) → (cw, a/c) leaves a neuron as it is. The n directions along this gauge are
    left out.
    Derived in this book; Arjevani and Field (2021) use the same symmetry for ReLU networks.

    Examples
    --------
    >>> family = copy_average_family(3, 5)
    >>> x = np.array([1, 0, 0, 1, 0, 1 / np.sqrt(15), 3])
    >>> {block.name: (len(block.matrix), block.multiplicity) for block in hessian_blocks(family, x)}
    {'trivial': (7, 1), 'copied': (5, 1), 'rest': (2, 2), 'copied ⊗ rest': (1, 2)}
    """
    if len(family.copied) > 1 or len(family.rest) > 1 or family.beyond:
        raise ValueError("the Hessian is taken by blocks at families with one cell of each kind")
    if not all(float(size).is_integer() for size in (*family.copied, *family.rest)):
        raise ValueError(f"multiplicities need whole sizes, but were given {family.copied} and {family.rest}")
    x = family.require_point(x)
    d = family.k if d is None else require_whole("d", d)
    if d < family.k:
        raise ValueError(f"d must be at least k = {family.k}, but was given {d}")
    p, q, e = sum(family.copied), sum(family.rest), d - family.k
    one_of_p, one_of_q = _one_and_others(p), _one_and_others(q)
    blocks = [_block("trivial", 1, family, x, [_unit(family, i) for i in range(len(family.orbits))])]
    if p > 1:
        single = replace(family, copied=_sizes(1, p - 1))
        blocks.append(_block("copied", p - 1, single, x, _copied_directions(single, one_of_p)))
    if q > 1:
        single = replace(family, rest=_sizes(1, q - 1))
        blocks.append(_block("rest", q - 1, single, x, _rest_directions(single, one_of_q)))
    if p > 1 and q > 1:
        both = replace(family, copied=_sizes(1, p - 1), rest=_sizes(1, q - 1))
        turn = _direction(both, lambda o: one_of_p[o.neuron] * one_of_q[o.cell] if _towards(both, o, "rest") else 0)
        blocks.append(_block("copied ⊗ rest", (p - 1) * (q - 1), both, x, [turn]))
    if p > 3:
        two = replace(family, copied=_sizes(2, p - 2))
        y = -1 / (p - 2)
        table = np.array([[1, y], [y, 2 / ((p - 2) * (p - 3))]])
        turn = _direction(two, lambda o: table[o.neuron, o.cell] if _towards(two, o, "copied") else 0)
        blocks.append(_block("symmetric", p * (p - 3) // 2, two, x, [turn]))
    if p > 2:
        two = replace(family, copied=_sizes(1, 1, p - 2))
        y = 1 / (p - 2)
        table = np.array([[0, 1, -y], [-1, 0, y], [y, -y, 0]])
        turn = _direction(two, lambda o: table[o.neuron, o.cell] if _towards(two, o, "copied") else 0)
        blocks.append(_block("antisymmetric", (p - 1) * (p - 2) // 2, two, x, [turn]))
    if e:
        tilted = replace(family, beyond=True)
        turns = [_unit(tilted, i) for i, orbit in enumerate(tilted.orbits) if orbit.kind == "beyond"]
        blocks.append(_block("beyond", e, tilted, x, turns))
        if p > 1:
            tilted = replace(tilted, copied=_sizes(1, p - 1))
            turn = _direction(tilted, lambda o: one_of_p[o.neuron] if _towards(tilted, o, "beyond") else 0)
            blocks.append(_block("copied ⊗ beyond", (p - 1) * e, tilted, x, [turn]))
    return [block for block in blocks if len(block.matrix)]


def critical_point(family: Family, start: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
    """Return the critical point of a family that Newton's method reaches from `start`.

    Raises
    ------
    NoCriticalPointError
        If the method has not converged to rounding accuracy after 80 steps. It is a `ValueError`.

    Notes
    -----
    Steps are taken in the metric of the network's weights. For ReLU and other activations with a gauge they
    are taken across it, and the point has ‖w‖ = |a| for every neuron.

    Examples
    --------
    >>> family = copy_average_family(2, 3)
    >>> critical_point(family, np.array([0.9, 0, 1.1, 0, 0.4, 2]))[[0, 2, 4, 5]].round(6)  # α, a, ε, b
    array([1.      , 1.      , 0.408248, 2.      ])
    """
    start = family.require_point(start)
    x, change = _balanced(family, start), np.inf
    try:
        for _ in range(80):
            step = _newton_step(family, x)
            x, before, change = _balanced(family, x - step), change, relative_change(family, step, x)
            if change <= 1e-8 and change >= before / 2:  # rounding is all that is left
                return x
            if not change <= 1e3:
                break
    except (QuadratureError, np.linalg.LinAlgError):
        pass
    raise NoCriticalPointError(
        f"Newton's method found no critical point of the family of {family.n} student and {family.k} teacher "
        f"neurons ({family.activation.name}) from {start}"
    )


def relative_change(
    family: Family, step: Float[np.ndarray, " parameters"], x: Float[np.ndarray, " parameters"]
) -> float:
    """Return how large a step is: the largest change of any neuron's incoming or outgoing weights, relative to them.

    Examples
    --------
    >>> relative_change(n_copy_family(2, 3), np.array([0.0, 0.03, 0.0, 0.1]), np.array([3.0, 0.0, 4.0, 2.0]))
    0.05
    """
    changes = []
    for neuron in range(len(family.members)):
        for outgoing in (False, True):
            part = [i for i, o in enumerate(family.orbits) if o.neuron == neuron and (o.kind == "outgoing") == outgoing]
            lengths = np.sqrt(family.counts[part])
            size = float(np.linalg.norm(lengths * x[part]))
            changes.append(float(np.linalg.norm(lengths * step[part])) / max(size, 1e-300))
    return max(changes)


def _newton_step(family: Family, x: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
    """In the metric of the network's weights, every direction scaled by its own curvature, and across the gauge."""
    lengths = np.sqrt(family.counts)
    basis = _without_gauge(family, x, np.eye(len(x)))
    curvature = basis.T @ (family.hessian(x) / np.outer(lengths, lengths)) @ basis
    scale, scaled = _scaled(curvature)
    slope = scale * (basis.T @ (family.gradient(x) / lengths))
    return basis @ (scale * np.linalg.solve(scaled, slope)) / lengths


def _balanced(family: Family, x: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
    """For an activation with a gauge the same function with ‖w‖ = |a|; else the point itself."""
    if not has_gauge(family.activation):
        return x
    x = x.copy()
    for neuron in range(len(family.members)):
        part = np.array([o.neuron == neuron for o in family.orbits])
        out = part & np.array([o.kind == "outgoing" for o in family.orbits])
        weights = part & ~out
        length = float(np.linalg.norm(np.sqrt(family.counts[weights] / family.members[neuron]) * x[weights]))
        outgoing = float(np.abs(x[out][0]))
        if length > 0 and outgoing > 0:
            x[weights] *= np.sqrt(outgoing / length)
            x[out] *= np.sqrt(length / outgoing)
    return x


def spectrum(blocks: list[Block]) -> Float[np.ndarray, " eigenvalues"]:
    """Return all eigenvalues of a Hessian by blocks, each as often as it occurs, in ascending order.

    Examples
    --------
    >>> spectrum([Block("trivial", 1, np.diag([3.0, 1.0])), Block("rest", 2, np.array([[2.0]]))])
    array([1., 2., 2., 3.])
    """
    if not blocks:
        return np.zeros(0)
    return np.sort(np.concatenate([np.repeat(np.linalg.eigvalsh(b.matrix), b.multiplicity) for b in blocks]))


def _size(name: str, size: Size, real_beyond: int) -> Size:
    if isinstance(size, float) and isfinite(size) and size >= real_beyond:
        return int(size) if size.is_integer() else size
    return require_whole(f"every size in {name}", size)


def index(blocks: list[Block]) -> int:
    """Return the number of negative eigenvalues of a Hessian by blocks; those within rounding of zero do not count.

    For large k a block holds curvatures from 1 to k². Dividing by the roots of its diagonal leaves the number of
    negative eigenvalues as it is (Sylvester) and brings them all to one scale.

    Examples
    --------
    >>> index([Block("trivial", 1, np.diag([3.0, -1.0])), Block("rest", 2, np.array([[-1e-20]]))])
    3
    """
    return sum(_negative(_scaled(block.matrix)[1]) * block.multiplicity for block in blocks)


def smallest_eigenvalue(blocks: list[Block]) -> float:
    """Return the lowest eigenvalue; of a positive block it is found as the highest of the inverse.

    Examples
    --------
    >>> blocks = [Block("trivial", 1, np.diag([3.0, 1e-30])), Block("rest", 2, np.array([[2.0]]))]
    >>> f"{smallest_eigenvalue(blocks):.6g}"
    '1e-30'
    """
    return min(_smallest(block.matrix) for block in blocks)


def _smallest(matrix: Float[np.ndarray, "size size"]) -> float:
    scale, scaled = _scaled(matrix)
    if _negative(scaled):
        return float(np.linalg.eigvalsh(matrix)[0])
    inverse = scale[:, None] * np.linalg.pinv(scaled, hermitian=True) * scale
    return float(1 / np.linalg.eigvalsh(inverse)[-1])


def _scaled(
    matrix: Float[np.ndarray, "size size"],
) -> tuple[Float[np.ndarray, " size"], Float[np.ndarray, "size size"]]:
    """A block with a diagonal of ±1, and by what its rows and columns were multiplied."""
    scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-300))
    return scale, scale[:, None] * matrix * scale


def _negative(scaled: Float[np.ndarray, "size size"]) -> int:
    return int(np.sum(np.linalg.eigvalsh(scaled) < -1e-12))


def require_smaller(n: int, k: int) -> tuple[int, int]:
    """Return whole numbers 1 ≤ n ≤ k, or say what was given."""
    n, k = require_whole("n", n), require_whole("k", k)
    if k > 2**50:
        raise ValueError(f"k must be at most 2⁵⁰, so that neurons can be counted in floats, but was given {k}")
    if n > k:
        raise ValueError(f"n must be at most k, but was given n = {n} and k = {k}")
    return n, k


def _sizes(*sizes: Size) -> tuple[Size, ...]:
    return tuple(size for size in sizes if size)


def _one_and_others(size: Size) -> tuple[float, float]:
    """A vector without sum that tells one index from the others, which are all alike."""
    return (1.0, -1 / (size - 1)) if size > 1 else (1.0, 0.0)


def _towards(family: Family, orbit: Orbit, kind: str) -> bool:
    """Whether a parameter moves a copied neuron in directions of this kind."""
    return orbit.kind == kind and orbit.neuron < len(family.copied)


def _direction(family: Family, value: Callable[[Orbit], float]) -> Float[np.ndarray, " parameters"]:
    return np.array([value(orbit) for orbit in family.orbits], dtype=float)


def _unit(family: Family, i: int) -> Float[np.ndarray, " parameters"]:
    return np.eye(len(family.orbits))[i]


def _copied_directions(family: Family, y: tuple[float, float]) -> list[Float[np.ndarray, " parameters"]]:
    """Where the standard representation of S_p occurs: by the neuron's index, or by the direction's."""
    averages = len(family.copied)  # the one more student neuron's number

    def by_neuron(kind: str) -> Float[np.ndarray, " parameters"]:
        return _direction(family, lambda o: y[o.neuron] if _towards(family, o, kind) else 0)

    directions = [by_neuron(kind) for kind in ("own", "copied", "rest", "outgoing")]
    if sum(family.copied) > 2:  # for p = 2 it is minus the second
        directions.append(_direction(family, lambda o: y[o.cell] if _towards(family, o, "copied") else 0))
    directions.append(_direction(family, lambda o: y[o.cell] if o.kind == "copied" and o.neuron == averages else 0))
    return [direction for direction in directions if direction.any()]


def _rest_directions(family: Family, y: tuple[float, float]) -> list[Float[np.ndarray, " parameters"]]:
    neurons = range(len(family.members))
    return [_direction(family, lambda o, i=i: y[o.cell] if o.kind == "rest" and o.neuron == i else 0) for i in neurons]


def _block(
    name: str,
    multiplicity: int,
    family: Family,
    x: Float[np.ndarray, " coarse"],
    directions: list[Float[np.ndarray, " parameters"]],
) -> Block:
    """The Hessian in an orthonormal basis of the directions, which are symmetric under the smaller group."""
    at = _refine(family, x)
    lengths = np.sqrt(family.counts)
    basis = _without_gauge(family, at, np.linalg.qr((lengths * np.array(directions)).T)[0])
    return Block(name, multiplicity, basis.T @ (family.hessian(at) / np.outer(lengths, lengths)) @ basis)


def _refine(family: Family, x: Float[np.ndarray, " coarse"]) -> Float[np.ndarray, " parameters"]:
    """The point of a family with one cell of each kind, as a point of a family with more."""
    coarse = replace(
        family,
        copied=(sum(family.copied),) if family.copied else (),
        rest=(sum(family.rest),) if family.rest else (),
        beyond=False,
    )
    values = {orbit[:3]: value for orbit, value in zip(coarse.orbits, x, strict=True)}
    first_average = len(family.copied)
    return np.array(
        [
            0.0
            if orbit.kind == "beyond"
            else values[len(coarse.copied) if orbit.neuron == first_average else 0, orbit.kind, 0]
            for orbit in family.orbits
        ]
    )


def _without_gauge(
    family: Family, x: Float[np.ndarray, " parameters"], basis: Float[np.ndarray, "parameters size"]
) -> Float[np.ndarray, "parameters smaller"]:
    """A basis of what of the directions is orthogonal to the gauge (w, −a) of every neuron, if there is one."""
    if not has_gauge(family.activation):
        return basis
    lengths = np.sqrt(family.counts)
    gauge = np.array(
        [
            _direction(family, lambda o, i=i: (-1 if o.kind == "outgoing" else 1) if o.neuron == i else 0) * x * lengths
            for i in range(len(family.members))
        ]
    )
    _, sizes, rows = np.linalg.svd(gauge @ basis)
    rank = int(np.sum(sizes > 1e-9 * np.linalg.norm(gauge)))
    return basis @ rows[rank:].T
