"""The path through `landscape`: a batched step, Newton's method across a gauge, the limits of the compiled path."""

import numpy as np
import pytest
import torch
from test_kernels import flat
from test_steppers import K, N, exact

import copyavg as ca
from copyavg.activations.named import get_activation
from copyavg.arrays import to_numpy
from copyavg.flow import batched, limits
from copyavg.flow.steppers import CONVERGED

ERF, RELU = get_activation("erf"), get_activation("relu")
EXACTLY = batched.Settings(1e-6, 1e-13, np.empty(0))


def problem(activation=ERF, library=np):
    teacher = ca.orthonormal_teacher(K, K + 1)
    return limits.Problem(
        N, ca.Network(library.asarray(teacher.incoming), library.asarray(teacher.outgoing)), activation
    )


def test_every_student_takes_its_own_step(rng):
    rows = ca.random_student(N, K + 1, rng, batch=3).to_vector()
    h = np.array([0.03, 0.003, 0.015])
    ahead, _ = batched.rosenbrock_steps(problem(), rows, problem().force(rows), h, np.ones_like(rows))
    for row, length, there in zip(rows, h, ahead):
        np.testing.assert_allclose(there, exact(row, length), atol=1e-6)


@pytest.mark.parametrize("library", [np, torch], ids=["numpy", "torch"])
def test_the_limits_are_those_of_the_compiled_path(library, rng):
    students = ca.random_student(N, K + 1, rng, batch=3)
    flow = ca.gradient_flow(students, ca.orthonormal_teacher(K, K + 1))
    same = problem(library=library)
    found = batched.follow_batch(same, library.asarray(same.xp.asarray(students.to_vector())), EXACTLY)
    assert flow.converged.all()
    assert np.all(found.code == CONVERGED)
    np.testing.assert_allclose(to_numpy(found.limit), flow.limit.to_vector(), atol=1e-10)
    np.testing.assert_allclose(found.loss, flow.loss, atol=1e-14)
    np.testing.assert_allclose(found.smallest, flow.smallest_eigenvalue, rtol=1e-5)


def test_a_step_too_long_for_a_saddle_is_refused():
    saddle = flat(ca.copy_average((1, 2, 2), d=K + 1))[None]
    lowest = np.linalg.eigvalsh(problem().hessian(saddle))[0, 0]
    assert lowest < 0
    for h, allowed in ((3.9 / -lowest, True), (4.1 / -lowest, False)):  # 1/(γ|λ|), γ = ¼
        moves = np.ones_like(saddle)
        _, error = batched.rosenbrock_steps(problem(), saddle, problem().force(saddle), np.array([h]), moves)
        assert np.isfinite(error).all() == allowed


def test_relu_leaves_a_saddle_that_it_passes_closely():
    """One step of the implicit method over 1/|λ| would end at the saddle, and call it a limit."""
    k, n = 20, 16
    start = ca.random_student(n, k + 1, np.random.default_rng([k, n, 11]))
    flow = ca.gradient_flow(start, ca.orthonormal_teacher(k, k + 1), "relu")
    assert flow.converged
    assert flow.smallest_eigenvalue > 0
