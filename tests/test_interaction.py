"""The interaction by independent routes: closed form, series, 2-D quadrature, high precision, Monte Carlo."""

import array_api_strict
import mpmath
import numpy as np
import pytest
import torch

import copyavg as ca
from copyavg.activations import ERF, GELU, NAMED, Activation
from copyavg.interaction import QuadratureError

NORMS = [0.0, 1e-300, 1e-8, 0.1, 1.0, 7.0, 1e6, 1e200]
CORRELATIONS = [-1.0, -1 + 1e-12, -0.5, 0.0, 1e-9, 0.3, 1 - 1e-12, 1.0]
SERIES = ["tanh", "sigmoid", "softplus", "silu"]


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


@pytest.mark.parametrize("name", SERIES)
def test_parallel_long_and_short_neurons(name):
    """At u = ±1 one dimension remains; r from 0 to 10."""
    sigma = NAMED[name].function
    x, h = np.linspace(-12, 12, 20_001, retstep=True)
    weight = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) * h
    for r1 in (0.0, 1e-8, 0.5, 10.0):
        for sign in (-1, 1):
            exact = np.sum(weight * sigma(r1 * x) * sigma(sign * 10 * x))
            scale = np.sqrt(np.sum(weight * sigma(r1 * x) ** 2) * np.sum(weight * sigma(10 * x) ** 2))
            assert abs(ca.interaction(r1, 10.0, sign, name) - exact) <= 1e-11 * scale


@pytest.mark.parametrize("library", [np, torch, array_api_strict])
@pytest.mark.parametrize("name", ["softplus", "silu"])
def test_orthogonal_neurons_too_long_for_the_series_are_independent(name, library):
    """At u = 0 the interaction is E[σ(r₁x)] E[σ(r₂y)], whichever way it is computed."""
    x, h = np.linspace(-12, 12, 50_001, retstep=True)
    one, two = (np.sum(np.exp(-0.5 * x**2) * NAMED[name].function(r * x)) * h / np.sqrt(2 * np.pi) for r in (1.0, 60.0))
    r1, r2 = (library.asarray(r, dtype=library.float64) for r in ([1.0, 60.0], [60.0, 1.0]))
    np.testing.assert_allclose(np.asarray(ca.interaction(r1, r2, 0.0, name)), one * two, rtol=1e-11)


def test_the_series_agrees_with_the_closed_form():
    """GELU and erf have both; an Activation without its closed form falls back on series and integral."""
    for activation in (ERF, GELU):
        series = Activation("series", activation.function, activation.derivatives)
        for r1, r2, u in [(0.0, 1.0, 0.2), (1e-8, 1.0, 1.0), (1.0, 3.0, -0.7), (8.0, 8.0, 0.9999), (10.0, 10.0, -1.0)]:
            expected = ca.interaction(r1, r2, u, activation)
            assert abs(ca.interaction(r1, r2, u, series) - expected) <= 1e-11 * (1 + r1 * r2)


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


@pytest.mark.parametrize("library", [torch, array_api_strict])
@pytest.mark.parametrize("name", ["relu", *SERIES])
def test_other_libraries_give_the_same_values(library, name):
    r, u = np.array([0.1, 1.0, 4.0]), np.array([-0.7, 0.2, 1.0])
    values = ca.interaction(library.asarray(r), 2.0, library.asarray(u), name)
    assert type(values) is type(library.asarray(r))
    np.testing.assert_allclose(np.asarray(values), ca.interaction(r, 2.0, u, name), rtol=1e-12)


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


@pytest.mark.parametrize("name", SERIES)
def test_single_precision_is_integrated_in_double(name):
    single = ca.interaction(*np.array([[0.5], [2.0], [0.3]], dtype="f4"), name)
    assert single.dtype == np.float32
    assert single == pytest.approx(float(ca.interaction(0.5, 2.0, float(np.float32(0.3)), name)), rel=1e-6)


def test_tiny_neurons_are_linear():
    assert ca.interaction(1e-300, 2.0, 0.5, "tanh") == pytest.approx(
        1e-8 * ca.interaction(1e-292, 2.0, 0.5, "tanh"), rel=1e-10, abs=0
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
        (lambda x: x + 0j, TypeError, "complex128"),
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
