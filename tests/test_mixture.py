"""tanh, sigmoid, softplus and SiLU as mixtures: against mpmath, by two ways, and at the edges."""

import array_api_strict
import mpmath
import numpy as np
import pytest
import reference
import torch
from mpmath import mpf
from scipy.special import ndtr

import copyavg as ca
from copyavg.activations import mixture
from copyavg.activations.base import Activation, OrderParameters
from copyavg.activations.mixture import kolmogorov_nodes
from copyavg.activations.named import NAMED
from copyavg.activations.smoothed import ramp_terms, step_terms
from copyavg.interactions.hermite import hermite_expansion
from copyavg.interactions.pairs import pair_terms

CLOSED = [name for name in NAMED if NAMED[name].closed_form]
LOGISTIC = ["tanh", "sigmoid", "softplus", "silu"]
every_mixture = pytest.mark.parametrize("name", LOGISTIC)


def parameters(r1, r2, u, v=None, library=np, dtype="float64") -> OrderParameters:
    v = (1 - np.asarray(u)) * (1 + np.asarray(u)) if v is None else v
    return OrderParameters(*(library.asarray(x, dtype=getattr(library, dtype)) for x in (r1, r2, u, v)))


def sizes(terms, v) -> list:
    """Of the value, of the slope's two terms along w and p, and of the largest terms of either second derivative."""
    s = np.sqrt(float(v))
    _, own, cross, *second = (abs(x) for x in terms)
    own_ww, own_wm, own_mm, cross_wp, cross_wm, cross_mp, cross_mm = second
    return [max(own, own_ww, own_wm * s, own_mm * v), max(cross, cross_wp, cross_wm * s, cross_mp * s, cross_mm * v)]


def relative_errors(found, exact, r1, r2, v) -> list[float]:
    """Of the value, of the slope relative to its two terms, and of the second derivatives to their largest terms."""
    errors = [abs(mpf(float(x)) - y) for x, y in zip(found, exact)]
    relative = [errors[0] / abs(exact[0]) if exact[0] else errors[0]]
    if len(exact) > 1:
        scale = abs(exact[1]) * r1 + abs(exact[2]) * r2
        relative.append((errors[1] * r1 + errors[2] * r2) / scale if scale else mpf(0))
    if len(exact) > 3:
        relative += [error / size for error, size in zip(sizes(errors, v), sizes(exact, v)) if size]
    return [float(x) for x in relative]


def test_the_nodes_give_tanh():
    """Relative to tanh, and means of K and K² that are log 2 √(π/2) and π²/12."""
    k, p = kolmogorov_nodes()
    with mpmath.workdps(30):
        nodes = [(mpf(float(x)), mpf(float(y))) for x, y in zip(k, p)]
        for x in map(mpf, [1e-8, *np.geomspace(0.05, 10, 40).tolist(), 40]):
            mixed = mpmath.fsum(y * mpmath.erf(x / (mpmath.sqrt(2) * z)) for z, y in nodes)
            assert abs(mixed / mpmath.tanh(x) - 1) <= 1e-15
    np.testing.assert_allclose(
        [p.sum(), p @ k, p @ k**2], [1, np.log(2) * np.sqrt(np.pi / 2), np.pi**2 / 12], rtol=2e-15
    )


def test_the_reference_gives_tanh_in_more_digits():
    with mpmath.workdps(30):
        for x in map(mpf, (1e-8, 0.3, 1, 3, 9)):
            mixed = mpmath.fsum(y * mpmath.erf(x / (mpmath.sqrt(2) * z)) for z, y in reference.kolmogorov())
            assert abs(mixed / mpmath.tanh(x) - 1) <= 1e-16


def logistic(x):
    return 1 / (1 + mpmath.exp(-x))


def sigma(name: str, x: mpf) -> tuple[mpf, mpf, mpf]:
    """σ, σ′ and σ″ of the true function."""
    if name == "tanh":
        t = mpmath.tanh(x)
        return t, 1 - t**2, -2 * t * (1 - t**2)
    s = logistic(x)
    s1 = s * (1 - s)
    s2 = s1 * (1 - 2 * s)
    return {
        "sigmoid": (s, s1, s2),
        "softplus": (mpmath.log1p(mpmath.exp(x)), s, s1),
        "silu": (x * s, s + x * s1, 2 * s1 + x * s2),
    }[name]


