"""The engine of the flow: its fields against `landscape`, and where it goes against the flow of `steppers`."""

import mpmath
import numpy as np
import pytest
from numba import njit

import copyavg as ca
from copyavg.activations.named import get_activation
from copyavg.flow import rows
from copyavg.flow.compiled import ready
from copyavg.flow.field import for_student
from copyavg.flow.follow import follow
from copyavg.flow.loops import arcsin
from copyavg.flow.outcomes import (
    CONVERGED,
    IDLE_NEURON,
    MERGED_PAIR,
    ROUNDING,
    STALLED,
    TO_INFINITY,
    ZERO_LOSS,
)
from copyavg.flow.problem import engine_for
from copyavg.flow.result import REASONS
from copyavg.network import balanced

LEAKY = ca.leaky_relu(0.3)
ACTIVATIONS = ["erf", "relu", "gelu", LEAKY, ca.leaky_relu(-1.0)]
# Below and above the size from which BLAS does the products; n = 1, d = k, d > k, and d < k.
SHAPES = [(1, 1, 1), (1, 4, 4), (2, 3, 4), (5, 10, 11), (9, 10, 11), (3, 4, 2), (4, 3, 6), (12, 70, 71)]


@njit
def gradient_at(engine, n, theta, out):
    problem = for_student(engine.problem, n, np.ones(theta.size), engine.problem.setting.table)
    return problem.gradient(theta, problem.setting, out)


@njit
def product_at(engine, n, theta, direction, out):
    problem = for_student(engine.problem, n, np.ones(theta.size), engine.problem.setting.table)
    problem.product(problem.curvature(theta, problem.setting), problem.setting, direction, out)


def a_teacher(k, d, rng, kind):
    if kind == "orthonormal" and k <= d:
        return ca.orthonormal_teacher(k, d)
    if kind == "weighted" and k <= d:
        return ca.Network(np.eye(k, d), rng.normal(size=k))
    return ca.Network(rng.normal(size=(k, d)), rng.normal(size=k))


def size_of_terms(student, teacher):
    """The sum of the absolute terms, up to a factor: a network against itself and against the teacher."""
    norms = [np.linalg.norm(x.incoming, axis=1) + 1 for x in (student, teacher)]
    return (np.abs(student.outgoing) @ norms[0] + np.abs(teacher.outgoing) @ norms[1]) ** 2


def alike(network):
    return network.incoming, network.outgoing


def followed(student, teacher, activation="erf", *, times=(), tolerance=1e-13, accuracy=1e-5, train="all"):
    """Follow one student; return the outcome, its numbers, the limit, the states and the counts."""
    moves, theta = np.ones(student.n * (student.d + 1)), student.to_vector()
    if train == "incoming":
        moves[student.n * student.d :] = 0
    engine = engine_for(teacher, get_activation(activation), outgoing_moves=train == "all")
    times = np.array(times, dtype=float)
    states, limit, counts = np.empty((times.size, theta.size)), np.empty(theta.size), np.zeros(4, dtype=np.int64)
    ready(follow)
    code, time, norm, smallest, loss = follow(
        engine, student.n, moves, theta, accuracy, tolerance, times, states, limit, counts
    )
    return code, (time, norm, smallest, loss), ca.Network.from_vector(limit, student.n), states, counts


def test_arcsin_is_good_to_two_units_in_the_last_place(rng):
    x = np.concatenate([rng.uniform(-1, 1, 500), [0.0, 0.5, -0.5, 1.0, -1.0, 1 - 1e-16, 1e-300]])
    exact = [float(mpmath.asin(mpmath.mpf(value))) for value in x]
    assert np.all(np.abs([arcsin(value) for value in x] - np.array(exact)) <= 2 * np.spacing(np.abs(exact)))


@pytest.mark.unchecked
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: getattr(a, "name", a))
@pytest.mark.parametrize("kind", ["orthonormal", "weighted", "any"])
def test_a_field_is_the_landscape(activation, kind, rng):
    for n, k, d in SHAPES:
        for norm in (1e-6, 0.3, 1.0, 30.0) if n < 12 else (1.0,):
            student = ca.random_student(n, d, rng)
            student, teacher = ca.Network(norm * student.incoming, student.outgoing), a_teacher(k, d, rng, kind)
            engine, theta = engine_for(teacher, get_activation(activation)), student.to_vector()
            out, direction, scale = np.empty(theta.size), rng.normal(size=theta.size), size_of_terms(student, teacher)
            value = gradient_at(engine, n, theta, out)
            assert abs(value - ca.loss(student, teacher, activation)) <= 1e-13 * scale
            slope = ca.gradient(student, teacher, activation).to_vector()
            assert np.abs(out - slope).max() <= 1e-13 * scale
            if d == 1 and activation not in ("erf", "gelu"):  # all are parallel: at the kink there is no Hessian
                continue
            product_at(engine, n, theta, direction, out)
            curvature = ca.hessian(student, teacher, activation)
            largest = np.abs(curvature).max() * np.abs(direction).sum()
            assert np.abs(out - curvature @ direction).max() <= 1e-12 * (largest + scale)


