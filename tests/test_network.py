import dataclasses
import pickle

import numpy as np
import pytest
import torch

import copyavg as ca
from copyavg.network import balanced


def test_shapes():
    network = ca.Network(np.ones((7, 4, 3, 2)), np.ones((7, 4, 3)))
    assert (network.n, network.d, network.batch_shape) == (3, 2, (7, 4))
    assert repr(network) == "Network(n=3, d=2, batch_shape=(7, 4))"
    assert repr(ca.orthonormal_teacher(3)) == "Network(n=3, d=3)"


def test_the_form_across_the_gauge(rng):
    incoming, outgoing = rng.normal(size=(4, 3)), np.array([2.0, -1e-8, 0.0, 3.0])
    incoming[3] = 0
    w, a = balanced(incoming, outgoing)
    np.testing.assert_allclose(a[:, None] * w, outgoing[:, None] * incoming, rtol=1e-15)  # for ReLU that is all
    np.testing.assert_allclose(np.linalg.norm(w[:2], axis=1), np.abs(a[:2]), rtol=1e-15)
    np.testing.assert_array_equal(np.sign(a), np.sign(outgoing))
    np.testing.assert_array_equal(w[2:], incoming[2:])


def test_a_network_equals_itself_alone_and_pickles():
    network = ca.orthonormal_teacher(2)
    again = pickle.loads(pickle.dumps(network))
    assert network == network  # noqa: PLR0124
    assert network != again
    assert len({network, again}) == 2
    np.testing.assert_array_equal(again.to_vector(), network.to_vector())


def test_a_network_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ca.orthonormal_teacher(2).incoming = np.zeros((2, 2))


def test_whole_numbers_become_float64_and_other_dtypes_stay():
    assert ca.Network([[1, 0]], [1]).incoming.dtype == np.float64
    assert ca.Network(np.ones((1, 2), np.float32), np.ones(1, np.float32)).outgoing.dtype == np.float32
    assert ca.Network(torch.ones(1, 2), torch.ones(1)).incoming.dtype == torch.float32


@pytest.mark.parametrize("d", [None, 3, 5])
def test_the_teacher_is_unit_orthonormal(d):
    teacher = ca.orthonormal_teacher(3, d)
    assert teacher.d == (d or 3)
    np.testing.assert_array_equal(teacher.incoming @ teacher.incoming.T, np.eye(3))
    np.testing.assert_array_equal(teacher.outgoing, np.ones(3))


def test_glorot_students_have_the_stated_variances(rng):
    n, d, batch = 4, 9, 20_000
    student = ca.random_student(n, d, rng, batch=(2, batch // 2))
    assert student.batch_shape == (2, batch // 2)
    for weights, variance in ((student.incoming, 2 / (n + d)), (student.outgoing, 2 / (n + 1))):
        # A sample variance of N normals has relative standard error √(2/N).
        assert abs(weights.var() / variance - 1) < 5 * np.sqrt(2 / weights.size)
        assert abs(weights.mean()) < 5 * np.sqrt(variance / weights.size)


def test_the_same_generator_state_gives_the_same_student():
    first, second = (ca.random_student(2, 3, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.incoming, second.incoming)
    np.testing.assert_array_equal(first.outgoing, second.outgoing)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
@pytest.mark.parametrize("library", [np, torch])
def test_all_weights_in_a_row_and_back(batch, library, rng):
    drawn = ca.random_student(3, 2, rng, batch=batch)
    student = ca.Network(*map(library.asarray, (drawn.incoming, drawn.outgoing)))
    row = student.to_vector()
    assert row.shape == (*batch, 9)
    second = np.concatenate([drawn.incoming[..., 1, :], drawn.outgoing[..., 1:2]], axis=-1)
    np.testing.assert_array_equal(np.asarray(row)[..., [2, 3, 7]], second)
    again = ca.Network.from_vector(row, 3)
    assert again.incoming.tolist() == drawn.incoming.tolist()
    assert again.outgoing.tolist() == drawn.outgoing.tolist()


@pytest.mark.bad_input
@pytest.mark.parametrize(("size", "n"), [(7, 3), (3, 3), (0, 1)])
def test_a_row_that_does_not_fit(size, n):
    with pytest.raises(ValueError, match=rf"n\(d \+ 1\) weights, but were given {size} for n = {n}"):
        ca.Network.from_vector(np.ones(size), n)


@pytest.mark.bad_input
class TestBadInput:
    @pytest.mark.parametrize(
        ("incoming", "outgoing", "message"),
        [
            (np.ones(3), np.ones(()), r"must have shape .* were given \(3,\) and \(\)"),
            (np.ones((2, 3)), np.ones(3), r"were given \(2, 3\) and \(3,\)"),
            (np.ones((5, 2, 3)), np.ones(2), r"were given \(5, 2, 3\) and \(2,\)"),
            (np.ones((0, 3)), np.ones(0), r"n and d must be at least 1, but incoming has shape \(0, 3\)"),
            (np.ones((2, 0)), np.ones(2), r"n and d must be at least 1"),
            ([[1, np.nan]], [1], "must be finite .*, but incoming"),
            ([[1, 1e62]], [1], "at most 4e\\+61, but incoming holds .* a larger number"),
            ([[1, 2]], [np.inf], "must be finite .*, but outgoing"),
        ],
    )
    def test_weights(self, incoming, outgoing, message):
        with pytest.raises(ValueError, match=message):
            ca.Network(incoming, outgoing)

    def test_mixed_libraries_and_dtypes(self):
        with pytest.raises(TypeError, match="one library"):
            ca.Network(np.ones((1, 2)), torch.ones(1))
        with pytest.raises(TypeError, match="share a dtype, but were given torch.float32 and torch.float64"):
            ca.Network(torch.ones(1, 2), torch.ones(1, dtype=torch.float64))

    def test_a_teacher_needs_room(self):
        with pytest.raises(ValueError, match="d = 2 and k = 3"):
            ca.orthonormal_teacher(3, 2)
        with pytest.raises(ValueError, match="k must be a whole number of at least 1, but was given 0"):
            ca.orthonormal_teacher(0)

    def test_more_weights_than_are_written_out(self):
        with pytest.raises(ValueError, match="100000 × 100000 incoming weights are too many .* more than 10⁸$"):
            ca.orthonormal_teacher(10**5)
        with pytest.raises(ValueError, match="1000000 × 1000000 incoming weights are too many"):
            ca.random_student(10**6, 10**6, np.random.default_rng(0))
        with pytest.raises(ValueError, match="1000 × 1000 × 101 × 1 incoming weights are too many"):
            ca.random_student(101, 1, np.random.default_rng(0), batch=(1000, 1000))

    @pytest.mark.parametrize(
        ("arguments", "options", "error", "message"),
        [
            ((0, 3, np.random.default_rng(0)), {}, ValueError, "n must be"),
            ((3, 1.5, np.random.default_rng(0)), {}, TypeError, "d must be"),
            ((3, 3, 0), {}, TypeError, "rng must be a numpy.random.Generator.*not int"),
            ((3, 3, np.random.default_rng(0)), {"batch": -1}, ValueError, "batch must be"),
            ((3, 3, np.random.default_rng(0)), {"batch": None}, TypeError, "batch must be a whole number or a tuple"),
            ((3, 3, np.random.default_rng(0)), {"init": "he"}, ValueError, "init must be 'glorot', but was given 'he'"),
        ],
    )
    def test_random_students(self, arguments, options, error, message):
        with pytest.raises(error, match=message):
            ca.random_student(*arguments, **options)
