"""Newton's method within a family: what it reaches, how fast, and what it says when it does not."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.network import max_norm
from copyavg.points.family import Family, copy_average_family, n_copy_family
from copyavg.points.newton import NoCriticalPointError, _balanced, critical_point, relative_change


def test_it_returns_to_a_critical_point(rng):
    for n, k in [(1, 3), (2, 3), (3, 5)]:
        family, m = copy_average_family(n, k), k - n + 1
        x = np.array(
            [1.0] * (n > 1) + [0] * (n > 2) + [0, 1] * (n > 1) + [0] * (n > 1) + [(m * (2 * m - 1)) ** -0.5, m]
        )
        for size in (1e-6, 1e-3):
            found = critical_point(family, x + size * rng.uniform(-1, 1, size=x.size))
            np.testing.assert_allclose(found, x, rtol=0, atol=1e-13 * k)


@pytest.mark.parametrize(
    ("n", "k", "start"),
    [(2, 3, [0.8, 0.1, 1.2, 0.05, 0.8, 1.5]), (3, 4, [0.95, -0.01, 0.1, 1, 0.05, 0.8, 1.6])],
)
def test_a_relu_point_is_balanced_and_critical(n, k, start):
    family, start = copy_average_family(n, k, "relu"), np.array(start)
    found = critical_point(family, start)
    student = family.student(found)
    np.testing.assert_allclose(np.linalg.norm(student.incoming, axis=1), np.abs(student.outgoing), rtol=1e-13)
    assert max_norm(ca.gradient(student, ca.orthonormal_teacher(k), "relu")) <= 1e-13
    factors = [0.5 if orbit.kind == "outgoing" else 2 for orbit in family.orbits]  # along the gauge nothing changes
    np.testing.assert_allclose(critical_point(family, factors * start), found, rtol=1e-12, atol=1e-14)


def test_a_silent_neuron_has_no_gauge_to_balance():
    family = Family((), (2,), average=True, activation="relu")
    for silent in ([0.5, 0.0], [0.0, 0.5]):
        np.testing.assert_array_equal(_balanced(family, np.array(silent)), silent)
    audible = _balanced(family, np.array([0.5, 0.3]))  # with ‖w‖ = 0.5 √2
    np.testing.assert_allclose(audible, [np.sqrt(0.15 / np.sqrt(2)), np.sqrt(0.15 * np.sqrt(2))], rtol=1e-15)
    with pytest.raises(NoCriticalPointError):
        critical_point(family, np.array([0.5, 0.0]))


def test_where_nothing_is_left_to_do_it_stops():
    np.testing.assert_array_equal(critical_point(n_copy_family(1, 1), np.ones(2)), [1, 1])


def test_it_says_where_it_found_nothing():
    says = r"no critical point of the family of 3 student and 5 teacher neurons \(erf\) from \[30\.\s"
    with pytest.raises(NoCriticalPointError, match=says):
        critical_point(n_copy_family(3, 5), np.array([30.0, 20, 10, 5]))
    with pytest.raises(NoCriticalPointError):  # the quadrature of so steep a function does not reach its accuracy
        critical_point(n_copy_family(3, 5, "tanh"), np.array([1e4, 0, 0, 1]))


def test_the_largest_relative_change_of_any_weights():
    family = copy_average_family(3, 5)  # α, β, γ (3 of them), a; δ (2), ε (3), b
    x = np.array([2.0, 0, 0, 2, 0, 1 / np.sqrt(3), 4])
    for step, change in [
        ([0, 0.2, 0, 0, 0, 0, 0], 0.1),
        ([0, 0, 0.2, 0, 0, 0, 0], 0.1 * np.sqrt(3)),
        ([0, 0, 0, 0.2, 0, 0, 0], 0.1),
        ([0, 0, 0, 0, 0.2, 0, 0.1], 0.2 * np.sqrt(2)),
        ([0, 0, 0, 0, 0, 0, -2], 0.5),
    ]:
        assert relative_change(family, np.array(step, dtype=float), x) == pytest.approx(change)
    assert relative_change(family, np.zeros(7), np.zeros(7)) == 0
    assert relative_change(family, np.ones(7), np.zeros(7)) > 1e100
