import mpmath
import numpy as np
import pytest

import copyavg as ca
from copyavg.network import max_norm
from copyavg.points import configurations
from copyavg.points.configurations import copy_average_parameters, partitions
from copyavg.points.family import copy_average_family
from copyavg.points.newton import NoCriticalPointError


@pytest.mark.claim("copy-average-critical", "copy-average-loss")
@pytest.mark.parametrize("extra", [0, 2])
@pytest.mark.parametrize("k", range(1, 8))
def test_every_copy_average_point_is_critical_and_has_the_stated_loss(k, extra, residual):
    teacher = ca.orthonormal_teacher(k, k + extra)
    for n in range(1, k + 1):
        for partition in partitions(k, n):
            point = ca.copy_average(partition, k + extra)
            residual("copy-average-critical", "formula", max_norm(ca.gradient(point, teacher)))
            residual("copy-average-loss", "formula", abs(ca.loss(point, teacher) - ca.copy_average_loss(partition)))


@pytest.mark.parametrize("slip", [1 + 1e-6, 1 - 1e-6])
def test_a_slip_in_a_constant_is_seen(slip):
    """A millionth more or less in a weight breaks the claim of criticality by far more than its bound."""
    point, teacher = ca.copy_average((1, 2, 3)), ca.orthonormal_teacher(6)
    assert max_norm(ca.gradient(ca.Network(slip * point.incoming, point.outgoing), teacher)) > 1e-8
    assert max_norm(ca.gradient(ca.Network(point.incoming, slip * point.outgoing), teacher)) > 1e-8


def test_the_weights_of_an_average():
    point = ca.copy_average((1, 3), d=5)
    np.testing.assert_allclose(point.incoming, [[1, 0, 0, 0, 0], [0, *[1 / np.sqrt(15)] * 3, 0]], rtol=1e-15)
    np.testing.assert_array_equal(point.outgoing, [1, 3])


def test_the_known_losses_of_one_neuron():
    known = [0, 0.0232217, 0.0405932, 0.0567545, 0.0724526, 0.0879233, 0.1032651]
    np.testing.assert_allclose([ca.copy_average_loss((m,)) for m in range(1, 8)], known, atol=5e-8)
    with mpmath.workdps(30):
        exact = mpmath.mpf(7) / 3 - 2 * mpmath.mpf(49) / mpmath.pi * mpmath.asin(mpmath.mpf(1) / 14)
    assert ca.copy_average_loss((7,)) == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.claim("best-partition")
@pytest.mark.parametrize("k", range(4, 13))  # below four there is no choice
def test_the_best_partition_copies_with_all_neurons_but_one(k, residual):
    for n in range(2, k - 1):
        best, second, *_ = sorted(partitions(k, n), key=ca.copy_average_loss)
        assert best == (1,) * (n - 1) + (k - n + 1,)
        residual("best-partition", "all partitions", ca.copy_average_loss(second) - ca.copy_average_loss(best))


def test_partitions_are_all_there_once():
    # The number of partitions of 12 into n parts, n = 1 … 12.
    assert [len(set(partitions(12, n))) for n in range(1, 13)] == [1, 6, 12, 15, 13, 11, 7, 5, 3, 2, 1, 1]
    assert all(sum(p) == 12 and list(p) == sorted(p) for n in range(1, 13) for p in partitions(12, n))
    assert list(partitions(2, 3)) == []
    assert next(partitions(3000, 2000)) == (1,) * 1999 + (1001,)


@pytest.mark.bad_input
@pytest.mark.parametrize("function", [ca.copy_average, ca.copy_average_loss])
@pytest.mark.parametrize(
    ("partition", "error", "message"),
    [
        ((), ValueError, "at least one group"),
        ((2, 0), ValueError, "partition must be a whole number of at least 1, but was given 0"),
        ((2, 1.5), TypeError, "partition must be a sequence of positive whole numbers.*given 1.5"),
        (3, TypeError, "partition must be a sequence of positive whole numbers"),
        ((10**400,), ValueError, "at most 2⁵³"),
    ],
)
def test_bad_partitions(function, partition, error, message):
    with pytest.raises(error, match=message):
        function(partition)


