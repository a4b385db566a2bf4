"""Configurations with a name: the copy-average points of a unit-orthonormal teacher (erf)."""

from collections.abc import Iterator, Sequence
from math import asin, fsum, pi

import numpy as np

from .arrays import require_whole
from .network import Network


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
        If the partition is empty or holds anything but positive whole numbers, or d < k.

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
    sizes = _require_partition(partition)
    k = sum(sizes)
    d = k if d is None else require_whole("d", d)
    if d < k:
        raise ValueError(f"d must be at least k = {k}, the sum of the partition, but was given {d}")
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


def partitions(k: int, n: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to write k as a sum of n positive whole numbers, each in ascending order.

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
