"""GELU, x Φ(x), with its closed form."""

from math import pi

import numpy as np
from jaxtyping import Float

from copyavg.arrays import Array

from .base import Activation, OrderParameters, PairTerms
from .coefficients import hermite_coefficients
from .gaussian import Ratios, normal_density, normal_distribution, times_norms


def _gelu_terms(p: OrderParameters, order: int) -> PairTerms:
    """G = [c(π/2 + φ) + 1/S + S(1 − 1/A − 1/B)]/(2π) (cf. Tsuchida et al. 2021), and its derivatives by hand.

    Written in ratios that lie between 0 and 1, with α = 1/A, ω = r₁²/A, β = A/S² and weight = r₂²u²/S², so
    that what remains of a sum for long or opposite neurons is never the difference of larger numbers.
    """
    m = Ratios(p, bounded=False)
    value, cross = _gelu_value_and_cross(p, m)
    if order == 0:
        return PairTerms(value)
    u, v, factor = p.u, p.v, m.inverse / (2 * pi)
    alpha1, omega1, beta1 = m.short1**2, m.long1**2, (m.short2 / m.s) ** 2
    q1, q2 = m.r1 * m.r1, m.r2 * m.r2
    squeezed = (m.r2 * m.short1 * u) ** 2
    own = factor * ((1 + alpha1) * q2 * v + squeezed * (2 * alpha1 - omega1 * beta1))
    if order == 1:
        return PairTerms(value, own, cross)
    alpha2, omega2, beta2 = m.short2**2, m.long2**2, (m.short1 / m.s) ** 2
    curved1 = 2 * alpha1 + beta1 * (1 + alpha1 - 3 * omega1 * beta1)
    curved2 = 2 * alpha2 + beta2 * (1 + alpha2 - 3 * omega2 * beta2)
    mixed1 = curved1 - omega1 * q2 * v * beta1 * (1 + 3 * beta1)
    mixed2 = curved2 - omega2 * q1 * v * beta2 * (1 + 3 * beta2)
    weight = omega2 * beta2 * u**2
    by_cc = factor * ((1 + beta1) * (1 + alpha1) + omega1 * weight * (1 + 3 * beta1))
    both = factor * p.r1 * p.r2
    return PairTerms(
        value,
        own,
        cross,
        own_ww=factor
        * (
            squeezed
            * (
                alpha1 * (2 - 9 * omega1)
                + beta1 * (1 + alpha1 - 6 * alpha1 * omega1)
                + alpha1 * omega1 * weight * (1 + 3 * beta1)
            )
            - omega1 * (1 + 3 * alpha1) * q2 * v
        ),
        own_wm=factor * q2 * u * alpha1 * mixed1,
        own_mm=q2 * by_cc,
        cross_wp=both * ((1 + alpha1) * (1 + beta1) * v + u**2 * (alpha1 * curved1 + alpha2 * mixed2)),
        cross_wm=both * u * alpha1 * mixed1,
        cross_mp=both * u * alpha2 * mixed2,
        cross_mm=p.r1 * p.r2 * by_cc,
    )


def _gelu_value_and_cross(p: OrderParameters, m: Ratios) -> tuple[Array, Array]:
    """Return G and ∂G/∂c, which nearly cancel within themselves for long neurons that point away from each other.

    There T = S/|c| = s/|κ| is small and π/2 + φ = arctan T, of which T cancels exactly; what is left,
    −Q = arctan T − T, is summed by its series. Products are taken in an order in which none overflows before G does.
    """
    xp, s, kappa, u, v = m.xp, m.s, m.kappa, p.u, p.v
    alpha1, alpha2 = m.short1**2, m.short2**2
    opposite = s < -0.3 * kappa
    angle = xp.atan2(s, -kappa)  # π/2 + φ
    share = u * angle + m.long1 * m.long2 / s * (v + (1 - v) * (alpha1 + alpha2))  # of r₁r₂
    value = times_norms(p, share / (2 * pi))
    cubed = (m.short1 / s) * (m.short2 / s) * m.inverse  # c/(κS³)
    cross = angle + kappa / s * (alpha1 + alpha2) + kappa * cubed
    if not bool(xp.any(opposite)):
        return value, cross / (2 * pi)
    size = xp.where(opposite, -kappa, 1.0)
    t = xp.where(opposite, s / size, 0.1)
    series = xp.zeros_like(t)
    for power in range(25, 1, -2):
        series = 1 / power - t * t * series
    series = t * series  # (T − arctan T)/T², to 1e-16 for T < 0.3
    rest = (m.long1 * alpha2) ** 2 + (m.long2 * alpha1) ** 2 + alpha1 * alpha2
    rest = (rest + (m.long1 * m.long2) ** 2 * v * (1 + alpha1 + alpha2)) / (size * size * t)
    far = (m.h1 * t) * ((m.h2 * size) * t * series) + m.inverse - ((m.h2 * s) * m.short1 + (m.h1 * s) * m.short2)
    return (
        xp.where(opposite, far / (2 * pi), value),
        xp.where(opposite, rest - t * t * series - size * cubed, cross) / (2 * pi),
    )


def _gelu(x: Array) -> Array:
    return x * normal_distribution(x)


def _gelu_slope(x: Array) -> Array:
    return normal_distribution(x) + x * normal_density(x)


def _gelu_curvature(x: Array) -> Array:
    return (2 - x**2) * normal_density(x)


def _gelu_hermite(r: float, count: int) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]:
    return hermite_coefficients("gelu", np.ones(1), np.ones(1), r, count)


GELU = Activation(
    "gelu",
    _gelu,
    (_gelu_slope, _gelu_curvature),
    _gelu_terms,
    odd=False,
    homogeneous=False,
    at_infinity="ReLU",
    hermite=_gelu_hermite,
)
