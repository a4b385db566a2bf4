"""The interaction by independent routes: closed form, series, 2-D quadrature, high precision, Monte Carlo.

The series and quadratures for a reader's own σ are tried on named activations that have lost their closed forms.
"""

import array_api_strict
import mpmath
import numpy as np
import pytest
import reference
import torch
from scipy.special import gammaln

import copyavg as ca
from copyavg.activations.base import Activation, OrderParameters, PairTerms
from copyavg.activations.named import NAMED
from copyavg.activations.relu import leaky_relu
from copyavg.interactions.hermite import _norm_by_coefficients, hermite_expansion
from copyavg.interactions.hermite import mehler_sum as _mehler_sum
from copyavg.interactions.own import _require_increments
from copyavg.interactions.pairs import pair_terms
from copyavg.interactions.quadrature import QuadratureError
from copyavg.interactions.quadrature import refuse_accuracy as _refuse

NORMS = [0.0, 1e-300, 1e-8, 0.1, 1.0, 7.0, 1e6, 1e200]
CORRELATIONS = [-1.0, -1 + 1e-12, -0.5, 0.0, 1e-9, 0.3, 1 - 1e-12, 1.0]
LOGISTIC = ["tanh", "sigmoid", "softplus", "silu"]
OWN = {name: Activation("own", NAMED[name].function, NAMED[name].derivatives) for name in NAMED if name != "relu"}


def exact_erf(r1: float, r2: float, u: float) -> float:
    with mpmath.workdps(900):  # 1 + r² must not round to r² at r = 1e200
        r1, r2, u = map(mpmath.mpf, (r1, r2, u))
        return float(2 / mpmath.pi * mpmath.asin(r1 * r2 * u / mpmath.sqrt((1 + r1**2) * (1 + r2**2))))


def quadrature(activation: Activation, r1: float, r2: float, u: float, points: int = 1200) -> float:
    """A plain two-dimensional trapezoidal rule on [−9, 9]², sharing nothing with the module."""
    x, h = np.linspace(-9, 9, points, retstep=True)
    weight = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) * h
    y = u * x[:, None] + np.sqrt(1 - u**2) * x
    return float(weight @ (activation.function(r1 * x)[:, None] * activation.function(r2 * y)) @ weight)


@pytest.mark.parametrize("r1", NORMS)
@pytest.mark.parametrize("r2", NORMS)
def test_erf_against_high_precision_at_ordinary_and_extreme_points(r1, r2):
    values = ca.interaction(r1, r2, CORRELATIONS)
    np.testing.assert_allclose(values, [exact_erf(r1, r2, u) for u in CORRELATIONS], rtol=1e-14, atol=1e-300)


@pytest.mark.claim("accurate-interactions")
@pytest.mark.parametrize("name", [name for name in NAMED if name != "relu"])
@pytest.mark.parametrize(
    ("r1", "r2", "u"), [(0.3, 1.0, 0.5), (1.0, 1.0, -0.9), (2.0, 0.7, 0.99), (10.0, 1.0, 0.999), (10.0, 10.0, -0.98)]
)
def test_against_two_dimensional_quadrature(name, r1, r2, u, residual):
    scale = np.sqrt(quadrature(NAMED[name], r1, r1, 1.0) * quadrature(NAMED[name], r2, r2, 1.0))
    error = abs(ca.interaction(r1, r2, u, name) - quadrature(NAMED[name], r1, r2, u))
    residual("accurate-interactions", "quadrature", error / scale)


@pytest.mark.parametrize("activations", [NAMED, OWN])
@pytest.mark.parametrize("name", LOGISTIC)
def test_parallel_long_and_short_neurons(name, activations):
    """At u = ±1 one dimension remains; r from 0 to 10."""
    sigma = NAMED[name].function
    x, h = np.linspace(-12, 12, 20_001, retstep=True)
    weight = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) * h
    for r1 in (0.0, 1e-8, 0.5, 10.0):
        for sign in (-1, 1):
            exact = np.sum(weight * sigma(r1 * x) * sigma(sign * 10 * x))
            scale = np.sqrt(np.sum(weight * sigma(r1 * x) ** 2) * np.sum(weight * sigma(10 * x) ** 2))
            assert abs(ca.interaction(r1, 10.0, sign, activations[name]) - exact) <= 1e-11 * scale


@pytest.mark.parametrize("library", [np, torch, array_api_strict])
@pytest.mark.parametrize("activation", [NAMED["softplus"], NAMED["silu"], OWN["softplus"], OWN["silu"]])
def test_orthogonal_neurons_too_long_for_the_series_are_independent(activation, library):
    """At u = 0 the interaction is E[σ(r₁x)] E[σ(r₂y)], whichever way it is computed."""
    x, h = np.linspace(-12, 12, 50_001, retstep=True)
    one, two = (np.sum(np.exp(-0.5 * x**2) * activation.function(r * x)) * h / np.sqrt(2 * np.pi) for r in (1.0, 60.0))
    r1, r2 = (library.asarray(r, dtype=library.float64) for r in ([1.0, 60.0], [60.0, 1.0]))
    np.testing.assert_allclose(np.asarray(ca.interaction(r1, r2, 0.0, activation)), one * two, rtol=1e-11)


@pytest.mark.parametrize("name", OWN)
def test_the_series_agrees_with_the_closed_form(name):
    """All have both; an Activation without its closed form falls back on series and integral."""
    for r1, r2, u in [(0.0, 1.0, 0.2), (1e-8, 1.0, 1.0), (1.0, 3.0, -0.7), (8.0, 8.0, 0.9999), (10.0, 10.0, -1.0)]:
        expected = ca.interaction(r1, r2, u, name)
        assert abs(ca.interaction(r1, r2, u, OWN[name]) - expected) <= 1e-11 * (1 + r1 * r2)


@pytest.mark.claim("accurate-interactions")
def test_against_monte_carlo(rng, residual):
    x, z = rng.normal(size=(2, 400_000))
    for name, activation in NAMED.items():
        for r1, r2, u in [(0.5, 1.0, 0.6), (3.0, 1.0, -0.2)]:
            products = activation.function(r1 * x) * activation.function(r2 * (u * x + np.sqrt(1 - u**2) * z))
            deviation = abs(products.mean() - ca.interaction(r1, r2, u, name))
            residual("accurate-interactions", "sampling", deviation / (products.std() / np.sqrt(x.size)))


