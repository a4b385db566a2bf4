"""Branches of critical points: from where a configuration is easily found, in real n or k, to where it ends, if ever.

At n = k − 1 the student lacks one neuron only, and the n-copy and the displaced copy-average points lie near copies.
"""

from collections.abc import Callable
from functools import lru_cache
from math import log

import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation, has_gauge
from copyavg.activations.named import is_tested
from copyavg.activations.relu import RELU
from copyavg.interactions.quadrature import QuadratureError

from .family import Family, Size
from .newton import NoCriticalPointError, critical_point, relative_change
from .one_neuron import one_neuron

SILENT = 1e-3  # outgoing weights below are not those of a neuron that copies or averages
_SHORTEST_STEP = 1e-4  # in n or k

Point = Float[np.ndarray, " parameters"]


class Branch:
    """Critical points of one configuration, as a curve over real n or k, which is followed no further than asked.

    A subclass names the configuration and says of which families its points are, from where to start, what the points
    must satisfy, and by how much weights may change in a step.
    """

    name: str
    varied = "n"  # the number along the branch; the other one stays
    longest = 0.1  # largest relative change of a neuron's weights in a step

    def __init__(self, first: int, towards: int, activation: Activation) -> None:
        self.activation = activation
        self.first, self.towards = first, towards  # −1 if the number falls along the branch, 1 if it grows
        self.points = [(float(first), self._start())]  # (number, parameters), in the order of the branch
        self.ends: Size | None = None

    def family(self, number: Size) -> Family:
        """Return the family of the points at this number."""
        raise NotImplementedError

    def position(self, number: Size) -> Size:
        """Return a function of the number in which the curve is nearly straight."""
        return number

    def starts(self, family: Family) -> list[Callable[[], Point]]:
        """Return from where Newton's method may start, best first."""
        raise NotImplementedError

    def holds(self, x: Point) -> bool:
        """Whether a critical point is of this configuration."""
        raise NotImplementedError

    def _start(self) -> Point:
        """The first point, by Newton's method from the first start from which it arrives."""
        family = self.family(self.first)
        for start in self.starts(family):
            try:
                x = critical_point(family, start())
            except (NoCriticalPointError, QuadratureError):
                continue
            if self.holds(x):
                return x
        raise NoCriticalPointError(
            f"no {self.name} point was found at n = {family.n}, k = {family.k} for {self.activation.name}"
        )

    def follow(self, number: int) -> Point:
        """Return the point at this number, with steps as long as Newton's method and the changes allow."""
        s = self.towards
        reached = [point for point in self.points if s * point[0] <= s * number]
        (at, x), before, step = reached.pop(), reached.pop() if reached else None, 1.0
        while s * at < s * number:
            if self.ends is not None and s * at >= s * self.ends:
                family = self.family(number)
                raise NoCriticalPointError(
                    f"there is no {self.name} point at n = {family.n}, k = {family.k} for {self.activation.name}: its "
                    f"branch, followed in real {self.varied} from {self.varied} = {self.first}, ends near "
                    f"{self.varied} = {self.ends:.3f}, or is too soft there for double precision"
                )
            target = s * min(s * at + step, s * float(number))
            try:
                family, guess = self.family(target), x
                if before is not None:
                    to, last, first = map(self.position, (target, at, before[0]))
                    guess = x + (x - before[1]) * (to - last) / (last - first)
                ahead = critical_point(family, guess)
                arrived = relative_change(family, ahead - x, x) <= self.longest and self.holds(ahead)
            except NoCriticalPointError:
                arrived = False
            if arrived:
                before, at, x, step = (at, x), target, ahead, 2 * s * (target - at)
                self.points = sorted([*self.points, (at, x)], key=lambda point: s * point[0])
            else:
                step = s * (target - at) / 2
                self.ends = at if step < _SHORTEST_STEP else None
        return x


