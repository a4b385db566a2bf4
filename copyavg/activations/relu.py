"""ReLU and its leaky kin, which are homogeneous: (w, a) → (cw, a/c) leaves a neuron as it is."""

from dataclasses import dataclass
from functools import lru_cache
from math import factorial, pi
from typing import Any

import numpy as np
from jaxtyping import Float

from copyavg.arrays import Array

from .base import Activation, OrderParameters, PairTerms
from .coefficients import hermite_coefficients
from .gaussian import namespace, times_norms


def _relu_terms(p: OrderParameters, order: int, slope: float = 0.0) -> PairTerms:
    """G = r₁r₂[sin θ + (π − θ) cos θ]/(2π) with θ the angle between the neurons (Cho and Saul 2009).

    At w = 0, where G has a kink, `own` and the second derivatives are those of σ′(0) = ½. A leaky ReLU of slope s
    has (1 − s)² times that, and s w·p.
    """
    xp = namespace(p.u)
    apart = p.v > 0
    sine = xp.where(apart, xp.sqrt(xp.where(apart, p.v, 1)), 0.0)  # so that autograd never meets √′(0)
    outside = xp.atan2(sine, -p.u)  # π − θ
    factor = (1 - slope) ** 2 / (2 * pi)
    share = factor * _sine_minus_angle_cosine(xp, outside, sine + outside * p.u) + slope * p.u
    value = times_norms(p, share)
    if order == 0:
        return PairTerms(value)
    positive = p.r1 > 0
    ratio = xp.where(positive, p.r2 / xp.where(positive, p.r1, 1), 0.0) * factor
    own, cross = ratio * sine, factor * outside + slope
    if order == 1:
        return PairTerms(value, own, cross)
    inverse = xp.where(apart, 1 / xp.where(apart, sine, 1), 0.0)  # multiplied by mmᵀ, of length v
    nothing = xp.zeros_like(own)
    return PairTerms(
        value,
        own,
        cross,
        own_ww=-own,
        own_wm=nothing,
        own_mm=ratio * inverse,
        cross_wp=factor * sine,
        cross_wm=nothing,
        cross_mp=nothing,
        cross_mm=factor * inverse,
    )


def _sine_minus_angle_cosine(xp: Any, angle: Array, otherwise: Array) -> Array:
    """Return sin x − x cos x = x³/3 − x⁵/30 + …, by its series where x is small and both terms nearly agree."""
    small = angle < 0.5
    if not bool(xp.any(small)):
        return otherwise
    x = xp.where(small, angle, 0.5)
    series = xp.zeros_like(x)
    for m in range(7, 0, -1):
        series = 2 * m / factorial(2 * m + 1) - x * x * series
    return xp.where(small, x**3 * series, otherwise)


@lru_cache
def leaky_relu(slope: int | float) -> Activation:
    """Return the leaky ReLU, σ(x) = x for x > 0 and slope · x otherwise: ReLU at slope 0, linear at slope 1.

    As σ(x) = s x + (1 − s) max(x, 0) and, by Stein's lemma, E[x max(y, 0)] = E[xy]/2, its interaction is

        G = (1 − s)² G_ReLU + s w·p,

    and the loss of a student (1 − s)² L_ReLU + s ‖Σᵢ aᵢwᵢ − Σⱼ bⱼvⱼ‖².

    Parameters
    ----------
    slope : float
        s, of any sign; −1 gives |x|.

    Raises
    ------
    TypeError, ValueError
        If the slope is not a finite number.

    Notes
    -----
    Slopes s and 1/s have the same critical points: as the function of slope 1/s is −σ(−x)/s, only s/(1 − s)²
    matters to where they are. Derived in this book.

    Examples
    --------
    >>> x = np.array([-2.0, 3.0])
    >>> leaky_relu(0.25).function(x)
    array([-0.5,  3. ])
    >>> leaky_relu(0.25).homogeneous, leaky_relu(0.25) is leaky_relu(0.25)
    (True, True)
    """
    if not isinstance(slope, (int, float, np.integer, np.floating)):
        raise TypeError(f"slope must be a number, but was given {slope!r}")
    s = float(slope)
    if not np.isfinite(s):
        raise ValueError(f"slope must be finite, but was given {slope!r}")

    return Activation(f"leaky relu of slope {s:g}", _Leaky(s), closed_form=_LeakyTerms(s), odd=s == 1, homogeneous=True)


@dataclass(frozen=True)
class _Leaky:
    slope: float

    def __call__(self, x: Array) -> Array:
        return namespace(x).where(x > 0, x, self.slope * x)


@dataclass(frozen=True)
class _LeakyTerms:
    slope: float

    def __call__(self, p: OrderParameters, order: int) -> PairTerms:
        return _relu_terms(p, order, self.slope)


def _relu(x: Array) -> Array:
    return namespace(x).where(x > 0, x, 0.0)


def _relu_hermite(r: float, count: int) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]:
    slopes, _ = hermite_coefficients("ramp", np.zeros(1), np.ones(1), 1.0, count)
    return r * slopes, slopes


RELU = Activation(
    "relu",
    _relu,
    closed_form=_relu_terms,
    odd=False,
    homogeneous=True,
    at_infinity="ReLU",
    hermite=_relu_hermite,
)