def test_infinite_norms_are_the_sign_function():
    """erf(rx/√2) → sign(x), and E[sign x sign y] = (2/π) arcsin u."""
    u = np.array([-1.0, -0.3, 0.0, 0.8, 1.0])
    np.testing.assert_allclose(ca.interaction(np.inf, np.inf, u), 2 / np.pi * np.arcsin(u), rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(ca.interaction(np.inf, 1.0, 1.0), 0.5, rtol=1e-15)


def test_norms_of_unbounded_activations_are_not_cut_off():
    assert ca.interaction(1e76, 1.0, 0.5, "gelu") == pytest.approx(
        1e6 * ca.interaction(1e70, 1.0, 0.5, "gelu"), rel=1e-9
    )


LONG = [0.0, 1e-200, 0.3, 10.0, 1e39, 1e61, 1e80, 1e160, 1e300]


@pytest.mark.parametrize("name", ["erf", "relu", "gelu"])
@pytest.mark.parametrize("r1", LONG)
def test_closed_forms_are_right_wherever_they_can_be_represented(name, r1):
    """And infinite beyond, at any norms and angles, where the sums of squares overflow or underflow too."""
    u = [-1.0, -1 + 2.0**-53, -1 + 1e-8, -0.97, -0.5, 0.0, 0.1, 1 - 1e-8, 1.0]
    for r2 in LONG:
        with mpmath.workdps(1300):
            w, p = [mpmath.mpf(r1), mpmath.mpf(0)], mpmath.mpf(r2)
            exact = [reference.pair(w, [p * x, p * mpmath.sqrt(1 - mpmath.mpf(x) ** 2)], name)[0] for x in u]
            exact = np.array([float(x) for x in exact])
        with np.errstate(over="ignore"):
            values = ca.interaction(r1, r2, u, name)
        np.testing.assert_allclose(values, exact, rtol=1e-12, atol=1e-300)


def test_a_leaky_relu_of_long_neurons_overflows_only_where_it_must():
    with np.errstate(over="ignore"):
        values = ca.interaction(1e200, [1e-200, 1e200], 1.0, leaky_relu(-1))
    np.testing.assert_allclose(values, [1.0, np.inf], rtol=1e-15)


@pytest.mark.parametrize("name", NAMED)
def test_broadcasting(name):
    r1, u = np.array([[0.5], [1.0], [2.0]]), np.array([0.1, -0.5, 0.9, 1.0])
    values = ca.interaction(r1, 1.5, u, name)
    assert values.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        assert values[i, j] == pytest.approx(ca.interaction(r1[i, 0], 1.5, u[j], name), rel=1e-11)


def test_shapes_follow_the_norms_too():
    assert ca.interaction(np.ones((3, 1)), np.ones(4), 0.5).shape == (3, 4)
    assert ca.interaction(np.ones(3), 1.0, 0.5, "tanh").shape == (3,)
    assert ca.interaction(1.0, np.ones(3), 0.5, "tanh").shape == (3,)


@pytest.mark.parametrize("library", [torch, array_api_strict])
@pytest.mark.parametrize("activation", [*NAMED.values(), OWN["tanh"], OWN["silu"]])
def test_other_libraries_give_the_same_values(library, activation):
    r, u = np.array([0.1, 1.0, 4.0]), np.array([-0.7, 0.2, 1.0])
    values = ca.interaction(library.asarray(r), 2.0, library.asarray(u), activation)
    assert type(values) is type(library.asarray(r))
    np.testing.assert_allclose(np.asarray(values), ca.interaction(r, 2.0, u, activation), rtol=1e-12)


def test_an_activation_of_ones_own():
    """E[sin(r₁x) sin(r₂y)] = e^(−(r₁² + r₂²)/2) sinh(r₁r₂u)."""
    sine = Activation("sine", np.sin)
    for r1, r2, u in [(1.0, 1.0, 0.5), (3.0, 0.2, -1.0), (0.0, 1.0, 0.3)]:
        exact = np.exp(-(r1**2 + r2**2) / 2) * np.sinh(r1 * r2 * u)
        assert abs(ca.interaction(r1, r2, u, sine) - exact) < 1e-12


@pytest.mark.parametrize(
    ("function", "r"),
    [
        (lambda x: np.maximum(x, 0), 1.0),  # a kink on a node of the rule
        (lambda x: np.abs(x - 0.1), 1.0),  # and off it
        (np.sign, 1.0),
        (np.tanh, 1e3),
        (lambda x: np.cos(603 * x), 1.0),  # finer than the grid, on whose nodes it looks like a slow cosine
        (lambda x: np.exp(x**2), 1.0),  # has no second moment
    ],
)
def test_what_cannot_be_computed_accurately_is_refused(function, r):
    with pytest.raises(QuadratureError, match="own: "):
        ca.interaction(r, r, 0.5, Activation("own", function))


@pytest.mark.parametrize("activation", [*(NAMED[name] for name in LOGISTIC), OWN["tanh"], OWN["silu"]])
def test_single_precision_is_computed_in_double(activation):
    single = ca.interaction(*np.array([[0.5], [2.0], [0.3]], dtype="f4"), activation)
    assert single.dtype == np.float32
    assert single == pytest.approx(float(ca.interaction(0.5, 2.0, float(np.float32(0.3)), activation)), rel=1e-7)


@pytest.mark.parametrize("activation", [NAMED["tanh"], OWN["tanh"]])
def test_tiny_neurons_are_linear(activation):
    assert ca.interaction(1e-300, 2.0, 0.5, activation) == pytest.approx(
        1e-8 * ca.interaction(1e-292, 2.0, 0.5, activation), rel=1e-10, abs=0
    )


def test_opposite_neurons_keep_their_relative_accuracy():
    """At u = −1 two long GELU neurons share only what lies near 0; two ReLU neurons nearly share nothing."""
    with mpmath.workdps(60):
        r = mpmath.mpf(10) ** 6
        s, a = mpmath.sqrt(1 + 2 * r**2), 1 + r**2
        exact = (-(r**2) * (mpmath.pi / 2 + mpmath.atan(-(r**2) / s)) + 1 / s + s * (1 - 2 / a)) / (2 * mpmath.pi)
        u = mpmath.mpf(-1 + 2.0**-40)
        theta = mpmath.acos(-u)
        relu = (mpmath.sin(theta) - theta * mpmath.cos(theta)) / (2 * mpmath.pi)
    assert ca.interaction(1e6, 1e6, -1, "gelu") == pytest.approx(float(exact), rel=1e-12, abs=0)
    assert ca.interaction(1, 1, -1 + 2.0**-40, "relu") == pytest.approx(float(relu), rel=1e-12, abs=0)


def test_what_an_activation_does_to_its_argument_stays_with_it():
    def in_place(x):
        return np.tanh(x, out=x)

    student, teacher = ca.Network([[0.5, 0.3]], [1.2]), ca.orthonormal_teacher(2)
    slope = ca.gradient(student, teacher, Activation("in place", in_place))
    np.testing.assert_allclose(slope.incoming, ca.gradient(student, teacher, "tanh").incoming, rtol=1e-9)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: 1.0 if x > 0 else 0.0, TypeError, "elementwise, but given shape .* it raised"),
        (lambda x: 1.0, TypeError, "returned a float"),
        (lambda x: x.sum(keepdims=True), TypeError, "returned shape"),
        (lambda x: x + 0j, TypeError, "of float64 it returned shape .* of complex128"),
        (lambda x: np.float32(np.tanh(x)), TypeError, "shape and dtype, .* of float64 it returned .* of float32"),
        (lambda x: (x > 0) * 1, TypeError, "shape and dtype, .* of float64 it returned .* of int64"),
        (lambda x: np.where(x > 5, np.nan, x), QuadratureError, "σ is not finite at 5"),
    ],
)
def test_a_function_that_is_no_activation_is_named(function, error, message):
    with pytest.raises(error, match=message):
        ca.interaction(1.0, 1.0, 0.5, Activation("own", function))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("derivatives", "name"),
    [((lambda x: 1.1 / np.cosh(x) ** 2, lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2), "σ′"),
     ((lambda x: 1 / np.cosh(x) ** 2, lambda x: 1 - np.tanh(x)), "σ″")],
)  # fmt: skip
def test_wrong_derivatives_are_found_out(derivatives, name):
    student = ca.Network([[0.3, 0.2]], [1.0])
    with pytest.raises(ValueError, match=f"own: the {name} given in derivatives is not the derivative of σ"):
        ca.gradient(student, ca.orthonormal_teacher(2), Activation("own", np.tanh, derivatives))


