"""One student neuron for a whole unit-orthonormal teacher (n = 1): the best average, and all critical points.

With incoming weights of norm r and correlations uⱼ with the teacher's neurons, and outgoing weight a,

    L = a² g(r, r, 1) − 2a Σⱼ g(r, 1, uⱼ) + C,   C = k g(1, 1, 1) + k(k − 1) g(1, 1, 0),   Σⱼ uⱼ² ≤ 1:

a problem in r, a and the uⱼ. At equal uⱼ = 1/√k it is one in r alone, as a is then the ratio
k g(r, 1, u)/g(r, r, 1). By Mehler's formula, with cₚ(r) = E[σ(rx) heₚ(x)] and τₚ = k^(1−p/2) cₚ(1),

    L(r) = Σ_{p≥2} (k − k^(2−p)) cₚ(1)² + ‖c(r) ∧ τ‖²/‖c(r)‖²,   ‖c ∧ τ‖² = Σ_{p<q} (cₚτ_q − c_qτₚ)²:

a constant and the squared distance of τ from the line through c(r). Nothing cancels in it, at any k, although
L itself is a difference of terms of order k².
"""

from dataclasses import dataclass
from itertools import pairwise
from math import asin, pi, sqrt

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from .activations import Activation, get_activation, has_gauge
from .arrays import require_whole
from .interaction import hermite_expansion, interaction
from .symmetry import Family, hessian_blocks, index, require_smaller

_SHORTEST, _LONGEST, _RADII = 1e-2, 12.0, 400  # radii that are searched: from 0.01/√k on


@dataclass(frozen=True)
class OneNeuron:
    """The best single neuron for a unit-orthonormal teacher, or the reason why there is none.

    Attributes
    ----------
    radius : float or None
        r = ‖w‖. For ReLU, where only a‖w‖ matters, the one with a = ‖w‖.
    outgoing : float or None
        a.
    correlation : float or None
        u = 1/√k with every teacher neuron.
    loss : float
        Of the minimiser, or the infimum that is approached and not attained.
    reason : str
        Empty if there is a minimiser; else how the infimum is approached.

    Examples
    --------
    >>> one_neuron(2).reason
    ''
    """

    radius: float | None
    outgoing: float | None
    correlation: float | None
    loss: float
    reason: str = ""


@dataclass(frozen=True)
class CriticalPoint:
    """An isolated critical point of one neuron: all correlations equal `correlation`; `index` is 0 at a minimum.

    Examples
    --------
    >>> [point.index for point in one_neuron_critical_points(3).isolated]
    [0, 0]
    """

    radius: float
    outgoing: float
    correlation: float
    loss: float
    index: int


@dataclass(frozen=True)
class CriticalPoints:
    """All critical points of one neuron: the isolated ones, and the named continua.

    Attributes
    ----------
    isolated : tuple of CriticalPoint
        Up to the order of loss.
    continua : tuple of str
        The sets that are not isolated, each with what is known of it.
    proof : str
        Why there are no others, or that this is not known.

    Examples
    --------
    >>> len(one_neuron_critical_points(5).continua)
    1
    """

    isolated: tuple[CriticalPoint, ...]
    continua: tuple[str, ...]
    proof: str


