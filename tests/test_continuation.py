"""The branch of n-copy points: where it starts, what it passes, and where it ends."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.activations.base import Activation
from copyavg.activations.named import NAMED, get_activation
from copyavg.activations.relu import leaky_relu
from copyavg.points import continuation as branch
from copyavg.points import newton
from copyavg.points.configurations import n_copy_parameters
from copyavg.points.continuation import (
    SILENT,
    Branch,
    CopyAverageBranch,
    NCopyBranch,
    PairBranch,
    copies,
    copies_and_average,
    copies_and_averages,
    copy_average_branch,
    descent_from,
    little_displaced,
    n_copy_branch,
    tells_apart,
)
from copyavg.points.family import Family, n_copy_family
from copyavg.points.isotypic import across_gauge, hessian_along
from copyavg.points.newton import NoCriticalPointError

pytestmark = pytest.mark.unchecked  # thousands of Newton steps, whose shapes other tests check

ERF = get_activation("erf")
RELU = get_activation("relu")


def test_it_starts_from_copies_that_share_out_the_rest():
    """Together their incoming weights point at all teacher neurons alike."""
    for n, k in [(2, 3), (4, 6)]:
        family = n_copy_family(n, k)
        student = family.student(copies(family))
        np.testing.assert_array_equal(student.incoming[:, :n], np.eye(n))
        np.testing.assert_allclose(student.incoming.sum(axis=0), 1, rtol=1e-15)
        np.testing.assert_array_equal(student.outgoing, 1)


def test_descent_ends_lower_and_where_the_loss_is_flat():
    family = n_copy_family(3, 4, "gelu")
    x = descent_from(family, copies(family))
    assert family.loss(x) < family.loss(copies(family))
    assert np.abs(family.gradient(x)).max() < 1e-4


def test_only_where_newton_goes_astray_it_starts_by_descent(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("descent was not needed")

    monkeypatch.setattr("scipy.optimize.minimize", refuse)
    for k in (3, 10, 100):
        assert NCopyBranch(k, ERF).points[0][0] == k - 1
    with pytest.raises(AssertionError):
        NCopyBranch(4, get_activation("gelu"))


@pytest.mark.parametrize(("n", "k", "activation"), [(17, 19, "silu"), (3, 4, "gelu"), (8 * 10**6, 10**7, "erf")])
def test_n_copy_points_that_are_hard_to_reach(n, k, activation):
    """β passes through zero, the point lies far from copies, or β is as good as nothing."""
    family, x = n_copy_family(n, k, activation), n_copy_parameters(n, k, activation)
    assert np.abs(family.gradient(x) / family.counts).max() <= 1e-9
    assert x[0] > 0.5
    assert x[3] > 0.5


def test_a_softplus_point_is_no_collapsed_one():
    alpha, beta, _, a = n_copy_parameters(9, 10, "softplus")
    assert (alpha, beta, a) == pytest.approx((0.92622, -0.00521, 1.13047), abs=5e-6)


def test_a_point_does_not_depend_on_what_was_asked_for_before():
    alone = NCopyBranch(14, get_activation("relu")).follow(10)
    several = NCopyBranch(14, get_activation("relu"))
    for n in (13, 12, 11):
        several.follow(n)
    np.testing.assert_allclose(several.follow(10), alone, rtol=1e-10)
    np.testing.assert_array_equal(several.follow(10), several.follow(10))
    assert [p for p, _ in several.points] == sorted((p for p, _ in several.points), reverse=True)


@pytest.fixture
def tries(monkeypatch) -> list[float]:
    """Where Newton's method was tried on the way."""
    tried = []

    def critical_point_counted(family, start):
        tried.append(family.n)
        return newton.critical_point(family, start)

    monkeypatch.setattr(branch, "critical_point", critical_point_counted)
    return tried


def test_it_takes_few_steps(tries):
    """With a guess along the secant and steps that grow; without the secant it takes five times as many."""
    NCopyBranch(30, ERF).follow(3)
    assert len(tries) <= 115


def test_where_it_ends(tries):
    """The end is found once, and then known."""
    ends = NCopyBranch(30, ERF)
    for n in (2, 1):
        tries.clear()
        says = f"no n-copy point at n = {n}, k = 30 for erf: .* in real n from n = 29, ends near n = 2.09"
        with pytest.raises(NoCriticalPointError, match=says):
            ends.follow(n)
    assert not tries
    np.testing.assert_allclose(ends.follow(3), NCopyBranch(30, ERF).follow(3), rtol=1e-8)


def test_neurons_that_are_silent_or_alike_do_not_tell_apart():
    assert tells_apart(np.array([1.0, 0.0, 0.2, 1.0]))
    assert tells_apart(np.array([10.0, 8.99, 0.2, 0.0011]))
    for x in ([1.0, 0.905, 0, 1], [10.0, 9.0, 0, 1], [-1.0, 0, 0, 1], [1.0, 0, 0, SILENT], [1.0, 0, 0, -1]):
        assert not tells_apart(np.array(x))


def test_branches_of_named_activations_are_kept():
    """A reader's own activation may change, even one with the name of another."""
    assert n_copy_branch(6, ERF) is n_copy_branch(6, ERF)
    own = ca.Activation("erf", NAMED["erf"].function, closed_form=NAMED["erf"].closed_form)
    assert n_copy_branch(6, own) is not n_copy_branch(6, own)
    np.testing.assert_array_equal(n_copy_branch(6, own).follow(5), n_copy_branch(6, ERF).follow(5))


