"""The interaction by four routes: closed form, 50-digit arithmetic, two-dimensional quadrature, Monte Carlo."""

import array_api_strict
import mpmath
import numpy as np
import pytest
import torch

import copyavg as ca
from copyavg.activations import ERF

NORMS = [0.0, 1e-300, 1e-8, 0.1, 1.0, 7.0, 1e6, 1e200]
CORRELATIONS = [-1.0, -1 + 1e-12, -0.5, 0.0, 1e-9, 0.3, 1 - 1e-12, 1.0]


def exact(r1: float, r2: float, u: float) -> float:
    with mpmath.workdps(900):  # 1 + r² must not round to r² at r = 1e200
        r1, r2, u = map(mpmath.mpf, (r1, r2, u))
        return float(2 / mpmath.pi * mpmath.asin(r1 * r2 * u / mpmath.sqrt((1 + r1**2) * (1 + r2**2))))


@pytest.mark.parametrize("r1", NORMS)
@pytest.mark.parametrize("r2", NORMS)
def test_against_high_precision_at_ordinary_and_extreme_points(r1, r2):
    values = ca.interaction(r1, r2, CORRELATIONS)
    np.testing.assert_allclose(values, [exact(r1, r2, u) for u in CORRELATIONS], rtol=1e-14, atol=1e-300)


def test_against_two_dimensional_quadrature():
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    for r1, r2, u in [(0.3, 1.0, 0.5), (1.0, 1.0, -0.9), (2.0, 0.7, 0.99)]:
        y = u * nodes[:, None] + np.sqrt(1 - u**2) * nodes
        quadrature = np.sum(weights[:, None] * weights * ERF.function(r1 * nodes)[:, None] * ERF.function(r2 * y))
        assert abs(ca.interaction(r1, r2, u) - quadrature) < 1e-12


def test_against_monte_carlo(rng):
    x, z = rng.normal(size=(2, 400_000))
    for r1, r2, u in [(0.5, 1.0, 0.6), (3.0, 1.0, -0.2)]:
        products = ERF.function(r1 * x) * ERF.function(r2 * (u * x + np.sqrt(1 - u**2) * z))
        assert abs(products.mean() - ca.interaction(r1, r2, u)) < 5 * products.std() / np.sqrt(x.size)


def test_infinite_norms_are_the_sign_function():
    """erf(rx/√2) → sign(x), and E[sign x sign y] = (2/π) arcsin u."""
    u = np.array([-1.0, -0.3, 0.0, 0.8, 1.0])
    np.testing.assert_allclose(ca.interaction(np.inf, np.inf, u), 2 / np.pi * np.arcsin(u), rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(ca.interaction(np.inf, 1.0, 1.0), 0.5, rtol=1e-15)


def test_broadcasting():
    assert ca.interaction(np.ones((3, 1)), np.ones(4), 0.5).shape == (3, 4)


@pytest.mark.parametrize("library", [torch, array_api_strict])
def test_other_libraries_give_the_same_values(library):
    r, u = np.array([0.1, 1.0, 30.0]), np.array([-0.7, 0.2, 1.0])
    values = ca.interaction(library.asarray(r), 2.0, library.asarray(u))
    assert type(values) is type(library.asarray(r))
    np.testing.assert_allclose(np.asarray(values), ca.interaction(r, 2.0, u), rtol=1e-15)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 1, 0), r"r1 is a norm and must lie in \[0, inf\], but was given -1.0"),
        ((1, [0, np.nan], 0), r"r2 is a norm .* given nan"),
        ((1, 1, [0, -1.5, 2]), r"u is a correlation and must lie in \[-1, 1\], but was given 2.0"),
        ((1, 1, np.nan), "u is a correlation .* given nan"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        ca.interaction(*arguments)
