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

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial, pi, sqrt
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
import scipy.special
from jaxtyping import Float

from .arrays import Array, to_numpy


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
        σ itself, elementwise, array in, array of the same dtype out. One that takes NumPy arrays suffices unless
        torch is to be used; one that takes only torch tensors is given NumPy's as tensors.
    derivatives : pair of callables, optional
        σ′ and σ″, which are compared with σ when they are used. Without them they are taken by differences, and
        refused where these are not accurate.
    closed_form : callable, optional
        (`OrderParameters`, order) → `PairTerms` with the derivatives up to that order (0, 1 or 2).
        Without it interactions are computed by a Hermite series or by quadrature, with an error estimate.

    Raises
    ------
    TypeError
        If `name` is no string, `function` or `closed_form` no function, or `derivatives` are not two.

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
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a string, but was given {self.name!r}")
        if not callable(self.function):
            raise TypeError(f"function must be a function, σ, but was given {self.function!r}")
        if self.closed_form is not None and not callable(self.closed_form):
            raise TypeError(
                f"closed_form must be a function of OrderParameters and an order, but was given {self.closed_form!r}"
            )
        if self.derivatives is None:
            return
        given = tuple(self.derivatives) if isinstance(self.derivatives, Sequence) else (self.derivatives,)
        if len(given) != 2 or not all(map(callable, given)):
            raise TypeError(f"derivatives must be two functions, σ′ and σ″, but was given {self.derivatives!r}")
        object.__setattr__(self, "derivatives", given)


PRIMES = ("σ", "σ′", "σ″")


def evaluate(activation: Activation, x: Array, order: int = 0) -> Array:
    """Return σ(x), or the derivative σ′ or σ″ that was given, as an array of the library, shape and dtype of x.

    A function that takes only torch tensors gets a NumPy array as a tensor, if torch has been imported, and its
    result comes back as an array. It works on a copy of x. Values need not be finite, and overflow is no warning.

    Parameters
    ----------
    activation : Activation
        The activation.
    x : array
        Where; of any library.
    order : int
        0 for σ; 1 or 2 for a derivative, which must have been given.

    Raises
    ------
    TypeError
        If the function fails, or returns anything else than an array of the shape and dtype of x.

    Examples
    --------
    >>> evaluate(TANH, np.zeros(2), 1)
    array([1., 1.])
    """
    what, function = PRIMES[order], (activation.function, *(activation.derivatives or ()))[order]
    needs = f"{activation.name}: {what} must map an array to an array of the same shape and dtype, elementwise"
    with np.errstate(all="ignore"):
        try:
            values = function(x + 0)
        except (TypeError, ValueError, AttributeError) as error:
            values = _by_tensors(function, x)
            if values is None:
                raise TypeError(f"{needs}, but given shape {tuple(x.shape)} it raised: {error}") from error
    if isinstance(x, np.ndarray) and array_api_compat.is_torch_array(values):
        values = to_numpy(values)
    if not isinstance(values, type(x)):
        raise TypeError(f"{needs}, but given a {type(x).__name__} it returned a {type(values).__name__}")
    if values.shape != x.shape or values.dtype != x.dtype:
        given, returned = (f"shape {tuple(y.shape)} of {y.dtype}" for y in (x, values))
        raise TypeError(f"{needs}: given {given} it returned {returned}")
    return values


def _by_tensors(function: Callable[[Array], Array], x: Array) -> Array | None:
    """What a function that fails on NumPy arrays makes of a tensor, or None."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(x, np.ndarray):
        return None
    try:
        return function(torch.asarray(x + 0))
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return None


def has_gauge(activation: Activation) -> bool:
    """Whether σ(cx) = cσ(x) for c > 0, so that (w, a) → (cw, a/c) leaves a neuron as it is.

    Raises
    ------
    TypeError
        As `evaluate`, of an activation that is none.

    Examples
    --------
    >>> has_gauge(RELU), has_gauge(ERF)
    (True, False)
    """
    x = np.linspace(-3.1, 2.9, 13)
    with np.errstate(all="ignore"):
        return bool(np.allclose(evaluate(activation, 4 * x), 4 * evaluate(activation, x), rtol=1e-14, atol=0))


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


class _Ratios:
    """What the closed forms of erf and GELU share, in numbers between 0 and 1: no norm is too long, nothing cancels.

    With A = 1 + r₁² and B = 1 + r₂², δ₁ = 1/√A and ρ₁ = r₁/√A and so for r₂, κ = ρ₁ρ₂u is c/√(AB) for c = w·p,
    and s² = 1 − κ² = δ₁² + ρ₁²(δ₂² + ρ₂²v). The determinant of one plus the covariance is S² = AB − c² = ABs²,
    and the angle φ = arcsin κ = arctan(κ/s) appears in both.
    """

    def __init__(self, p: OrderParameters, *, bounded: bool) -> None:
        self.xp = xp = _xp(p.u)
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


def _erf_terms(p: OrderParameters, order: int) -> PairTerms:
    """G = (2/π) φ (Williams 1997); derivatives by hand, each bracket free of cancellation."""
    m = _Ratios(p, bounded=True)
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


def _relu_terms(p: OrderParameters, order: int, slope: float = 0.0) -> PairTerms:
    """G = r₁r₂[sin θ + (π − θ) cos θ]/(2π) with θ the angle between the neurons (Cho and Saul 2009).

    At w = 0, where G has a kink, `own` and the second derivatives are those of σ′(0) = ½. A leaky ReLU of slope s
    has (1 − s)² times that, and s w·p.
    """
    xp = _xp(p.u)
    apart = p.v > 0
    sine = xp.where(apart, xp.sqrt(xp.where(apart, p.v, 1)), 0.0)  # so that autograd never meets √′(0)
    outside = xp.atan2(sine, -p.u)  # π − θ
    factor = (1 - slope) ** 2 / (2 * pi)
    share = factor * _sine_minus_angle_cosine(xp, outside, sine + outside * p.u) + slope * p.u
    value = _times_norms(p, share)
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


def _times_norms(p: OrderParameters, share: Array) -> Array:
    """r₁r₂ · share, the longer norm first where r₁r₂ overflows, so that only what cannot be represented does."""
    xp, both = _xp(share), p.r1 * p.r2
    if bool(xp.all(xp.isfinite(both))):
        return both * share
    return xp.where(p.r1 > p.r2, p.r2 * (p.r1 * share), p.r1 * (p.r2 * share))


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

    Written in ratios that lie between 0 and 1, with α = 1/A, ω = r₁²/A, β = A/S² and weight = r₂²u²/S², so
    that what remains of a sum for long or opposite neurons is never the difference of larger numbers.
    """
    m = _Ratios(p, bounded=False)
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


