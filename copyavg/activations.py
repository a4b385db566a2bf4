"""Activations: the function σ of a hidden neuron and, where one exists, its interaction in closed form.

Two hidden neurons with weights w, p see Gaussian input x ~ N(0, I) only through w·x and p·x, a Gaussian
pair that three *order parameters* describe: the norms r₁ = ‖w‖, r₂ = ‖p‖ and the correlation
u = w·p/(r₁r₂). Closed forms take a fourth, v = 1 − u², which cannot be recovered from u without loss of
digits once the neurons are nearly parallel.

The interaction G(w, p) = E[σ(w·x)σ(p·x)] and its derivatives are, with ŵ = w/r₁, p̂ = p/r₂ and the
components m = p̂ − uŵ of p̂ across w and m′ = ŵ − up̂ of ŵ across p, of length √v,

    ∂G/∂w    = own · w + cross · p,
    ∂²G/∂w²  = own · I + own_ww ŵŵᵀ + own_wm (ŵmᵀ + mŵᵀ) + own_mm mmᵀ,
    ∂²G/∂w∂p = cross · I + cross_wp ŵp̂ᵀ + cross_wm ŵm′ᵀ + cross_mp mp̂ᵀ + cross_mm mm′ᵀ.

In these coordinates every coefficient stays finite, or is multiplied by a vector that vanishes faster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial, pi, sqrt
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import scipy.special
from jaxtyping import Float

from .arrays import Array


class OrderParameters(NamedTuple):
    """Norms r₁, r₂ ≥ 0, correlation u ∈ [−1, 1] and v = 1 − u² of two neurons; they broadcast."""

    r1: Float[Array, "*#pairs"]
    r2: Float[Array, "*#pairs"]
    u: Float[Array, "*#pairs"]
    v: Float[Array, "*#pairs"]


class PairTerms(NamedTuple):
    """The interaction of two neurons and the coefficients of its derivatives, up to the order asked for."""

    value: Float[Array, "*pairs"]  # E[σσ]
    own: Float[Array, "*pairs"] | None = None  # E[σ″σ]
    cross: Float[Array, "*pairs"] | None = None  # E[σ′σ′]
    own_ww: Float[Array, "*pairs"] | None = None
    own_wm: Float[Array, "*pairs"] | None = None
    own_mm: Float[Array, "*pairs"] | None = None
    cross_wp: Float[Array, "*pairs"] | None = None
    cross_wm: Float[Array, "*pairs"] | None = None
    cross_mp: Float[Array, "*pairs"] | None = None
    cross_mm: Float[Array, "*pairs"] | None = None


@dataclass(frozen=True)
class Activation:
    """An activation function σ, with what is known of its interaction.

    Parameters
    ----------
    name : str
        What error messages call it.
    function : callable
        σ itself, elementwise, array in, array out. NumPy arrays suffice unless torch is to be used.
    derivatives : pair of callables, optional
        σ′ and σ″. Without them they are taken by differences, and refused where these are not accurate.
    closed_form : callable, optional
        (`OrderParameters`, order) → `PairTerms` with the derivatives up to that order (0, 1 or 2).
        Without it interactions are computed by a Hermite series or by quadrature, with an error estimate.

    Raises
    ------
    TypeError
        If `derivatives` are not two functions.

    Examples
    --------
    An activation of one's own:

    >>> import numpy as np
    >>> from copyavg import interaction
    >>> sine = Activation("sine", np.sin)
    >>> float(np.round(interaction(1.0, 1.0, 0.5, sine), 10))  # e⁻¹ sinh(1/2)
    0.1917002498
    """

    name: str
    function: Callable[[Array], Array]
    derivatives: tuple[Callable[[Array], Array], Callable[[Array], Array]] | None = None
    closed_form: Callable[[OrderParameters, int], PairTerms] | None = None

    def __post_init__(self) -> None:
        if self.derivatives is None:
            return
        given = tuple(self.derivatives) if isinstance(self.derivatives, Sequence) else (self.derivatives,)
        if len(given) != 2 or not all(map(callable, given)):
            raise TypeError(f"derivatives must be two functions, σ′ and σ″, but was given {self.derivatives!r}")
        object.__setattr__(self, "derivatives", given)


def has_gauge(activation: Activation) -> bool:
    """Whether σ(cx) = cσ(x) for c > 0, so that (w, a) → (cw, a/c) leaves a neuron as it is.

    Examples
    --------
    >>> has_gauge(RELU), has_gauge(ERF)
    (True, False)
    """
    x = np.linspace(-3.1, 2.9, 13)
    with np.errstate(all="ignore"):
        return bool(np.allclose(activation.function(4 * x), 4 * activation.function(x + 0), rtol=1e-14, atol=0))


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
    """
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str) and activation in NAMED:
        return NAMED[activation]
    known = ", ".join(map(repr, NAMED))
    message = f"activation must be one of {known}, or an Activation, but was given {activation!r}"
    raise ValueError(message) if isinstance(activation, str) else TypeError(message)