def slips(which):
    """A sine and its derivatives, one of which is off by a term whose mean at norm 1 vanishes, or by its sign."""
    cosine, minus = np.cos, lambda x: -np.sin(x)
    return {
        "sign": ("σ″", np.sin, (cosine, np.sin)),
        "line": ("σ′", np.sin, (lambda x: np.cos(x) + 0.1 * x, minus)),
        "bend": ("σ′", np.sin, (lambda x: np.cos(x) + 1e-6 * (x * x - 1), minus)),
        "cubic": ("σ″", np.sin, (cosine, lambda x: 1e-6 * (x**3 - 3 * x) - np.sin(x))),
        "tanh": ("σ″", np.tanh, (lambda x: 1 / np.cosh(x) ** 2, lambda x: 2 * np.tanh(x) / np.cosh(x) ** 2)),
        "tensor": ("σ″", torch.sin, (torch.cos, torch.sin)),
    }[which]


@pytest.mark.bad_input
@pytest.mark.parametrize("slip", ["sign", "line", "bend", "cubic", "tanh", "tensor"])
@pytest.mark.parametrize("factor", [1e-100, 1.0, 1e100])
def test_slips_whose_mean_vanishes_are_found_out(slip, factor):
    name, function, derivatives = slips(slip)
    function, *derivatives = [lambda x, f=f: factor * f(x) for f in (function, *derivatives)]
    own = Activation("own", function, derivatives)
    for compute in (ca.gradient, ca.hessian):
        with pytest.raises(ValueError, match=f"own: the {name} given in derivatives is not the derivative of σ"):
            compute(ca.Network([[0.3, 0.2]], [1.0]), ca.orthonormal_teacher(2), own)


@pytest.mark.bad_input
@pytest.mark.parametrize(("slip", "message"), [("bend", "at -5.3 it is 0.55"), ("cubic", "at -5.3 it is -0.83")])
def test_a_slip_is_named_by_its_place(slip, message):
    _, function, derivatives = slips(slip)
    with pytest.raises(ValueError, match=f"own: the σ. given .*: {message}.*, but σ.* rises at a rate of -?0"):
        terms(1.0, 1.0, 0.5, Activation("own", function, derivatives), 1)