@pytest.mark.unchecked
@pytest.mark.parametrize("activation", ["erf", "relu", "gelu", LEAKY], ids=lambda a: getattr(a, "name", a))
@pytest.mark.parametrize("angle", [1e-2, 1e-5, 1e-9, 0.0, np.pi, np.pi - 1e-5, np.pi - 1e-9])
def test_nearly_parallel_and_opposite_neurons_lose_nothing_in_the_gradient(activation, angle, rng):
    turn = np.array([[1.0, 0.0, 0.0], [np.cos(angle), np.sin(angle), 0.0], [0.1, 0.2, 0.3]])
    student, teacher = (
        ca.Network(turn, [1.0, -0.7, 0.4]),
        ca.Network([[2 * np.cos(angle), 2 * np.sin(angle), 0.0]], [1]),
    )
    engine, out = engine_for(teacher, get_activation(activation)), np.empty(12)
    value = gradient_at(engine, 3, student.to_vector(), out)
    assert abs(value - ca.loss(student, teacher, activation)) <= 1e-14
    assert np.abs(out - ca.gradient(student, teacher, activation).to_vector()).max() <= 1e-14


@pytest.mark.parametrize("activation", ["relu", LEAKY], ids=lambda a: getattr(a, "name", a))
def test_at_the_kink_a_neuron_without_incoming_weights_does_nothing(activation):
    student, teacher = ca.Network([[0.0, 0.0], [1.0, 0.5]], [2.0, 1.0]), ca.orthonormal_teacher(2)
    engine, out = engine_for(teacher, get_activation(activation)), np.empty(6)
    value = gradient_at(engine, 2, student.to_vector(), out)
    rest = ca.Network([[1.0, 0.5]], [1.0])
    assert abs(value - ca.loss(rest, teacher, activation)) <= 1e-15
    assert out[4] == 0
    assert np.all(np.isfinite(out))


@pytest.mark.unchecked
@pytest.mark.parametrize(("n", "k"), [(1, 2), (2, 3), (5, 10), (9, 10)])
def test_erf_ends_where_it_did(n, k, rng):
    students, teacher = ca.random_student(n, k + 1, rng, batch=12), ca.orthonormal_teacher(k, k + 1)
    flow = ca.gradient_flow(students, teacher, times=[0.5, 30.0])
    for i, theta in enumerate(students.to_vector()):
        code, (time, norm, smallest, loss), limit, states, _ = followed(
            ca.Network.from_vector(theta, n), teacher, times=[0.5, 30.0]
        )
        assert REASONS[code] == flow.reason[i]
        assert abs(loss - flow.loss[i]) <= 1e-12
        assert np.abs(states - flow.trajectory.to_vector()[:, i]).max() <= 1e-9
        if code == CONVERGED:
            assert norm <= 1e-13
            assert np.abs(limit.to_vector() - flow.limit.to_vector()[i]).max() <= 1e-8
            assert abs(smallest / flow.smallest_eigenvalue[i] - 1) <= 1e-4


@pytest.mark.unchecked
@pytest.mark.parametrize(("n", "k"), [(1, 3), (2, 3), (4, 6), (5, 6)])
def test_relu_ends_where_it_did(n, k, rng):
    students, teacher = ca.random_student(n, k + 1, rng, batch=12), ca.orthonormal_teacher(k, k + 1)
    flow = ca.gradient_flow(students, teacher, "relu")
    for i, theta in enumerate(students.to_vector()):
        code, (_, norm, smallest, loss), limit, *_ = followed(ca.Network.from_vector(theta, n), teacher, "relu")
        assert REASONS[code] == flow.reason[i]
        assert abs(loss - flow.loss[i]) <= 1e-9
        if code == CONVERGED:
            assert norm <= 1e-13
            there = ca.Network.from_vector(flow.limit.to_vector()[i], n)
            for weights, expected in zip(balanced(*alike(limit)), balanced(*alike(there))):
                assert np.abs(weights - expected).max() <= 1e-8
            curvature = ca.hessian(limit, teacher, "relu")
            assert np.sum(np.linalg.eigvalsh(curvature) < 1e-9) == n  # the gauge, and nothing else
            assert smallest > 1e-9


def test_the_start_s_gauge_is_kept(rng):
    student, teacher = ca.random_student(3, 6, rng), ca.orthonormal_teacher(5, 6)
    *_, states, _ = followed(student, teacher, "relu", times=[0.1, 1.0, 10.0], accuracy=1e-8)

    def charge(network):
        return network.outgoing**2 - np.sum(network.incoming**2, axis=1)

    for state in states:
        assert np.abs(charge(ca.Network.from_vector(state, 3)) - charge(student)).max() <= 1e-5


