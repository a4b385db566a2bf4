"""Minimum or saddle: against the full Hessian, and where the two families change places."""

import importlib
import pickle

import numpy as np
import pytest

import copyavg as ca
from copyavg.network import max_norm
from copyavg.points.configurations import copy_average_parameters
from copyavg.points.family import copy_average_family
from copyavg.points.newton import NoCriticalPointError
from copyavg.points.stability import Thresholds, thresholds

POINTS = {"copy-average": ca.optimal_copy_average, "n-copy": lambda n, k, d=None: ca.n_copy(n, k, d=d)}


@pytest.mark.claim("three-thresholds")
@pytest.mark.parametrize("family", POINTS)
@pytest.mark.parametrize(("n", "k", "d"), [(2, 4, 4), (8, 10, 11), (9, 10, 12), (4, 7, 7)])
def test_against_the_full_hessian(family, n, k, d, residual):
    point, teacher = POINTS[family](n, k, d), ca.orthonormal_teacher(k, d)
    exact = np.linalg.eigvalsh(ca.hessian(point, teacher))
    result = ca.stability(n, k, family, d=d)
    residual("three-thresholds", "full Hessian", abs(result.smallest_eigenvalue - exact[0]) / exact[-1])
    assert result.index == np.sum(exact < -1e-10)
    assert result.loss == pytest.approx(ca.loss(point, teacher), rel=1e-12)
    assert sum(len(block.matrix) * block.multiplicity for block in result.blocks) == exact.size


