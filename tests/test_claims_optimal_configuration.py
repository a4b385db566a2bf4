"""The claims of chapter 3, by routes that share as little as possible with the module."""

import mpmath
import numpy as np
import pytest
import reference
from scipy.special import erf

import copyavg as ca
from copyavg.network import max_norm
from copyavg.points.configurations import partitions


def exact_cost(m: int) -> mpmath.mpf:
    m = mpmath.mpf(m)
    return m / 3 - 2 * m**2 / mpmath.pi * mpmath.asin(1 / (2 * m))


@pytest.mark.claim("averaging-is-concave")
def test_averaging_has_diminishing_costs(residual):
    with mpmath.workdps(50):
        costs = [exact_cost(m) for m in range(1, 1002)]
        for m in range(2, 1001):
            fall = 2 * costs[m - 1] - costs[m - 2] - costs[m]
            residual("averaging-is-concave", "50 digits", fall * m**3)
    for m in range(1, 19):
        series = m * (1 / 3 - 1 / np.pi) - 1 / (24 * np.pi * m) - 3 / (640 * np.pi * m**3)
        residual("averaging-is-concave", "formula", abs(ca.copy_average_loss((m,)) - series) * m**5)


@pytest.mark.claim("copy-average-indices")
def test_indices_of_copy_average_points(residual):
    saddles_at_the_best, wrong = {(6, 7), (7, 8)}, 0
    for k in range(2, 9):
        for n in range(1, k):
            for partition in partitions(k, n):
                several = sum(m > 1 for m in partition) > 1
                for d in (k, k + 2):
                    curvature = ca.hessian(ca.copy_average(partition, d), ca.orthonormal_teacher(k, d))
                    eigenvalues = np.linalg.eigvalsh(curvature)
                    residual("copy-average-indices", "margin", np.abs(eigenvalues).min())
                    index = np.sum(eigenvalues < 0)
                    wrong += (index == 0) if several else index != ((n, k) in saddles_at_the_best)
    residual("copy-average-indices", "full Hessian", wrong)
    with mpmath.workdps(reference.DIGITS):
        for partition in [(2, 2), (1, 3), (1, 1, 2)]:
            student, teacher = ca.copy_average(partition), ca.orthonormal_teacher(4)
            exact, _ = reference.hessian(student, teacher, "erf")
            residual("copy-average-indices", "80 digits", np.abs(ca.hessian(student, teacher) - exact).max())


@pytest.mark.claim("n-copy-beats-copy-average")
def test_n_copy_beats_copy_average(residual, rng):
    for k in range(4, 13):
        for n in range(3, k):
            slope = ca.gradient(ca.n_copy(n, k), ca.orthonormal_teacher(k))
            residual("n-copy-beats-copy-average", "formula", max_norm(slope))
    student, teacher = ca.n_copy(8, 10), ca.orthonormal_teacher(10)
    stated = [0.8505, -0.0157, 0.0912, 1.2633]
    np.testing.assert_allclose([*student.incoming[0, [0, 1, 9]], student.outgoing[0]], stated, atol=5e-5)
    with mpmath.workdps(40):
        by_w, by_a, *_ = reference.gradient(student, teacher, "erf")
        loss, _ = reference.loss(student, teacher, "erf")
        residual("n-copy-beats-copy-average", "80 digits", max(np.abs(by_w).max(), np.abs(by_a).max()))
        residual("n-copy-beats-copy-average", "losses", exact_cost(3) - loss)
    assert loss == pytest.approx(0.039423, abs=5e-7)
    x = rng.normal(size=(1_000_000, 10))
    gap = erf(x @ student.incoming.T / np.sqrt(2)) @ student.outgoing - erf(x / np.sqrt(2)).sum(axis=1)
    error = (gap**2).std() / 1000
    residual("n-copy-beats-copy-average", "sampling", abs((gap**2).mean() - loss) / error)