class NCopyBranch(Branch):
    """The n-copy points of k teacher neurons, from n = k − 1 downward.

    Examples
    --------
    >>> from copyavg.activations.erf import ERF
    >>> NCopyBranch(10, ERF).follow(8).round(4)
    array([ 0.8505, -0.0157,  0.0912,  1.2633])
    """

    name = "n-copy"

    def __init__(self, k: int, activation: Activation) -> None:
        self.k = k
        super().__init__(k - 1, -1, activation)

    def family(self, number: Size) -> Family:
        """Return the family of n neurons that single out a teacher neuron each."""
        return Family((number,), (self.k - number,), average=False, activation=self.activation)

    def starts(self, family: Family) -> list[Callable[[], Point]]:
        """Return copies, ReLU's point for a leaky ReLU, and where descent from copies ends."""
        like_relu = [lambda: n_copy_branch(self.k, RELU).points[0][1]] * is_leaky(self.activation)
        return [lambda: copies(family), *like_relu, lambda: descent_from(family, copies(family))]

    def holds(self, x: Point) -> bool:
        """Whether every neuron tells its own teacher neuron from those of the others, and speaks up."""
        return tells_apart(x)


class CopyAverageBranch(Branch):
    """The displaced copy-average points of k teacher neurons, from n = k − 1 downward to n = 3.

    Examples
    --------
    >>> CopyAverageBranch(10, RELU).follow(5).round(4)  # α, β, γ, a, δ, ε, b
    array([ 1.3495, -0.0761,  0.0686,  1.3663, -0.3335,  0.4898,  1.3727])
    """

    name = "copy-average"
    longest = 0.3

    def __init__(self, k: int, activation: Activation) -> None:
        self.k = k
        super().__init__(k - 1, -1, activation)

    def family(self, number: Size) -> Family:
        """Return the family of n − 1 neurons that single out a teacher neuron each, and one more."""
        return Family((number - 1,), (self.k - number + 1,), average=True, activation=self.activation)

    def position(self, number: Size) -> Size:
        """Return the logarithm of how many teacher neurons are averaged for each that is copied."""
        family = self.family(number)
        return log(family.rest[0] / family.copied[0])

    def starts(self, family: Family) -> list[Callable[[], Point]]:
        """Return copies with the best average, and ReLU's point for a leaky ReLU."""
        like_relu = [lambda: copy_average_branch(family.n, family.k, RELU)[0].points[0][1]] * is_leaky(self.activation)
        return [lambda: copies_and_average(family), *like_relu]

    def holds(self, x: Point) -> bool:
        """Whether copying neurons and the averaging one tell their own teacher neurons apart, and speak up."""
        return copies_and_averages(x)


class PairBranch(CopyAverageBranch):
    """The displaced copy-average points of two student neurons, from k = 3 upward.

    There S₁ stands for the only copying neuron, and nothing lies between one and two.

    Examples
    --------
    >>> PairBranch(RELU).follow(6).round(4)  # α, γ, a, δ, ε, b
    array([ 1.4921,  0.1409,  1.525 , -0.6862,  0.6175,  1.542 ])
    """

    varied = "k"

    def __init__(self, activation: Activation) -> None:
        Branch.__init__(self, 3, 1, activation)

    def family(self, number: Size) -> Family:
        """Return the family of a neuron that singles out a teacher neuron, and one more."""
        return Family((1,), (number - 1,), average=True, activation=self.activation)


def is_leaky(activation: Activation) -> bool:
    """Whether σ is a leaky ReLU, up to a factor: that is what has a gauge, and it displaces points much as ReLU does.

    Examples
    --------
    >>> from copyavg.activations.erf import ERF
    >>> from copyavg.activations.relu import leaky_relu
    >>> is_leaky(leaky_relu(0.1)), is_leaky(RELU), is_leaky(ERF)
    (True, False, False)
    """
    return has_gauge(activation) and not activation.is_like(RELU)


def copies(family: Family) -> Point:
    """Return the copied neurons themselves, with those left over shared out evenly, if there are any.

    Examples
    --------
    >>> copies(Family((4,), (2,), average=False))
    array([1.  , 0.  , 0.25, 1.  ])
    """
    values = {"own": 1.0, "copied": 0.0, "rest": 1 / family.n, "outgoing": 1.0}
    return np.array([values[orbit.kind] for orbit in family.orbits])