@every_mixture
def test_against_the_true_function_in_two_dimensions(name):
    """Value and slopes, by the trapezoidal rule in 20 digits, which sees none of the mixture."""
    r1, r2, u = 1.1, 0.4, -0.8
    with mpmath.workdps(20):
        h, reach = mpf(1) / 5, 46  # e^(−2π (π/2r)/h) is 1e-19 or less
        points = [h * i for i in range(-reach, reach + 1)]
        weights = [h * mpmath.npdf(x) for x in points]
        left = [sigma(name, r1 * x) for x in points]
        root = mpmath.sqrt(1 - mpf(u) ** 2)
        exact = [mpf(0)] * 3
        for x, a, (f, f1, f2) in zip(points, weights, left):
            for y, b in zip(points, weights):
                if a * b > 1e-21:
                    g, g1, _ = sigma(name, r2 * (u * x + root * y))
                    exact = [s + a * b * t for s, t in zip(exact, (f * g, f2 * g, f1 * g1))]
        found = NAMED[name].closed_form(parameters(r1, r2, u), 1)
        assert max(relative_errors(found[:3], exact, r1, r2, 1 - u * u)) <= 1e-14


@every_mixture
@pytest.mark.parametrize(("r1", "r2", "sign"), [(1e-8, 2.5, 1), (1.0, 2.5, 1), (30.0, 30.0, -1), (1e6, 30.0, -1)])
def test_against_the_true_function_in_one_dimension(name, r1, r2, sign):
    """Two neurons on one line, by adaptive quadrature in 20 digits."""
    with mpmath.workdps(25):
        long = max(r1, r2)
        breaks = sorted({x for b in (0.0, 1, 4, 16, 45) for x in (-b / long, b / long)} | {-12.0, -2.0, 2.0, 12.0})
        breaks = [mpf(x) for x in breaks if abs(x) <= 12]
        exact = mpmath.quad(
            lambda x: mpmath.npdf(x) * sigma(name, r1 * x)[0] * sigma(name, sign * r2 * x)[0], breaks, maxdegree=7
        )
    found = float(ca.interaction(r1, r2, sign, name))
    assert abs(found - float(exact)) <= 2e-14 * abs(float(exact))


@pytest.mark.claim("accurate-closed-forms")
@every_mixture
@pytest.mark.parametrize(
    ("r1", "r2", "sign", "v"),
    [
        (1e-8, 1e6, -1, 1e-4), (1.0, 1.0, 1, 0.0), (3.0, 12.0, 1, 0.05), (1e6, 1.0, -1, 1e-20), (1e6, 1e6, -1, 1e-20),
    ],
)  # fmt: skip
def test_against_high_precision(name, r1, r2, sign, v, residual):
    """All terms, by another mixture in 60 digits: |error| ≤ 1e-12 × the sum of the absolute terms."""
    with mpmath.workdps(60):
        exact = reference.pair_terms(name, r1, r2, sign, v, 2)
    u = float(sign * mpmath.sqrt(1 - mpf(v)))
    for order, count in enumerate((1, 3, 10)):
        found = NAMED[name].closed_form(parameters(r1, r2, u, v), order)[:count]
        residual("accurate-closed-forms", "mixtures", max(relative_errors(found, exact[:count], r1, r2, v)))


def random_pairs(rng, count: int) -> OrderParameters:
    r1, r2 = 10 ** rng.uniform(-2, 2, (2, count))
    return parameters(r1, r2, rng.uniform(-1, 1, count))


@every_mixture
def test_the_series_is_the_double_sum(name, rng):
    """Wherever it says that it has converged, which is often; and elsewhere it has not."""
    p, mixed = random_pairs(rng, 400), NAMED[name].closed_form
    for order, count in enumerate((1, 3, 10)):
        terms, slow = mixed.by_series(np, p, order)
        assert 0.02 < np.mean(slow) < 0.5
        for i in range(400):
            one = OrderParameters(*(x[i : i + 1] for x in p))
            by_sum = [float(x[0]) for x in mixed.by_double_sum(np, one, order)]
            errors = relative_errors([x[i] for x in terms], [mpf(x) for x in by_sum], p.r1[i], p.r2[i], p.v[i])
            assert slow[i] or max(errors) <= 1e-12
            assert len(by_sum) == count


