"""tanh, sigmoid, softplus and SiLU, all made of the logistic function, without closed forms."""

from copyavg.arrays import Array

from .base import Activation
from .gaussian import namespace


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


TANH = Activation("tanh", _tanh, (_tanh_slope, _tanh_curvature), odd=True, homogeneous=False, at_infinity="sign")
SIGMOID = Activation(
    "sigmoid", _sigmoid, (_sigmoid_slope, _sigmoid_curvature), odd=False, homogeneous=False, at_infinity="step"
)
SOFTPLUS = Activation(
    "softplus", _softplus, (_sigmoid, _sigmoid_slope), odd=False, homogeneous=False, at_infinity="ReLU"
)
SILU = Activation("silu", _silu, (_silu_slope, _silu_curvature), odd=False, homogeneous=False, at_infinity="ReLU")
