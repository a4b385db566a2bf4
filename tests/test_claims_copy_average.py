"""The claims of chapter 2, each by routes that share as little as possible with the module."""

from itertools import combinations, permutations, product

import mpmath
import numpy as np
import pytest
import reference
import torch
from scipy.special import erf

import copyavg as ca
from copyavg.network import max_norm

SOME = [(3,), (1, 1, 3), (2, 2, 4)]


def exact_max_norm(student: ca.Network, teacher: ca.Network) -> float:
    with mpmath.workdps(reference.DIGITS):
        by_w, by_a, *_ = reference.gradient(student, teacher, "erf")
    return max(np.abs(by_w).max(), np.abs(by_a).max())


def arcsines(w, a, v, b):
    """The loss as a torch function: arcsines of overlaps, as Saad and Solla (1995) wrote it."""

    def terms(x, f, y, g):
        scale = torch.sqrt((1 + (x * x).sum(1))[:, None] * (1 + (y * y).sum(1)))
        return f @ torch.asin(x @ y.T / scale) @ g

    return 2 / torch.pi * (terms(w, a, w, a) + terms(v, b, v, b) - 2 * terms(w, a, v, b))


@pytest.mark.claim("copy-average-critical", "copy-average-loss")
@pytest.mark.parametrize("partition", SOME)
def test_copy_average_points_by_other_routes(partition, residual):
    student, teacher = ca.copy_average(partition), ca.orthonormal_teacher(sum(partition))
    residual("copy-average-critical", "80 digits", exact_max_norm(student, teacher))
    with mpmath.workdps(reference.DIGITS):
        exact, _ = reference.loss(student, teacher, "erf")
    residual("copy-average-loss", "80 digits", abs(ca.copy_average_loss(partition) - exact))
    w, a, v, b = (torch.tensor(x) for n in (student, teacher) for x in (n.incoming, n.outgoing))
    slopes = torch.autograd.functional.jacobian(lambda w, a: arcsines(w, a, v, b), (w, a))
    residual("copy-average-critical", "autograd", max(float(slope.abs().max()) for slope in slopes))


@pytest.mark.claim("copy-average-critical", "copy-average-loss")
def test_copy_average_points_by_sampling(residual, rng):
    """∂L/∂aᵢ = 2 E[(f − f*) σ(wᵢ·x)] and ∂L/∂wᵢ = 2 aᵢ E[(f − f*) σ′(wᵢ·x) x]."""
    student, teacher, size = ca.copy_average((1, 3)), ca.orthonormal_teacher(4), 1_000_000
    x = rng.normal(size=(size, 4))
    y = x @ student.incoming.T
    gap = erf(y / np.sqrt(2)) @ student.outgoing - erf(x / np.sqrt(2)) @ teacher.outgoing
    samples = [gap * erf(y[:, i] / np.sqrt(2)) for i in range(2)]
    samples += [gap * np.exp(-(y[:, i] ** 2) / 2) * x[:, e] for i in range(2) for e in range(4)]
    for sample in samples:
        residual("copy-average-critical", "sampling", abs(sample.mean()) / (sample.std() / np.sqrt(size)))
    error = (gap**2).std() / np.sqrt(size)
    residual("copy-average-loss", "sampling", abs((gap**2).mean() - ca.copy_average_loss((1, 3))) / error)


@pytest.mark.claim("linear-parts")
def test_linear_parts(residual, rng):
    for m in range(1, 21):
        point = ca.copy_average((m,))
        (w,), (a,) = point.incoming, point.outgoing
        residual("linear-parts", "formula", np.abs(a * w / np.sqrt(1 + w @ w) - np.ones(m) / np.sqrt(2)).max())
    y, h = np.linspace(-12, 12, 24_001, retstep=True)
    for r in np.logspace(-2, 1, 20):
        integral = h * np.sum(np.exp(-(y**2) / 2) / np.sqrt(2 * np.pi) * erf(r * y / np.sqrt(2)) * y)
        residual("linear-parts", "quadrature", abs(integral - np.sqrt(2 / np.pi) * r / np.sqrt(1 + r**2)))
    x, point = rng.normal(size=(1_000_000, 3)), ca.copy_average((3,))
    gap = erf(x @ point.incoming.T / np.sqrt(2)) @ point.outgoing - erf(x / np.sqrt(2)).sum(axis=1)
    products = gap[:, None] * x
    in_standard_errors = products.mean(axis=0) / (products.std(axis=0) / 1000)
    residual("linear-parts", "sampling", np.abs(in_standard_errors).max())


def overlapping(i: int, j: int, epsilon: float) -> np.ndarray:
    """Five teacher weight vectors with v_i·v_j = ε, all others orthonormal."""
    gram = np.eye(5)
    gram[i, j] = gram[j, i] = epsilon
    return np.linalg.cholesky(gram)


def at_copy_average(v: np.ndarray, b=(1.0, 1.0, 1.0, 1.0, 1.0)) -> tuple[ca.Network, ca.Network]:
    point = ca.copy_average((1, 1, 3))  # in units of the v_j
    return ca.Network(point.incoming @ v, point.outgoing), ca.Network(v, b)


