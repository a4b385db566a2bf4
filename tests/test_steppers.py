"""One step: its order, its error estimate; one trajectory: what it ends with and what it refuses to certify."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from test_kernels import flat

import copyavg as ca
from copyavg.flow import steppers
from copyavg.flow.kernels import curvature, gradient

N, K = 3, 5
SIZE = N * (K + 2)


@pytest.fixture
def start(rng):
    return flat(ca.random_student(N, K + 1, rng))


def force(theta: np.ndarray) -> np.ndarray:
    out = np.empty(theta.size)
    gradient(theta, N, K, out)
    return -out


def exact(theta: np.ndarray, h: float) -> np.ndarray:
    return solve_ivp(lambda _, y: force(y), (0, h), theta, method="DOP853", rtol=1e-13, atol=1e-14).y[:, -1]


def chebyshev(theta, h, stages=4):
    ahead, push, error = (np.empty(theta.size) for _ in range(3))
    value = steppers.chebyshev_step(theta, force(theta), h, stages, N, K, ahead, push, error)
    return ahead, push, error, value


def rosenbrock(theta, h):
    ahead, push, error = (np.empty(theta.size) for _ in range(3))
    counts = np.zeros(4, dtype=int)
    ok, value = steppers.rosenbrock_step(
        theta, force(theta), curvature(theta, N, K), h, 1e-13, N, K, ahead, push, error, counts
    )
    assert ok
    assert counts[0] == 6
    return ahead, push, error, value


@pytest.mark.parametrize(("step", "order", "h"), [(chebyshev, 2, 0.05), (rosenbrock, 4, 0.2)])
def test_a_step_has_its_order_and_knows_its_error(step, order, h, start):
    errors, estimates = [], []
    for length in (h, h / 2):
        ahead, push, error, value = step(start, length)
        errors.append(np.abs(ahead - exact(start, length)).max())
        estimates.append(np.abs(error).max())
        np.testing.assert_allclose(push, force(ahead), rtol=1e-14)
        assert value == gradient(ahead, N, K, np.empty(SIZE))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order + 1, abs=0.4)
    # Each estimate is of a lower order than its step, and so errs on the safe side.
    assert 0.3 * errors[0] < estimates[0] < 100 * errors[0]


def test_chebyshev_steps_are_stable_as_far_as_their_stages_say():
    point = flat(ca.optimal_copy_average(N, K, d=K + 1))
    largest = np.linalg.eigvalsh(ca.hessian(ca.optimal_copy_average(N, K, d=K + 1), ca.orthonormal_teacher(K, K + 1)))[
        -1
    ]
    nudged = point + 1e-6 * np.cos(np.arange(SIZE))
    for stages in (2, 10, 40):
        inside, *_ = chebyshev(nudged, 0.65 * (stages**2 - 1) / largest, stages)
        outside, *_ = chebyshev(nudged, 1.5 * stages**2 / largest, stages)
        before = np.linalg.norm(nudged - point)
        assert np.linalg.norm(inside - point) < before < np.linalg.norm(outside - point)


def newton(theta, n=N, k=K, tolerance=1e-13):
    limit = np.empty_like(theta)
    return steppers.newton(theta, n, k, tolerance, limit, np.zeros(4, dtype=int)), limit


def test_newton_certifies_what_lies_in_the_basin():
    point = flat(ca.optimal_copy_average(N, K, d=K + 1))
    (certified, norm, smallest, value), limit = newton(point + 1e-4 * np.sin(np.arange(SIZE)))
    assert certified
    assert norm <= 1e-13
    np.testing.assert_allclose(limit, point, atol=1e-11)
    assert value == pytest.approx(ca.copy_average_loss((1, 1, 3)), abs=1e-14)
    matrix = ca.hessian(ca.optimal_copy_average(N, K, d=K + 1), ca.orthonormal_teacher(K, K + 1))
    assert smallest == pytest.approx(np.linalg.eigvalsh(matrix)[0], rel=1e-6)


def test_newton_does_not_certify_saddles_or_far_away_states(start):
    saddle = flat(ca.copy_average((1, 2, 2), d=K + 1))
    assert ca.stability(3, 5).index == 0
    assert np.linalg.eigvalsh(ca.hessian(ca.copy_average((1, 2, 2), d=6), ca.orthonormal_teacher(5, 6)))[0] < -1e-3
    assert not newton(saddle)[0][0]
    assert not newton(start)[0][0]
    # So far from the minimum Newton's method still gets there, but the flow might not: the certificate says no.
    point = flat(ca.optimal_copy_average(N, K, d=K + 1))
    refused = [newton(point + size * np.sin(np.arange(SIZE)))[0][0] for size in (0.02, 0.05, 0.1, 0.3)]
    assert not all(refused)


def test_a_rosenbrock_step_refuses_negative_curvature(start):
    saddle = flat(ca.copy_average((1, 2, 2), d=K + 1)) + 1e-3 * np.cos(np.arange(SIZE))
    ahead, push, error = (np.empty(SIZE) for _ in range(3))
    at, counts = curvature(saddle, N, K), np.zeros(4, dtype=int)
    assert not steppers.rosenbrock_step(saddle, force(saddle), at, 1e4, 1e-5, N, K, ahead, push, error, counts)[0]


def test_a_merged_pair_and_an_idle_neuron_are_taken_out():
    smaller = ca.optimal_copy_average(2, 4, d=5)
    w, a = smaller.incoming, smaller.outgoing
    merged = ca.Network(np.stack([w[0], w[1], -w[1]]), [a[0], 0.3 * a[1], -0.7 * a[1]])
    idle = ca.Network(np.stack([w[0], [0.3, 0.1, 0, 0.2, 0], w[1]]), [a[0], 1e-9, a[1]])
    for student, outcome in ((merged, steppers.MERGED_PAIR), (idle, steppers.IDLE_NEURON)):
        theta = flat(student)
        assert steppers.degenerate_outcome(theta, 3, 0.0) == outcome
        np.testing.assert_allclose(steppers.smaller(theta, 3, outcome), flat(smaller), atol=1e-15)


def test_a_dipole_is_named_only_late():
    theta = flat(ca.Network([[1.0, 0.01, 0], [1.0, -0.01, 0]], [9.0, -8.5]))
    assert steppers.degenerate_outcome(theta, 2, 1e9) == steppers.DIPOLE
    assert steppers.degenerate_outcome(theta, 2, 1.0) == steppers.STALLED


def test_a_flat_minimum_lost_in_rounding_is_told_from_a_saddle():
    largest, tolerance = 2e4, 1e-13
    assert steppers.undecided_outcome(3e-13, 6e-8, largest, tolerance) == steppers.ROUNDING
    assert steppers.undecided_outcome(1e-14, 6e-8, largest, tolerance) == steppers.ROUNDING
    assert steppers.undecided_outcome(1e-14, -6e-8, largest, tolerance) == steppers.CRITICAL
    assert steppers.undecided_outcome(1e-14, 1e-12, largest, tolerance) == steppers.CRITICAL
    assert steppers.undecided_outcome(1e-11, 6e-8, largest, tolerance) == steppers.STALLED