RIGHT = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2, lambda x: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)),
    "short": (
        lambda x: np.tanh(10 * x), lambda x: 10 / np.cosh(10 * x) ** 2,
        lambda x: -200 * np.tanh(10 * x) / np.cosh(10 * x) ** 2,
    ),
    "sine": (lambda x: np.sin(5 * x), lambda x: 5 * np.cos(5 * x), lambda x: -25 * np.sin(5 * x)),
    "gauss": (
        lambda x: np.exp(-x * x), lambda x: -2 * x * np.exp(-x * x), lambda x: (4 * x * x - 2) * np.exp(-x * x),
    ),
    "softplus": (
        lambda x: np.log(1 + np.exp(x)), lambda x: 1 / (1 + np.exp(-x)), lambda x: 0.25 / np.cosh(x / 2) ** 2,
    ),
    "power": (lambda x: x**9, lambda x: 9 * x**8, lambda x: 72 * x**7),
    "small": (lambda x: 1 + 1e-6 * np.sin(x), lambda x: 1e-6 * np.cos(x), lambda x: -1e-6 * np.sin(x)),
    "constant": (lambda x: 1 + 0 * x, lambda x: 0 * x, lambda x: 0 * x),
    "exponential": (np.exp, np.exp, np.exp),
    "overflow": (
        lambda x: np.tanh(x**3), lambda x: 3 * x**2 / np.cosh(x**3) ** 2,
        lambda x: 6 * x / np.cosh(x**3) ** 2 * (1 - 3 * x**3 * np.tanh(x**3)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("factor", [1e-140, 1e-80, 1.0, 1e80, 1e140])
@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name, factor):
    """Of any size and shape: what remains is a matter of the norm."""
    function, *derivatives = [lambda x, f=f: factor * f(x) for f in RIGHT[name]]
    for r in (1e-8, 0.2, 1.0):
        assert np.all(np.isfinite(terms(r, r, 0.3, Activation("own", function, tuple(derivatives)), 1)))


@pytest.mark.parametrize("shift", np.linspace(0, 0.1, 9))
@pytest.mark.parametrize("sharp", [1.0, 1e3])
def test_of_rough_functions_there_is_no_verdict(shift, sharp):
    """A kink of σ″ or of σ′, or a step, inside an interval or beside a node."""
    functions = [
        (lambda x: x * np.abs(x), lambda x: 2 * np.abs(x), lambda x: 2 * np.sign(x)),
        (np.abs, np.sign, lambda x: 0 * x),
        (np.tanh, lambda x: 1 / np.cosh(x) ** 2, lambda x: -2 * np.tanh(x) / np.cosh(x) ** 2),
    ]
    for f, f1, f2 in functions:
        own = Activation(
            "own",
            lambda x, f=f: f(sharp * (x - shift)),
            (lambda x, f=f1: sharp * f(sharp * (x - shift)), lambda x, f=f2: sharp**2 * f(sharp * (x - shift))),
        )
        _require_increments(np, own, np.ones(1))


@pytest.mark.parametrize("name", ["tanh", "softplus"])
def test_right_derivatives_pass_up_to_the_longest_neuron_whose_integral_is_accurate(name):
    """There σ″ is known less well than σ on the coarser of the two grids."""
    own, refused = Activation("own", NAMED[name].function, NAMED[name].derivatives), 0
    for r in np.geomspace(5, 200, 26):
        try:
            terms(r, 1.0, 0.1, own, 1)
        except QuadratureError:
            refused += 1
    assert 0 < refused < 26


@pytest.mark.parametrize(
    ("slope", "offset"), [(1.0, 0.0), (2.0, 1.0), (0.1, -0.7), (0.0, 3.0), (0.0, 0.0), (-1e6, 1e6)]
)
def test_a_linear_activation_needs_no_derivatives(slope, offset):
    """Its σ″ is zero, of which differences are rounding: G = s² w·p + t²."""
    own = Activation("line", lambda x: slope * x + offset)
    for r1, r2, u in [(0.3, 1.0, 0.5), (1e-9, 2.0, -1.0), (0.0, 1.0, 0.0), (30.0, 30.0, 0.9999), (1e3, 0.1, 0.2)]:
        value, *first = terms(r1, r2, u, own, 1)
        size = slope**2 + offset**2
        assert abs(value - slope**2 * r1 * r2 * u - offset**2) <= 1e-12 * size * (1 + r1) * (1 + r2)
        assert np.all(np.abs(np.array(first) - [0, slope**2]) * [r1, r2] <= 1e-11 * size * (1 + r1) * (1 + r2))
        second = np.abs(terms(r1, r2, u, own, 2)[3:])
        assert np.all(second <= 1e-10 * size * (1 + r1) ** 2 * (1 + r2) ** 2)


@pytest.mark.parametrize("r", [1e-3, 1e-6, 1e-8, 1e-10, 1e-13, 1e-20, 1e-100])
@pytest.mark.parametrize("name", ["tanh", "softplus", "gelu"])
def test_a_tiny_neuron_of_ones_own_activation_needs_no_derivatives(r, name):
    """The differences that are rounding relative to σ″ are small relative to σ′."""
    own = Activation("own", NAMED[name].function)
    exact = terms(r, 0.7, 0.4, Activation("own", own.function, NAMED[name].derivatives), 2)
    np.testing.assert_allclose(terms(r, 0.7, 0.4, own, 2), exact, rtol=1e-11, atol=1e-11)


@pytest.mark.bad_input
def test_differences_of_neurons_beyond_the_step_are_refused():
    """A step of 1/64 is lost in the rounding of 13r."""
    with pytest.raises(QuadratureError, match="line: a derivative of σ by differences is only accurate to .*: give"):
        terms(1e20, 1.0, 0.5, Activation("line", lambda x: x + 0), 1)


@pytest.mark.bad_input
def test_an_activation_whose_square_overflows_is_refused():
    huge = Activation("huge", lambda x: 1e200 * np.tanh(x))
    for compute in (lambda: ca.interaction(1.0, 1.0, 0.5, huge), lambda: hermite_expansion(huge, 0.5)):
        with pytest.raises(ValueError, match=r"huge: at norm r = .* σ is of size .e\+(199|200), whose square"):
            compute()


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("closed_form", "message"),
    [
        (lambda p, order: p.u, "it returned"),
        (lambda p, order: PairTerms(p.u), "its own is None"),
        (lambda p, order: PairTerms(1.0, 1.0, 1.0), "its value is 1.0"),
        (lambda p, order: PairTerms(p.u, p.u, p.u[..., :1, None]), "its cross has shape"),
    ],
)
def test_a_closed_form_must_return_terms(closed_form, message):
    own = Activation("own", np.tanh, closed_form=closed_form)
    with pytest.raises(TypeError, match=f"own: closed_form must return PairTerms of arrays.* order 1, .*{message}"):
        ca.gradient(ca.Network([[0.3, 0.2]], [1.0]), ca.orthonormal_teacher(2), own)


