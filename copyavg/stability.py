"""Is a point of a family a minimum? Loss, smallest eigenvalue and index of its Hessian, at any k."""

from dataclasses import dataclass
from typing import NamedTuple

from .activations import Activation, get_activation
from .arrays import require_whole
from .blocks import Block, hessian_blocks, index, smallest_eigenvalue
from .configurations import copy_average_parameters, n_copy_parameters
from .symmetry import copy_average_family, n_copy_family, require_smaller


@dataclass(frozen=True)
class Stability:
    """What the Hessian at a critical point says.

    Attributes
    ----------
    loss : float
        The population loss.
    smallest_eigenvalue : float
        Of the Hessian over all n(d + 1) weights; for ReLU over those across the gauge (w, a) → (cw, a/c), at
        ‖w‖ = |a|.
    index : int
        Number of negative eigenvalues: 0 at a minimum. Those within rounding of zero do not count.
    blocks : list of Block
        The Hessian by irreducible representations (`copyavg.blocks.hessian_blocks`).

    Examples
    --------
    >>> copy_and_average = stability(2, 3)
    >>> [block.name for block in copy_and_average.blocks]
    ['trivial', 'rest']
    """

    loss: float
    smallest_eigenvalue: float
    index: int
    blocks: list[Block]


def stability(
    n: int, k: int, family: str = "copy-average", activation: str | Activation = "erf", d: int | None = None
) -> Stability:
    """Return loss, smallest eigenvalue and index of the best copy-average or the n-copy point, at any k.

    Parameters
    ----------
    n, k : int
        Numbers of student and teacher neurons, 1 ≤ n ≤ k.
    family : {"copy-average", "n-copy"}
        Which point: n − 1 copies and one average of the rest, or n neurons that single out one teacher neuron
        each.
    activation : str or Activation
        A name that `interaction` knows, or an `Activation` of your own. For erf the copy-average point has a
        closed form. For others it is displaced: see `copyavg.configurations.copy_average_parameters`.
    d : int, optional
        Input dimension, at least k; k unless given. More dimensions add eigenvalues, not parameters.

    Raises
    ------
    NoCriticalPointError
        If the family has no such point. It is a `ValueError`.
    TypeError, ValueError
        If n, k or d is not a whole number, n > k, d < k, or family or activation is unknown.

    Notes
    -----
    The cost does not depend on n, k and d. Rounding leaves the loss an error of about 1e-16 k², times the
    interaction of orthogonal neurons (zero for odd activations). Derived in this book.

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
        blocks=blocks,
    )


class Thresholds(NamedTuple):
    """The least n at which n-copy is a `minimum`, is `better` than copy-average, and copy-average is a `saddle`."""

    minimum: int
    better: int
    saddle: int


def thresholds(k: int, activation: str | Activation = "erf") -> Thresholds:
    """Return the three n at which the n-copy and the copy-average point change places, from n = ⌊k/3⌋ on.

    Parameters
    ----------
    k : int
        Number of teacher neurons, at least 3. What happens at no n < k has the threshold k.
    activation : str or Activation
        A name that `interaction` knows, or an `Activation` of your own.

    Raises
    ------
    NoCriticalPointError
        If one of the points does not exist at one of these n. It is a `ValueError`.
    TypeError, ValueError
        If k is not a whole number of at least 3, or the activation is unknown.

    Notes
    -----
    Chapter 3 builds it. Derived in this book.

    Examples
    --------
    >>> thresholds(10)
    Thresholds(minimum=6, better=8, saddle=9)
    """
    k = require_whole("k", k, least=3)
    ns = range(max(2, k // 3), k + 1)
    averages = [stability(n, k, activation=activation) for n in ns[:-1]]
    copies = [stability(n, k, "n-copy", activation) for n in ns[:-1]]
    happened = (
        [copy.index == 0 for copy in copies],
        [copy.loss < average.loss for copy, average in zip(copies, averages)],
        [average.index > 0 for average in averages],
    )
    return Thresholds(*(ns[[*column, True].index(True)] for column in happened))
