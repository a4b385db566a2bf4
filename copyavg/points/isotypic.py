"""The Hessian at a point that permutations leave as it is, by blocks, and what its eigenvalues say.

A smaller group permutes within smaller cells and has a larger family. A direction that is symmetric under the smaller
group lies along that family, so that second derivatives by it are as cheap. By Schur's lemma a few such directions give
the whole Hessian at a point of the larger group: one block for every irreducible representation, as often as its
dimension says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from copyavg.arrays import require_whole

from .family import Family, Orbit, Size


@dataclass(frozen=True, eq=False)
class Block:
    """The Hessian on one irreducible representation: each of its eigenvalues occurs `multiplicity` times.

    Two blocks are equal whose names, multiplicities and matrices are.
    """

    name: str
    multiplicity: int
    matrix: Float[np.ndarray, "size size"]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Block):
            return NotImplemented
        same = (self.name, self.multiplicity) == (other.name, other.multiplicity)
        return same and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash((self.name, self.multiplicity))


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
    >>> from copyavg.points.family import copy_average_family
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
    one_of_p, one_of_q = (p - 1, -1), (q - 1, -1)  # vectors without sum that tell one index from all others
    found = [("trivial", 1, family, list(np.eye(len(family.orbits))))]
    if p > 1:
        single = replace(family, copied=_cells(1, p - 1))
        found.append(("copied", p - 1, single, _copied_directions(single, one_of_p)))
    if q > 1:
        single = replace(family, rest=_cells(1, q - 1))
        found.append(("rest", q - 1, single, _rest_directions(single, one_of_q)))
    if p > 1 and q > 1:
        both = replace(family, copied=_cells(1, p - 1), rest=_cells(1, q - 1))
        turn = _direction(both, lambda o: one_of_p[o.neuron] * one_of_q[o.cell] if _towards(both, o, "rest") else 0)
        found.append(("copied ⊗ rest", (p - 1) * (q - 1), both, [turn]))
    if p > 3:
        two = replace(family, copied=_cells(2, p - 2))
        table = np.array([[(p - 2) * (p - 3), 3 - p], [3 - p, 2]])
        turn = _direction(two, lambda o: table[o.neuron, o.cell] if _towards(two, o, "copied") else 0)
        found.append(("symmetric", p * (p - 3) // 2, two, [turn]))
    if p > 2:
        two = replace(family, copied=_cells(1, 1, p - 2))
        table = np.array([[0, p - 2, -1], [2 - p, 0, 1], [1, -1, 0]])
        turn = _direction(two, lambda o: table[o.neuron, o.cell] if _towards(two, o, "copied") else 0)
        found.append(("antisymmetric", (p - 1) * (p - 2) // 2, two, [turn]))
    if e:
        tilted = replace(family, beyond=True)
        turns = [unit for unit, o in zip(np.eye(len(tilted.orbits)), tilted.orbits, strict=True) if o.kind == "beyond"]
        found.append(("beyond", e, tilted, turns))
        if p > 1:
            tilted = replace(tilted, copied=_cells(1, p - 1))
            turn = _direction(tilted, lambda o: one_of_p[o.neuron] if _towards(tilted, o, "beyond") else 0)
            found.append(("copied ⊗ beyond", (p - 1) * e, tilted, [turn]))
    return [_block(family, x, *each) for each in found]


def _block(
    family: Family,
    x: Float[np.ndarray, " parameters"],
    name: str,
    multiplicity: int,
    finer: Family,
    directions: list[Float[np.ndarray, " finer"]],
) -> Block:
    """The Hessian in an orthonormal basis of the directions, which are those of a finer family."""
    at = _refine(family, x, finer)
    basis = np.linalg.qr(np.sqrt(finer.counts)[:, None] * np.stack(directions, axis=1))[0]
    return Block(name, multiplicity, hessian_along(finer, at, across_gauge(finer, at, basis)))


def spectrum(blocks: Sequence[Block]) -> Float[np.ndarray, " eigenvalues"]:
    """Return all eigenvalues of a Hessian by blocks, each as often as it occurs, in ascending order.

    Examples
    --------
    >>> spectrum([Block("trivial", 1, np.diag([3.0, 1.0])), Block("rest", 2, np.array([[2.0]]))])
    array([1., 2., 2., 3.])
    """
    if not blocks:
        return np.zeros(0)
    return np.sort(np.concatenate([np.repeat(np.linalg.eigvalsh(b.matrix), b.multiplicity) for b in blocks]))


def index(blocks: Sequence[Block]) -> int:
    """Return the number of negative eigenvalues of a Hessian by blocks; those within rounding of zero do not count.

    For large k a block holds curvatures from 1 to k². Dividing by the roots of its diagonal leaves the number of
    negative eigenvalues as it is (Sylvester) and brings them all to one scale.

    Examples
    --------
    >>> index([Block("trivial", 1, np.diag([3.0, -1.0])), Block("rest", 2, np.array([[-1e-20]]))])
    3
    """
    return sum(_negative(scaled_block(block.matrix)[1]) * block.multiplicity for block in blocks)


def smallest_eigenvalue(blocks: Sequence[Block]) -> float:
    """Return the lowest eigenvalue; of a positive block it is found as the highest of the inverse.

    It is 0 if none is negative and one is within rounding of zero: by less than 1e-14, in the scale of `scaled_block`.

    Examples
    --------
    >>> smallest_eigenvalue([Block("trivial", 1, np.ones((2, 2)))])
    0.0
    >>> blocks = [Block("trivial", 1, np.diag([3.0, 1e-30])), Block("rest", 2, np.array([[2.0]]))]
    >>> f"{smallest_eigenvalue(blocks):.6g}"
    '1e-30'
    """
    return min(_smallest(block.matrix) for block in blocks)


def _smallest(matrix: Float[np.ndarray, "size size"]) -> float:
    scale, scaled = scaled_block(matrix)
    if _negative(scaled):
        return float(np.linalg.eigvalsh(matrix)[0])
    if np.linalg.eigvalsh(scaled)[0] < 1e-14:
        return 0.0
    inverse = scale[:, None] * np.linalg.inv(scaled) * scale
    return float(1 / np.linalg.eigvalsh(inverse)[-1])


def _negative(scaled: Float[np.ndarray, "size size"]) -> int:
    return int(np.sum(np.linalg.eigvalsh(scaled) < -1e-12))


def scaled_block(
    matrix: Float[np.ndarray, "size size"],
) -> tuple[Float[np.ndarray, " size"], Float[np.ndarray, "size size"]]:
    """Return s = |diagonal|^(−½), and the matrix with rows and columns multiplied by s: its diagonal is ±1.

    Examples
    --------
    >>> scale, scaled = scaled_block(np.array([[4.0, 1e3], [1e3, 1e6]]))
    >>> scale, scaled[0]
    (array([0.5  , 0.001]), array([1. , 0.5]))
    """
    scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(matrix)), 1e-300))
    return scale, scale[:, None] * matrix * scale


def hessian_along(
    family: Family, x: Float[np.ndarray, " parameters"], basis: Float[np.ndarray, "parameters size"]
) -> Float[np.ndarray, "size size"]:
    """Return the network's Hessian along directions of a family, in the metric of the network's weights.

    Examples
    --------
    >>> from copyavg.points.family import n_copy_family
    >>> family, x = n_copy_family(1, 2, "relu"), np.array([1.0, 0.0, 1.0])  # one copy, of two neurons
    >>> hessian_along(family, x, np.eye(3)[:, [2]])  # 2g(w, w) for the outgoing weight
    array([[1.]])
    """
    lengths = np.sqrt(family.counts)
    return basis.T @ (family.hessian(x) / np.outer(lengths, lengths)) @ basis


def across_gauge(
    family: Family, x: Float[np.ndarray, " parameters"], basis: Float[np.ndarray, "parameters size"]
) -> Float[np.ndarray, "parameters smaller"]:
    """Return a basis of what of the directions is orthogonal to the gauge (w, −a) of every neuron, if there is one.

    Examples
    --------
    >>> from copyavg.points.family import n_copy_family
    >>> family, x = n_copy_family(1, 2, "relu"), np.array([3.0, 0.0, 3.0])
    >>> across_gauge(family, x, np.eye(3)).shape
    (3, 2)
    """
    if not family.has_gauge:
        return basis
    at = np.sqrt(family.counts) * x
    gauge = np.array(
        [
            _direction(family, lambda o, i=i: (-1 if o.kind == "outgoing" else 1) if o.neuron == i else 0) * at
            for i in range(len(family.members))
        ]
    )
    _, sizes, rows = np.linalg.svd(gauge @ basis)
    rank = int(np.sum(sizes > 1e-9 * np.linalg.norm(gauge)))
    return basis @ rows[rank:].T


def _refine(coarse: Family, x: Float[np.ndarray, " coarse"], finer: Family) -> Float[np.ndarray, " parameters"]:
    """The point of a family with one cell of each kind, as a point of a family with more; at 0 beyond the teacher."""
    values = {(o.neuron < len(coarse.copied), o.kind): value for o, value in zip(coarse.orbits, x, strict=True)}
    return np.array([values.get((o.neuron < len(finer.copied), o.kind), 0.0) for o in finer.orbits])


def _cells(*sizes: Size) -> tuple[Size, ...]:
    return tuple(size for size in sizes if size)


def _towards(family: Family, orbit: Orbit, kind: str) -> bool:
    """Whether a parameter moves a copied neuron in directions of this kind."""
    return orbit.kind == kind and orbit.neuron < len(family.copied)


def _direction(family: Family, value: Callable[[Orbit], float]) -> Float[np.ndarray, " parameters"]:
    return np.array([value(orbit) for orbit in family.orbits], dtype=float)


def _copied_directions(family: Family, y: tuple[Size, Size]) -> list[Float[np.ndarray, " parameters"]]:
    """Where the standard representation of S_p occurs: by the neuron's index, or by the direction's."""
    average = len(family.copied)  # the one more student neuron's number
    directions = [
        _direction(family, lambda o, kind=kind: y[o.neuron] if _towards(family, o, kind) else 0)
        for kind in ("own", "copied", "rest", "outgoing")
    ]
    if sum(family.copied) > 2:  # for p = 2 it is minus the second
        directions.append(_direction(family, lambda o: y[o.cell] if _towards(family, o, "copied") else 0))
    directions.append(_direction(family, lambda o: y[o.cell] if o.kind == "copied" and o.neuron == average else 0))
    return [direction for direction in directions if direction.any()]


def _rest_directions(family: Family, y: tuple[Size, Size]) -> list[Float[np.ndarray, " parameters"]]:
    neurons = range(len(family.members))
    return [_direction(family, lambda o, i=i: y[o.cell] if o.kind == "rest" and o.neuron == i else 0) for i in neurons]
