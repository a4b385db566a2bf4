"""erf(x/√2), a sigmoid for which everything has a closed form."""

from math import pi, sqrt

import numpy as np
from jaxtyping import Float

from copyavg.arrays import Array

from .base import Activation, OrderParameters, PairTerms
from .coefficients import hermite_coefficients
from .gaussian import Ratios, gauss_error, normal_density


def _erf_terms(p: OrderParameters, order: int) -> PairTerms:
    """G = (2/π) φ (Williams 1997); derivatives by hand, each bracket free of cancellation."""
    m = Ratios(p, bounded=True)
    value = 2 / pi * m.xp.atan(m.kappa / m.s)
    if order == 0:
        return PairTerms(value)
    cross = 2 / pi * m.inverse
    own = -(cross * m.kappa) * (m.h2 * m.short1)
    if order == 1:
        return PairTerms(value, own, cross)
    ratio = m.r2 * m.short1
    slope = cross / m.s**2
    across1, across2 = m.short1**2 + m.long1**2 * p.v, m.short2**2 + m.long2**2 * p.v
    curvature = slope * m.kappa
    return PairTerms(
        value,
        own,
        cross,
        own_ww=curvature
        * (
            m.short1 * m.short2 * (m.long1**2 - 2 * m.short1**2)
            + m.long2 * ratio * (m.short1**2 * (m.long1**2 - m.short1**2) + p.v * (2 * m.long1**4 - 1))
        ),
        own_wm=-slope * m.long1 * ratio * across2,
        own_mm=curvature * m.long2 * ratio,
        cross_wp=-slope * p.u * ((m.long1 * m.short2) ** 2 + m.long2**2 * across1),
        cross_wm=-slope * m.long1**2 * across2,
        cross_mp=-slope * m.long2**2 * across1,
        cross_mm=curvature * m.long1 * m.long2,
    )


def _erf(x: Array) -> Array:
    return gauss_error(x / sqrt(2))


def _erf_slope(x: Array) -> Array:
    return 2 * normal_density(x)


def _erf_curvature(x: Array) -> Array:
    return -2 * x * normal_density(x)


def _erf_hermite(r: float, count: int) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]:
    return hermite_coefficients("erf", np.ones(1), np.ones(1), r, count)


ERF = Activation(
    "erf",
    _erf,
    (_erf_slope, _erf_curvature),
    _erf_terms,
    odd=True,
    homogeneous=False,
    at_infinity="sign",
    exact_averages=True,
    hermite=_erf_hermite,
)