def _xp(x: Array):
    return array_api_compat.array_namespace(x)


def _gauss_error(x: Array) -> Array:
    return _xp(x).erf(x) if array_api_compat.is_torch_array(x) else scipy.special.erf(x)


def _density(x: Array) -> Array:
    """φ, the standard normal density."""
    return _xp(x).exp(-0.5 * x**2) / sqrt(2 * pi)


def _distribution(x: Array) -> Array:
    """Φ, the standard normal distribution function, to full relative accuracy on both sides."""
    if array_api_compat.is_torch_array(x):
        return 0.5 * _xp(x).special.erfc(-x / sqrt(2))
    return 0.5 * scipy.special.erfc(-x / sqrt(2))


def _sigmoid(x: Array) -> Array:
    """1/(1 + e⁻ˣ), to full relative accuracy on both sides."""
    xp = _xp(x)
    small = xp.exp(-xp.abs(x))
    return xp.where(x > 0, 1.0, small) / (1 + small)


def _sigmoid_slope(x: Array) -> Array:
    small = _xp(x).exp(-_xp(x).abs(x))
    return small / (1 + small) ** 2


@lru_cache
def _longest(xp: Any, dtype: Any) -> float:
    """The norm (1e74 in float64) beyond which squares overflow, and r is as good as infinite: φ moves by 1/r."""
    return float(xp.finfo(dtype).max) ** 0.24


class _Moments:
    """What the closed forms of erf and GELU share, without cancellation at any norm.

    q = r², A = 1 + q₁, B = 1 + q₂, c = r₁r₂u, and S² = AB − c² = 1 + q₁ + q₂ + q₁q₂v, the determinant of
    one plus the covariance. The angle φ = arcsin(c/√(AB)) = arctan(c/S) appears in both.
    """

    def __init__(self, p: OrderParameters, *, bounded: bool) -> None:
        self.xp = xp = _xp(p.u)
        self.r1, self.r2 = p.r1, p.r2
        if bounded:
            longest = _longest(xp, p.u.dtype)
            self.r1, self.r2 = xp.minimum(p.r1, longest), xp.minimum(p.r2, longest)
        self.q1, self.q2 = self.r1 * self.r1, self.r2 * self.r2
        self.a, self.b = 1 + self.q1, 1 + self.q2
        self.c = self.r1 * self.r2 * p.u
        self.inverse_s = 1 / xp.sqrt((self.q1 * self.q2) * p.v + (self.a + self.q2))


