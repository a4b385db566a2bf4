"""The step and ReLU of an input with noise, Φ(x) = E[1(x + z > 0)] and x Φ(x) + φ(x) = E[max(x + z, 0)], z ~ N(0, 1).

Each noise is one more input dimension, of that neuron alone. So two neurons are as two of norms √A = √(1 + r₁²) and
√B = √(1 + r₂²) without noise, of the same inner product c. Sigmoid and softplus are made of these.
"""

from math import pi

from .base import OrderParameters, PairTerms
from .erf import ERF
from .gaussian import Ratios
from .relu import RELU


def step_terms(p: OrderParameters, order: int) -> PairTerms:
    """Return the interaction of two smoothed steps, G = (π − θ)/(2π) with cos θ = c/√(AB), and its derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> at = OrderParameters(*(np.array(x) for x in (1e8, 1e8, -1.0, 0.0)))
    >>> bool(np.isclose(step_terms(at, 0).value, 2**0.5 / 1e8 / (2 * pi)))  # both are on where noise decides
    True
    """
    m = Ratios(p, bounded=True)
    value = m.xp.atan2(m.s, -m.kappa) / (2 * pi)
    if order == 0:
        return PairTerms(value)
    return PairTerms(value, *(0.25 * term for term in ERF.closed_form(p, order)[1:] if term is not None))


def ramp_terms(p: OrderParameters, order: int) -> PairTerms:
    """Return the interaction of two smoothed ReLUs, G = √(AB) [sin θ + (π − θ) cos θ]/(2π), and its derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> at = OrderParameters(*(np.array(x) for x in (0.0, 0.0, 0.0, 1.0)))
    >>> bool(np.isclose(ramp_terms(at, 0).value, 1 / (2 * pi)))  # E[max(z, 0)]²
    True
    """
    m = Ratios(p, bounded=False)
    value, own, cross, *_ = RELU.closed_form(OrderParameters(m.h1, m.h2, m.kappa, m.s**2), min(order, 1))
    if order < 2:
        return PairTerms(value, own, cross)
    u, long1, long2, alpha1, alpha2 = p.u, m.long1, m.long2, m.short1**2, m.short2**2
    bend = 1 / (2 * pi * m.s)
    by_own, by_both = m.h2 * m.short1 * bend, long1 * long2 * bend
    return PairTerms(
        value,
        own,
        cross,
        own_ww=by_own * (long2**2 * (alpha1 * (1 - 2 * (long1 * u) ** 2) - p.v) - long1**2 * alpha2),
        own_wm=by_own * long2**2 * alpha1 * u,
        own_mm=by_own * long2**2,
        cross_wp=by_both * (p.v + u**2 * (alpha1 + alpha2)),
        cross_wm=by_both * alpha1 * u,
        cross_mp=by_both * alpha2 * u,
        cross_mm=by_both,
    )
