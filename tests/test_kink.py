"""Neurons at w = 0: the slopes of the loss there, who dies, who revives, and where the flow then goes."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import minimize

import copyavg as ca
from copyavg.activations.relu import RELU, leaky_relu
from copyavg.flow.kink import least_slope, settle
from copyavg.interactions.pairs import interaction

TEACHER = ca.orthonormal_teacher(3, 4)


def slope(student, teacher, activation, i, direction):
    """2 aᵢ E[(f − f*) σ(ŵ·x)] by the interactions alone."""
    total = 0.0
    for network, sign in ((student, 1), (teacher, -1)):
        for j in range(network.n):
            r = np.linalg.norm(network.incoming[j])
            if r > 0 and not (network is student and j == i):
                u = np.clip(network.incoming[j] @ direction / r, -1, 1)
                total += sign * network.outgoing[j] * float(interaction(1.0, r, u, activation))
    return 2 * student.outgoing[i] * total


def some_student(rng, n=3, d=4):
    student = ca.random_student(n, d, rng)
    incoming = student.incoming.copy()
    incoming[1] = 0
    return ca.Network(incoming, student.outgoing)


@pytest.mark.parametrize("activation", [RELU, leaky_relu(0.3)], ids=["relu", "leaky"])
def test_the_least_slope_is_the_least(activation, rng):
    for _ in range(2):
        student = some_student(rng)
        least, direction = least_slope(student, TEACHER, activation, 1)
        assert np.linalg.norm(direction) == pytest.approx(1)
        assert least == pytest.approx(slope(student, TEACHER, activation, 1, direction), abs=1e-12)

        def at(z, student=student):
            return slope(student, TEACHER, activation, 1, z / np.linalg.norm(z))

        random = rng.standard_normal((60, 4))
        assert least <= min(map(at, random)) + 1e-3
        assert least <= min(minimize(at, u).fun for u in random[:4]) + 1e-3


def test_the_slope_is_that_of_the_loss(rng):
    student = some_student(rng)
    least, direction = least_slope(student, TEACHER, RELU, 1)
    incoming = student.incoming.copy()
    incoming[1] = 1e-7 * direction
    rise = ca.loss(ca.Network(incoming, student.outgoing), TEACHER, "relu") - ca.loss(student, TEACHER, "relu")
    assert rise / 1e-7 == pytest.approx(least, abs=1e-5)


def test_who_shrinks_at_zero_dies_and_who_gains_by_it_revives():
    w, force = np.array([[1e-7, 0, 0, 0]]), ca.Network([[-1.0, 0, 0, 0]], [0.0])
    student = ca.Network(w, [-1.0])  # the teacher is positive: a negative neuron can only harm
    after, dead = settle(student, force, np.array([False]), TEACHER, RELU, 1e-5)
    assert dead.all()
    assert not after.incoming.any()
    assert settle(after, force, dead, TEACHER, RELU, 1e-5) is None
    useful = ca.Network(after.incoming, [1.0])
    revived, dead = settle(useful, force, dead, TEACHER, RELU, 1e-5)
    assert not dead.any()
    np.testing.assert_allclose(revived.incoming[0], 2e-5 * np.array([1, 1, 1, 0]) / np.sqrt(3), atol=1e-8)
    assert settle(ca.Network(1e3 * w, [-1.0]), force, np.array([False]), TEACHER, RELU, 1e-5) is None


def test_a_neuron_that_comes_to_zero_where_it_may_leave_another_way_does_so_at_once():
    first = ca.Network([[1.0, 0, 0, 0], [0, 1e-7, 0, 0]], [2.0, -1.0])  # the copy of v₁ is too loud
    force = ca.Network([[0.0, 0, 0, 0], [0, -1.0, 0, 0]], [0.0, 0.0])
    after, dead = settle(first, force, np.array([False, False]), TEACHER, RELU, 1e-5)
    assert not dead.any()
    assert np.linalg.norm(after.incoming[1]) == pytest.approx(2e-5)
    assert after.incoming[1, 0] > 1e-5  # it takes away from the copy
    assert slope(after, TEACHER, RELU, 1, after.incoming[1] / 2e-5) < 0


@pytest.mark.claim("relu-kink")
def test_a_neuron_alone_dies_when_its_equation_says_and_stays_dead(residual):
    """In polar coordinates, with a = −√(c + r²): ṙ = −2a F(u), and u turns; until r = 0."""
    start = ca.Network([[0.3, 0.2, -0.1, 0.2]], [-1.0])

    def polar(t, y):
        r, direction = y[0], y[1:] / np.linalg.norm(y[1:])
        a = -np.sqrt(start.outgoing[0] ** 2 - np.sum(start.incoming**2) + r * r)
        g = ca.gradient(ca.Network([max(r, 1e-12) * direction], [a]), TEACHER, "relu").incoming[0]
        along = g @ direction
        return np.concatenate([[-along], -(g - along * direction) / max(r, 1e-12)])

    def gone(t, y):
        return y[0] - 1e-9

    gone.terminal = True
    r = np.linalg.norm(start.incoming)
    first = np.concatenate([[r], start.incoming[0] / r])
    path = solve_ivp(polar, (0, 10), first, "LSODA", events=gone, rtol=1e-9, atol=1e-12)
    assert path.status == 1
    death = path.t[-1]
    times = np.array([0.5, 0.99, 1.01, 2]) * death
    flow = ca.gradient_flow(start, TEACHER, "relu", times=times)
    r = np.linalg.norm(flow.trajectory.incoming[:, 0], axis=-1)
    assert np.all(r[:2] > 0)
    assert np.all(r[2:] == 0)
    residual("relu-kink", "death", abs(r[0] - np.interp(times[0], path.t, path.y[0])))
    assert flow.reason == "idle neuron"
    assert flow.loss == pytest.approx(ca.loss(ca.Network(np.zeros((1, 4)), [0.0]), TEACHER, "relu"))


@pytest.mark.claim("relu-kink")
def test_a_neuron_revives_in_the_steepest_direction_when_the_others_allow_it(residual):
    """Piece by piece with another solver: smooth until w = 0; the others alone until a slope is negative; smooth."""
    k, n, i = 6, 5, 2
    teacher = ca.orthonormal_teacher(k, k + 1)
    start = ca.random_student(n, k + 1, np.random.default_rng([6, 5, 4]))
    size = n * (k + 1)

    def network(y):
        return ca.Network(y[:size].reshape(n, k + 1), y[size:])

    def follow(y, t, until, frozen, event):
        held = np.ones((n, k + 2))
        held[i] = 0 if frozen else 1
        held = np.concatenate([held[:, 1:].ravel(), held[:, 0]])

        def velocity(t, y):
            return -held * ca.gradient(network(y), teacher, "relu").to_vector()

        event.terminal, event.direction = True, -1
        path = solve_ivp(velocity, (t, until), y, "LSODA", events=event, rtol=1e-9, atol=1e-11)
        return path.t[-1], path.y[:, -1]

    def at_zero(t, y):
        return np.linalg.norm(network(y).incoming[i]) - 1e-6

    def unbearable(t, y):
        return least_slope(network(y), teacher, RELU, i)[0]

    death, y = follow(start.to_vector(), 0, 1, False, at_zero)
    incoming = network(y).incoming.copy()
    incoming[i] = 0
    birth, y = follow(ca.Network(incoming, network(y).outgoing).to_vector(), death, 1, True, unbearable)
    incoming = network(y).incoming.copy()
    incoming[i] = 1e-6 * least_slope(network(y), teacher, RELU, i)[1]
    end, y = follow(ca.Network(incoming, network(y).outgoing).to_vector(), birth, 0.6, False, lambda t, y: 1.0)
    assert 0 < death < birth < end
    times = [0.9 * death, (death + birth) / 2, 0.6]
    flow = ca.gradient_flow(start, teacher, "relu", times=times, accuracy=1e-7)
    r = np.linalg.norm(flow.trajectory.incoming[:, i], axis=-1)
    assert r[0] > 0
    assert r[1] == 0
    np.testing.assert_allclose(r[2], np.linalg.norm(network(y).incoming[i]), rtol=2e-2)
    residual("relu-kink", "life", np.abs(flow.trajectory.to_vector()[2] - y).max())