def one_neuron(k: int, activation: str | Activation = "erf") -> OneNeuron:
    """Return the best single neuron for k unit-orthonormal teacher neurons.

    For erf r = 1/√(2k − 1), a = k, and L*(k) = k/3 − (2k²/π) arcsin(1/(2k)). For ReLU a r = 2k h(1/√k) and
    L* = k/2 + k(k − 1)/(2π) − 2k² h(1/√k)², with h(u) = [√(1 − u²) + (π − arccos u) u]/(2π). For other
    activations L is minimised over r numerically, at equal correlations uⱼ = 1/√k.

    Parameters
    ----------
    k : int
        Number of teacher neurons; up to 10⁶ and more.
    activation : str or Activation
        A name that `interaction` knows, or an `Activation` of your own, smooth.

    Returns
    -------
    OneNeuron
        With relative accuracy 1e-12 for erf and ReLU and 1e-9 for others. Where the infimum is only
        approached as r → 0 or r → ∞, the fields but `loss` are None and `reason` says so.

    Raises
    ------
    QuadratureError
        If σ has no closed form and is not smooth enough to be integrated to 1e-11.
    TypeError, ValueError
        If k is not a positive whole number, or the activation is unknown.

    Notes
    -----
    That all uⱼ are equal at the minimum is proved in the book for erf and ReLU, and for others supported by
    unconstrained search. The paper (Simsek et al. 2023) has closed forms of its own for the case n = 1.

    Examples
    --------
    >>> best = one_neuron(3)
    >>> round(best.radius**-2, 12), round(best.outgoing, 12), round(best.loss, 7)
    (5.0, 3.0, 0.0405932)
    >>> one_neuron(3, "gelu").reason
    'the loss falls towards its infimum as r → ∞, where gelu acts as a ReLU'
    """
    k, activation = require_smaller(1, k)[1], get_activation(activation)
    u = 1 / sqrt(k)
    if k == 1:
        return OneNeuron(1.0, 1.0, 1.0, 0.0)
    if activation is get_activation("erf"):
        return OneNeuron(1 / sqrt(2 * k - 1), float(k), u, k / 3 - 2 * k**2 / pi * asin(1 / (2 * k)))
    if has_gauge(activation):
        strength, loss = _homogeneous(k, u, activation)
        return OneNeuron(sqrt(abs(strength)), sqrt(abs(strength)) * (-1) ** (strength < 0), u, loss)
    profile = Profile(k, activation)
    minima = [(profile.loss(r), r) for r, lowest in profile.critical_radii() if lowest]
    ends = profile.limits()
    if profile.slope(_LONGEST) < 0 and len(ends) == 1:
        ends.append((profile.loss(_LONGEST), f"the loss still falls at r = {_LONGEST:g}, the largest radius searched"))
    if not minima or min(ends)[0] < min(minima)[0]:
        return OneNeuron(None, None, None, *min(ends))
    loss, r = min(minima)
    ways_down = _index(k, activation, r, profile.outgoing(r), u)
    if ways_down:
        reason = f"with equal correlations the lowest loss is a saddle of index {ways_down}: unequal ones do better"
        return OneNeuron(None, None, None, loss, reason)
    return OneNeuron(r, profile.outgoing(r), u, loss)


def one_neuron_critical_points(k: int, activation: str | Activation = "erf") -> CriticalPoints:
    """Return all critical points of a single neuron for k unit-orthonormal teacher neurons.

    For erf and ReLU the list is proved complete. For others it holds the critical points with equal
    correlations uⱼ = 1/√k and a radius between 0.01/√k and 12, and says so.

    Parameters
    ----------
    k : int
        Number of teacher neurons.
    activation : str or Activation
        A name that `interaction` knows, or an `Activation` of your own, smooth.

    Raises
    ------
    QuadratureError, TypeError, ValueError
        As for `one_neuron`.

    Notes
    -----
    Indices are those of the Hessian over all k + 1 weights, at d = k. Derived in this book.

    Examples
    --------
    >>> [(point.correlation < 0, point.index) for point in one_neuron_critical_points(3, "relu").isolated]
    [(False, 0), (True, 2)]
    """
    k, activation = require_smaller(1, k)[1], get_activation(activation)
    u = 1 / sqrt(k)
    if activation is get_activation("erf"):
        best = one_neuron(k)
        points = [(best.radius, sign * best.outgoing, sign * u, best.loss) for sign in (1, -1)]
        continua = ("a = 0 and Σⱼ g(r, 1, uⱼ) = 0: a silent neuron, of loss k/3; a saddle of index 1",)
        proof = "u²(1 − s²u²) takes no value twice where Σⱼ uⱼ² ≤ 1, and x/(arcsin x √(1 − x²)) takes none twice"
    elif activation is get_activation("relu"):
        points = []
        for correlation in [u] if k == 1 else [u, -u]:
            strength, loss = _homogeneous(k, correlation, activation)
            points.append((sqrt(strength), sqrt(strength), correlation, loss))
        continua = (
            "(w, a) → (cw, a/c), c > 0: the gauge, along which every critical point is a curve",
            "w = 0 and a < 0: a dead neuron, a local minimum of loss C where L has a kink",
            "w = 0 and a = 0: a silent neuron, of loss C, from which L falls to second order",
        )
        proof = "h′(u)/u takes no value twice where Σⱼ uⱼ² ≤ 1, and at given correlations L is a parabola in a‖w‖"
    elif k == 1:
        points, continua, proof = [(1.0, 1.0, 1.0, 0.0)], (), "not known: only the copy itself is listed"
    else:
        profile = Profile(k, activation)
        points = [(r, profile.outgoing(r), u, profile.loss(r)) for r, _ in profile.critical_radii()]
        continua = ("a = 0 and Σⱼ g(r, 1, uⱼ) = 0, where it has solutions: a silent neuron",)
        proof = "not known: only equal correlations 1/√k and radii up to 12 were searched"
    isolated = [CriticalPoint(*point, index=_index(k, activation, *point[:3])) for point in points]
    return CriticalPoints(tuple(sorted(isolated, key=lambda point: point.loss)), continua, proof)


