"""The Hessian by blocks against the full Hessian: its spectrum, at every size, with the gauge and without."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.points.family import Family, copy_average_family, n_copy_family
from copyavg.points.isotypic import hessian_blocks, spectrum

EVERY_SIZE = [(n, k) for k in range(2, 13) for n in range(1, k)]
FAMILIES = {"copy-average": copy_average_family, "n-copy": n_copy_family}
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def point(family: Family, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=len(family.orbits)) / 2 + 0.3


def balanced(family: Family, x: np.ndarray) -> np.ndarray:
    """The same function for ReLU, with a = ‖w‖."""
    student, x = family.student(x), x.copy()
    first = [int(np.sum(family.members[:neuron])) for neuron in range(len(family.members))]
    for i, orbit in enumerate(family.orbits):
        length, a = np.linalg.norm(student.incoming[first[orbit.neuron]]), student.outgoing[first[orbit.neuron]]
        x[i] *= np.sqrt(length / abs(a)) if orbit.kind == "outgoing" else np.sqrt(abs(a) / length)
    return x


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


def test_no_blocks_have_no_spectrum():
    assert spectrum([]).size == 0


def test_every_block_has_its_name_and_its_multiplicity(rng):
    """Five copied and four other teacher neurons in eleven dimensions: whole numbers, that add up to 6 · 12 weights."""
    family = copy_average_family(6, 9)
    blocks = hessian_blocks(family, point(family, rng), 11)
    assert {block.name: block.multiplicity for block in blocks} == {
        "trivial": 1,
        "copied": 4,
        "rest": 3,
        "copied ⊗ rest": 12,
        "symmetric": 5,
        "antisymmetric": 6,
        "beyond": 2,
        "copied ⊗ beyond": 8,
    }
    assert all(isinstance(block.multiplicity, int) for block in blocks)
    assert sum(block.multiplicity * len(block.matrix) for block in blocks) == 6 * 12


@pytest.mark.bad_input
def test_bad_input():
    with pytest.raises(TypeError, match="d must be a whole number"):
        hessian_blocks(n_copy_family(3, 5), np.ones(4), d=5.5)
    with pytest.raises(ValueError, match="d must be at least k = 5, but was given 4"):
        hessian_blocks(n_copy_family(3, 5), np.ones(4), d=4)
    with pytest.raises(ValueError, match="one cell of each kind"):
        hessian_blocks(Family((1, 2), (3,), average=False), np.ones(10))
    with pytest.raises(ValueError, match="multiplicities need whole sizes"):
        hessian_blocks(Family((2.5,), (1.5,), average=False), np.ones(4))