@pytest.mark.parametrize("function", [torch.sin, lambda x: x.sigmoid(), torch.nn.Tanh()])
def test_numpy_in_and_out_with_a_function_of_tensors(function):
    """Of a module of torch too; on tensors it gives the same."""
    own = Activation("own", function)
    student, teacher = ca.Network([[0.5, 0.3]], [1.2]), ca.orthonormal_teacher(2)
    theirs = [ca.Network(torch.asarray(x.incoming), torch.asarray(x.outgoing)) for x in (student, teacher)]
    for compute in (ca.loss, ca.hessian):
        ours = compute(student, teacher, own)
        assert isinstance(ours, (np.ndarray, np.floating))
        np.testing.assert_allclose(ours, compute(*theirs, own).numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, [2, 3]], 1, 0), "r1 must be a number or a rectangular array"),
        (([1, 2, 3], [1, 2], 0), r"the shapes must broadcast, but were given r1 with \(3,\), r2 with \(2,\)"),
        ((1, np.inf, 0, Activation("erf", np.tanh)), "r2 must be finite for erf"),
        ((-1, 1, 0), "r1 is a norm and must be at least 0, but was given -1.0"),
        ((1, [0, np.nan], 0), "r2 is a norm .* given nan"),
        ((1, 1, [0, -1.5, 2]), r"u is a correlation and must lie in \[-1, 1\], but was given 2.0"),
        ((1, 1, np.nan), "u is a correlation .* given nan"),
        ((1, np.inf, 0, "relu"), "r2 must be finite for relu, but was given inf"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        ca.interaction(*arguments)


@pytest.mark.parametrize("library", [np, torch, array_api_strict])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["erf", "relu", "gelu", "tanh"])
def test_a_computed_cosine_may_be_off_by_rounding(library, dtype, name):
    """Up to 8 ε beyond ±1, ε the step of the dtype at 1; by 9 ε it is an error."""
    dtype = getattr(library, dtype)
    eps = float(library.finfo(dtype).eps)
    r, one = (library.asarray([x], dtype=dtype) for x in (1.5, 1.0))
    for sign in (-1, 1):
        exact = float(ca.interaction(r, r, sign * one, name)[0])
        for ulps in (1, 8):
            assert float(ca.interaction(r, r, sign * (one + ulps * eps), name)[0]) == exact
        with pytest.raises(ValueError, match=r"u is a correlation and must lie in \[-1, 1\], but was given -?1.0"):
            ca.interaction(r, r, sign * (one + 9 * eps), name)


def test_cosines_of_parallel_vectors_are_taken(rng):
    w = rng.normal(size=(2000, 5))
    p = w * rng.uniform(0.1, 3, size=(2000, 1))
    u = np.sum(w * p, axis=1) / (np.linalg.norm(w, axis=1) * np.linalg.norm(p, axis=1))
    assert np.sum(u > 1) > 100
    np.testing.assert_allclose(ca.interaction(1.0, 1.0, u), 1 / 3, rtol=1e-7)


# How far a pair goes: orders of the series, nodes of the rule on [−13, 13], and at last a grid in two dimensions.
ORDERS = (48, 96, 192, 384, 768)
NODES = (624, 832, 1248, 1664, 2496)
GRID = (2496, 208)
LOOK = [(1, 2496), (1, 1586)]  # a reader's σ is looked at on two grids of its own, for either norm
COMPARED = [(14 * 3 * (2 + 8 + 5),)]  # and its derivatives are compared on three intervals at each of 14 places


def watched(function):
    """The function, and a list of the shapes that it is asked for."""
    shapes = []

    def noting(x):
        shapes.append(tuple(x.shape))
        return function(x)

    return noting, shapes


def sine_squares(frequency: float, orders: np.ndarray) -> np.ndarray:
    """The squares of the Hermite coefficients of sin(ωx), e^(−ω²) ω^(2p)/p! for odd p."""
    p = np.asarray(orders)
    return np.where(p % 2 == 1, np.exp(2 * p * np.log(frequency) - frequency**2 - gammaln(p + 1)), 0.0)


def terms(r1, r2, u, activation, order, xp=np):
    """All terms of pairs, stacked."""
    r1, r2, u = (xp.asarray(x, dtype=xp.float64) for x in (r1, r2, u))
    found = pair_terms(activation, OrderParameters(r1, r2, u, (1 - u) * (1 + u)), order)
    return np.stack([np.asarray(x) for x in found if x is not None])


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize(("share", "further"), [(0.99, 0), (1.01, 1)])
def test_a_pair_goes_on_when_the_remainder_of_its_series_may_matter(level, share, further):
    """More than a tenth of the accuracy; its neighbour, which is easy, stays behind."""
    frequency = np.sqrt(ORDERS[level]) + 0.3
    rest = 0.5 - np.sum(sine_squares(frequency, np.arange(ORDERS[level])))
    u = np.array([(share * 1e-12 * 0.5 / rest) ** (1 / ORDERS[level]), 0.9])
    r = np.array([frequency, 0.5])
    sine, shapes = watched(np.sin)
    values = ca.interaction(r, r, u, Activation("own", sine))
    expected = (np.exp(r**2 * (u - 1)) - np.exp(-(r**2) * (u + 1))) / 2
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-11 * 0.5)
    later = [*((1, nodes) for nodes in NODES[1:]), GRID]
    assert shapes == [*LOOK, *LOOK, *[(2, NODES[0])] * 2, *(x for x in later[: level + further] for _ in "xy")]


@pytest.mark.parametrize(("share", "levels"), [(0.99, 1), (1.01, 2)])
def test_a_pair_goes_on_when_the_last_quarter_of_its_orders_may_matter(share, levels):
    """The sum x + a sin 4x leaves less beyond order 47 than its norm shows, but orders 36 to 47 tell."""
    last = np.sum(sine_squares(4.0, np.arange(36, 48)))
    a = np.sqrt(share * 1e-12 / last)
    a *= np.sqrt(1 + 8 * a * np.exp(-8) + a**2 / 2)  # ‖σ‖
    sigma, shapes = watched(lambda x: x + a * np.sin(4 * x))
    ca.interaction(1.0, 1.0, 1.0, Activation("own", sigma))
    assert shapes[4:] == [(1, nodes) for nodes in NODES[:levels] for _ in "xy"]


@pytest.mark.parametrize(("share", "open_pairs"), [(0.99, 0), (1.01, 2)])
def test_a_pair_goes_on_when_half_of_the_nodes_would_give_other_coefficients(share, open_pairs):
    """On every second node of the first rule cos 24πx is 1, and −1 between them; not so for the shorter neuron."""
    sigma, shapes = watched(lambda x: x + share * 1e-11 * np.cos(24 * np.pi * x))
    r, u = np.array([1.0, 1.0, 0.5]), 0.5
    np.testing.assert_allclose(ca.interaction(r, r, u, Activation("own", sigma)), r * r * u, rtol=1e-11)
    assert shapes[4:] == [(3, NODES[0])] * 2 + [(open_pairs, NODES[1])] * min(open_pairs, 2)


