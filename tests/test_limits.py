"""Limits through `landscape`: Newton's method across a gauge, its certificate, and limits that amount to less."""

import numpy as np
import pytest
from test_batched import RELU, problem
from test_kernels import flat
from test_steppers import K, N

import copyavg as ca
from copyavg.activations.relu import leaky_relu
from copyavg.flow import limits
from copyavg.flow.steppers import IDLE_NEURON, MERGED_PAIR


def test_rows_and_networks_are_the_same_thing(rng):
    students = ca.random_student(N, K + 1, rng, batch=4)
    rows = students.to_vector()
    assert rows.shape == (4, N * (K + 2))
    back = problem().network(rows)
    np.testing.assert_array_equal(back.incoming, students.incoming)
    np.testing.assert_array_equal(back.outgoing, students.outgoing)
    np.testing.assert_array_equal(problem().loss(rows), ca.loss(students, ca.orthonormal_teacher(K, K + 1)))


def test_the_gauge_is_where_the_loss_is_flat(rng):
    theta = flat(ca.random_student(N, K + 1, rng))
    directions = problem(RELU).gauge(theta)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    np.testing.assert_allclose(directions @ problem(RELU).force(theta), 0, atol=1e-15)
    assert problem().gauge(theta) is None


def test_newton_finds_relus_copy_average_point_modulo_the_gauge():
    point = ca.copy_average((1,) * K, d=K + 1)  # the teacher itself, as a student
    same = limits.Problem(K, ca.orthonormal_teacher(K, K + 1), RELU)
    theta = flat(point)
    found = limits.newton(same, theta + 1e-4 * np.sin(np.arange(theta.size)), 1e-13)
    limit, norm, smallest = found
    assert norm <= 1e-13
    assert smallest > 0.01
    assert same.loss(limit) < 1e-15
    assert np.abs(limit - theta).max() > 1e-6  # another point of the same gauge orbit


def test_newton_certifies_no_saddle():
    saddle = flat(ca.copy_average((1, 2, 2), d=K + 1))
    assert limits.newton(problem(), saddle, 1e-13) is None


def test_relu_neurons_of_one_direction_amount_to_one():
    point = ca.n_copy(2, 4, "relu", d=5)
    w, a = point.incoming, point.outgoing
    teacher = ca.orthonormal_teacher(4, 5)
    for share, other in ((0.3, 0.7), (1.4, -0.4)):
        student = ca.Network(np.stack([w[0], 2 * w[0], w[1]]), [share * a[0], other * a[0] / 2, a[1]])
        one = limits.one_for_each_direction(student)
        assert one.n == 2
        assert ca.loss(one, teacher, "relu") == pytest.approx(ca.loss(point, teacher, "relu"), abs=1e-14)
        np.testing.assert_allclose(np.linalg.norm(one.incoming, axis=1), np.abs(one.outgoing))
        same = limits.Problem(3, teacher, RELU)
        copied = point.n < 4 and limits.amounts_to(same, flat(student), 1.0, 1e-13)
        minimum = limits.newton(limits.Problem(2, teacher, RELU), flat(point), 1e-13) is not None
        assert copied == (MERGED_PAIR if minimum else None)


def test_neurons_that_differ_amount_to_nothing_less():
    point = ca.copy_average((1,) * 3, d=4)
    same = limits.Problem(3, ca.orthonormal_teacher(3, 4), RELU)
    assert limits.amounts_to(same, flat(point), 1.0, 1e-13) is None


def test_an_idle_erf_neuron_amounts_to_nothing():
    point, teacher = ca.optimal_copy_average(2, 3, d=4), ca.orthonormal_teacher(3, 4)
    student = ca.Network(np.vstack([point.incoming, [0.1, 0.2, 0.3, 0.4]]), [*point.outgoing, 1e-12])
    same = limits.Problem(3, teacher, problem().activation)
    assert limits.amounts_to(same, flat(student), 1e8, 1e-13) == IDLE_NEURON


def test_the_coordinates_of_neurons_are_where_their_weights_stand(rng):
    student = ca.random_student(N, K + 1, rng)
    chosen = np.arange(N) != 1
    part = flat(student)[problem().coordinates(chosen)]
    np.testing.assert_array_equal(part, flat(ca.Network(student.incoming[chosen], student.outgoing[chosen])))


def test_leaky_relu_has_the_gauge_too(rng):
    same = limits.Problem(2, ca.orthonormal_teacher(3), leaky_relu(0.2))
    theta = flat(ca.random_student(2, 3, rng))
    np.testing.assert_allclose(same.gauge(theta) @ same.force(theta), 0, atol=1e-15)