class Profile:
    """L(r), the loss of one neuron of norm r at equal correlations 1/√k and the best outgoing weight.

    Examples
    --------
    >>> profile = Profile(3, "tanh")
    >>> profile.loss(0.2) > profile.loss(0.37) < profile.loss(0.6)
    True
    """

    def __init__(self, k: int, activation: str | Activation) -> None:
        self.k, self.activation = require_whole("k", k, least=2), get_activation(activation)
        self._teacher = hermite_expansion(self.activation, 1.0)
        if not self._teacher.norm > 0:
            raise ValueError(f"{self.activation.name} vanishes everywhere: there is no teacher to imitate")
        orders = np.arange(self._teacher.coefficients.size, dtype=float)
        t = self._teacher.coefficients
        self._target = self.k ** (1 - orders / 2) * t
        self._floor = float(self.k * np.sum(t[2:] ** 2 * (1 - self.k ** (1 - orders[2:]))))

    def outgoing(self, r: float) -> float:
        """Return the best outgoing weight, k g(r, 1, 1/√k)/g(r, r, 1)."""
        student = hermite_expansion(self.activation, r)
        return float(self._target @ student.coefficients) / student.norm**2

    def loss(self, r: float) -> float:
        """Return L(r)."""
        student = hermite_expansion(self.activation, r)
        areas = np.sum(self._areas(student.coefficients) ** 2) / 2 + student.tail * (self._target @ self._target)
        return self._floor + float(areas) / student.norm**2

    def slope(self, r: float) -> float:
        """Return dL/dr, at the best outgoing weight."""
        return self._slope_and_rounding(r)[0]

    def _slope_and_rounding(self, r: float) -> tuple[float, float]:
        student = hermite_expansion(self.activation, r)
        c, square = student.coefficients, student.norm**2
        stretch = (c @ student.slopes + student.tail_slope / 2) / square  # what of dc/dr only lengthens c
        turning = student.slopes - stretch * c
        one, two = self._areas(c), self._areas(turning)
        areas, size = np.sum(one * two) / 2, np.linalg.norm(one) * np.linalg.norm(two)
        tail = (student.tail_slope / 2 - stretch * student.tail) * (self._target @ self._target)
        return 2 * float(areas + tail) / square, 1e-13 * float(size) / square

    def _areas(self, c: Float[np.ndarray, " orders"]) -> Float[np.ndarray, "orders orders"]:
        """C ∧ τ: the signed areas cₚτ_q − c_qτₚ."""
        area = np.outer(c, self._target)
        return area - area.T

    def critical_radii(self) -> list[tuple[float, bool]]:
        """Return the radii from 0.01/√k to 12 where dL/dr changes sign, and whether L has a minimum there."""
        radii = np.geomspace(_SHORTEST / sqrt(self.k), _LONGEST, _RADII)
        signs = [self._sign_of_slope(r) for r in radii]
        signed = [(r, sign) for r, sign in zip(radii, signs, strict=True) if sign]  # where rounding does not decide it
        return [
            (brentq(self.slope, near, far, xtol=1e-300, rtol=1e-15), bool(sign < 0))
            for (near, sign), (far, next_sign) in pairwise(signed)
            if sign != next_sign
        ]

    def _sign_of_slope(self, r: float) -> int:
        slope, rounding = self._slope_and_rounding(r)
        return int(np.sign(slope)) if abs(slope) > rounding else 0

    def limits(self) -> list[tuple[float, str]]:
        """Return what L(r) tends to as r → 0 and, where it is known, as r → ∞, in words as well."""
        name, norm, others = (
            self.activation.name,
            self._teacher.norm,
            self._floor + float(np.sum(self._target[2:] ** 2)),
        )
        slope = float(hermite_expansion(self.activation, 1e-6).coefficients[1]) * 1e6
        if self.activation.function(np.zeros(1))[0]:
            shape, value = "constant", others + self._target[1] ** 2
        elif abs(slope) > 1e-9 * norm:
            shape, value = "linear", others + self._target[0] ** 2
        else:
            shape, value = "its lowest power", self.loss(1e-3)
        limits = [(value, f"the loss falls towards its infimum as r → 0, where {name} is {shape}")]
        for kind, names in _AT_INFINITY.items():
            if self.activation in [get_activation(each) for each in names]:
                limit, square = _far_expansion(kind, self._target.size)
                loss = self._floor + float(self._target @ self._target - (limit @ self._target) ** 2 / square)
                reason = f"the loss falls towards its infimum as r → ∞, where {name} acts as a {kind}"
                limits.append((loss, reason))
        return [(float(loss), reason) for loss, reason in limits]