@pytest.mark.parametrize(
    ("u", "rows"),
    [([0.1, 0.1, 0.1], []), ([0.1, 0.1, 0.9], [1, 1]), ([0.1, 0.9, 0.9], [2, 2]), ([0.9, 0.9, 0.9], [1, 3])],
)
def test_the_fewer_neurons_are_expanded_again(u, rows):
    """Those of the open pairs, two a pair, or one against three."""
    sine, shapes = watched(np.sin)
    values = ca.interaction(5.0, np.full(3, 5.0), u, Activation("own", sine))
    np.testing.assert_allclose(values, np.exp(-25) * np.sinh(25 * np.array(u)), rtol=0, atol=1e-11 * 0.5)
    assert shapes[4:] == [(1, NODES[0]), (3, NODES[0]), *((n, NODES[1]) for n in rows)]


def test_many_neurons_are_taken_in_blocks():
    """So that memory does not grow with them."""
    tanh, shapes = watched(np.tanh)
    r = np.linspace(0.0, 1.0, 2049)
    values = ca.interaction(r, 1.0, 0.5, Activation("own", tanh))
    np.testing.assert_allclose(
        values[[7, 2047, 2048]], ca.interaction(r[[7, 2047, 2048]], 1.0, 0.5, "tanh"), rtol=1e-13
    )
    assert shapes[4:] == [(2048, NODES[0]), (1, NODES[0]), (1, NODES[0])]


def test_nothing_is_asked_beyond_thirteen_standard_deviations():
    """And the grid on which a reader's σ is looked at again shares no node with the first."""
    seen = []
    ca.interaction(1.0, 1.0, 0.5, Activation("own", lambda x: (seen.append(x), np.tanh(x))[1]))
    assert all(np.all(np.abs(x) <= 13) for x in seen)
    assert seen[0].min() == -13
    assert np.intersect1d(seen[0], seen[1]).size == 0


def test_pairs_without_any_signal_are_zero_at_once():
    """Errors of nothing relative to nothing."""
    nothing, shapes = watched(lambda x: 0 * x)
    own = Activation("own", nothing, (lambda x: 0 * x, lambda x: 0 * x))
    assert np.all(terms([1.0, 3.0], [2.0, 0.0], [0.5, 1.0], own, 1) == 0)
    assert shapes == [*LOOK, *COMPARED, *LOOK, *COMPARED, *[(2, NODES[0])] * 2]
    expansion = hermite_expansion(own, 2.0)
    assert np.all(expansion.coefficients == 0)
    assert expansion[2:] == (0, 0, 0)
    assert ca.interaction(0.0, 22.0, 0.5, OWN["tanh"]) == 0  # in two dimensions


def test_tiny_neurons_need_no_more_nodes_than_others():
    tanh, shapes = watched(np.tanh)
    ca.interaction(1e-300, 1e-300, 0.5, Activation("own", tanh))
    assert shapes[4:] == [(1, NODES[0])] * 2


@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("pair", [(1.0, 2.0, 0.5), (10.0, 10.0, 0.999)])  # by the series; in two dimensions
@pytest.mark.parametrize("derivatives", [False, True])
def test_the_size_of_sigma_does_not_matter(factor, pair, derivatives):
    given = (lambda x: factor / np.cosh(x) ** 2, lambda x: -2 * factor * np.tanh(x) / np.cosh(x) ** 2)
    own = Activation("own", lambda x: factor * np.tanh(x), given if derivatives else None)
    expected = terms(*pair, NAMED["tanh"], 1)
    np.testing.assert_allclose(terms(*pair, own, 1) / factor**2, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("pair", [(3.0, 0.7, 0.4), (8.0, 8.0, 0.9999)])
def test_every_term_agrees_with_the_closed_form(name, pair):
    expected, series = (terms(*pair, activations[name], 2) for activations in (NAMED, OWN))
    np.testing.assert_allclose(series, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())


def test_a_sum_of_mehler_is_a_polynomial_in_u():
    f, h, u = np.array([3.0, -1.0, 2.0, 5.0]), np.array([1.0, 4.0, 0.5, -2.0]), np.array([0.0, 0.3, -1.0])
    np.testing.assert_allclose(_mehler_sum(f[:, None], h[:, None], u), np.polyval((f * h)[::-1], u), rtol=1e-14)


def test_the_norm_of_coefficients_counts_their_last_half_twice():
    """Of four orders the third and the fourth; a fifth is there, but has lost a term."""
    f = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [5.0, 0.0], [7.0, 9.0]])
    np.testing.assert_allclose(_norm_by_coefficients(np, f, 4) ** 2, [1 + 4 + 2 * 9 + 2 * 25, 1], rtol=1e-15)


def test_the_interaction_itself_needs_no_derivative():
    def unwanted(x):
        raise AssertionError

    own = Activation("own", np.tanh, (unwanted, unwanted))
    assert ca.interaction(1.0, 1.0, 0.5, own) == pytest.approx(float(ca.interaction(1.0, 1.0, 0.5, "tanh")), rel=1e-13)


def test_differences_reach_five_steps_to_either_side():
    """σ need be known no further."""

    def known(x):
        return np.where(np.abs(x) <= 13 + 5.1 * 2**-6, np.tanh(x), np.nan)

    tanh, shapes = watched(known)
    np.testing.assert_allclose(
        terms(1.0, 1.0, 0.5, Activation("own", tanh), 1), terms(1.0, 1.0, 0.5, NAMED["tanh"], 1), rtol=1e-10
    )
    assert shapes == [*LOOK, *LOOK, *[(1, NODES[0])] * 24]


@pytest.mark.parametrize(("share", "refused"), [(0.93, False), (1.07, True)])
def test_differences_are_trusted_to_the_accuracy(share, refused):
    """For sin(ωx) and steps h the rule of order 8 is off by (ωh)⁹/630h, to be compared with ‖σ‖ = 1/√2 at the zeros."""
    h = 2.0**-6
    frequency = (share * 1e-11 * 630 * h / np.sqrt(2)) ** (1 / 9) / h
    own = Activation("own", lambda x: np.sin(frequency * x))
    if refused:
        with pytest.raises(
            QuadratureError,
            match="own: a derivative of σ by differences is only accurate to 1e-11, but 1e-11 is needed: give",
        ):
            terms(3.0, 3.0, 0.3, own, 1)
    else:
        given = (lambda x: frequency * np.cos(frequency * x), lambda x: -(frequency**2) * np.sin(frequency * x))
        expected = terms(3.0, 3.0, 0.3, Activation("own", own.function, given), 1)
        np.testing.assert_allclose(terms(3.0, 3.0, 0.3, own, 1), expected, rtol=0, atol=1e-9)


