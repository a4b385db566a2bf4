"""What the closed forms of several activations share: the normal distribution, and ratios that never overflow."""

from functools import lru_cache
from math import pi, sqrt
from typing import Any

import array_api_compat
import scipy.special

from copyavg.arrays import Array

from .base import OrderParameters


def namespace(x: Array):
    """Return the array library of x."""
    return array_api_compat.array_namespace(x)


def gauss_error(x: Array) -> Array:
    """Return erf(x)."""
    return namespace(x).erf(x) if array_api_compat.is_torch_array(x) else scipy.special.erf(x)


def normal_density(x: Array) -> Array:
    """φ, the standard normal density."""
    return namespace(x).exp(-0.5 * x**2) / sqrt(2 * pi)


def normal_distribution(x: Array) -> Array:
    """Φ, the standard normal distribution function, to full relative accuracy on both sides."""
    if array_api_compat.is_torch_array(x):
        return 0.5 * namespace(x).special.erfc(-x / sqrt(2))
    return 0.5 * scipy.special.erfc(-x / sqrt(2))


@lru_cache
def _longest(xp: Any, dtype: Any) -> float:
    """The norm (1e74 in float64) beyond which squares overflow, and r is as good as infinite: φ moves by 1/r."""
    return float(xp.finfo(dtype).max) ** 0.24


class Ratios:
    """What the closed forms of erf and GELU share, in numbers between 0 and 1: no norm is too long, nothing cancels.

    With A = 1 + r₁² and B = 1 + r₂², δ₁ = 1/√A and ρ₁ = r₁/√A and so for r₂, κ = ρ₁ρ₂u is c/√(AB) for c = w·p,
    and s² = 1 − κ² = δ₁² + ρ₁²(δ₂² + ρ₂²v). The determinant of one plus the covariance is S² = AB − c² = ABs²,
    and the angle φ = arcsin κ = arctan(κ/s) appears in both.
    """

    def __init__(self, p: OrderParameters, *, bounded: bool) -> None:
        self.xp = xp = namespace(p.u)
        self.r1, self.r2, self.v = p.r1, p.r2, p.v
        if bounded:
            longest = _longest(xp, p.u.dtype)
            self.r1, self.r2 = xp.minimum(p.r1, longest), xp.minimum(p.r2, longest)
            self.h1, self.h2 = (xp.sqrt(1 + r * r) for r in (self.r1, self.r2))
        else:
            self.h1, self.h2 = (xp.hypot(r, xp.ones_like(r)) for r in (self.r1, self.r2))
        self.short1, self.short2 = 1 / self.h1, 1 / self.h2  # δ
        self.long1, self.long2 = self.r1 / self.h1, self.r2 / self.h2  # ρ
        self.kappa = self.long1 * (self.long2 * p.u)
        square = self.short1**2 + self.long1**2 * (self.short2**2 + self.long2**2 * p.v)
        self.s = xp.sqrt(square) if bounded else self._root(square)
        self.inverse = self.short1 * (self.short2 / self.s)  # 1/S

    def _root(self, square: Array) -> Array:
        """S, also of neurons that are so long (1e140 in float64) and so parallel that s² underflows."""
        xp = self.xp
        tiny = square < float(xp.finfo(square.dtype).smallest_normal) ** 0.9
        if not bool(xp.any(tiny)):
            return xp.sqrt(square)
        far = xp.hypot(xp.hypot(self.short1, self.short2), xp.sqrt(self.v))
        return xp.where(tiny, far, xp.sqrt(xp.where(tiny, 1.0, square)))


def times_norms(p: OrderParameters, share: Array) -> Array:
    """r₁r₂ · share, the longer norm first where r₁r₂ overflows, so that only what cannot be represented does."""
    xp, both = namespace(share), p.r1 * p.r2
    if bool(xp.all(xp.isfinite(both))):
        return both * share
    return xp.where(p.r1 > p.r2, p.r2 * (p.r1 * share), p.r1 * (p.r2 * share))