def test_another_activation_of_the_same_name_has_a_branch_of_its_own(monkeypatch):
    """As when a chapter runs with a slip in ReLU: the kept branch neither serves it nor learns from it."""
    kept = n_copy_branch(6, RELU)
    another = Activation("relu", ERF.function, ERF.derivatives, ERF.closed_form)
    monkeypatch.setitem(NAMED, "relu", another)
    assert n_copy_branch(6, another) is n_copy_branch(6, another) is not kept
    np.testing.assert_array_equal(n_copy_branch(6, another).follow(5), n_copy_branch(6, ERF).follow(5))


def test_an_activation_without_such_points():
    """With a linear activation all students that compute one sum are alike."""
    linear = ca.Activation("linear", lambda x: x, (np.ones_like, np.zeros_like))
    with pytest.raises(NoCriticalPointError, match="no n-copy point was found at n = 3, k = 4 for linear"):
        NCopyBranch(4, linear)


def test_the_family_at_real_sizes():
    family = n_copy_branch(6, ERF).family(4.5)
    assert (family.copied, family.rest, family.average) == ((4.5,), (1.5,), False)
    assert isinstance(family, Family)


def relu_point(n, k):
    branch, number = copy_average_branch(n, k, RELU)
    return branch.family(number), branch.follow(number)


def test_displaced_copy_average_points_for_every_n_and_k():
    """From n = k − 1 down to two neurons; a gradient within rounding, and the weights of the configuration."""
    for k in [*range(3, 9), 12, 30]:
        for n in range(2, k):
            family, x = relu_point(n, k)
            assert (family.n, family.k) == (n, k)
            assert np.abs(family.gradient(x) / family.counts).max() <= 1e-13
            assert copies_and_averages(x)


def test_for_many_neurons():
    for n, k in [(2, 10**4), (30, 10**4), (5000, 10**4), (9999, 10**4)]:
        family, x = relu_point(n, k)
        assert np.abs(family.gradient(x) / family.counts).max() <= 1e-15 * k * np.abs(x).max()  # of the terms' sum
        assert copies_and_averages(x)
    assert len(copy_average_branch(30, 10**4, RELU)[0].points) <= 90  # few steps, as they grow with what is left over


def test_two_ways_to_one_point():
    """A point at (p, q) is the same whether p or q was changed to come there: nothing on the way folds."""

    class SameCopies(PairBranch):
        def __init__(self, p):
            self.p = p
            Branch.__init__(self, p + 2, 1, RELU)

        def family(self, number):
            return Family((self.p,), (number - self.p,), average=True, activation=RELU)

    for n, k in [(3, 8), (3, 20), (7, 30)]:
        np.testing.assert_allclose(SameCopies(n - 1).follow(k), relu_point(n, k)[1], rtol=1e-11, atol=1e-13)


def test_the_loss_is_convex_along_the_family_on_the_whole_branch():
    """No eigenvalue across the gauge comes near zero, so nothing ends and nothing forks within the symmetry."""
    for points, last in [(CopyAverageBranch(30, RELU), 3), (PairBranch(RELU), 30), (NCopyBranch(30, RELU), 3)]:
        points.follow(last)
        assert len(points.points) >= 7
        lowest = []
        for number, x in points.points:
            family = points.family(number)
            lowest.append(np.linalg.eigvalsh(hessian_along(family, x, across_gauge(family, x, np.eye(len(x)))))[0])
        assert min(lowest) > 0.1


def test_newton_from_copies_goes_astray():
    """Why there is a branch: at these n and k it ends at other critical points, or nowhere, and says so."""
    for n, k in [(4, 8), (7, 10), (9, 20), (3, 12), (4, 12), (5, 12)]:
        family = Family((n - 1,), (k - n + 1,), average=True, activation=RELU)
        assert little_displaced(family, copies_and_average(family)) is None


def test_points_near_the_start_are_those_of_the_branch():
    near = 0
    for n, k in [(2, 3), (3, 4), (7, 8), (18, 20), (28, 30)]:
        family, x = relu_point(n, k)
        found = little_displaced(family, copies_and_average(family))
        if found is not None:
            near += 1
            np.testing.assert_allclose(found, x, rtol=1e-10, atol=1e-13)
    assert near >= 2


def test_what_copies_and_averages():
    point = np.array([1.0, 0, 0.1, 1, -0.1, 0.4, 2])
    assert copies_and_averages(point)
    assert copies_and_averages(np.delete(point, 1))
    changes = [(1, 0.95), (2, 0.95), (4, 0.38), (0, -1.0), (5, -0.01), (3, 1e-4), (6, -2.0)]
    for i, value in changes:
        assert not copies_and_averages(np.where(np.arange(7) == i, value, point))
    border = np.array([10, 9, 9, SILENT, 9, 10, SILENT])  # a tenth apart, and as loud as silence
    inside = border + [0, -0.01, -0.01, 1e-4, -0.01, 0, 1e-4]
    assert copies_and_averages(inside)
    for i in (1, 2, 3, 4, 6):
        assert not copies_and_averages(np.where(np.arange(7) == i, border, inside))


def test_leaky_relus_start_where_relu_does_when_copies_lead_astray():
    for slope in (0.5, 0.8, 0.999):
        for kind in (NCopyBranch, CopyAverageBranch):
            leaky, relu = kind(5, leaky_relu(slope)), kind(5, RELU)
            np.testing.assert_allclose(leaky.points[0][1], relu.points[0][1], atol=0.05)
        assert PairBranch(leaky_relu(slope)).points[0][1][:3] == pytest.approx((1.136, 0.07, 1.141), abs=3e-3)
