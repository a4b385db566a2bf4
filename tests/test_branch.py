"""The branch of n-copy points: where it starts, what it passes, and where it ends."""

import numpy as np
import pytest

import copyavg as ca
from copyavg import branch, newton
from copyavg.activations import NAMED, get_activation
from copyavg.branch import SILENT, NCopyBranch, copies, descent_from_copies, n_copy_branch, tells_apart
from copyavg.configurations import n_copy_parameters
from copyavg.newton import NoCriticalPointError
from copyavg.symmetry import Family, n_copy_family

pytestmark = pytest.mark.unchecked  # thousands of Newton steps, whose shapes other tests check

ERF = get_activation("erf")


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
    x = descent_from_copies(family)
    assert family.loss(x) < family.loss(copies(family))
    assert np.abs(family.gradient(x)).max() < 1e-4


def test_only_where_newton_goes_astray_it_starts_by_descent(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("descent was not needed")

    monkeypatch.setattr(branch, "minimize", refuse)
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


def test_an_activation_without_such_points():
    """With a linear activation all students that compute one sum are alike."""
    linear = ca.Activation("linear", lambda x: x, (np.ones_like, np.zeros_like))
    with pytest.raises(NoCriticalPointError, match="no n-copy point was found at n = 3, k = 4 for linear"):
        NCopyBranch(4, linear)


def test_the_family_at_real_sizes():
    family = n_copy_branch(6, ERF)._family(4.5)
    assert (family.copied, family.rest, family.average) == ((4.5,), (1.5,), False)
    assert isinstance(family, Family)
