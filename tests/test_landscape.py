"""Loss and gradient by independent routes: Monte Carlo, Saad and Solla's formula, autograd, other array libraries."""

import array_api_strict
import numpy as np
import pytest
import torch

import copyavg as ca
from copyavg.activations import ERF


def saad_solla(student: ca.Network, teacher: ca.Network) -> float:
    """Saad and Solla's (1995) generalisation error ε_g of a committee machine, from overlaps Q, R, T; loss = 2 ε_g."""

    def terms(overlaps, left, right):
        return np.arcsin(overlaps / np.sqrt(np.outer(1 + np.diag(left), 1 + np.diag(right)))).sum()

    w, v = student.incoming, teacher.incoming
    q, r, t = w @ w.T, w @ v.T, v @ v.T
    return (terms(q, q, q) + terms(t, t, t) - 2 * terms(r, q, t)) / np.pi


@pytest.fixture
def pair(rng):
    """A batch of students and a teacher that is neither orthonormal nor unit."""
    return ca.random_student(3, 5, rng, batch=(2, 4)), ca.Network(rng.normal(size=(4, 5)), rng.normal(size=4))


def convert(network: ca.Network, library) -> ca.Network:
    return ca.Network(library.asarray(network.incoming), library.asarray(network.outgoing))


def member(batch: ca.Network, *index: int) -> ca.Network:
    return ca.Network(batch.incoming[index], batch.outgoing[index])


def test_loss_against_monte_carlo(pair, rng):
    student, teacher = member(pair[0], 0, 0), pair[1]
    x = rng.normal(size=(400_000, 5))
    f = ERF.function(x @ student.incoming.T) @ student.outgoing
    squares = (f - ERF.function(x @ teacher.incoming.T) @ teacher.outgoing) ** 2
    assert abs(squares.mean() - ca.loss(student, teacher)) < 5 * squares.std() / np.sqrt(len(x))


def test_loss_against_saad_and_solla(rng):
    for n, k, d in [(1, 2, 3), (4, 7, 9), (6, 6, 6)]:
        student = ca.Network(rng.normal(size=(n, d)), np.ones(n))
        teacher = ca.Network(rng.normal(size=(k, d)), np.ones(k))
        assert ca.loss(student, teacher) == pytest.approx(2 * saad_solla(student, teacher), rel=1e-12)


def test_a_student_equal_to_its_teacher_has_no_loss_and_no_gradient(rng):
    teacher = ca.Network(rng.normal(size=(4, 6)), rng.normal(size=4))
    assert abs(ca.loss(teacher, teacher)) < 1e-14
    slope = ca.gradient(teacher, teacher)
    assert max(np.abs(slope.incoming).max(), np.abs(slope.outgoing).max()) < 1e-14


def test_gradient_against_autograd(pair):
    student, teacher = (convert(network, torch) for network in pair)
    student.incoming.requires_grad_()
    student.outgoing.requires_grad_()
    ca.loss(student, teacher).sum().backward()
    slope = ca.gradient(*pair)
    np.testing.assert_allclose(slope.incoming, student.incoming.grad.numpy(), rtol=0, atol=1e-14)
    np.testing.assert_allclose(slope.outgoing, student.outgoing.grad.numpy(), rtol=0, atol=1e-14)


def test_gradient_against_differences(pair):
    student, teacher = member(pair[0], 1, 2), pair[1]
    slope, step = ca.gradient(student, teacher), 1e-5
    for i in range(student.n):
        for e in range(student.d):
            shift = np.zeros((student.n, student.d))
            shift[i, e] = step
            ahead, behind = (
                ca.loss(ca.Network(student.incoming + s * shift, student.outgoing), teacher) for s in (1, -1)
            )
            assert abs((ahead - behind) / (2 * step) - slope.incoming[i, e]) < 1e-9


@pytest.mark.parametrize("function", [ca.loss, lambda *pair: ca.gradient(*pair).incoming])
def test_a_batch_is_its_members(pair, function):
    students, teacher = pair
    together = function(students, teacher)
    for index in np.ndindex(*students.batch_shape):
        np.testing.assert_allclose(together[index], function(member(students, *index), teacher), rtol=0, atol=1e-14)


def test_a_batch_of_teachers_broadcasts(rng):
    students, teachers = (ca.Network(rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3))) for _ in range(2))
    losses = ca.loss(students, teachers)
    assert losses.shape == (4,)
    assert losses[2] == pytest.approx(ca.loss(member(students, 2), member(teachers, 2)), rel=1e-13)


@pytest.mark.parametrize("library", [torch, array_api_strict])
def test_other_libraries_give_the_same_values(pair, library):
    theirs = [convert(network, library) for network in pair]
    np.testing.assert_allclose(np.asarray(ca.loss(*theirs)), ca.loss(*pair), rtol=1e-13)
    np.testing.assert_allclose(np.asarray(ca.gradient(*theirs).incoming), ca.gradient(*pair).incoming, atol=1e-14)


def test_float32_stays_float32(pair):
    student, teacher = (ca.Network(n.incoming.astype("f4"), n.outgoing.astype("f4")) for n in pair)
    assert ca.loss(student, teacher).dtype == np.float32
    np.testing.assert_allclose(ca.loss(student, teacher), ca.loss(*pair), rtol=1e-4)


def test_a_neuron_without_incoming_weights_is_silent():
    """At w = 0 there is no direction, yet ∂L/∂w = −2a Σⱼ bⱼ E[σ′(0)σ′(vⱼ·x)] vⱼ is well defined."""
    student, teacher = ca.Network(np.zeros((1, 2)), [3.0]), ca.orthonormal_teacher(2)
    assert ca.loss(student, teacher) == pytest.approx(2 / 3, rel=1e-15)
    slope = ca.gradient(student, teacher)
    assert slope.outgoing == [0]
    np.testing.assert_allclose(slope.incoming, -2 * 3 * 2 / np.pi / np.sqrt(2), rtol=1e-14)


@pytest.mark.bad_input
class TestBadInput:
    def test_dimensions_must_agree(self):
        with pytest.raises(ValueError, match="d = 3 and d = 2"):
            ca.loss(ca.orthonormal_teacher(2, 3), ca.orthonormal_teacher(2))

    def test_batches_must_broadcast(self, rng):
        with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
            ca.gradient(ca.random_student(1, 2, rng, batch=3), ca.random_student(1, 2, rng, batch=2))

    def test_networks_are_needed(self):
        with pytest.raises(TypeError, match="teacher must be a Network, but was given ndarray"):
            ca.loss(ca.orthonormal_teacher(2), np.eye(2))

    def test_libraries_must_not_mix(self):
        with pytest.raises(TypeError, match="student from .*torch, teacher from .*numpy"):
            ca.loss(convert(ca.orthonormal_teacher(2), torch), ca.orthonormal_teacher(2))

    def test_the_activation_must_be_known(self):
        with pytest.raises(ValueError, match="'step'"):
            ca.loss(ca.orthonormal_teacher(2), ca.orthonormal_teacher(2), "step")