@pytest.mark.bad_input
def test_a_point_needs_room():
    with pytest.raises(ValueError, match="d must be at least k = 5, the sum of the partition, but was given 4"):
        ca.copy_average((2, 3), d=4)
    with pytest.raises(TypeError, match="d must be a whole number of at least 1, but was given 5.5"):
        ca.copy_average((2, 3), d=5.5)


@pytest.mark.bad_input
@pytest.mark.parametrize(("k", "n", "name"), [(0, 1, "k"), (3, 0, "n"), (3.0, 1, "k")])
def test_partitions_need_whole_numbers(k, n, name):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be a whole number of at least 1"):
        partitions(k, n)


def test_groups_may_be_as_large_as_floats_count():
    assert ca.copy_average_loss((2**53,)) >= 0
    with pytest.raises(ValueError, match="at most 2⁵³"):
        ca.copy_average_loss((2**53 + 1,))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("network", "size", "instead"),
    [
        (lambda: ca.copy_average((10**9,)), "1 × 1000000000", "copy_average_loss needs none"),
        (lambda: ca.copy_average((1, 1), 10**8), "2 × 100000000", "copy_average_loss needs none"),
        (lambda: ca.copy_average((1,) * 10**7), "10000000 × 10000000", "copy_average_loss needs none"),
        (lambda: ca.optimal_copy_average(10**9, 10**9), "1000000000 × 1000000000", "copy_average_loss needs none"),
        (lambda: ca.optimal_copy_average(2, 3, 10**8), "2 × 100000000", "copy_average_loss needs none"),
        (lambda: ca.n_copy(10**5, 10**6), "100000 × 1000000", "stability needs none"),
        (lambda: ca.n_copy(2, 3, d=10**8), "2 × 100000000", "stability needs none"),
    ],
)
def test_a_network_that_is_too_large_is_not_written_out(network, size, instead, monkeypatch):
    """Before any work: no branch is followed, and of a long partition only the length is looked at."""
    monkeypatch.setattr(configurations, "n_copy_parameters", None)
    if size == "10000000 × 10000000":
        monkeypatch.setattr(configurations, "_require_partition", None)
    with pytest.raises(ValueError, match=f"{size} incoming weights are too many .* more than 10⁸; {instead}"):
        network()


def test_the_largest_network_that_is_written_out(monkeypatch):
    monkeypatch.setattr("copyavg.network.MOST_WEIGHTS", 6)
    assert ca.copy_average((1, 2)).incoming.size == ca.n_copy(2, 3).incoming.size == 6
    assert ca.orthonormal_teacher(2, 3).incoming.size == 6
    for too_large in (ca.copy_average, ca.orthonormal_teacher):
        with pytest.raises(ValueError, match="3 × 3 incoming weights are too many .* more than 6"):
            too_large((1, 1, 1) if too_large is ca.copy_average else 3)


def test_n_copy_at_the_ends():
    """With as many neurons as the teacher it is the teacher; a single neuron singles nobody out."""
    for n, d in [(1, 1), (2, 2), (3, 4)]:
        np.testing.assert_array_equal(ca.n_copy(n, n, d=d).incoming, np.eye(n, d))
        np.testing.assert_array_equal(ca.n_copy(n, n).outgoing, np.ones(n))
    for k in (2, 9):
        with pytest.raises(NoCriticalPointError, match=f"no n-copy point at n = 1, k = {k}: a single student neuron"):
            ca.n_copy(1, k)


def test_copy_average_parameters_are_the_weights_of_the_network():
    for n, k in [(1, 3), (2, 3), (4, 6), (5, 5)]:
        student = copy_average_family(n, k).student(copy_average_parameters(n, k))
        np.testing.assert_allclose(student.incoming, ca.optimal_copy_average(n, k).incoming, rtol=1e-15, atol=0)
        np.testing.assert_array_equal(student.outgoing, ca.optimal_copy_average(n, k).outgoing)


@pytest.mark.parametrize(
    ("n", "k", "activation", "message"),
    [
        (2, 5, "gelu", "to start from: for an average of 4, the loss falls"),
        (2, 3, "silu", "no copy-average point was found at n = 2, k = 3 for silu"),
    ],
)
def test_where_no_copy_average_point_is_found(n, k, activation, message):
    with pytest.raises(NoCriticalPointError, match=message):
        copy_average_parameters(n, k, activation)
