"""Is a point of a family a minimum? Loss, smallest eigenvalue and index of its Hessian, at small k and large."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from copyavg.activations.base import Activation
from copyavg.activations.named import get_activation
from copyavg.arrays import require_whole
from copyavg.interactions.pairs import interaction

from .configurations import copy_average_parameters, n_copy_parameters
from .family import copy_average_family, n_copy_family, require_smaller
from .isotypic import Block, hessian_blocks, index, smallest_eigenvalue
from .newton import NoCriticalPointError


@dataclass(frozen=True)
class Stability:
    """What the Hessian at a critical point says.

    Attributes
    ----------
    loss : float
        The population loss.
    smallest_eigenvalue : float
        Of the Hessian over all n(d + 1) weights; for ReLU over those across the gauge (w, a) → (cw, a/c), at
        ‖w‖ = |a|. It is 0 where none is negative and rounding hides the smallest one (see `stability`).
    index : int
        Number of negative eigenvalues: 0 at a minimum. Those within rounding of zero do not count.
    blocks : tuple of Block
        The Hessian by irreducible representations (`copyavg.points.isotypic`).

    Examples
    --------
    >>> copy_and_average = stability(2, 3)
    >>> [block.name for block in copy_and_average.blocks]
    ['trivial', 'rest']
    """

    loss: float
    smallest_eigenvalue: float
    index: int
    blocks: tuple[Block, ...]


def stability(
    n: int, k: int, family: str = "copy-average", activation: str | Activation = "erf", d: int | None = None
) -> Stability:
    """Return loss, smallest eigenvalue and index of the best copy-average or the n-copy point.

    Parameters
    ----------
    n, k : int
        Numbers of student and teacher neurons, 1 ≤ n ≤ k; k ≤ 2⁵⁰ for erf, k ≤ 10⁸ for other activations.
    family : {"copy-average", "n-copy"}
        Which point: n − 1 copies and one average of the rest, or n neurons that single out one teacher neuron
        each.
    activation : str or Activation
        As for `interaction`. For erf the copy-average point has a
        closed form. For others it is displaced: see `copy_average_parameters`.
    d : int, optional
        Input dimension, at least k; k unless given. More dimensions add eigenvalues, not parameters.

    Raises
    ------
    NoCriticalPointError
        If the family has no such point. It is a `ValueError`.
    TypeError, ValueError
        If n, k or d is not a whole number, n > k, k is too large, d < k, or family or activation is unknown.

    Notes
    -----
    The cost of a Hessian does not depend on n, k and d; that of the n-copy point grows as its branch is followed from
    n = k − 1 down to small n. Rounding leaves the loss an error of about 1e-16 k, and 1e-16 k² times the interaction of
    orthogonal neurons (zero for odd activations).

    For erf and ReLU index and smallest eigenvalue were compared with 250 digits, at two to eight n for each of several
    k up to the largest. The index agreed. The smallest eigenvalue did to 1e-3 of itself, but for erf's copy-average
    point while it is a minimum: there it is about 0.1/k³, found to one part in 10⁴ up to k = 10⁵ and to 2 % at 10⁶,
    and given as 0 where rounding hides it, from k ≈ 3·10⁶ on. For an activation of your own whose interactions are
    integrated (see `interaction`), accuracy is theirs. Derived in this book.

    Examples
    --------
    >>> copies_and_an_average, ten_thousand = stability(3, 10), stability(9000, 10_000, "n-copy")
    >>> copies_and_an_average.index, ten_thousand.index  # both are minima
    (0, 0)
    >>> stability(9, 10).index  # this one is a saddle
    1
    """
    n, k = require_smaller(n, k)
    activation = get_activation(activation)
    if family == "n-copy":
        students, x = n_copy_family(n, k, activation), n_copy_parameters(n, k, activation)
    elif family == "copy-average":
        students, x = copy_average_family(n, k, activation), copy_average_parameters(n, k, activation)
    else:
        raise ValueError(f"family must be 'copy-average' or 'n-copy', but was given {family!r}")
    blocks = hessian_blocks(students, x, d)
    return Stability(
        loss=students.loss(x),
        smallest_eigenvalue=smallest_eigenvalue(blocks),
        index=index(blocks),
        blocks=tuple(blocks),
    )


class Thresholds(NamedTuple):
    """The least n from which on n-copy is a `minimum`, is `better` than copy-average, and copy-average is a `saddle`.

    *From which on*: for this n and every larger one below k. It is k if not even for n = k − 1.

    Parameters
    ----------
    minimum : int
        From here on n-copy is a minimum.
    better : int
        From here on its loss is below that of the best copy-average point.
    saddle : int
        From here on the best copy-average point is a saddle.

    Examples
    --------
    >>> thresholds(10)
    Thresholds(minimum=6, better=8, saddle=9)
    """

    minimum: int
    better: int
    saddle: int


def thresholds(k: int, activation: str | Activation = "erf") -> Thresholds:
    """Return the three n from which on, up to k − 1, n-copy and copy-average points have changed places.

    Parameters
    ----------
    k : int
        Number of teacher neurons, at least 3.
    activation : str or Activation
        As for `interaction`.

    Raises
    ------
    NoCriticalPointError
        If there is no n-copy point at n = k − 1, or no copy-average point at one of the n that are looked at. It is a
        `ValueError`.
    ValueError
        If k is so large that rounding decides which of the two points is better.
    TypeError, ValueError
        If k is not a whole number of at least 3, or the activation is unknown.

    Notes
    -----
    Each is looked for from n = k − 1 downward, in steps that double, until it no longer holds; then the last step is
    halved. That finds the threshold if what is looked for, once true, stays true as n grows. For the copy-average
    point of erf this follows from its index in closed form. For the rest it was seen at every 2 ≤ n < k, for erf and
    ReLU and every k from 3 to 40, and is not proved. Below the end of its branch the n-copy point is no minimum and
    not better, as there is none. A single student neuron, n = 1, has no part in this.

    Chapter 3 builds it. Derived in this book.

    Examples
    --------
    >>> thresholds(10)
    Thresholds(minimum=6, better=8, saddle=9)
    """
    k, activation = require_whole("k", k, least=3), get_activation(activation)
    n_copy_parameters(k - 1, k, activation)  # without the first point of its branch nothing is known of the others

    @cache
    def average(n: int) -> Stability:
        return stability(n, k, activation=activation)

    @cache
    def copy(n: int) -> Stability | None:
        try:
            return stability(n, k, "n-copy", activation)
        except NoCriticalPointError:
            return None

    def minimum(n: int) -> bool:
        return copy(n) is not None and copy(n).index == 0

    def better(n: int) -> bool:
        against = average(n).loss
        if copy(n) is None:
            return False
        if abs(copy(n).loss - against) <= rounding:
            raise ValueError(
                f"k = {k} is too large for {activation.name}: at n = {n} the losses of the two points differ by less "
                f"than the {rounding:.1g} that rounding leaves of them in double precision"
            )
        return copy(n).loss < against

    def saddle(n: int) -> bool:
        return average(n).index > 0

    itself, other = np.abs(interaction(1.0, 1.0, np.array([1.0, 0.0]), activation))
    rounding = 4 * np.finfo(float).eps * k * (itself + (k - 1) * other)
    return Thresholds(*(_from_which_on(holds, k) for holds in (minimum, better, saddle)))


def _from_which_on(holds: Callable[[int], bool], k: int) -> int:
    """Return the n > 1 from which on something holds up to k − 1: by steps down that double, then by halves."""
    yes, step = k, 1
    while (no := max(1, yes - step)) > 1 and holds(no):
        yes, step = no, 2 * step
    while yes - no > 1:
        middle = (yes + no) // 2
        yes, no = (middle, no) if holds(middle) else (yes, middle)
    return yes