def copies_and_average(family: Family) -> Point:
    """Return copies of the singled out neurons and the best average of the others; for erf it is the critical point.

    Raises
    ------
    NoCriticalPointError
        If there is no best average at finite, positive norm.

    Examples
    --------
    >>> copies_and_average(Family((1,), (2,), average=True)).round(4)  # α, γ, a, δ, ε, b
    array([1.    , 0.    , 1.    , 0.    , 0.4082, 2.    ])
    """
    best = one_neuron(family.rest[0], family.activation)
    if best.radius is None:
        raise NoCriticalPointError(
            f"there is no copy-average point at n = {family.n}, k = {family.k} to start from: for an average of "
            f"{family.rest[0]}, {best.reason}"
        )
    average = {"copied": 0.0, "rest": best.radius * best.correlation, "outgoing": best.outgoing}
    copy = {"own": 1.0, "copied": 0.0, "rest": 0.0, "outgoing": 1.0}
    return np.array([(average if o.neuron == len(family.copied) else copy)[o.kind] for o in family.orbits])


def descent_from(family: Family, start: Point) -> Point:
    """Return a point of low loss near the start, for where Newton's method would go astray."""
    from scipy.optimize import minimize  # here, as it takes longer to load than the rest of copyavg

    return minimize(family.loss, start, jac=family.gradient).x


def tells_apart(x: Point) -> bool:
    """Whether every copying neuron tells its own teacher neuron from those of the others, α from β, and speaks up."""
    return bool(x[0] - x[1] > 0.1 * abs(x[0]) and x[3] > SILENT)


def copies_and_averages(x: Point) -> bool:
    """Whether copying neurons prefer their own teacher neuron, the averaging one the others, and both speak up.

    That is α > β, γ and ε > δ, by a tenth, for outgoing weights above zero. Without β there is one copying neuron.

    Examples
    --------
    >>> copies_and_averages(np.array([1, 0, 0, 1, 0, 0.4, 2])), copies_and_averages(np.array([1, 0, 1, 0.5, 0.4, 2]))
    (True, False)
    """
    own, *others, a, towards_copied, average, b = x
    apart = 0.9 * own > max(0.0, *others) and 0.9 * average > max(0.0, towards_copied)
    return bool(apart and min(a, b) > SILENT)


def little_displaced(family: Family, start: Point) -> Point | None:
    """Return the copy-average point that Newton's method reaches from the start, if it is near: within 30 %.

    Examples
    --------
    >>> for activation in "softplus", "relu":
    ...     family = Family((1,), (3,), average=True, activation=activation)
    ...     print(little_displaced(family, copies_and_average(family)) is not None)
    True
    False
    """
    try:
        x = critical_point(family, start)
    except NoCriticalPointError:
        return None
    near = relative_change(family, x - start, start) <= CopyAverageBranch.longest
    return x if near and copies_and_averages(x) else None


@lru_cache(maxsize=64)
def _named_branch(kind: Callable[..., Branch], *arguments: int | Activation) -> Branch:
    return kind(*arguments)


def _branch(kind: Callable[..., Branch], *arguments: int | Activation) -> Branch:
    *_, activation = arguments
    return _named_branch(kind, *arguments) if is_tested(activation) else kind(*arguments)


def n_copy_branch(k: int, activation: Activation) -> Branch:
    """Return the branch of n-copy points; those of named activations are kept, not those of a reader's own.

    Examples
    --------
    >>> from copyavg.activations.erf import ERF
    >>> n_copy_branch(10, ERF) is n_copy_branch(10, ERF)
    True
    """
    return _branch(NCopyBranch, k, activation)


def copy_average_branch(n: int, k: int, activation: Activation) -> tuple[Branch, int]:
    """Return the branch of displaced copy-average points that holds that of n and k, and where along it, 1 < n < k.

    Examples
    --------
    >>> [(type(branch).__name__, at) for branch, at in (copy_average_branch(n, 9, RELU) for n in (2, 3))]
    [('PairBranch', 9), ('CopyAverageBranch', 3)]
    """
    return (_branch(PairBranch, activation), k) if n == 2 else (_branch(CopyAverageBranch, k, activation), n)
