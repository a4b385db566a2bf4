"""The reduction by symmetry against the full network: loss, gradient, Hessian, and the spectrum by blocks."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.activations import NAMED
from copyavg.symmetry import Family, copy_average_family, hessian_blocks, n_copy_family, spectrum

EVERY_SIZE = [(n, k) for k in range(2, 13) for n in range(1, k)]
FAMILIES = {"copy-average": copy_average_family, "n-copy": n_copy_family}
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def point(family: Family, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=len(family.orbits)) / 2 + 0.3


def flat(network: ca.Network) -> np.ndarray:
    return np.concatenate([network.incoming.ravel(), network.outgoing])


def embedding(family: Family, d: int) -> np.ndarray:
    """∂(weights of the network)/∂x, column by column: the network is linear in x."""
    return np.stack([flat(family.student(unit, d)) for unit in np.eye(len(family.orbits))], axis=1)


def balanced(family: Family, x: np.ndarray) -> np.ndarray:
    """The same function for ReLU, with a = ‖w‖."""
    student, x = family.student(x), x.copy()
    first = [int(np.sum(family.members[:neuron])) for neuron in range(len(family.members))]
    for i, orbit in enumerate(family.orbits):
        length, a = np.linalg.norm(student.incoming[first[orbit.neuron]]), student.outgoing[first[orbit.neuron]]
        x[i] *= np.sqrt(length / abs(a)) if orbit.kind == "outgoing" else np.sqrt(abs(a) / length)
    return x


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
    slope = flat(ca.gradient(student, teacher, activation))
    np.testing.assert_allclose(family.gradient(x), embed.T @ slope, rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(embed @ (family.gradient(x) / family.counts), slope, rtol=0, atol=1e-10 * scale)
    curvature = ca.hessian(student, teacher, activation)
    np.testing.assert_allclose(family.hessian(x), embed.T @ curvature @ embed, rtol=0, atol=1e-10 * scale)


def distance_of_spectra(family: Family, x: np.ndarray, extra: int) -> float:
    """Between the blocks and the full Hessian, relative to the largest eigenvalue."""
    d = family.k + extra
    blocks = hessian_blocks(family, x, d)
    curvature = ca.hessian(family.student(x, d), ca.orthonormal_teacher(family.k, d), family.activation)
    exact = np.linalg.eigvalsh(curvature)
    assert sum(len(block.matrix) * block.multiplicity for block in blocks) == len(exact)
    return np.abs(spectrum(blocks) - exact).max() / np.abs(exact).max()


@pytest.mark.claim("spectrum-by-blocks")
@every_family
@pytest.mark.parametrize("extra", [0, 1, 3])
def test_the_blocks_have_the_spectrum_of_the_full_hessian_at_every_size(family, extra, rng, residual):
    """All 1 ≤ n < k ≤ 12 at a random point; with three dimensions more, up to k = 8."""
    for n, k in EVERY_SIZE:
        if extra < 2 or k <= 8:
            x = point(family(n, k), rng)
            residual("spectrum-by-blocks", "full Hessian", distance_of_spectra(family(n, k), x, extra))


@every_family
@pytest.mark.parametrize(("n", "k"), [(39, 40), (2, 40), (17, 31), (25, 37)])
@pytest.mark.slow
def test_the_blocks_have_the_spectrum_at_larger_sizes(family, n, k, rng):
    assert distance_of_spectra(family(n, k), point(family(n, k), rng) / np.sqrt(k), 1) <= 1e-10


@every_family
@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_the_blocks_of_other_activations(family, activation, rng):
    for n, k in [(2, 4), (4, 6), (5, 6)]:
        assert distance_of_spectra(family(n, k, activation), point(family(n, k), rng) / 3, 1) <= 1e-10


@every_family
def test_relu_blocks_leave_the_gauge_out(family, rng):
    """What is left is the spectrum with n zeros, of the directions (w, −a), removed."""
    for n, k in [(1, 3), (2, 4), (3, 5), (4, 5), (5, 9)]:
        f = family(n, k, "relu")
        x = balanced(f, np.abs(point(f, rng)) + 0.1)
        student = f.student(x, k + 1)
        curvature = ca.hessian(student, ca.orthonormal_teacher(k, k + 1), "relu")
        gauge = np.stack(
            [
                np.append((np.eye(n)[i][:, None] * student.incoming).ravel(), -np.eye(n)[i] * student.outgoing)
                for i in range(n)
            ]
        )
        basis = np.linalg.svd(gauge)[2][n:].T
        exact = np.linalg.eigvalsh(basis.T @ curvature @ basis)
        blocks = hessian_blocks(f, x, k + 1)
        np.testing.assert_allclose(spectrum(blocks), exact, rtol=0, atol=1e-10 * np.abs(exact).max())


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
    with pytest.raises(ValueError, match="d must be at least k = 5, but was given 4"):
        hessian_blocks(family, np.ones(4), d=4)
    with pytest.raises(ValueError, match="one cell of each kind"):
        hessian_blocks(Family((1, 2), (3,), average=False), np.ones(10))
    with pytest.raises(TypeError, match="copied must be a tuple of cell sizes, but was given 3"):
        Family(3, (1,), average=True)
    with pytest.raises(TypeError, match="average must be True or False, but was given 2"):
        Family((3,), (1,), average=2)
    with pytest.raises(ValueError, match="multiplicities need whole sizes"):
        hessian_blocks(Family((2.5,), (1.5,), average=False), np.ones(4))
    with pytest.raises(ValueError, match="finite"):
        family.loss([1, 2, np.nan, 3])
    with pytest.raises(ValueError, match="too large"):
        n_copy_family(10**5, 10**6).student(np.ones(4))


def test_counts_cannot_be_changed_and_no_blocks_have_no_spectrum():
    with pytest.raises(ValueError, match="read-only"):
        n_copy_family(3, 5).counts[:] = 9
    assert spectrum([]).size == 0
