"""How well a configuration describes a student: the nearest student that has it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .neurons import Neurons, Setting, row_norms

APART = 0.1  # a neuron that singles out a teacher neuron weighs it this much more than anything else there


class Fit(NamedTuple):
    """How well a configuration describes a student, and which teacher neurons each neuron then stands for."""

    label: str
    residual: float
    groups: tuple[tuple[int, ...], ...]

    @property
    def partition(self) -> tuple[int, ...]:
        """How many teacher neurons the student neurons stand for, in ascending order."""
        return tuple(sorted(map(len, self.groups)))


def fits_of(neurons: Neurons, setting: Setting) -> list[Fit]:
    """Return how well each configuration describes the student, of those that its largest coordinates suggest."""
    fits = (_copy_average_fit(neurons, setting), _n_copy_fit(neurons, setting))
    return [fit for fit in fits if fit is not None]


def _copy_average_fit(neurons: Neurons, setting: Setting) -> Fit | None:
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
    return Fit("copy-average", _distance(neurons, *target), tuple(tuple(np.flatnonzero(row).tolist()) for row in own))


def _n_copy_fit(neurons: Neurons, setting: Setting) -> Fit | None:
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
    return Fit("n-copy", _distance(neurons, *target), tuple((int(j),) for j in copied[np.argsort(owner)]))


def _mean_over_permutations(
    neurons: Neurons, own: Bool[np.ndarray, "n k"], rows: Int[np.ndarray, " n"], columns: Int[np.ndarray, " k"]
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
    best = (1 - APART) * np.where(own, w, np.inf)
    claimed = own.any(axis=0)
    return bool(
        np.all(a > 0)
        and np.all(best > 0)
        and np.all(best.min(axis=1) >= others.max(axis=1))
        and np.all(best.min(axis=0)[claimed] >= others.max(axis=0)[claimed])
    )


def _distance(neurons: Neurons, w: Float[np.ndarray, "n k"], a: Float[np.ndarray, " n"]) -> float:
    """The largest change of any neuron's incoming or outgoing weights, relative to them."""
    change = neurons.w.copy()
    change[:, : w.shape[1]] -= w
    return float(max((row_norms(change) / row_norms(w)).max(), (np.abs(neurons.a - a) / a).max()))
