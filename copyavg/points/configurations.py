"""Configurations with a name: the copy-average and the n-copy points of a unit-orthonormal teacher."""

from collections.abc import Iterator, Sequence
from math import asin, fsum, pi

import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation
from copyavg.activations.named import get_activation
from copyavg.arrays import require_whole
from copyavg.network import Network, require_room

from .continuation import copies, copies_and_average, copy_average_branch, little_displaced, n_copy_branch
from .family import copy_average_family, n_copy_family, require_smaller
from .newton import NoCriticalPointError, critical_point

MOST_DISPLACED = 10**8  # teacher neurons, for an activation other than erf: see `stability`
_LOSS_ALONE = "; copy_average_loss needs none"


def copy_average(partition: Sequence[int], d: int | None = None) -> Network:
    """Return the copy-average point of a partition of the teacher's neurons (erf activation).

    The k = Σᵢ mᵢ teacher neurons are split, in order, into n groups of mᵢ neurons. Student neuron i
    stands for group Sᵢ:

        wᵢ = Σ_{j∈Sᵢ} vⱼ / √(mᵢ(2mᵢ − 1)),   aᵢ = mᵢ.

    A group of one is a *copy* (wᵢ = vⱼ, aᵢ = 1); a larger group is an *average*. With erf and the
    teacher `orthonormal_teacher(k, d)` the point is critical for every partition.

    Parameters
    ----------
    partition : sequence of int
        The group sizes mᵢ ≥ 1, such as (1, 1, 3).
    d : int, optional
        Input dimension, at least k; k unless given.

    Raises
    ------
    TypeError, ValueError
        If the partition is empty or holds anything but positive whole numbers, d < k, or the network would have more
        than 10⁸ incoming weights.

    Notes
    -----
    That copy-average configurations are critical points is Simsek, Bendjeddou, Gerstner and Brea's
    (2023); the weights are derived in the book.

    Examples
    --------
    >>> copy_average((1, 2)).outgoing
    array([1., 2.])
    >>> copy_average((1, 2)).incoming.round(3)
    array([[1.   , 0.   , 0.   ],
           [0.   , 0.408, 0.408]])
    """
    if isinstance(partition, Sequence):  # of n groups, so that k ≥ n: a long one need not be read
        require_room(len(partition), len(partition), instead=_LOSS_ALONE)
    sizes = _require_partition(partition)
    k = sum(sizes)
    d = k if d is None else require_whole("d", d)
    if d < k:
        raise ValueError(f"d must be at least k = {k}, the sum of the partition, but was given {d}")
    require_room(len(sizes), d, instead=_LOSS_ALONE)
    group = np.repeat(np.arange(len(sizes)), sizes)
    m = np.array(sizes, dtype=float)
    incoming = np.zeros((len(sizes), d))
    incoming[group, np.arange(k)] = (1 / np.sqrt(m * (2 * m - 1)))[group]
    return Network(incoming, m)


def copy_average_loss(partition: Sequence[int]) -> float:
    """Return the loss of a copy-average point, Σᵢ L*(mᵢ) with L*(m) = m/3 − (2m²/π) arcsin(1/(2m)).

    L*(m) is the loss left by one student neuron that averages m teacher neurons; L*(1) = 0.

    Parameters, errors and source are those of `copy_average`.

    Examples
    --------
    >>> copy_average_loss((1, 1, 1))
    0.0
    >>> round(copy_average_loss((1, 1, 3)), 7)
    0.0405932
    """
    return fsum(m / 3 - 2 * m**2 / pi * asin(1 / (2 * m)) for m in _require_partition(partition) if m > 1)


def optimal_copy_average(n: int, k: int, d: int | None = None) -> Network:
    """Return the copy-average point of lowest loss (erf): n − 1 copies and one average of k − n + 1.

    Parameters
    ----------
    n, k : int
        Numbers of student and teacher neurons, 1 ≤ n ≤ k.
    d : int, optional
        Input dimension, at least k; k unless given.

    Raises
    ------
    TypeError, ValueError
        If n, k or d is not a whole number, n > k, d < k, or the network would have more than 10⁸ incoming weights.

    Notes
    -----
    That it is the best of the copy-average points is Simsek, Bendjeddou, Gerstner and Brea's (2023); the book
    derives it from the concavity of L*. It is not always the best of all points: see `n_copy`.

    Examples
    --------
    >>> optimal_copy_average(3, 5).outgoing
    array([1., 1., 3.])
    """
    n, k = require_smaller(n, k)
    require_room(n, k if d is None else require_whole("d", d, least=k), instead=_LOSS_ALONE)
    return copy_average((1,) * (n - 1) + (k - n + 1,), d)