@every_mixture
def test_each_coefficient_is_the_slope_of_another(name):
    """By m_p′(q) = ½ √((p + 1)(p + 2)) m_{p+2}(q), dcₚ/dr = [p cₚ + √((p + 1)(p + 2)) c_{p+2}]/r."""
    p = np.arange(40)
    for r in (1e-3, 0.5, 3.0, 20.0):
        c, slopes = NAMED[name].hermite(r, 42)
        expected = (p * c[:40] + np.sqrt((p + 1) * (p + 2)) * c[2:]) / r
        np.testing.assert_allclose(slopes[:40], expected, rtol=1e-12, atol=1e-12 * np.abs(slopes).max())


@pytest.mark.parametrize("name", CLOSED)
def test_the_coefficients_are_those_of_the_closed_form(name):
    """Σ cₚ(r) cₚ(s) uᵖ = g(r, s, u), at any norm; and their signs are those of integrals."""
    c, other = (NAMED[name].hermite(r, 300)[0] for r in (0.7, 1e4))
    for u in (-0.8, 0.3, 0.85):
        expected = ca.interaction(0.7, 1e4, u, name)
        assert np.polynomial.polynomial.polyval(u, c * other) == pytest.approx(expected, rel=1e-12)
    if name != "relu":
        own = hermite_expansion(Activation("own", NAMED[name].function, NAMED[name].derivatives), 0.7)
        np.testing.assert_allclose(c[:128], own.coefficients, rtol=0, atol=1e-15)
        np.testing.assert_allclose(NAMED[name].hermite(0.7, 128)[1], own.slopes, rtol=0, atol=1e-14)


@pytest.mark.unchecked
@pytest.mark.parametrize("name", CLOSED)
def test_what_has_a_closed_form_is_never_integrated(name):
    """Where quadrature would refuse to go on, there are answers."""
    teacher = ca.orthonormal_teacher(2)
    for size in (0.0, 1e-8, 1e3, 1e6):
        student = ca.Network([[size, 0.5 * size], [size, 0.0]], [1.0, -0.5])
        assert np.all(np.isfinite(ca.hessian(student, teacher, name)))
    assert np.isfinite(hermite_expansion(NAMED[name], 1e5).norm)
    assert np.all(np.isfinite(ca.radial_losses(3, np.array([1e-3, 1.0, 1e4]), name).by_norm))


def test_the_longest_bounded_neurons_are_sign_and_step():
    u = np.array([-1.0, -0.3, 0.0, 0.8, 1.0])
    exact = 2 / np.pi * np.arcsin(u)
    for r in (np.inf, 1e80, 1e300):
        np.testing.assert_allclose(ca.interaction(r, np.inf, u, "tanh"), exact, rtol=1e-15, atol=1e-16)
        np.testing.assert_allclose(ca.interaction(r, np.inf, u, "sigmoid"), (1 + exact) / 4, rtol=1e-15, atol=1e-16)
    half = mpmath.quad(lambda x: 2 * mpmath.npdf(x) * mpmath.tanh(x), [0, 1, 4, 12])
    assert ca.interaction(np.inf, 1.0, 1.0, "tanh") == pytest.approx(float(half), rel=1e-14)
    for name in ("softplus", "silu"):
        with pytest.raises(ValueError, match="r1 must be finite"):
            ca.interaction(np.inf, 1.0, 0.5, name)


@pytest.mark.parametrize("name", ["softplus", "silu"])
@pytest.mark.parametrize("r", [1e61, 1e150, 1e300])
def test_the_longest_unbounded_neurons_are_relus(name, r):
    u = [-0.99, -0.5, 0.0, 0.7, 1.0]
    with np.errstate(over="ignore"):
        found, limit = (ca.interaction(r, 1e7, u, activation) for activation in (name, "relu"))
    np.testing.assert_allclose(found, limit, rtol=1e-6)


