"""The claims of chapter 1, each by routes that share as little as possible with the module."""

import mpmath
import numpy as np
import pytest
from scipy.special import erf

import copyavg as ca
from copyavg.network import max_norm


@pytest.mark.claim("erf-interaction")
@pytest.mark.parametrize(("r1", "r2"), [(0.5, 0.5), (1, 1), (8, 2)])
def test_the_erf_interaction(r1, r2, residual, rng):
    def many_digits(u):
        """Given x, the mean of erf(r₂y/√2) is an erf."""
        with mpmath.workdps(25):
            width = mpmath.sqrt(2 * (1 + mpmath.mpf(r2) ** 2 * (1 - mpmath.mpf(u) ** 2)))

            def integrand(x):
                inner = mpmath.erf(r1 * x / mpmath.sqrt(2))
                return mpmath.npdf(x) * inner * mpmath.erf(r2 * mpmath.mpf(u) * x / width)

            return float(2 * mpmath.quad(integrand, [0, 0.25, 1, 3, 12]))

    grid, h = np.linspace(-9, 9, 361, retstep=True)
    weight = h * np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    x, z = rng.normal(size=(2, 200_000))
    for u in np.linspace(-0.9, 0.9, 6):
        value = 2 / np.pi * np.arcsin(r1 * r2 * u / np.sqrt((1 + r1**2) * (1 + r2**2)))
        residual("erf-interaction", "25 digits", abs(value - many_digits(u)))
        y = u * grid[:, None] + np.sqrt(1 - u**2) * grid
        summed = weight @ (erf(r1 * grid / np.sqrt(2))[:, None] * erf(r2 * y / np.sqrt(2))) @ weight
        residual("erf-interaction", "quadrature", abs(value - summed))
        products = erf(r1 * x / np.sqrt(2)) * erf(r2 * (u * x + np.sqrt(1 - u**2) * z) / np.sqrt(2))
        error = products.std() / np.sqrt(x.size)
        residual("erf-interaction", "sampling", abs(products.mean() - value) / error)


@pytest.mark.claim("average-of-two")
def test_the_average_of_two(residual):
    teacher = ca.orthonormal_teacher(2)
    average = ca.Network([[1 / np.sqrt(6)] * 2], [2.0])
    loss = ca.loss(average, teacher)
    residual("average-of-two", "gradient", max_norm(ca.gradient(average, teacher)))
    residual("average-of-two", "loss", abs(loss - (2 / 3 - 8 / np.pi * np.arcsin(1 / 4))))
    axis = np.linspace(-1.2, 1.2, 200)
    w = np.stack(np.meshgrid(axis, axis), axis=-1)
    r = np.linalg.norm(w, axis=-1)
    a = sum(ca.interaction(r, 1, w[..., j] / r) for j in range(2)) / ca.interaction(r, r, 1)
    losses = ca.loss(ca.Network(w[..., None, :], a[..., None]), teacher)
    residual("average-of-two", "search", losses.min() - loss)


@pytest.mark.claim("copy-of-one")
@pytest.mark.parametrize("k", range(1, 11))
def test_the_copy_of_one(k, residual):
    copy, teacher = ca.Network(np.eye(1, k), [1.0]), ca.orthonormal_teacher(k)
    residual("copy-of-one", "loss", abs(ca.loss(copy, teacher) - (k - 1) / 3))
    if k > 1:
        residual("copy-of-one", "gradient", max_norm(ca.gradient(copy, teacher)))


@pytest.mark.claim("rotation-invariance")
def test_turning_the_input_space(residual, rng):
    for _ in range(20):
        q, _ = np.linalg.qr(rng.normal(size=(6, 6)))
        student, teacher = ca.random_student(3, 6, rng), ca.orthonormal_teacher(5, 6)
        turned = [ca.Network(network.incoming @ q.T, network.outgoing) for network in (student, teacher)]
        residual("rotation-invariance", "loss", abs(ca.loss(*turned) - ca.loss(student, teacher)))
        before, after = ca.gradient(student, teacher), ca.gradient(*turned)
        across = np.abs(after.incoming - before.incoming @ q.T).max()
        residual("rotation-invariance", "gradient", max(across, np.abs(after.outgoing - before.outgoing).max()))


@pytest.mark.claim("stretched-input")
def test_a_stretched_input(residual):
    """The loss under covariance Σ is the isotropic loss at the weights Σ^½ w."""
    epsilons, norms = [1e-2, 1e-3, 1e-4, 1e-5], []
    for epsilon in epsilons:
        root = np.diag(np.sqrt([1 + epsilon, 1]))
        student, teacher = (
            ca.Network(network.incoming @ root, network.outgoing)
            for network in (ca.copy_average((2,)), ca.orthonormal_teacher(2))
        )
        slope = ca.gradient(student, teacher)
        norms.append(max_norm(ca.Network(slope.incoming @ root, slope.outgoing)))
    rate, _ = np.polyfit(np.log(epsilons), np.log(norms), 1)
    residual("stretched-input", "slope", abs(rate - 1))