def test_second_differences_of_rounded_values_are_judged_by_the_norm():
    """Of 13 decimals the first differences leave twelve, the second ten, but short neurons need fewer of these."""
    own = Activation("own", lambda x: np.round(np.sin(x), 13))
    with pytest.raises(QuadratureError, match="own: a derivative of σ by differences is only accurate to"):
        hermite_expansion(own, 1.5)
    expected = hermite_expansion(Activation("own", np.sin), 0.1)
    np.testing.assert_allclose(hermite_expansion(own, 0.1).slopes, expected.slopes, rtol=0, atol=1e-11)


def test_differences_on_the_grid_in_two_dimensions_are_judged_by_the_norm():
    """A kink that only this grid sees, where |x| > 13, is too sharp by a factor of about three."""
    own = Activation("own", lambda x: np.tanh(x) + 3e-10 * np.maximum(np.abs(x) - 134, 0))
    with pytest.raises(QuadratureError, match="own: a derivative of σ by differences"):
        terms(10.0, 10.0, 0.99, own, 1)


def test_the_expansion_of_a_tiny_neuron_is_linear():
    found = hermite_expansion(Activation("own", np.sin), 1e-8)
    np.testing.assert_allclose([found.coefficients[1] / 1e-8, found.slopes[1]], 1, rtol=1e-12)
    np.testing.assert_allclose(found.slopes[np.arange(128) != 1], 0, atol=1e-12)


def test_overflow_inside_sigma_is_no_concern():
    values = ca.interaction(1.0, 1.0, 0.3, Activation("own", lambda x: 1 / (1 + np.exp(-(x**3)))))  # e²¹⁹⁷ at −13
    odd = ca.interaction(1.0, 1.0, 0.3, Activation("own", lambda x: 0.5 * np.tanh(0.5 * x**3)))
    assert values == pytest.approx(0.25 + float(odd), rel=1e-11)


@pytest.mark.parametrize("library", [torch, array_api_strict])
def test_a_linear_activation_of_any_size_in_any_library(library):
    r = library.asarray([1e60, 1.0], dtype=library.float64)
    values = ca.interaction(r, 2.0, 0.5, Activation("own", lambda x: x + 0))
    np.testing.assert_allclose(np.asarray(values), [1e60, 1.0], rtol=1e-12)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("pair", "order"), [((1.0, 2.0, 0.5), 2), ((10.0, 10.0, 0.999), 0)])  # series; two dimensions
def test_all_stays_on_the_device_of_the_norms(own, pair, order):
    xp, tanh = array_api_strict, NAMED["tanh"]
    activation = Activation("own", tanh.function, tanh.derivatives) if own else tanh
    r1, r2, u = (xp.asarray([x], device=xp.Device("device1")) for x in pair)
    found = pair_terms(activation, OrderParameters(r1, r2, u, (1 - u) * (1 + u)), order)
    found = [x for x in found if x is not None]
    assert {x.device for x in found} == {xp.Device("device1")}
    np.testing.assert_allclose([float(x[0]) for x in found], terms(*pair, tanh, order), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("r", [0.3, 12.0])
def test_the_hermite_expansion_of_a_sine_and_its_tail(r):
    """Of sin(rx), where cₚ² is e^(−r²) r^(2p)/p! and cₚ′ = cₚ(p/r − r)."""
    found, p = hermite_expansion(Activation("own", np.sin), r), np.arange(400)
    signs = np.where(p % 4 == 1, 1, -1)
    squares = sine_squares(r, p)
    c, growth = signs * np.sqrt(squares), p / r - r
    assert found.coefficients.shape == found.slopes.shape == (128,)
    np.testing.assert_allclose(found.coefficients, c[:128], rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.slopes, (c * growth)[:128], rtol=0, atol=1e-11)
    assert found.norm == pytest.approx(np.sqrt(squares.sum()), rel=1e-14)
    assert found.tail == pytest.approx(squares[128:].sum(), rel=1e-10, abs=0)
    assert found.tail_slope == pytest.approx(2 * (squares * growth)[128:].sum(), rel=1e-9, abs=0)


@pytest.mark.parametrize("activations", [NAMED, OWN])
@pytest.mark.parametrize("name", LOGISTIC)
def test_the_tail_of_a_hermite_expansion_is_kept_beyond_norm_one(name, activations):
    """Up to there it is below rounding; at 2 that of tanh is not, and is what a series of 400 orders has beyond 128."""
    short = [hermite_expansion(activations[name], r)[3:] for r in (0.5, 0.9)]
    assert short == [(0, 0), (0, 0)]
    x, h = np.linspace(-13, 13, 4001, retstep=True)
    r = np.array([1.99, 2.0, 2.01])
    values = NAMED[name].function(r * x[:, None])
    below, row = np.zeros(x.size), np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) * h
    tail = np.zeros(3)
    for p in range(400):
        tail += (row @ values) ** 2 if p >= 128 else 0
        below, row = row, (x * row - np.sqrt(p) * below) / np.sqrt(p + 1)
    found = hermite_expansion(activations[name], 2.0)
    assert found.tail == pytest.approx(tail[1], rel=1e-5, abs=1e-14)
    assert found.tail_slope == pytest.approx((tail[2] - tail[0]) / 0.02, rel=1e-2, abs=1e-12)


def test_the_size_of_sigma_does_not_matter_to_its_expansion():
    one, other = (hermite_expansion(Activation("own", lambda x, a=a: a * np.sin(x)), 2.0) for a in (1.0, 1e8))
    np.testing.assert_allclose(other.coefficients, 1e8 * one.coefficients, rtol=0, atol=1e-6)


def test_a_readers_sigma_is_looked_at_once_before_it_is_expanded():
    """At norm 1, which is the teacher's."""
    tanh, shapes = watched(np.tanh)
    own = Activation("own", tanh, NAMED["tanh"].derivatives)
    hermite_expansion(own, 2.0)
    assert shapes == LOOK[:1]
    hermite_expansion(own, 1.0)
    assert shapes == LOOK[:1] + LOOK + COMPARED + LOOK[:1]


