"""The reduction by symmetry against the full network: loss, gradient, Hessian."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.activations.named import NAMED
from copyavg.points.family import Family, copy_average_family, n_copy_family, require_smaller


def point(family: Family, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=len(family.orbits)) / 2 + 0.3


def embedding(family: Family, d: int) -> np.ndarray:
    """∂(weights of the network)/∂x, column by column: the network is linear in x."""
    return np.stack([family.student(unit, d).to_vector() for unit in np.eye(len(family.orbits))], axis=1)


@pytest.mark.parametrize("activation", NAMED)
@pytest.mark.parametrize(
    "family",
    [
        Family((1,), (2,), average=True),
        Family((3,), (2,), average=True),
        Family((2, 1, 3), (1, 2), average=True, beyond=True),
        Family((2, 2), (), average=False),
        Family((), (3, 1), average=True),
        Family((1, 4), (3,), average=False, beyond=True),
    ],
)
def test_loss_gradient_and_hessian_are_those_of_the_network(family, activation, rng):
    family = Family(family.copied, family.rest, family.average, activation, family.beyond)
    d = family.k + 2 * family.beyond
    x, teacher, embed = point(family, rng), ca.orthonormal_teacher(family.k, d), embedding(family, d)
    student = family.student(x, d)
    assert (student.n, student.d) == (family.n, d)
    np.testing.assert_array_equal(embed.T @ embed, np.diag(family.counts))
    scale = 1 + np.abs(student.outgoing).sum() ** 2
    assert abs(family.loss(x) - ca.loss(student, teacher, activation)) <= 1e-11 * scale
    slope = ca.gradient(student, teacher, activation).to_vector()
    np.testing.assert_allclose(family.gradient(x), embed.T @ slope, rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(embed @ (family.gradient(x) / family.counts), slope, rtol=0, atol=1e-10 * scale)
    curvature = ca.hessian(student, teacher, activation)
    np.testing.assert_allclose(family.hessian(x), embed.T @ curvature @ embed, rtol=0, atol=1e-10 * scale)


def test_a_copy_average_point_is_critical_at_any_size():
    for n, k in [(2, 3), (500, 1000), (3, 10**6), (999_999, 10**6)]:
        m = k - n + 1
        family = copy_average_family(n, k)
        x = np.array([1, *[0] * (n > 2), 0, 1, 0, 1 / np.sqrt(m * (2 * m - 1)), m])
        assert np.abs(family.gradient(x) / family.counts).max() <= 1e-13 * m
        assert family.loss(x) == pytest.approx(ca.copy_average_loss((m,)), abs=1e-13 * k)
    assert x.size == 7


@pytest.mark.bad_input
def test_bad_input():
    with pytest.raises(ValueError, match="n must be at most k, but was given n = 4 and k = 3"):
        copy_average_family(4, 3)
    with pytest.raises(TypeError, match="every size in copied must be a whole number"):
        Family((1.5,), (), average=False)
    with pytest.raises(ValueError, match="needs a student neuron"):
        Family((), (3,), average=False)
    with pytest.raises(ValueError, match="needs a teacher neuron"):
        Family((), (), average=True)
    family = n_copy_family(3, 5)
    with pytest.raises(ValueError, match=r"has 4 parameters \(own 0 of neuron 0, .*\), not shape \(3,\)"):
        family.loss([1, 2, 3])
    with pytest.raises(TypeError, match="copied must be a tuple of cell sizes, but was given 3"):
        Family(3, (1,), average=True)
    with pytest.raises(TypeError, match="average must be True or False, but was given 2"):
        Family((3,), (1,), average=2)
    with pytest.raises(ValueError, match="finite"):
        family.loss([1, 2, np.nan, 3])
    with pytest.raises(
        ValueError, match="100000 × 1000000 incoming weights are too many .*; the parameters alone describe the network"
    ):
        n_copy_family(10**5, 10**6).student(np.ones(4))


def test_counts_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        n_copy_family(3, 5).counts[:] = 9


@pytest.mark.bad_input
def test_sizes_that_no_network_has():
    for family in (Family((2.5,), (2,), average=False), Family((2,), (1.5,), average=False)):
        with pytest.raises(ValueError, match=rf"a network needs whole numbers.*n = {family.n} and k = {family.k}"):
            family.student(np.ones(4))


@pytest.mark.bad_input
def test_dimensions_beyond_the_teacher_are_counted():
    family = Family((2,), (1,), average=False, beyond=True)
    x = np.ones(len(family.orbits))
    assert (family.student(x).d, family.student(x, 4).d, family.student(x, 6).d) == (4, 4, 6)
    with pytest.raises(ValueError, match="d must be a whole number of at least 4, but was given 3"):
        family.student(x, 3)


@pytest.mark.bad_input
def test_whole_numbers_that_can_be_counted_in_floats():
    assert require_smaller(1, 2**50) == (1, 2**50)
    for k in (2**50 + 1, 2**51, 3**40):
        with pytest.raises(ValueError, match=f"k must be at most 2⁵⁰.*was given {k}"):
            require_smaller(1, k)
    with pytest.raises(ValueError, match="n must be a whole number"):
        require_smaller(0, 3)
    with pytest.raises(ValueError, match="k must be a whole number"):
        require_smaller(1, 0)