@every_mixture
def test_a_neuron_of_no_norm(name):
    """σ(0) E[σ], σ″(0) E[σ] and σ′(0) E[σ′]."""
    at_zero = [float(f(np.zeros(1))[0]) for f in (NAMED[name].function, *NAMED[name].derivatives)]
    x, h = np.linspace(-12, 12, 20_001, retstep=True)
    mean, slope = (
        np.sum(h * np.exp(-0.5 * x**2) * f(2 * x)) / np.sqrt(2 * np.pi)
        for f in (NAMED[name].function, NAMED[name].derivatives[0])
    )
    found = NAMED[name].closed_form(parameters(0.0, 2.0, 0.0), 1)
    np.testing.assert_allclose(
        found[:3], [at_zero[0] * mean, at_zero[2] * mean, at_zero[1] * slope], rtol=1e-14, atol=1e-16
    )


@every_mixture
@pytest.mark.parametrize("most", [1, 200, 5000])
def test_pairs_may_be_taken_in_parts(name, most, rng, monkeypatch):
    """Whatever their shapes; those that need the double sum among them."""
    r1, r2, u = (
        10 ** rng.uniform(-1, 1.5, (3, 1, 1)),
        10 ** rng.uniform(-1, 1.5, (4, 5)),
        rng.uniform(-1, 1, (2, 3, 4, 1)),
    )
    p = parameters(r1, r2, u)
    whole = NAMED[name].closed_form(p, 2)
    monkeypatch.setattr(mixture, "_AT_ONCE", max(most, 800))
    for one, parts in zip(whole, NAMED[name].closed_form(p, 2)):
        assert one.shape == parts.shape == (2, 3, 4, 5)
        np.testing.assert_allclose(parts, one, rtol=1e-9, atol=1e-12 * np.abs(one).max())


@every_mixture
@pytest.mark.parametrize("library", [torch, array_api_strict])
def test_other_libraries_and_precisions(name, library, rng):
    p = random_pairs(rng, 50)
    ours = NAMED[name].closed_form(p, 2)
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-6)):
        q = parameters(*p, library=library, dtype=dtype)
        exact = (
            ours
            if dtype == "float64"
            else NAMED[name].closed_form(OrderParameters(*(np.asarray(x).astype(float) for x in q)), 2)
        )
        for found, expected in zip(NAMED[name].closed_form(q, 2), exact):
            assert found.dtype == getattr(library, dtype)
            np.testing.assert_allclose(
                np.asarray(found), expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()
            )
    for order, count in enumerate((1, 3, 10)):
        nothing = NAMED[name].closed_form(
            parameters(np.ones((0, 1)), np.ones(3), np.ones((0, 3)), library=library), order
        )
        assert [x.shape for x in nothing if x is not None] == [(0, 3)] * count


@every_mixture
def test_autograd_at_long_and_parallel_neurons(name):
    """The double sum and the series side by side; the gradient is the gradient of the value."""
    student = ca.Network([[6.0, 0.5, 0.0], [0.2, 0.9, -0.4], [-5.0, 0.0, 0.1]], [0.7, -1.2, 0.4])
    teacher = ca.Network([[5.0, 0.4, 0.001], [0.1, 0.2, 1.0]], [1.0, 0.5])
    theirs = ca.Network(torch.asarray(teacher.incoming), torch.asarray(teacher.outgoing))
    x = torch.tensor(student.to_vector(), requires_grad=True)
    ca.loss(ca.Network.from_vector(x, 3), theirs, name).backward()
    np.testing.assert_allclose(ca.gradient(student, teacher, name).to_vector(), x.grad.numpy(), rtol=0, atol=1e-12)


def normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


@pytest.mark.parametrize("pair", [(0.3, 2.0, 0.4), (5.0, 1.0, -0.99)])
def test_the_smoothed_step_and_relu(pair):
    """Against the series of Φ(x) and of x Φ(x) + φ(x)."""
    step = Activation("step", ndtr, (normal, lambda x: -x * normal(x)))
    ramp = Activation("ramp", lambda x: x * ndtr(x) + normal(x), (ndtr, normal))
    for terms, activation in ((step_terms, step), (ramp_terms, ramp)):
        for found, expected in zip(terms(parameters(*pair), 2), pair_terms(activation, parameters(*pair), 2)):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