def _gelu_value_and_cross(p: OrderParameters, m: _Ratios) -> tuple[Array, Array]:
    """Return G and ∂G/∂c, which nearly cancel within themselves for long neurons that point away from each other.

    There T = S/|c| = s/|κ| is small and π/2 + φ = arctan T, of which T cancels exactly; what is left,
    −Q = arctan T − T, is summed by its series. Products are taken in an order in which none overflows before G does.
    """
    xp, s, kappa, u, v = m.xp, m.s, m.kappa, p.u, p.v
    alpha1, alpha2 = m.short1**2, m.short2**2
    opposite = s < -0.3 * kappa
    angle = xp.atan2(s, -kappa)  # π/2 + φ
    share = u * angle + m.long1 * m.long2 / s * (v + (1 - v) * (alpha1 + alpha2))  # of r₁r₂
    value = _times_norms(p, share / (2 * pi))
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

    return Activation(f"leaky relu of slope {s:g}", _Leaky(s), closed_form=_LeakyTerms(s))


@dataclass(frozen=True)
class _Leaky:
    slope: float

    def __call__(self, x: Array) -> Array:
        return _xp(x).where(x > 0, x, self.slope * x)


@dataclass(frozen=True)
class _LeakyTerms:
    slope: float

    def __call__(self, p: OrderParameters, order: int) -> PairTerms:
        return _relu_terms(p, order, self.slope)


def _erf(x: Array) -> Array:
    return _gauss_error(x / sqrt(2))


def _erf_slope(x: Array) -> Array:
    return 2 * _density(x)


def _erf_curvature(x: Array) -> Array:
    return -2 * x * _density(x)


def _relu(x: Array) -> Array:
    return _xp(x).where(x > 0, x, 0.0)


def _gelu(x: Array) -> Array:
    return x * _distribution(x)


def _gelu_slope(x: Array) -> Array:
    return _distribution(x) + x * _density(x)


def _gelu_curvature(x: Array) -> Array:
    return (2 - x**2) * _density(x)


def _tanh(x: Array) -> Array:
    return _xp(x).tanh(x)


def _tanh_slope(x: Array) -> Array:
    return 4 * _sigmoid_slope(2 * x)


def _tanh_curvature(x: Array) -> Array:
    return -2 * _tanh(x) * _tanh_slope(x)


def _sigmoid_curvature(x: Array) -> Array:
    return -_tanh(0.5 * x) * _sigmoid_slope(x)


def _softplus(x: Array) -> Array:
    return _xp(x).logaddexp(x, _xp(x).zeros_like(x))


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


def _silu_slope(x: Array) -> Array:
    return _sigmoid(x) + x * _sigmoid_slope(x)


def _silu_curvature(x: Array) -> Array:
    return (2 - x * _tanh(0.5 * x)) * _sigmoid_slope(x)


ERF = Activation("erf", _erf, (_erf_slope, _erf_curvature), _erf_terms)
RELU = Activation("relu", _relu, closed_form=_relu_terms)
TANH = Activation("tanh", _tanh, (_tanh_slope, _tanh_curvature))
SIGMOID = Activation("sigmoid", _sigmoid, (_sigmoid_slope, _sigmoid_curvature))
SOFTPLUS = Activation("softplus", _softplus, (_sigmoid, _sigmoid_slope))
GELU = Activation("gelu", _gelu, (_gelu_slope, _gelu_curvature), _gelu_terms)
SILU = Activation("silu", _silu, (_silu_slope, _silu_curvature))

NAMED = {activation.name: activation for activation in (ERF, RELU, TANH, SIGMOID, SOFTPLUS, GELU, SILU)}
