"""The compiled loops against `landscape`, against finite differences of each other, and against high precision."""

import mpmath
import numpy as np
import pytest

import copyavg as ca
from copyavg.flow.kernels import NOT_POSITIVE, SUCCEEDED, TOO_LONG, arcsin, curvature, gradient, hessian_product, solve

# Below and above the size from which BLAS does the products; n = 1, d = k and d > k.
SHAPES = [(1, 1, 1), (1, 4, 4), (2, 3, 4), (5, 10, 11), (6, 6, 9), (9, 10, 11), (25, 30, 31), (12, 70, 71)]


def flat(network: ca.Network) -> np.ndarray:
    return np.concatenate([network.incoming.ravel(), network.outgoing])


def student(n, k, d, rng, norm=1.0):
    random = ca.random_student(n, d, rng)
    lengths = np.linalg.norm(random.incoming, axis=1, keepdims=True)
    return ca.Network(norm * random.incoming / lengths, random.outgoing)


def test_arcsin_is_good_to_two_units_in_the_last_place(rng):
    x = np.concatenate([rng.uniform(-1, 1, 500), [0.0, 0.5, -0.5, 1.0, -1.0, 1 - 1e-16, 1e-300]])
    exact = [float(mpmath.asin(mpmath.mpf(value))) for value in x]
    assert np.all(np.abs([arcsin(value) for value in x] - np.array(exact)) <= 2 * np.spacing(np.abs(exact)))


@pytest.mark.claim("flow-kernels")
@pytest.mark.parametrize("norm", [1e-6, 0.3, 1.0, 30.0])
@pytest.mark.parametrize(("n", "k", "d"), SHAPES)
def test_loss_and_gradient_are_those_of_the_landscape(n, k, d, norm, rng, residual):
    network, teacher = student(n, k, d, rng, norm), ca.orthonormal_teacher(k, d)
    out = np.empty(n * (d + 1))
    value = gradient(flat(network), n, k, out)
    # The sum of the absolute terms: a network against itself and against the teacher.
    scale = (np.abs(network.outgoing).sum() + k) ** 2
    assert abs(value - ca.loss(network, teacher)) <= 1e-13 * scale
    error = np.abs(out - flat(ca.gradient(network, teacher))).max() / (1 + scale)
    residual("flow-kernels", "gradient", error)
    assert error <= 1e-13


@pytest.mark.claim("flow-kernels")
@pytest.mark.parametrize("norm", [1e-6, 0.3, 1.0, 30.0])
@pytest.mark.parametrize(("n", "k", "d"), SHAPES[:6])
def test_hessian_products_are_those_of_the_landscape(n, k, d, norm, rng, residual):
    network, teacher = student(n, k, d, rng, norm), ca.orthonormal_teacher(k, d)
    direction, out = rng.normal(size=n * (d + 1)), np.empty(n * (d + 1))
    hessian_product(curvature(flat(network), n, k), direction, out)
    matrix = ca.hessian(network, teacher)
    error = np.abs(out - matrix @ direction).max() / (1 + np.abs(matrix).sum(axis=1).max()) / n
    residual("flow-kernels", "Hessian", error)
    assert error <= 1e-13


@pytest.mark.parametrize(("n", "k", "d"), SHAPES[-2:])
def test_large_hessian_products_are_differences_of_gradients(n, k, d, rng):
    theta, step = flat(student(n, k, d, rng)), 1e-5
    direction = rng.normal(size=theta.size)
    direction /= np.linalg.norm(direction)
    ahead, behind, out = np.empty_like(theta), np.empty_like(theta), np.empty_like(theta)
    gradient(theta + step * direction, n, k, ahead)
    gradient(theta - step * direction, n, k, behind)
    hessian_product(curvature(theta, n, k), direction, out)
    np.testing.assert_allclose(out, (ahead - behind) / (2 * step), atol=1e-8)


def at_a_minimum():
    point = ca.optimal_copy_average(3, 5, d=6)
    return curvature(flat(point), 3, 5), ca.hessian(point, ca.orthonormal_teacher(5, 6))


@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_conjugate_gradients_solve(shift, rng):
    at, matrix = at_a_minimum()
    right = rng.normal(size=len(matrix))
    out = np.empty_like(right)
    outcome, products = solve(at, shift, right, 1e-12, 500, out)
    assert outcome == SUCCEEDED
    assert 0 < products < 100
    np.testing.assert_allclose(out, np.linalg.solve(matrix + shift * np.eye(len(matrix)), right), atol=1e-9)


def test_a_solve_says_when_it_takes_too_long_or_meets_negative_curvature(rng):
    at, matrix = at_a_minimum()
    right, out = rng.normal(size=len(matrix)), np.empty(len(matrix))
    assert solve(at, 0.0, right, 1e-12, 3, out) == (TOO_LONG, 3)
    assert solve(at, -1.0, right, 1e-12, 500, out)[0] == NOT_POSITIVE
    assert solve(at, 0.0, right, 1e3, 500, out) == (SUCCEEDED, 0)
    np.testing.assert_array_equal(out, 0)