def _erf_terms(p: OrderParameters, order: int) -> PairTerms:
    """G = (2/π) φ (Williams 1997); derivatives by hand, each bracket free of cancellation."""
    m = _Moments(p, bounded=True)
    value = 2 / pi * m.xp.atan(m.c * m.inverse_s)
    if order == 0:
        return PairTerms(value)
    cross = 2 / pi * m.inverse_s
    own = -cross * m.c / m.a
    if order == 1:
        return PairTerms(value, own, cross)
    cube = 2 / pi * m.inverse_s**3
    a = m.a
    curvature = m.c * cube  # ∂²G/∂c²
    mixed1, mixed2 = -cube * m.r1 * (1 + m.q2 * p.v), -cube * m.r2 * (1 + m.q1 * p.v)
    return PairTerms(
        value,
        own,
        cross,
        own_ww=curvature * ((m.q1 - 2) / a + m.q2 * (m.q1 - 1) / a**2 + m.q2 * p.v * (2 * (m.q1 / a) ** 2 - 1)),
        own_wm=p.r2 * mixed1,
        own_mm=m.q2 * curvature,
        cross_wp=-cube * p.u * (m.q1 + m.q2 * (1 + m.q1 * p.v)),
        cross_wm=p.r1 * mixed1,
        cross_mp=p.r2 * mixed2,
        cross_mm=p.r1 * p.r2 * curvature,
    )


def _relu_terms(p: OrderParameters, order: int) -> PairTerms:
    """G = r₁r₂[sin θ + (π − θ) cos θ]/(2π) with θ the angle between the neurons (Cho and Saul 2009).

    At w = 0, where G has a kink, `own` and the second derivatives are those of σ′(0) = ½.
    """
    xp = _xp(p.u)
    apart = p.v > 0
    sine = xp.where(apart, xp.sqrt(xp.where(apart, p.v, 1)), 0.0)  # so that autograd never meets √′(0)
    outside = xp.atan2(sine, -p.u)  # π − θ
    value = p.r1 * p.r2 * _sine_minus_angle_cosine(xp, outside, sine + outside * p.u) / (2 * pi)
    if order == 0:
        return PairTerms(value)
    positive = p.r1 > 0
    ratio = xp.where(positive, p.r2 / xp.where(positive, p.r1, 1), 0.0) / (2 * pi)
    own, cross = ratio * sine, outside / (2 * pi)
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
        cross_wp=sine / (2 * pi),
        cross_wm=nothing,
        cross_mp=nothing,
        cross_mm=inverse / (2 * pi),
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


def _gelu_terms(p: OrderParameters, order: int) -> PairTerms:
    """G = [c(π/2 + φ) + 1/S + S(1 − 1/A − 1/B)]/(2π) (cf. Tsuchida et al. 2021), and its derivatives by hand.

    Written in ratios that lie between 0 and 1, with α = 1/A, ω = q₁/A, β = A/S², γ = q₂vβ for either neuron, so
    that what remains of a sum for long or opposite neurons is never the difference of larger numbers.
    """
    m = _Moments(p, bounded=False)
    q1, q2, a, b, u, v, inverse = m.q1, m.q2, m.a, m.b, p.u, p.v, m.inverse_s
    value, cross = (x / (2 * pi) for x in _gelu_value_and_cross(m, v))
    if order == 0:
        return PairTerms(value)
    factor = inverse / (2 * pi)
    alpha1, omega1, beta1 = 1 / a, q1 / a, a * inverse**2
    squeezed = q2 * u**2 / a
    own = factor * ((1 + alpha1) * q2 * v + squeezed * (2 * alpha1 - omega1 * beta1))
    if order == 1:
        return PairTerms(value, own, cross)
    alpha2, omega2, beta2 = 1 / b, q2 / b, b * inverse**2
    curved1 = 2 * alpha1 + beta1 * (1 + alpha1 - 3 * omega1 * beta1)
    curved2 = 2 * alpha2 + beta2 * (1 + alpha2 - 3 * omega2 * beta2)
    mixed1 = curved1 - omega1 * q2 * v * beta1 * (1 + 3 * beta1)
    mixed2 = curved2 - omega2 * q1 * v * beta2 * (1 + 3 * beta2)
    weight = q2 * u**2 * inverse**2
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


