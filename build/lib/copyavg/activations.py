"""Activations: the function σ of a hidden neuron and, where one exists, its closed-form interaction.

Two hidden neurons with weights w, w′ see Gaussian input x ~ N(0, I) only through the pre-activations
w·x and w′·x, a Gaussian pair that three *order parameters* describe: the norms r₁ = ‖w‖, r₂ = ‖w′‖
and the correlation u = w·w′/(r₁r₂). Closed forms take a fourth, v = 1 − u², because it cannot be
recovered from u without loss of digits once the neurons are nearly parallel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import NamedTuple

import array_api_compat
import scipy.special
from jaxtyping import Float

from .arrays import Array


class OrderParameters(NamedTuple):
    """Norms r₁, r₂ ≥ 0, correlation u ∈ [−1, 1] and v = 1 − u² of two neurons; all broadcast."""

    r1: Float[Array, "*#pairs"]
    r2: Float[Array, "*#pairs"]
    u: Float[Array, "*#pairs"]
    v: Float[Array, "*#pairs"]


class Slopes(NamedTuple):
    """First derivatives of E[σ(y₁)σ(y₂)] by the second moments of the pre-activations y₁, y₂."""

    by_variance1: Float[Array, "*pairs"]  # ∂/∂E[y₁²] = ½ E[σ″(y₁) σ(y₂)]
    by_covariance: Float[Array, "*pairs"]  # ∂/∂E[y₁y₂] = E[σ′(y₁) σ′(y₂)]  (Price's theorem)


@dataclass(frozen=True)
class Activation:
    """An activation function and its closed-form interaction.

    Parameters
    ----------
    name : str
        The name a reader types.
    function : callable
        σ itself, elementwise, array in, array out.
    interaction : callable
        `OrderParameters` → g = E[σ(y₁)σ(y₂)], of the broadcast shape.
    slopes : callable
        `OrderParameters` → `Slopes`.

    Examples
    --------
    >>> float(ERF.function(0.0))
    0.0
    """

    name: str
    function: Callable[[Array], Array]
    interaction: Callable[[OrderParameters], Array]
    slopes: Callable[[OrderParameters], Slopes]


def _erf(x: Array) -> Array:
    x = x / 2**0.5
    if array_api_compat.is_torch_array(x):
        return array_api_compat.array_namespace(x).erf(x)
    return scipy.special.erf(x)


def _erf_angle(p: OrderParameters) -> tuple[Array, Array, Array, Array]:
    """Sin φ, cos φ of the angle in g = (2/π) φ, and t_i = 1/√(1 + r_i²), without cancellation.

    sin φ = s₁s₂u with s_i = r_i/√(1 + r_i²); cos²φ = 1 − s₁²s₂²u² is summed from positive terms.
    """
    xp = array_api_compat.array_namespace(p.u)
    one = xp.ones_like(p.u)
    t1, t2 = 1 / xp.hypot(one, p.r1), 1 / xp.hypot(one, p.r2)
    # 1 − t² loses nothing where it matters (r ≳ 1) and r·t overflows at r = ∞: take each where it is good.
    s1 = xp.where(p.r1 < 1, p.r1, one) * xp.where(p.r1 < 1, t1, xp.sqrt((1 - t1) * (1 + t1)))
    s2 = xp.where(p.r2 < 1, p.r2, one) * xp.where(p.r2 < 1, t2, xp.sqrt((1 - t2) * (1 + t2)))
    cosine = xp.sqrt(t1**2 + s1**2 * (t2**2 + s2**2 * p.v))
    return s1 * s2 * p.u, cosine, t1, t2


def _erf_interaction(p: OrderParameters) -> Array:
    sine, cosine, _, _ = _erf_angle(p)
    return 2 / pi * array_api_compat.array_namespace(sine).atan2(sine, cosine)


def _erf_slopes(p: OrderParameters) -> Slopes:
    _, cosine, t1, t2 = _erf_angle(p)
    by_covariance = 2 / pi * t1 * t2 / cosine
    return Slopes(-0.5 * by_covariance * t1**2 * p.r1 * p.r2 * p.u, by_covariance)


ERF = Activation("erf", _erf, _erf_interaction, _erf_slopes)

_BY_NAME = {activation.name: activation for activation in (ERF,)}


def get_activation(activation: str | Activation) -> Activation:
    """Return the `Activation` of that name; an `Activation` is returned as it is.

    Raises
    ------
    ValueError
        If no activation has that name.
    TypeError
        If `activation` is neither a name nor an `Activation`.

    Examples
    --------
    >>> get_activation("erf").name
    'erf'
    >>> get_activation("step")
    Traceback (most recent call last):
    ValueError: activation must be one of 'erf', or an Activation, but was given 'step'
    """
    if isinstance(activation, Activation):
        return activation
    known = ", ".join(map(repr, _BY_NAME))
    message = f"activation must be one of {known}, or an Activation, but was given {activation!r}"
    if not isinstance(activation, str):
        raise TypeError(message)
    if activation not in _BY_NAME:
        raise ValueError(message)
    return _BY_NAME[activation]