@pytest.mark.parametrize("activation", ["erf", "relu", "gelu"])
def test_any_teacher_is_followed(activation, rng):
    teacher = ca.Network(rng.normal(size=(5, 3)), rng.normal(size=5))  # k > d, overlapping, of either sign
    ends = [followed(ca.random_student(2, 3, rng), teacher, activation) for _ in range(6)]
    for code, (_, norm, _, loss), limit, *_ in ends:
        assert abs(loss - ca.loss(limit, teacher, activation)) <= 1e-12 * size_of_terms(limit, teacher)
        assert code != CONVERGED or norm <= 1e-13
    assert any(code == CONVERGED for code, *_ in ends)


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_outgoing_weights_can_be_held(activation, rng):
    """A committee machine; the Hessian at its end is that of the incoming weights alone."""
    student = ca.Network(ca.random_student(3, 4, rng).incoming, np.ones(3))
    teacher = ca.orthonormal_teacher(4)
    code, (_, norm, smallest, _), limit, *_ = followed(student, teacher, activation, train="incoming")
    assert code == CONVERGED
    assert np.array_equal(limit.outgoing, np.ones(3))
    assert np.abs(ca.gradient(limit, teacher, activation).incoming).max() <= 1e-13
    incoming = ca.hessian(limit, teacher, activation)[:12, :12]
    assert abs(smallest / np.linalg.eigvalsh(incoming)[0] - 1) <= 1e-5
    assert norm <= 1e-13


def test_a_student_as_large_as_its_teacher_has_a_reason_of_its_own(rng):
    codes = {followed(ca.random_student(3, 2, rng), ca.orthonormal_teacher(1, 2))[0] for _ in range(6)}
    assert codes <= {ZERO_LOSS, MERGED_PAIR, IDLE_NEURON}
    assert ZERO_LOSS in codes | {followed(ca.random_student(4, 3, rng), ca.orthonormal_teacher(2, 3))[0]}


def test_weights_that_run_to_infinity_have_a_reason_of_their_own(rng):
    """GELU has no best neuron at k = 3: a run ends with growing weights, or on the way."""
    codes = [followed(ca.random_student(1, 3, rng), ca.orthonormal_teacher(3), "gelu")[0] for _ in range(6)]
    assert TO_INFINITY in codes
    assert set(codes) <= {TO_INFINITY, CONVERGED, IDLE_NEURON}


@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_late_times_are_bounded_work(activation, rng):
    student, teacher = ca.random_student(2, 4, rng), ca.orthonormal_teacher(3, 4)
    plain = followed(student, teacher, activation)
    late = followed(student, teacher, activation, times=[1.0, 1e8, 1e150])
    assert late[0] == plain[0]
    assert late[4].sum() <= 3 * plain[4].sum() + 1000
    assert np.abs(late[3][-1] - late[2].to_vector()).max() <= 1e-9


def test_a_trapped_relu_neuron_dies_and_stays_dead():
    """With a < 0 and a² > ‖w‖² it cannot turn; beside one that does all that can be done, it comes to w = 0."""
    best = ca.one_neuron(2, "relu")
    size = np.sqrt(best.outgoing * best.radius)
    copy = size * np.array([1.0, 1.0]) / np.sqrt(2)
    student = ca.Network([copy, [-0.3, -0.2]], [size, -1.0])
    code, (_, norm, _, loss), limit, *_ = followed(student, ca.orthonormal_teacher(2), "relu")
    assert code == IDLE_NEURON
    assert np.array_equal(limit.incoming[1], [0.0, 0.0])
    assert abs(loss - best.loss) <= 1e-12
    assert norm <= 1e-13


def test_what_cannot_be_told_is_not_called_converged(rng):
    """At a tolerance beyond rounding no limit is certified."""
    code, (_, norm, smallest, _), *_ = followed(
        ca.random_student(2, 4, rng), ca.orthonormal_teacher(3, 4), tolerance=1e-30
    )
    assert code in (ROUNDING, STALLED)
    assert norm < 1e-12
    assert smallest > 0


def test_rows_say_the_same_of_both_partners(rng):
    """THEIR of (w, p) is OWN of (p, w), and so on: the two neurons of a pair are alike."""
    for row, constants in ((rows.erf_row, []), (rows.relu_row, [0.49, 0.3]), (rows.gelu_row, [])):
        ready(row)
        first, second, c = 1.7, 0.4, 0.5
        there, back = np.empty((rows.ALL_TERMS, 2)), np.empty((rows.ALL_TERMS, 2))
        for out, q in ((there, [second, first]), (back, [first, second])):
            row(2, np.array(q), np.array([c, q[1]]), np.array(constants), np.empty((0, 0)), True, out)
        swapped = [rows.VALUE, rows.CROSS, rows.THEIR, rows.OWN, rows.CC, rows.THEIR_C, rows.OWN_C,
                   rows.THEIR_THEIR, rows.OWN_OWN]  # fmt: skip
        assert np.abs(there[:, 0] - back[swapped, 0]).max() <= 1e-15