def _gelu_value_and_cross(m: _Moments, v: Array) -> tuple[Array, Array]:
    """2πG and 2π ∂G/∂c, which nearly cancel within themselves for long neurons that point away from each other.

    There T = S/|c| is small and π/2 + φ = arctan T, of which T cancels exactly; what is left, −Q = arctan T − T,
    is summed by its series.
    """
    xp, q1, q2, a, b, c, inverse = m.xp, m.q1, m.q2, m.a, m.b, m.c, m.inverse_s
    s = 1 / inverse
    opposite = s < -0.3 * c
    angle = xp.atan2(s, -c)  # π/2 + φ
    value = c * angle + q1 * q2 * inverse * (v + (1 - v) * (1 / a + 1 / b))
    cross = angle + c * inverse * (1 / a + 1 / b + inverse**2)
    if not bool(xp.any(opposite)):
        return value, cross
    size = xp.where(opposite, -c, 1.0)
    t = xp.where(opposite, s / size, 0.1)
    series = xp.zeros_like(t)
    for power in range(25, 1, -2):
        series = 1 / power - t * t * series
    left = t**3 * series  # T − arctan T, to 1e-16 for T < 0.3
    rest = (a * q1 + b * q2 + a * b + q1 * q2 * v * (a * b + a + b)) / (size * size * a * b * t)
    return (
        xp.where(opposite, size * left + inverse - s * (1 / a + 1 / b), value),
        xp.where(opposite, rest - left - size * inverse**3, cross),
    )


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
    >>> has_gauge(leaky_relu(0.25)), leaky_relu(0.25) is leaky_relu(0.25)
    (True, True)
    """
    if not isinstance(slope, (int, float, np.integer, np.floating)):
        raise TypeError(f"slope must be a number, but was given {slope!r}")
    s = float(slope)
    if not np.isfinite(s):
        raise ValueError(f"slope must be finite, but was given {slope!r}")

    def closed_form(p: OrderParameters, order: int) -> PairTerms:
        terms = _relu_terms(p, order)
        scaled = PairTerms(*(None if term is None else (1 - s) ** 2 * term for term in terms))
        value = scaled.value + s * (p.r1 * p.r2 * p.u)
        return scaled._replace(value=value, cross=None if terms.cross is None else scaled.cross + s)

    return Activation(f"leaky relu of slope {s:g}", lambda x: _xp(x).where(x > 0, x, s * x), closed_form=closed_form)


def _tanh_slope(x: Array) -> Array:
    return 4 * _sigmoid_slope(2 * x)


ERF = Activation(
    "erf",
    lambda x: _gauss_error(x / sqrt(2)),
    (lambda x: 2 * _density(x), lambda x: -2 * x * _density(x)),
    _erf_terms,
)
RELU = Activation("relu", lambda x: _xp(x).where(x > 0, x, 0.0), closed_form=_relu_terms)
TANH = Activation("tanh", lambda x: _xp(x).tanh(x), (_tanh_slope, lambda x: -2 * _xp(x).tanh(x) * _tanh_slope(x)))
SIGMOID = Activation("sigmoid", _sigmoid, (_sigmoid_slope, lambda x: -_xp(x).tanh(0.5 * x) * _sigmoid_slope(x)))
SOFTPLUS = Activation("softplus", lambda x: _xp(x).logaddexp(x, _xp(x).zeros_like(x)), (_sigmoid, _sigmoid_slope))
GELU = Activation(
    "gelu",
    lambda x: x * _distribution(x),
    (lambda x: _distribution(x) + x * _density(x), lambda x: (2 - x**2) * _density(x)),
    _gelu_terms,
)
SILU = Activation(
    "silu",
    lambda x: x * _sigmoid(x),
    (
        lambda x: _sigmoid(x) + x * _sigmoid_slope(x),
        lambda x: (2 - x * _xp(x).tanh(0.5 * x)) * _sigmoid_slope(x),
    ),
)

NAMED = {activation.name: activation for activation in (ERF, RELU, TANH, SIGMOID, SOFTPLUS, GELU, SILU)}