# What σ(rx) looks like for large r, up to a factor.
_AT_INFINITY = {"ReLU": ("softplus", "gelu", "silu"), "step": ("sigmoid",), "sign": ("tanh", "erf")}


def _far_expansion(kind: str, count: int) -> tuple[Float[np.ndarray, " orders"], float]:
    """Hermite coefficients and squared norm of max(x, 0), of the step at 0, or of the sign.

    E[step(x) heₚ(x)] = φ(0) heₚ₋₁(0)/√p, and E[max(x, 0) heₚ(x)] is the same with p(p − 1) and two orders less.
    """
    at_zero = np.zeros(count)  # heₚ(0)
    at_zero[0] = 1
    for p in range(2, count, 2):
        at_zero[p] = -sqrt((p - 1) / p) * at_zero[p - 2]
    orders = np.arange(1, count)
    step = np.append(0.5, at_zero[:-1] / np.sqrt(2 * pi * orders))
    if kind == "step":
        return step, 0.5
    if kind == "sign":
        return 2 * step - np.eye(1, count)[0], 1.0
    ramp = np.concatenate([[1 / sqrt(2 * pi), 0.5], at_zero[:-2] / np.sqrt(2 * pi * orders[1:] * (orders[1:] - 1))])
    return ramp, 0.5


def _homogeneous(k: int, u: float, activation: Activation) -> tuple[float, float]:
    """Strength a‖w‖ and loss of a neuron with σ(cx) = cσ(x), such as a ReLU, with correlation u to all the teacher."""
    itself, cross, other = (float(interaction(1, 1, c, activation)) for c in (1, u, 0))
    if not itself > 0:
        raise ValueError(f"{activation.name} vanishes everywhere: there is no teacher to imitate")
    return k * cross / itself, k * itself + k * (k - 1) * other - (k * cross) ** 2 / itself


def _index(k: int, activation: Activation, radius: float, outgoing: float, correlation: float) -> int:
    family = Family((), (k,), average=True, activation=activation)
    return index(hessian_blocks(family, np.array([correlation * radius, outgoing])))
