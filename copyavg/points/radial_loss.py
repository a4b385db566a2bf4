"""The profile L(r): the loss that one neuron of norm r leaves of a unit-orthonormal teacher, in Hermite coefficients.

At equal correlations 1/√k and the best outgoing weight the loss of one neuron is a function of its norm alone. By
Mehler's formula, with cₚ(r) = E[σ(rx) heₚ(x)] and τₚ = k^(1−p/2) cₚ(1),

    L(r) = Σ_{p≥2} (k − k^(2−p)) cₚ(1)² + ‖c(r) ∧ τ‖²/‖c(r)‖²,   ‖c ∧ τ‖² = Σ_{p<q} (cₚτ_q − c_qτₚ)²:

a constant and the squared distance of τ from the line through c(r). Nothing cancels in it, at any k, although
L itself is a difference of terms of order k².
"""

from functools import cached_property, lru_cache
from itertools import pairwise
from math import log2, sqrt

import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation, evaluate
from copyavg.activations.coefficients import hermite_coefficients
from copyavg.activations.named import get_activation, is_tested
from copyavg.arrays import require_whole
from copyavg.interactions.hermite import HermiteExpansion, hermite_expansion
from copyavg.interactions.quadrature import refuse_size

LONGEST = 12.0  # the largest radius that is searched
_SHORTEST, _RADII = 1e-2, 400  # radii from 0.01/√k on


class RadialLoss:
    """L(r), the loss of one neuron of norm r at equal correlations 1/√k and the best outgoing weight.

    Parameters
    ----------
    k : int
        Number of teacher neurons, at least 2.
    activation : str or Activation
        A name, or an `Activation` of your own, smooth. One with a gauge has no profile: the norm does not matter.

    Raises
    ------
    QuadratureError, TypeError, ValueError
        As for `one_neuron`.

    Examples
    --------
    >>> profile = RadialLoss(3, "tanh")
    >>> profile.loss(0.2) > profile.loss(0.37) < profile.loss(0.6)
    True
    """

    def __init__(self, k: int, activation: str | Activation) -> None:
        self.k, self.activation = require_whole("k", k, least=2), get_activation(activation)
        size = hermite_expansion(self.activation, 1.0).norm
        if not size > 0:
            raise ValueError(f"{self.activation.name} vanishes everywhere: there is no teacher to imitate")
        if not 1e-140 < size < 1e140:
            refuse_size(self.activation, 1.0, size)
        self._unit = 2.0 ** round(log2(size))  # of σ, in which all is kept: fourth powers of σ occur
        self._teacher = self._expand(1.0)
        orders = np.arange(self._teacher.coefficients.size, dtype=float)
        t = self._teacher.coefficients
        self._target = self.k ** (1 - orders / 2) * t
        self._floor = float(self.k * np.sum(t[2:] ** 2 * (1 - self.k ** (1 - orders[2:]))))

    def _expand(self, r: float) -> HermiteExpansion:
        c, slopes, norm, tail, tail_slope = hermite_expansion(self.activation, r)
        unit, square = self._unit, self._unit**2
        return HermiteExpansion(c / unit, slopes / unit, norm / unit, tail / square, tail_slope / square)

    def outgoing(self, r: float) -> float:
        """Return the best outgoing weight, k g(r, 1, 1/√k)/g(r, r, 1)."""
        student = self._expand(r)
        return float(self._target @ student.coefficients) / student.norm**2

    def loss(self, r: float) -> float:
        """Return L(r)."""
        student = self._expand(r)
        areas = np.sum(self._areas(student.coefficients) ** 2) / 2 + student.tail * (self._target @ self._target)
        return self._unit**2 * (self._floor + float(areas) / student.norm**2)

    def slope(self, r: float) -> float:
        """Return dL/dr, at the best outgoing weight."""
        return self._unit**2 * self._slope_and_rounding(r)[0]

    def _slope_and_rounding(self, r: float) -> tuple[float, float]:
        student = self._expand(r)
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

    @cached_property
    def critical_radii(self) -> list[tuple[float, bool]]:
        """The radii from 0.01/√k to 12 where dL/dr changes sign, and whether L has a minimum there."""
        from scipy.optimize import brentq  # here, as it takes longer to load than the rest of copyavg

        radii = np.geomspace(_SHORTEST / sqrt(self.k), LONGEST, _RADII)
        signs = [self._sign_of_slope(r) for r in radii]
        signed = [(r, sign) for r, sign in zip(radii, signs, strict=True) if sign]  # where rounding does not decide it
        return [
            (brentq(lambda r: self._slope_and_rounding(r)[0], near, far, xtol=1e-300, rtol=1e-15), bool(sign < 0))
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
        square, slope = self._unit**2, float(self._expand(1e-6).coefficients[1]) * 1e6
        if evaluate(self.activation, np.zeros(1))[0]:
            shape, value = "constant", square * (others + self._target[1] ** 2)
        elif abs(slope) > 1e-9 * norm:
            shape, value = "linear", square * (others + self._target[0] ** 2)
        else:
            shape, value = "its lowest power", self.loss(1e-3)
        limits = [(value, f"the loss falls towards its infimum as r goes to 0, where {name} is {shape}")]
        if kind := self.activation.at_infinity:
            limit, power = _far_expansion(kind, self._target.size)
            rest = float(self._target @ self._target - (limit @ self._target) ** 2 / power)
            reason = f"the loss falls towards its infimum as r goes to infinity, where {name} acts as a {kind}"
            limits.append((square * (self._floor + rest), reason))
        return [(float(loss), reason) for loss, reason in limits]


@lru_cache(maxsize=64)
def _named_radial_loss(k: int, activation: Activation) -> RadialLoss:
    return RadialLoss(k, activation)


def radial_loss_of(k: int, activation: Activation) -> RadialLoss:
    """Return the profile, whose critical radii take some time; those of named activations are kept.

    Examples
    --------
    >>> tanh = get_activation("tanh")
    >>> radial_loss_of(3, tanh) is radial_loss_of(3, tanh)
    True
    """
    return _named_radial_loss(k, activation) if is_tested(activation) else RadialLoss(k, activation)


def _far_expansion(kind: str, count: int) -> tuple[Float[np.ndarray, " orders"], float]:
    """Hermite coefficients and squared norm of max(x, 0), of the step at 0, or of the sign: widths of 0."""
    part = {"ReLU": "ramp", "step": "step", "sign": "erf"}[kind]
    c, _ = hermite_coefficients(part, np.zeros(1), np.ones(1), 1.0, count)
    return c, 1.0 if kind == "sign" else 0.5
