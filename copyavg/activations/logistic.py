"""tanh, sigmoid, softplus and SiLU, all made of the logistic function; closed forms as mixtures of erf and its kin."""

import numpy as np
from jaxtyping import Float

from copyavg.arrays import Array

from .base import Activation
from .gaussian import namespace
from .mixture import Mixture

Coefficients = tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]


def _sigmoid(x: Array) -> Array:
    """1/(1 + e⁻ˣ), to full relative accuracy on both sides."""
    xp = namespace(x)
    small = xp.exp(-xp.abs(x))
    return xp.where(x > 0, 1.0, small) / (1 + small)


def _sigmoid_slope(x: Array) -> Array:
    small = namespace(x).exp(-namespace(x).abs(x))
    return small / (1 + small) ** 2


def _tanh(x: Array) -> Array:
    return namespace(x).tanh(x)


def _tanh_slope(x: Array) -> Array:
    return 4 * _sigmoid_slope(2 * x)


def _tanh_curvature(x: Array) -> Array:
    return -2 * _tanh(x) * _tanh_slope(x)


def _sigmoid_curvature(x: Array) -> Array:
    return -_tanh(0.5 * x) * _sigmoid_slope(x)


def _softplus(x: Array) -> Array:
    return namespace(x).logaddexp(x, namespace(x).zeros_like(x))


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


def _silu_slope(x: Array) -> Array:
    return _sigmoid(x) + x * _sigmoid_slope(x)


def _silu_curvature(x: Array) -> Array:
    return (2 - x * _tanh(0.5 * x)) * _sigmoid_slope(x)


_TANH, _SIGMOID, _SOFTPLUS, _SILU = Mixture("erf"), Mixture("step", 2), Mixture("ramp", 2), Mixture("gelu", 2)


def _tanh_hermite(r: float, count: int) -> Coefficients:
    return _TANH.hermite(r, count)


def _sigmoid_hermite(r: float, count: int) -> Coefficients:
    return _SIGMOID.hermite(r, count)


def _softplus_hermite(r: float, count: int) -> Coefficients:
    return _SOFTPLUS.hermite(r, count)


def _silu_hermite(r: float, count: int) -> Coefficients:
    return _SILU.hermite(r, count)


TANH = Activation(
    "tanh",
    _tanh,
    (_tanh_slope, _tanh_curvature),
    _TANH,
    odd=True,
    homogeneous=False,
    at_infinity="sign",
    hermite=_tanh_hermite,
)
SIGMOID = Activation(
    "sigmoid",
    _sigmoid,
    (_sigmoid_slope, _sigmoid_curvature),
    _SIGMOID,
    odd=False,
    homogeneous=False,
    at_infinity="step",
    hermite=_sigmoid_hermite,
)
SOFTPLUS = Activation(
    "softplus",
    _softplus,
    (_sigmoid, _sigmoid_slope),
    _SOFTPLUS,
    odd=False,
    homogeneous=False,
    at_infinity="ReLU",
    hermite=_softplus_hermite,
)
SILU = Activation(
    "silu",
    _silu,
    (_silu_slope, _silu_curvature),
    _SILU,
    odd=False,
    homogeneous=False,
    at_infinity="ReLU",
    hermite=_silu_hermite,
)