@pytest.mark.claim("failure-rates")
@pytest.mark.parametrize(
    ("violated", "rate"),
    [
        (lambda e: at_copy_average(np.eye(5), 1 + e * np.eye(5)[4]), 1),
        (lambda e: at_copy_average(overlapping(2, 3, e)), 1),
        (lambda e: at_copy_average(overlapping(1, 2, e)), 2),
    ],
    ids=["a louder neuron", "overlap within a group", "overlap between groups"],
)
def test_failure_rates(violated, rate, residual):
    epsilons = np.logspace(-5, -3, 5)
    norms = [max_norm(ca.gradient(*violated(e))) for e in epsilons]
    residual("failure-rates", "formula", abs(np.polyfit(np.log(epsilons), np.log(norms), 1)[0] - rate))
    larger, smaller = (exact_max_norm(*violated(e)) for e in (1e-4, 1e-5))
    residual("failure-rates", "80 digits", abs(np.log10(larger / smaller) - rate))


@pytest.mark.claim("overlapping-copies")
@pytest.mark.parametrize("overlap", [0.1, 0.5, -0.9])
def test_overlapping_copies(overlap, residual):
    pair = at_copy_average(overlapping(0, 1, overlap))
    residual("overlapping-copies", "formula", max_norm(ca.gradient(*pair)))
    residual("overlapping-copies", "80 digits", exact_max_norm(*pair))


@pytest.mark.claim("tanh-does-not-decouple")
def test_tanh_does_not_decouple(residual):
    average, pair, three = ca.copy_average((2,)), ca.orthonormal_teacher(2), ca.orthonormal_teacher(3)
    for _ in range(8):
        slope = ca.gradient(average, pair, "tanh")
        step = np.linalg.solve(ca.hessian(average, pair, "tanh"), [*slope.incoming[0], *slope.outgoing])
        average = ca.Network(average.incoming - step[:2], average.outgoing - step[2:])
    assert max_norm(ca.gradient(average, pair, "tanh")) <= 1e-12  # at rest, alone
    (w,), (a,) = average.incoming, average.outgoing
    beside = ca.Network([[1, 0, 0], [0, *w]], [1, a])
    residual("tanh-does-not-decouple", "series", max_norm(ca.gradient(beside, three, "tanh")))
    # ∂L/∂w₁ along a neuron p orthogonal to the copy: 2 E[σ′(x)] E[σ(p·x) p·x]/‖p‖, for p = w and each teacher neuron.
    x, h = np.linspace(-12, 12, 24_001, retstep=True)
    weight, r = h * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), np.linalg.norm(w)
    stretch, loud, teacher = (weight @ f for f in (np.cosh(x) ** -2, np.tanh(r * x) * x, np.tanh(x) * x))
    residual("tanh-does-not-decouple", "quadrature", abs(2 * stretch * (a * loud / np.sqrt(2) - teacher)))


@pytest.mark.claim("relu-has-no-strength")
def test_relu_has_no_strength(residual):
    teacher = ca.orthonormal_teacher(5)
    for strength in np.linspace(0.01, 10, 2000):
        length = np.sqrt(strength)
        average = length * np.array([0, 0, 1, 1, 1]) / np.sqrt(3)
        slope = ca.gradient(ca.Network([*np.eye(5)[:2], average], [1, 1, length]), teacher, "relu")
        residual("relu-has-no-strength", "search", max_norm(slope))
        along, group = (strength - 3) / (2 * np.pi), (strength / np.sqrt(3) - 1) / 4
        residual("relu-has-no-strength", "force", np.abs(slope.incoming[0] / 2 - [along, 0, *[group] * 3]).max())


@pytest.mark.claim("signs-and-order")
def test_signs_and_order(residual):
    teacher, points = ca.orthonormal_teacher(5), set()
    for group in combinations(range(5), 3):
        rest = [j for j in range(5) if j not in group]
        point = ca.copy_average((1, 1, 3))
        incoming = point.incoming[:, np.argsort([*rest, *group])]
        for order in permutations(range(3)):
            for signs in product((1, -1), repeat=3):
                w = np.array(signs)[:, None] * incoming[list(order)]
                a = np.array(signs) * point.outgoing[list(order)]
                residual("signs-and-order", "formula", max_norm(ca.gradient(ca.Network(w, a), teacher)))
                points.add(tuple(np.round(w, 9).ravel()))
    assert len(points) == 480


@pytest.mark.claim("felt-by-linear-part")
@pytest.mark.parametrize("r", [0.05, 0.3, 0.8, 3.0, 20.0])
def test_others_feel_the_linear_part_alone(r, residual):
    w = np.array([0, 0, 1, 1, 1]) * r / np.sqrt(3)
    student = ca.Network([*np.eye(5)[:2], w], [1, 1, np.sqrt(3 / 2) * np.sqrt(1 + r**2) / r])
    teacher = ca.orthonormal_teacher(5)
    slope = ca.gradient(student, teacher)
    residual("felt-by-linear-part", "formula", max_norm(ca.Network(slope.incoming[:2], slope.outgoing[:2])))
    with mpmath.workdps(reference.DIGITS):
        by_w, by_a, *_ = reference.gradient(student, teacher, "erf")
    residual("felt-by-linear-part", "80 digits", max(np.abs(by_w[:2]).max(), np.abs(by_a[:2]).max()))
    if abs(r - 1 / np.sqrt(5)) > 0.1:  # the neuron itself is not at rest at another length
        assert abs(slope.outgoing[2]) > 1e-6