@pytest.mark.bad_input
def test_what_cannot_be_expanded_is_refused():
    absolute = Activation("own", np.abs, (np.sign, lambda x: 0 * x))
    with pytest.raises(QuadratureError, match=r"own: .* norm r = 3 .* within 0\.0001, but 1e-11 × 3 is needed"):
        hermite_expansion(absolute, 3.0)  # the sums over every second node differ by 3φ(0)h²/4 in order 0, h = 1/48
    fast = Activation("own", lambda x: np.cos(192 * np.pi * x), (lambda x: 0 * x, lambda x: 0 * x))
    with pytest.raises(QuadratureError, match="own: .* norm r = 1 .* 1e-11 × 0.7 is needed"):
        hermite_expansion(fast, 1.0)
    with pytest.raises(
        ValueError, match="own: the σ′ given in derivatives is not .* at norm r = 1 .* is 1.1 where .* needs 1$"
    ):
        hermite_expansion(Activation("own", lambda x: x + 0, (lambda x: 0 * x + 1.1, lambda x: 0 * x)), 1.0)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "shape", [lambda x: 1.0, lambda x: 1 - (x * x - 1) / 2]
)  # moves E[σ]; and E[(x² − 1)σ] as much
@pytest.mark.parametrize(("share", "refused"), [(0.99, False), (1.01, True)])
def test_a_readers_sigma_must_look_the_same_on_another_grid(shape, share, refused):
    """On all nodes but those of the last look cos 192πx is 1; ten times the accuracy is let pass."""
    own = Activation("own", lambda x: x + share * 1e-10 * np.cos(192 * np.pi * x) * shape(x))
    if refused:
        with pytest.raises(QuadratureError, match="own: .* norm r = 1 .* to within 1e-10, but 1e-11 × 1 is needed"):
            ca.interaction([0.3, 0.1], 1.0, 0.5, own)
    else:
        np.testing.assert_allclose(ca.interaction([0.3, 0.1], 1.0, 0.5, own), [0.15, 0.05], rtol=1e-9)


def test_right_derivatives_pass_though_they_are_as_large_as_their_mean_may_be():
    own = Activation("own", lambda x: x**2 - 1, (lambda x: 2 * x, lambda x: 0 * x + 2))
    np.testing.assert_allclose(terms(1.0, 1.0, 0.5, own, 1), [0.5, 0.0, 2.0], rtol=1e-12, atol=1e-12)


@pytest.mark.bad_input
def test_the_norm_and_the_error_of_long_neurons_are_named():
    """At u = 1 a sum over a step of h misses about e^(−π²/rh), by the poles ±iπ/2r of tanh rx; here h = 1/48."""
    for r1, r2 in [(22.0, 11.0), (11.0, 22.0)]:
        with pytest.raises(
            QuadratureError, match="own: .* norm r = 22 was integrated to within 1e-10, but 1e-11 × 1 is needed"
        ):
            ca.interaction(r1, r2, 1.0, OWN["tanh"])


def holes(function, where):
    """The function, but infinite at one place."""
    return lambda x: np.where(np.abs(x - where) < 1e-9, np.inf, function(x))


@pytest.mark.bad_input
def test_where_sigma_is_not_finite_is_named_and_which():
    """At one node of a short neuron, of an expansion, of the grid in two dimensions, or a step beyond the nodes."""
    point = 0.3 * 7 / 24
    with pytest.raises(QuadratureError, match="own: σ is not finite at 0.0875$"):
        ca.interaction([0.3, 1.0], 1.0, 0.5, Activation("own", holes(np.tanh, point)))
    with pytest.raises(QuadratureError, match="own: σ is not finite at 1.5$"):
        hermite_expansion(Activation("own", holes(np.tanh, 1.5)), 2.0)
    far = Activation("own", lambda x: np.where(np.abs(x) > 132, np.nan, np.tanh(x)))
    with pytest.raises(QuadratureError, match="own: σ is not finite at -13"):
        ca.interaction(10.0, 10.0, 0.999, far)
    near = Activation("own", lambda x: np.where(np.abs(x) > 13.01, np.nan, np.tanh(x)))
    with pytest.raises(QuadratureError, match="own: σ is not finite at -13.0"):
        terms(1.0, 1.0, 0.5, near, 1)
    one, two = NAMED["tanh"].derivatives
    for given, name in [((holes(one, 1.5), two), "σ′"), ((one, holes(two, 1.5)), "σ″")]:
        for compute in (lambda own: terms(2.0, 2.0, 0.5, own, 1), lambda own: hermite_expansion(own, 2.0)):
            with pytest.raises(QuadratureError, match=f"own: {name} is not finite at 1.5$"):
                compute(Activation("own", np.tanh, given))


@pytest.mark.bad_input
@pytest.mark.parametrize("library", [np, torch])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[-1, 2], [-3, 1]], 1.0, 0.5), "r1 is a norm .* given -3.0"),
        ((1.0, [[0.5, np.nan], [-1, 1]], 0.5), "r2 is a norm .* given nan"),
        ((1.0, 1.0, [[0.5, -1.5], [-2, 1]]), "u is a correlation .* given -2.0"),
        (([1, 2], [1, 2], [0.1, 0.2, 0.3]), r"r1 with \(2,\), r2 with \(2,\), u with \(3,\)"),
    ],
)
def test_bad_input_of_several_dimensions(library, arguments, message):
    with pytest.raises(ValueError, match=message):
        ca.interaction(*(library.asarray(x, dtype=library.float64) for x in arguments))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("norm", "derivatives", "advice"),
    [
        (1e-6, False, "Derivatives given to Activation and longer"),
        (1.0, False, "Derivatives given to Activation and longer"),
        (1.5, False, "Short"),
        (1e-6, True, "Short"),
    ],
)
def test_a_refusal_says_what_would_be_easier(norm, derivatives, advice):
    own = Activation("own", np.tanh, NAMED["tanh"].derivatives if derivatives else None)
    with pytest.raises(QuadratureError, match=f"has it a closed form\\? {advice} weight vectors are easier$"):
        _refuse(own, norm, 1.0, 0.1)