def n_copy(n: int, k: int, activation: str | Activation = "erf", d: int | None = None) -> Network:
    """Return the n-copy point: every student neuron singles out a teacher neuron of its own, all alike.

        wᵢ = α vᵢ + β Σ_{j≤n, j≠i} vⱼ + γ Σ_{j>n} vⱼ,   aᵢ = a,   α > β.

    The four numbers are those of the branch of critical points that starts at n = k − 1 and is followed down
    to n. Where it ends before, there is no n-copy point.

    Parameters
    ----------
    n, k : int
        Numbers of student and teacher neurons, 1 ≤ n ≤ k; for n = k it is the teacher.
    activation : str or Activation
        As for `interaction`.
    d : int, optional
        Input dimension, at least k; k unless given.

    Raises
    ------
    NoCriticalPointError
        If the branch does not reach n. It is a `ValueError`.
    TypeError, ValueError
        If n, k or d is not a whole number, n > k, d < k, the network would have more than 10⁸ incoming weights, or
        the activation is unknown.

    Notes
    -----
    The paper (Simsek et al. 2023) reports gradient flow to end at points where every student neuron
    approximately copies a teacher neuron; that these four numbers describe them is derived in this book.

    Examples
    --------
    >>> point = n_copy(8, 10)
    >>> point.incoming[0, [0, 1, 9]].round(4), point.outgoing[0].round(4)
    (array([ 0.8505, -0.0157,  0.0912]), np.float64(1.2633))
    """
    n, k = require_smaller(n, k)
    require_room(n, k if d is None else require_whole("d", d, least=k), instead="; stability needs none")
    return n_copy_family(n, k, activation).student(n_copy_parameters(n, k, activation), d)


def copy_average_parameters(n: int, k: int, activation: str | Activation = "erf") -> Float[np.ndarray, " parameters"]:
    """Return (α, β, γ, a, δ, ε, b) of n − 1 copies and one average, without those that do not occur.

    For erf they are those of `optimal_copy_average`. For other activations the point is *displaced*: it is a
    critical point of the same symmetry, with α > β, γ and ε > δ and outgoing weights above zero. It is the one that
    Newton's method reaches from copies and the best average, if no neuron's weights change by more than 30 % on the
    way. Otherwise it lies on the branch of critical points which starts in that way at n = k − 1 and is followed in
    real n down to n = 3, or for n = 2 from k = 3 in real k.

    Parameters
    ----------
    n, k : int
        Numbers of student and teacher neurons, 1 ≤ n ≤ k; k ≤ 2⁵⁰ for erf, k ≤ 10⁸ for other activations.
    activation : str or Activation
        As for `interaction`.

    Raises
    ------
    NoCriticalPointError
        If the branch does not start, or ends before. It is a `ValueError`.
    TypeError, ValueError
        If n or k is not a whole number, n > k, k is too large, or the activation is unknown.

    Examples
    --------
    >>> copy_average_parameters(2, 3)[-2:].round(3)  # ε and b of an average of two
    array([0.408, 2.   ])
    """
    family = copy_average_family(n, k, activation)
    _require_resolved(k, family.activation)
    start = copies_and_average(family)
    if family.activation.exact_averages:
        return start
    if n in (1, k):
        return critical_point(family, start)
    x = little_displaced(family, start)
    if x is None:
        branch, number = copy_average_branch(n, k, family.activation)
        x = branch.follow(number).copy()
    return x


def n_copy_parameters(n: int, k: int, activation: str | Activation = "erf") -> Float[np.ndarray, " parameters"]:
    """Return (α, β, γ, a) of the n-copy point, without those that do not occur.

    Parameters, errors and source are those of `n_copy`, but no network is written out: k may be up to 2⁵⁰ for erf and
    10⁸ for other activations.

    Examples
    --------
    >>> n_copy_parameters(700, 1000).round(4)
    array([ 0.9866, -0.    ,  0.0014,  1.0229])
    """
    n, k = require_smaller(n, k)
    activation = get_activation(activation)
    _require_resolved(k, activation)
    if n == k:
        return copies(n_copy_family(n, k, activation))
    if n == 1:
        raise NoCriticalPointError(
            f"there is no n-copy point at n = 1, k = {k}: a single student neuron singles nobody out, it averages"
        )
    return n_copy_branch(k, activation).follow(n).copy()


def _require_resolved(k: int, activation: Activation) -> None:
    if k > MOST_DISPLACED and not activation.exact_averages:
        raise ValueError(
            f"k must be at most 10⁸ for {activation.name}, but was given {k}: curvatures grow as k², and beyond, "
            "rounding in double precision hides the small ones"
        )


def partitions(k: int, n: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to write k as a sum of n positive whole numbers, each in ascending order.

    Parameters
    ----------
    k, n : int
        The sum, and how many numbers it has.

    Raises
    ------
    TypeError, ValueError
        If k or n is not a positive whole number.

    Examples
    --------
    >>> list(partitions(5, 3))
    [(1, 1, 3), (1, 2, 2)]
    """
    k, n = require_whole("k", k), require_whole("n", n)
    return _partitions(k, n) if n <= k else iter(())


def _partitions(k: int, n: int) -> Iterator[tuple[int, ...]]:
    """Knuth's Algorithm H (The Art of Computer Programming, 7.2.1.4), largest part first, yielded reversed."""
    parts = [k - n + 1] + [1] * (n - 1)
    while True:
        yield tuple(reversed(parts))
        # The first part that may grow is two smaller than the largest; those before it give.
        grows = next((j for j in range(1, n) if parts[j] < parts[0] - 1), None)
        if grows is None:
            return
        total = sum(parts[: grows + 1])
        parts[1 : grows + 1] = [parts[grows] + 1] * grows
        parts[0] = total - sum(parts[1 : grows + 1])


def _require_partition(partition: Sequence[int]) -> list[int]:
    try:
        sizes = [require_whole("every group size in partition", m) for m in partition]
    except TypeError as error:
        raise TypeError(f"partition must be a sequence of positive whole numbers; {error}") from error
    if not sizes:
        raise ValueError("partition must name at least one group, but was empty")
    if max(sizes) > 2**53:
        raise ValueError("every group size in partition must be at most 2⁵³, beyond which floats are not whole numbers")
    return sizes
