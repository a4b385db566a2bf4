"""The search for critical points: it arrives at points of every kind, and leaves alone what has arrived."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.points.levenberg_marquardt import levenberg_marquardt


@pytest.mark.parametrize("activation", ["erf", "relu", "tanh"])
def test_from_near_a_minimum_and_a_saddle_it_returns(activation, rng):
    best = ca.one_neuron(3, activation)
    for k, points in [(3, [np.append([best.radius * best.correlation] * 3, best.outgoing), np.array([1.0, -1, 0, 0])])]:
        starts = np.array(points[: 1 if activation == "relu" else 2]) + 1e-3 * rng.normal(size=(1, 4))
        students = ca.Network(starts[:, None, :3], starts[:, 3:])
        teacher = ca.orthonormal_teacher(k)
        ends = levenberg_marquardt(students, teacher, activation)
        slope = ca.gradient(ends, teacher, activation)
        assert max(np.abs(slope.incoming).max(), np.abs(slope.outgoing).max()) <= 1e-12
        assert np.abs(ends.incoming - students.incoming).max() <= 1e-2
        assert ca.loss(ends, teacher, activation)[0] == pytest.approx(best.loss, abs=1e-12)


def test_several_neurons_and_students_that_have_arrived():
    """Copies and an average stay where they are, those nearby come to them."""
    point, teacher = ca.copy_average((1, 2)), ca.orthonormal_teacher(3)
    incoming, outgoing = np.stack([point.incoming, 1.01 * point.incoming]), np.stack([point.outgoing] * 2)
    ends = levenberg_marquardt(ca.Network(incoming, outgoing), teacher)
    np.testing.assert_array_equal(ends.incoming[0], point.incoming)
    np.testing.assert_allclose(ends.incoming[1], point.incoming, rtol=0, atol=1e-11)
    np.testing.assert_allclose(ends.outgoing[1], point.outgoing, rtol=0, atol=1e-11)


def test_without_steps_nothing_moves(rng):
    students = ca.Network(rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 2)))
    assert (
        levenberg_marquardt(students, ca.orthonormal_teacher(3), steps=0).incoming.tolist()
        == students.incoming.tolist()
    )
