"""The branch of n-copy points: from n = k − 1, where they are nearly copies, down to where it ends, in real n."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from .activations import NAMED, Activation, get_activation
from .interaction import QuadratureError
from .newton import NoCriticalPointError, critical_point, relative_change
from .symmetry import Family

SILENT = 1e-3  # outgoing weights below are not those of a neuron that copies or averages
_SHORTEST_STEP = 1e-4  # in p


class NCopyBranch:
    """The n-copy points of k teacher neurons, as a curve over real p, which is followed no further than asked.

    Examples
    --------
    >>> NCopyBranch(10, get_activation("erf")).follow(8).round(4)
    array([ 0.8505, -0.0157,  0.0912,  1.2633])
    """

    def __init__(self, k: int, activation: Activation) -> None:
        self.k, self.activation = k, activation
        self.points = [(float(k - 1), self._start())]  # (p, parameters), p falling
        self.ends: float | None = None

    def _start(self) -> Float[np.ndarray, "4"]:
        """The point at n = k − 1, by Newton's method from copies, or else from where descent from them ends."""
        family = self._family(self.k - 1.0)
        for start in (copies, descent_from_copies):
            try:
                x = critical_point(family, start(family))
            except (NoCriticalPointError, QuadratureError):
                continue
            if tells_apart(x):
                return x
        raise NoCriticalPointError(
            f"no n-copy point was found at n = {self.k - 1}, k = {self.k} for {self.activation.name}"
        )

    def _family(self, p: float) -> Family:
        return Family((p,), (self.k - p,), average=False, activation=self.activation)

    def follow(self, n: int) -> Float[np.ndarray, "4"]:
        """Return the point at p = n, with steps as long as Newton's method and changes of 10 % allow."""
        reached = [point for point in self.points if point[0] >= n]
        (p, x), before, step = reached.pop(), reached.pop() if reached else None, 1.0
        while p > n:
            if self.ends is not None and p <= self.ends:
                raise NoCriticalPointError(
                    f"there is no n-copy point at n = {n}, k = {self.k} for {self.activation.name}: its branch, "
                    f"followed in real n from n = {self.k - 1}, ends near n = {self.ends:.3f}, or is too soft there "
                    "for double precision"
                )
            target = max(p - step, float(n))
            guess = x if before is None else x + (x - before[1]) * (target - p) / (p - before[0])
            try:
                family = self._family(target)
                ahead = critical_point(family, guess)
                arrived = relative_change(family, ahead - x, x) <= 0.1 and tells_apart(ahead)
            except NoCriticalPointError:
                arrived = False
            if arrived:
                before, p, x, step = (p, x), target, ahead, 2 * (p - target)
                self.points = sorted([*self.points, (p, x)], key=lambda point: -point[0])
            else:
                step = (p - target) / 2
                self.ends = p if step < _SHORTEST_STEP else None
        return x


def copies(family: Family) -> Float[np.ndarray, " parameters"]:
    """Return the copied neurons themselves, with those left over shared out evenly, if there are any.

    Examples
    --------
    >>> copies(Family((4,), (2,), average=False))
    array([1.  , 0.  , 0.25, 1.  ])
    """
    values = {"own": 1.0, "copied": 0.0, "rest": 1 / family.n, "outgoing": 1.0}
    return np.array([values[orbit.kind] for orbit in family.orbits])


def descent_from_copies(family: Family) -> Float[np.ndarray, "4"]:
    """Return a point of low loss near the copies, to start from where Newton's method would go astray."""
    return minimize(family.loss, copies(family), jac=family.gradient).x


def tells_apart(x: Float[np.ndarray, " parameters"]) -> bool:
    """Whether every copying neuron tells its own teacher neuron from those of the others, α from β, and speaks up."""
    return bool(x[0] - x[1] > 0.1 * abs(x[0]) and x[3] > SILENT)


@lru_cache(maxsize=64)
def _named_branch(k: int, name: str) -> NCopyBranch:
    return NCopyBranch(k, get_activation(name))


def n_copy_branch(k: int, activation: Activation) -> NCopyBranch:
    """Return the branch of k teacher neurons; those of named activations are kept, not those of a reader's own.

    Examples
    --------
    >>> erf = get_activation("erf")
    >>> n_copy_branch(10, erf) is n_copy_branch(10, erf)
    True
    """
    named = NAMED.get(activation.name) is activation
    return _named_branch(k, activation.name) if named else NCopyBranch(k, activation)