@pytest.mark.slow
@pytest.mark.claim("three-thresholds")
@pytest.mark.parametrize(("k", "better", "minimum", "saddle"), [(10, 8, 6, 9), (20, 15, 10, 18), (30, 23, 14, 27)])
def test_the_three_thresholds(k, better, minimum, saddle, residual):
    """From where on n-copy has the lower loss, n-copy is a minimum, and copy-average is a saddle."""
    ca_points = {n: ca.stability(n, k) for n in range(k // 3, k)}
    n_points = {n: ca.stability(n, k, "n-copy") for n in range(k // 3, k)}
    happened = (
        {n: n_points[n].loss < ca_points[n].loss for n in n_points},
        {n: n_points[n].index == 0 for n in n_points},
        {n: ca_points[n].index > 0 for n in ca_points},
    )
    assert all(sorted(column.values()) == list(column.values()) for column in happened)  # once, and for good
    found = [min(n for n, yes in column.items() if yes) for column in happened]
    residual("three-thresholds", "symmetry", sum(x != y for x, y in zip(found, (better, minimum, saddle), strict=True)))


@pytest.mark.slow
def test_thresholds_at_a_thousand_neurons():
    """They stand at n = 765, 224 and, at k = 200, 189."""
    for n, better in [(764, False), (765, True)]:
        assert (ca.stability(n, 1000, "n-copy").loss < ca.stability(n, 1000).loss) == better
    for n, index in [(223, 222), (224, 0)]:
        assert (ca.stability(n, 1000, "n-copy").index > 0) == (index > 0)
    for n, saddle in [(188, False), (189, True)]:
        assert (ca.stability(n, 200).index > 0) == saddle


def test_at_a_million_neurons():
    """The cost does not grow; the average of two has a loss known in closed form."""
    result = ca.stability(10**6 - 1, 10**6)
    assert result.loss == pytest.approx(ca.copy_average_loss((2,)), abs=1e-9)
    assert result.index > 0


@pytest.mark.parametrize(("activation", "n", "k"), [("softplus", 2, 3), ("relu", 2, 3), ("relu", 5, 10)])
def test_displaced_copy_average_points_are_critical(activation, n, k):
    x = copy_average_parameters(n, k, activation)
    student, teacher = copy_average_family(n, k, activation).student(x), ca.orthonormal_teacher(k)
    assert max_norm(ca.gradient(student, teacher, activation)) <= 1e-10 * k
    result = ca.stability(n, k, activation=activation)
    assert result.loss == pytest.approx(ca.loss(student, teacher, activation), abs=1e-9)
    assert result.index == 0


def test_the_best_relu_point_of_two_neurons_for_three():
    assert ca.stability(2, 3, activation="relu").loss == pytest.approx(0.153668, abs=5e-7)


def test_no_dead_or_collapsed_point_is_passed_off():
    """Newton's method would arrive at silent neurons, or at neurons that are all alike."""
    for activation, n, k in [("gelu", 2, 3), ("silu", 2, 3)]:
        with pytest.raises(NoCriticalPointError):
            copy_average_parameters(n, k, activation)


def test_relu_eigenvalues_are_those_of_balanced_weights():
    """At ‖w‖ = |a|, whatever was asked for before; against the full Hessian across the gauge."""
    for n, k in [(1, 3), (2, 3), (3, 5)]:
        x = copy_average_parameters(n, k, "relu")
        student = copy_average_family(n, k, "relu").student(x)
        np.testing.assert_allclose(np.linalg.norm(student.incoming, axis=1), np.abs(student.outgoing), rtol=1e-12)
        curvature = ca.hessian(student, ca.orthonormal_teacher(k), "relu")
        gauge = [np.append(np.outer(e, e) @ student.incoming, -e * student.outgoing) for e in np.eye(n)]
        basis = np.linalg.svd(np.array(gauge))[2][n:].T
        exact = np.linalg.eigvalsh(basis.T @ curvature @ basis)
        assert ca.stability(n, k, activation="relu").smallest_eigenvalue == pytest.approx(exact[0], rel=1e-8)


def test_curvatures_of_very_different_sizes_keep_their_signs():
    """At k = 10¹² the largest curvature is 10²⁴ times the smallest; the index is that of moderate k."""
    for k in (10**3, 10**6, 10**12):
        assert ca.stability(k - 1, k).index == 1
        assert ca.stability(k // 10, k).index == 0


@pytest.mark.bad_input
def test_bad_input():
    with pytest.raises(ValueError, match="family must be 'copy-average' or 'n-copy', but was given 'best'"):
        ca.stability(2, 3, "best")
    with pytest.raises(ValueError, match="n must be at most k"):
        ca.stability(4, 3)


@pytest.mark.parametrize(("k", "expected"), [(3, (3, 3, 3)), (6, (4, 5, 6)), (7, (5, 6, 6)), (10, (6, 8, 9))])
def test_thresholds_and_the_full_hessian(k, expected):
    """By the networks themselves, at every n."""
    teacher, found = ca.orthonormal_teacher(k), [k, k, k]
    for n in range(k - 1, 1, -1):
        copying, averaging = ca.n_copy(n, k), ca.optimal_copy_average(n, k)
        lowest = [np.linalg.eigvalsh(ca.hessian(point, teacher))[0] for point in (copying, averaging)]
        better = ca.loss(copying, teacher) < ca.loss(averaging, teacher)
        found = [n if yes else old for yes, old in zip((lowest[0] > 0, better, lowest[1] < 0), found, strict=True)]
    assert thresholds(k) == tuple(found) == expected
    assert thresholds(k)._fields == ("minimum", "better", "saddle")


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["erf", "relu"])
@pytest.mark.parametrize("k", range(3, 20, 2))
def test_thresholds_are_those_of_every_n(k, activation):
    """Each of the three holds from its threshold to k − 1, and for no smaller n."""
    least = thresholds(k, activation)
    for n in range(2, k):
        averaging, copying = (ca.stability(n, k, family, activation) for family in ("copy-average", "n-copy"))
        happened = (copying.index == 0, copying.loss < averaging.loss, averaging.index > 0)
        assert happened == tuple(n >= threshold for threshold in least)


@pytest.mark.unchecked
@pytest.mark.parametrize(
    ("k", "activation", "expected"),
    [(30, "relu", (6, 13, 25)), (400, "erf", (123, 306, 384)), (1000, "erf", (224, 765, 973))],
)
def test_thresholds_below_a_third_of_the_teacher(k, activation, expected):
    assert thresholds(k, activation) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("k", "minimum"), [(10**4, 841), (10**5, 2856), (10**6, 9649)])
def test_thresholds_at_many_neurons(k, minimum):
    """Copy-average is a saddle where its index in closed form is positive, and n-copy better from .766 k on."""
    m = np.arange(k, 1, -1)
    n, s = k + 1 - m, 1 / (2.0 * m)
    saddles = n[(1 - 2 * s**2) / (1 - s**2) ** 1.5 < (n - 1) / (n - 2 + 2 / np.sqrt(3))]
    found = thresholds(k)
    assert found[::2] == (minimum, saddles.min())
    assert found.better / k == pytest.approx((2 * np.sqrt(3) - 3) / (2 * np.sqrt(3) + np.pi - 6), abs=1 / k**0.8)


def test_below_the_end_of_its_branch_n_copy_is_neither(monkeypatch):
    """Cut off where it still is a minimum and better, it is both down to there."""
    whole = ca.stability

    def cut(n, k, family="copy-average", activation="erf"):
        if family == "n-copy" and n < 17:
            raise NoCriticalPointError("cut off")
        return whole(n, k, family, activation)

    monkeypatch.setattr(importlib.import_module("copyavg.points.stability"), "stability", cut)
    assert thresholds(20) == (17, 17, 18)


@pytest.mark.slow
def test_no_thresholds_where_a_point_is_missing_or_rounding_decides():
    with pytest.raises(NoCriticalPointError, match="no n-copy point was found at n = 2, k = 3 for gelu"):
        thresholds(3, "gelu")
    with pytest.raises(NoCriticalPointError, match="no copy-average point"):
        thresholds(4, "gelu")
    with pytest.raises(ValueError, match="k = 10000000 is too large for relu: at n = .* rounding leaves of them"):
        thresholds(10**7, "relu")


@pytest.mark.bad_input
@pytest.mark.parametrize("family", ["copy-average", "n-copy"])
def test_at_the_most_neurons_whose_curvatures_are_resolved(family):
    """At k = 10⁹ ReLU's branch of copy-average points was lost, and at k = 10¹² an index wrong."""
    k = 10**8
    for n, index in [(k // 2, (0, 0)), (k - 1, (1, 0))]:
        assert ca.stability(n, k, family, "relu").index == index[family == "n-copy"]
    for k in (10**8 + 1, 10**12):
        with pytest.raises(ValueError, match=f"k must be at most 10⁸ for relu, but was given {k}: .* double precision"):
            ca.stability(2, k, family, "relu")


def test_an_eigenvalue_that_rounding_hides_is_zero():
    """Of erf's copy-average point it is about 0.106/k³; at k = 10⁷ it was given as 3.4e-8."""
    for k in (10**3, 10**5, 10**6):
        assert ca.stability(2, k).smallest_eigenvalue == pytest.approx(0.10611 / k**3, rel=0.02)
    for k in (10**7, 10**12):
        assert ca.stability(2, k).smallest_eigenvalue == 0
        assert ca.stability(k - 1, k).smallest_eigenvalue == pytest.approx(-0.13773, abs=1e-5)
        assert ca.stability(k - 1, k, "n-copy").smallest_eigenvalue == pytest.approx(0.001358014, abs=1e-8)


def test_what_it_returns_is_compared_by_value():
    one, same, other = ca.stability(3, 5), ca.stability(3, 5), ca.stability(2, 5)
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != one.blocks
    assert len({one, same, other}) == len({one.blocks[0], same.blocks[0], other.blocks[0]}) == 2
    for record in (one, one.blocks[0], Thresholds(1, 2, 3), NoCriticalPointError("none")):
        again = pickle.loads(pickle.dumps(record))
        assert again == record or str(again) == str(record) == "none"


@pytest.mark.bad_input
def test_two_teacher_neurons_have_no_thresholds():
    with pytest.raises(ValueError, match="k must be a whole number of at least 3, but was given 2"):
        thresholds(2)
