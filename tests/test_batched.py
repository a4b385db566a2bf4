"""The path through `landscape`: a batched step, Newton's method across a gauge, the limits of the compiled path."""

import numpy as np
import pytest
import torch
from test_kernels import flat
from test_steppers import K, N, exact

import copyavg as ca
from copyavg import batched
from copyavg.activations import get_activation
from copyavg.steppers import CONVERGED

ERF, RELU = get_activation("erf"), get_activation("relu")
EXACTLY = batched.Settings(1e-6, 1e-13, np.empty(0))


def problem(activation=ERF, library=np):
    teacher = ca.orthonormal_teacher(K, K + 1)
    return batched.Problem(
        N, ca.Network(library.asarray(teacher.incoming), library.asarray(teacher.outgoing)), activation
    )


def test_rows_and_networks_are_the_same_thing(rng):
    students = ca.random_student(N, K + 1, rng, batch=4)
    rows = problem().vector(students)
    assert rows.shape == (4, N * (K + 2))
    back = problem().network(rows)
    np.testing.assert_array_equal(back.incoming, students.incoming)
    np.testing.assert_array_equal(back.outgoing, students.outgoing)
    np.testing.assert_array_equal(problem().loss(rows), ca.loss(students, ca.orthonormal_teacher(K, K + 1)))


def test_every_student_takes_its_own_step(rng):
    rows = problem().vector(ca.random_student(N, K + 1, rng, batch=3))
    h = np.array([0.03, 0.003, 0.015])
    ahead, _ = batched.rosenbrock_steps(problem(), rows, problem().force(rows), h)
    for row, length, there in zip(rows, h, ahead):
        np.testing.assert_allclose(there, exact(row, length), atol=1e-6)


@pytest.mark.parametrize("library", [np, torch], ids=["numpy", "torch"])
def test_the_limits_are_those_of_the_compiled_path(library, rng):
    students = ca.random_student(N, K + 1, rng, batch=3)
    flow = ca.gradient_flow(students, ca.orthonormal_teacher(K, K + 1))
    same = problem(library=library)
    found = batched.follow_batch(same, library.asarray(same.xp.asarray(problem().vector(students))), EXACTLY)
    assert flow.converged.all()
    assert np.all(found.code == CONVERGED)
    np.testing.assert_allclose(batched.to_numpy(found.limit), problem().vector(flow.limit), atol=1e-10)
    np.testing.assert_allclose(found.loss, flow.loss, atol=1e-14)
    np.testing.assert_allclose(found.smallest, flow.smallest_eigenvalue, rtol=1e-5)


def test_the_gauge_is_where_the_loss_is_flat(rng):
    theta = flat(ca.random_student(N, K + 1, rng))
    directions = problem(RELU).gauge(theta)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    np.testing.assert_allclose(directions @ problem(RELU).force(theta), 0, atol=1e-15)
    assert problem().gauge(theta) is None


def test_newton_finds_relus_copy_average_point_modulo_the_gauge():
    point = ca.copy_average((1,) * K, d=K + 1)  # the teacher itself, as a student
    same = batched.Problem(K, ca.orthonormal_teacher(K, K + 1), RELU)
    theta = flat(point)
    found = batched.newton(same, theta + 1e-4 * np.sin(np.arange(theta.size)), 1e-13)
    limit, norm, smallest = found
    assert norm <= 1e-13
    assert smallest > 0.01
    assert same.loss(limit) < 1e-15
    assert np.abs(limit - theta).max() > 1e-6  # another point of the same gauge orbit


def test_newton_certifies_no_saddle():
    saddle = flat(ca.copy_average((1, 2, 2), d=K + 1))
    assert batched.newton(problem(), saddle, 1e-13) is None
