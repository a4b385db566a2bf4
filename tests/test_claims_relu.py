"""ReLU: what no student can beat, both families and how far they lie from copies and an average, leaky ReLU."""

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

import copyavg as ca
from copyavg.activations.relu import RELU, leaky_relu
from copyavg.network import max_norm
from copyavg.points.configurations import copy_average_parameters, n_copy_parameters, partitions
from copyavg.points.continuation import copy_average_branch, n_copy_branch
from copyavg.points.family import copy_average_family, n_copy_family
from copyavg.points.isotypic import hessian_blocks, index
from copyavg.points.one_neuron import one_neuron

FAMILIES = {
    "copy-average": (copy_average_family, copy_average_parameters),
    "n-copy": (n_copy_family, n_copy_parameters),
}
H0 = 1 / (2 * np.pi)  # h(0): what orthogonal neurons of norm one have in common
REST = 1 / 4 - H0  # H(1): a neuron's power beyond mean and linear part


def h(u):
    """The interaction of two ReLU neurons of norm one."""
    u = np.asarray(u)
    return (np.sqrt(1 - u**2) + (np.pi - np.arccos(u)) * u) / (2 * np.pi)


def beyond(u):
    """H(u) = h(u) − h(0) − u/4: its Taylor series has even orders only, all coefficients positive."""
    return h(u) - H0 - np.asarray(u) / 4


def bound(n, k):
    """No student with aᵢ ≥ 0 has a smaller loss."""
    c = np.pi / 2 - 1
    return REST * (k - n) * (k + c) / (n + c)


@cache
def stability(n, k, family):
    return ca.stability(n, k, family, "relu")


def parts(student, k):
    """The loss beyond the linear part, and the linear part that is missing."""
    missing = student.outgoing @ student.incoming
    missing[:k] -= 1
    return ca.loss(student, ca.orthonormal_teacher(k, student.d), "relu") - missing @ missing / 4, missing


def unrest(family, x):
    """The largest slope, relative to k times the largest weight."""
    return np.abs(family.gradient(x) / family.counts).max() / (family.k * np.abs(x).max())


def displacement(n, k):
    """α − 1, β, γ, δ of the displaced copy-average point, its ε and the one that a single neuron would have."""
    family, x = copy_average_family(n, k, "relu"), copy_average_parameters(n, k, "relu")
    x = {(orbit.neuron, orbit.kind): value for orbit, value in zip(family.orbits, x)}
    alone = one_neuron(k - n + 1, "relu")
    return np.array(
        [
            x[0, "own"] - 1,
            x.get((0, "copied"), 0.0),
            x[0, "rest"],
            x[1, "copied"],
            x[1, "rest"],
            alone.radius * alone.correlation,
        ]
    )


# Copies and averages are not at rest


@pytest.mark.claim("relu-none")
def test_the_slopes_of_copies_and_averages(rng, residual):
    """Across the group, ∂L/∂wᵢ · vₗ = aᵢ(bⱼεⱼ − 1)/2, whatever the norms, signs and groups."""
    for partition in [(1, 2), (1, 1, 3), (2, 3, 3)]:
        n, k = len(partition), sum(partition)
        group = np.repeat(np.arange(n), partition)
        size, outgoing = rng.uniform(0.2, 2, n), rng.uniform(-2, 2, n)
        incoming = size[:, None] * (group == np.arange(n)[:, None])
        slope = ca.gradient(ca.Network(incoming, outgoing), ca.orthonormal_teacher(k), "relu")
        for i in range(n):
            across = group != i
            expected = outgoing[i] * ((outgoing * size)[group] - 1) / 2
            residual("relu-none", "across groups", np.abs(slope.incoming[i, across] - expected[across]).max())


@pytest.mark.claim("relu-none")
@pytest.mark.parametrize("k", range(2, 13))
def test_no_copy_average_point_is_critical(k, residual):
    """Where those slopes vanish, bᵢεᵢ = 1 for all groups, and then some ∂L/∂aᵢ does not."""
    for n in range(2, k + 1):
        for partition in partitions(k, n):
            m = np.array(partition)
            size = 1 / np.sqrt(np.sqrt(m))  # balanced: the norm √mᵢ εᵢ is the outgoing weight 1/εᵢ
            group = np.repeat(np.arange(n), m)
            incoming = size[:, None] * (group == np.arange(n)[:, None])
            slope = ca.gradient(ca.Network(incoming, 1 / size), ca.orthonormal_teacher(k), "relu")
            short = REST * np.sqrt(m) - m * beyond(1 / np.sqrt(m)) - np.sum(H0 * (m - np.sqrt(m)))
            by_strength = slope.outgoing / (2 * np.sqrt(m) * size)
            residual("relu-none", "formula", np.abs(by_strength - short).max())
            if 2 <= n < k:
                residual("relu-none", "search", -by_strength.min())
            elif n < k:
                assert np.min(short) <= -0.085
            else:
                assert np.max(np.abs(short)) <= 1e-15


# What no student with positive outgoing weights can beat


@pytest.mark.claim("relu-parts")
def test_the_loss_in_three_parts(rng, residual):
    """Of the strengths, of the linear part, and of what is even and beyond."""
    k = 4
    for _ in range(50):
        student = ca.random_student(3, 5, rng)
        norms = np.linalg.norm(student.incoming, axis=1)
        strength, u = student.outgoing * norms, student.incoming[:, :k] / norms[:, None]
        mutual = beyond(np.clip(student.incoming @ student.incoming.T / np.outer(norms, norms), -1, 1))
        even = strength @ mutual @ strength - 2 * strength @ beyond(u).sum(axis=1) + k * REST
        _, missing = parts(student, k)
        total = (strength.sum() - k) ** 2 * H0 + missing @ missing / 4 + even
        loss = ca.loss(student, ca.orthonormal_teacher(k, 5), "relu")
        residual("relu-parts", "formula", abs(loss / total - 1))
        assert even >= 0
    correlation = np.linspace(-1, 1, 2001)
    residual("relu-parts", "grid", np.max(beyond(correlation) - REST * correlation**2).clip(0))
    residual("relu-parts", "grid", np.abs(beyond(correlation) - beyond(-correlation)).max())


@pytest.mark.claim("relu-parts")
def test_mean_and_linear_part_by_sampling(rng, residual):
    k, samples = 4, 400_000
    student, x = ca.random_student(3, 5, rng), rng.normal(size=(samples, 5))
    apart = np.maximum(x @ student.incoming.T, 0) @ student.outgoing - np.maximum(x[:, :k], 0).sum(axis=1)
    strength = student.outgoing @ np.linalg.norm(student.incoming, axis=1)
    _, missing = parts(student, k)
    seen, expected = np.column_stack([apart, apart[:, None] * x]), [(strength - k) * np.sqrt(H0), *missing / 2]
    errors = seen.std(axis=0) / np.sqrt(samples)
    residual("relu-parts", "sampling", np.abs((seen.mean(axis=0) - expected) / errors).max())


@pytest.mark.claim("relu-bound")
def test_no_student_beats_the_bound(rng, residual):
    for n, k in [(1, 2), (2, 3), (3, 7), (9, 10)]:
        students = ca.random_student(n, k, rng, batch=100)
        students = ca.Network(students.incoming, np.abs(students.outgoing))
        lowest = ca.loss(students, ca.orthonormal_teacher(k), "relu").min()
        residual("relu-bound", "random students", lowest / bound(n, k) - 1)
    for n, k, within in [(2, 3, 0.25), (5, 10, 0.15), (9, 10, 0.2), (10, 30, 0.15), (29, 30, 0.2)]:
        for family in FAMILIES:
            excess = stability(n, k, family).loss / bound(n, k) - 1
            residual("relu-bound", "both families", excess)
            assert excess < within


@pytest.mark.claim("relu-bound")
@pytest.mark.parametrize(("n", "k"), [(1, 2), (2, 3), (2, 6), (4, 5)])
def test_descent_among_positive_students_ends_above_the_bound(n, k, rng, residual):
    """By the gauge aᵢ = ‖wᵢ‖ only the incoming weights are left."""
    teacher = ca.orthonormal_teacher(k)

    def loss_and_slope(w):
        w = w.reshape(n, k)
        norms = np.linalg.norm(w, axis=1)
        student = ca.Network(w, norms)
        slope = ca.gradient(student, teacher, "relu")
        total = slope.incoming + (slope.outgoing / norms)[:, None] * w
        return float(ca.loss(student, teacher, "relu")), total.ravel()

    ends = [minimize(loss_and_slope, rng.normal(size=n * k), jac=True).fun for _ in range(15)]
    residual("relu-bound", "descent", min(ends) / bound(n, k) - 1)
    assert min(ends) <= min(stability(n, k, family).loss for family in FAMILIES) * (1 + 1e-6) if n > 1 else True


@pytest.mark.slow
@pytest.mark.claim("relu-ratio")
def test_at_a_fixed_ratio_the_bound_is_reached_but_for_a_constant(residual):
    """As k → ∞ at n/k = ν, of a loss of REST k (1 − ν)/ν; and n-copy is the better by a constant, too."""
    tau = 1 / (4 * np.pi * REST)
    for nu, near in [(0.3, 0.02), (0.5, 0.012), (0.9, 0.004)]:
        excess = (1 - nu) / nu * ((1 - nu) / (4 * np.pi * nu) + REST)
        ahead = REST * (1 - tau) * (2 * (1 - nu) / nu + 1 + tau)
        n, k = round(10**6 * nu), 10**6
        copying, averaging = (stability(n, k, family).loss for family in ("n-copy", "copy-average"))
        residual("relu-ratio", "n-copy over the bound", abs((copying - bound(n, k)) / excess - 1))
        residual("relu-ratio", "copy-average over n-copy", abs((averaging - copying) / ahead - 1))
        assert copying - bound(n, k) == pytest.approx(excess, rel=near)
        assert averaging - copying == pytest.approx(ahead, rel=near)
        x = n_copy_parameters(n, k, "relu")
        assert x[0] ** 2 == pytest.approx(1 / nu, rel=1e-4)


# Both families


@pytest.mark.slow
@pytest.mark.claim("relu-families", "relu-thresholds")
@pytest.mark.parametrize("k", range(3, 31))
def test_both_families_exist_for_every_n(k, residual):
    """And each of the three changes happens once as n grows, with these indices, wherever it happens."""
    happened = []
    for n in range(2, k):
        seen = []
        for branch, number in (copy_average_branch(n, k, RELU), (n_copy_branch(k, RELU), n)):
            family, x = branch.family(number), branch.follow(number)
            residual("relu-families", "symmetry", unrest(family, x))
            if k <= 12:
                slope = ca.gradient(family.student(x), ca.orthonormal_teacher(k), "relu")
                residual("relu-families", "network", max_norm(slope) / k)
            assert x[0] > 1
            assert not family.average or x[-3] < 0
            seen.append((family.loss(x), index(hessian_blocks(family, x))))
        (averaging, ways_down), (copying, others) = seen
        residual("relu-thresholds", "indices", (ways_down not in (0, k - n)) + (others not in (0, n - 1)))
        happened.append((others == 0, copying < averaging, ways_down > 0))
    residual("relu-thresholds", "once", sum(sorted(column) != list(column) for column in zip(*happened)))


@pytest.mark.slow
@pytest.mark.claim("relu-families")
def test_both_families_at_ten_thousand(residual):
    k = 10**4
    for n in (2, 3, 30, 500, 5000, 9999):
        for family_of, parameters in FAMILIES.values():
            x = parameters(n, k, "relu")
            residual("relu-families", "symmetry", unrest(family_of(n, k, "relu"), x))
            assert x[0] > 1
        assert copy_average_parameters(n, k, "relu")[-3] < 0


@pytest.mark.claim("relu-thresholds")
@pytest.mark.parametrize(
    ("k", "minimum", "better", "saddle"),
    [
        (6, 4, 4, 5),
        (10, 5, 6, 8),
        pytest.param(20, 6, 10, 16, marks=pytest.mark.slow),
        pytest.param(30, 6, 13, 25, marks=pytest.mark.slow),
    ],
)
def test_the_three_thresholds(k, minimum, better, saddle, residual):
    """n-copy is a minimum and better, and copy-average a saddle, each from one n on, with these indices."""
    for n in range(2, k):
        averaging, copying = stability(n, k, "copy-average"), stability(n, k, "n-copy")
        residual("relu-thresholds", "table", (copying.loss < averaging.loss) != (n >= better))
        residual("relu-thresholds", "table", (copying.index == 0) != (n >= minimum))
        residual("relu-thresholds", "table", (averaging.index == 0) != (n < saddle))


@pytest.mark.slow
@pytest.mark.claim("relu-thresholds")
def test_thresholds_at_many_neurons(residual):
    """Better from n = 31, a minimum from 8, at k = 1000: at a number of neurons, not a ratio to k."""
    for k, minimum, better, saddle in [(100, 7, 22, 87), (1000, 8, 31, 933), (10**4, 8, 32, 9683)]:
        for n, yes in [(minimum - 1, False), (minimum, True)]:
            residual("relu-thresholds", "table", stability(n, k, "n-copy").index != (0 if yes else n - 1))
        for n, yes in [(better - 1, False), (better, True)]:
            ahead = stability(n, k, "n-copy").loss < stability(n, k, "copy-average").loss
            residual("relu-thresholds", "table", ahead != yes)
        for n, yes in [(saddle - 1, False), (saddle, True)]:
            residual("relu-thresholds", "table", stability(n, k, "copy-average").index != (k - n if yes else 0))


@pytest.mark.claim("relu-thresholds")
@pytest.mark.parametrize(("n", "k"), [(2, 3), (5, 7), (4, 10), (8, 10), (9, 12)])
@pytest.mark.parametrize("family", FAMILIES)
def test_indices_by_the_full_hessian(n, k, family, residual):
    family_of, parameters = FAMILIES[family]
    student = family_of(n, k, "relu").student(parameters(n, k, "relu"))
    gauge = [np.append(np.outer(e, e) @ student.incoming, -e * student.outgoing) for e in np.eye(n)]
    basis = np.linalg.svd(np.array(gauge))[2][n:].T
    curvature = basis.T @ ca.hessian(student, ca.orthonormal_teacher(k), "relu") @ basis
    values = np.linalg.eigvalsh(curvature)
    assert np.abs(values).min() > 2e-4
    residual("relu-thresholds", "full Hessian", stability(n, k, family).index != np.sum(values < 0))
    assert stability(n, k, family).smallest_eigenvalue == pytest.approx(values[0], rel=1e-7)


@pytest.mark.parametrize("n", [2, pytest.param(4, marks=pytest.mark.slow), 5])
def test_gradient_flow_ends_at_them(n):
    """From random starts at k = 6: every minimum with such a label has the loss of the family's point."""
    rng, k = np.random.default_rng([6, n]), 6
    flow = ca.gradient_flow(ca.random_student(n, k, rng, batch=10), ca.orthonormal_teacher(k), "relu", workers=1)
    reached = {family: flow.loss[flow.converged & (flow.label == family)] for family in FAMILIES}
    assert sum(map(len, reached.values())) >= 7
    for family, losses in reached.items():
        assert len(losses) == 0 or stability(n, k, family).index == 0
        np.testing.assert_allclose(losses, stability(n, k, family).loss, rtol=1e-12)


# How far from copies and an average


@pytest.mark.claim("relu-displaced")
def test_displacements_at_ten(residual):
    """To three decimals: α − 1, β, γ, δ, ε, and the ε of one neuron that averages what is left."""
    known = {
        2: (0.849, 0, 0.161, -1.141, 0.515, 0.709),
        5: (0.349, -0.076, 0.069, -0.334, 0.490, 0.741),
        9: (0.051, -0.006, 0.029, -0.050, 0.726, 0.869),
    }
    for n, expected in known.items():
        residual("relu-displaced", "table", np.abs(displacement(n, 10) - expected).max())


@pytest.mark.claim("relu-displaced")
def test_how_displacements_grow(residual):
    k = 10**4
    eta = 2 * beyond(np.sqrt(0.5)) / REST
    for n, limit in [(2, np.sqrt(k / np.pi) - 1), (k // 2, np.sqrt(2) - 1), (k - 1, (2 - eta) / (2 * k))]:
        residual("relu-displaced", "limits", abs(displacement(n, k)[0] / limit - 1))


@pytest.mark.claim("relu-few")
@pytest.mark.parametrize("missing", [1, 2, 5])
def test_few_missing_neurons_displace_the_average_alone(missing, residual):
    """As k → ∞ copies become exact, like 1/k, but the average fits only what is even and beyond."""
    m, k = missing + 1, 10**5
    tau = m * beyond(1 / np.sqrt(m)) / REST
    excess, beta, gamma, delta, epsilon, alone = displacement(k - missing, k)
    residual("relu-few", "copies", abs(2 * k * excess / (m - tau) - 1))
    assert max(abs(beta), abs(gamma), abs(delta)) < 3e-5
    residual("relu-few", "average", abs(epsilon / np.sqrt(tau / m) - 1))
    assert epsilon < 0.8 * alone
    for family, least in (("copy-average", m - tau**2), ("n-copy", missing)):
        residual("relu-few", "losses", abs(stability(k - missing, k, family).loss / (REST * least) - 1))
    assert k * (n_copy_parameters(k - missing, k, "relu")[0] - 1) == pytest.approx(missing / 2, rel=1e-3)


@pytest.mark.slow
@pytest.mark.claim("relu-constant")
@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_the_best_neurons_for_a_constant(n, rng, residual):
    """By descent, with strengths ‖wᵢ‖, from random starts in n dimensions."""

    def power_left(w):
        w = w.reshape(n, n)
        norms = np.linalg.norm(w, axis=1)
        pairs = ca.interaction(norms[:, None], norms, np.clip(w @ w.T / np.outer(norms, norms), -1, 1), "relu")
        return float(np.sum(pairs) - 2 * H0 * norms.sum() + H0)

    power = (1 / 2 + (n - 1) * h(-1 / (n - 1))) / n
    ends = [minimize(power_left, rng.normal(size=n * n)) for _ in range(5)]
    best = min(ends, key=lambda end: end.fun)
    residual("relu-constant", "descent", abs(best.fun / (H0 - H0**2 / power) - 1))
    w = best.x.reshape(n, n)
    residual("relu-constant", "simplex", np.abs(w @ w.T / (H0 / power / n) ** 2 - (np.eye(n) * n - 1) / (n - 1)).max())


@pytest.mark.claim("relu-simplex")
@pytest.mark.parametrize("n", [pytest.param(2, marks=pytest.mark.slow), 3, 5])
def test_few_neurons_for_many_become_a_simplex(n, residual):
    """As k → ∞ both families turn to n equal vectors that add up to nothing, of strength k T/n, of one loss cₙk²."""
    k = 10**4
    power = (1 / 2 + (n - 1) * h(-1 / (n - 1))) / n
    for family, (family_of, parameters) in FAMILIES.items():
        at, x = family_of(n, k, "relu"), parameters(n, k, "relu")
        seen = np.zeros((n, n + 1))  # along the copied directions, and along the sum of the rest
        for orbit, value in zip(at.orbits, x):
            for i in range(n):
                if orbit.kind == "outgoing" or orbit.neuron != (i >= sum(at.copied)):
                    continue
                kinds = {"own": [i], "copied": [j for j in range(sum(at.copied)) if j != i], "rest": [n]}
                seen[i, kinds[orbit.kind]] = value * (np.sqrt(at.rest[0]) if orbit.kind == "rest" else 1)
        overlaps = seen @ seen.T / (k * H0 / power / n)
        residual("relu-simplex", "corners", np.abs(overlaps - (np.eye(n) * n - 1) / (n - 1)).max())
        left = stability(n, k, family).loss / k**2 / (H0 - H0**2 / power)
        residual("relu-simplex", "loss", abs(left - 1))


@pytest.mark.claim("relu-thirty-two")
def test_at_fixed_n_copying_is_better_from_32_on(residual):
    """Of two simplices the one that lies better on the teacher: to order k they differ in Σᵢⱼ H(uᵢⱼ) alone."""

    def ahead(n):
        def quartic(u):
            return beyond(u) - np.asarray(u) ** 2 / (4 * np.pi)

        copying = n * quartic(np.sqrt((n - 1) / n)) + n * (n - 1) * quartic(-1 / np.sqrt(n * (n - 1)))
        p, c = n - 1, 1 / np.sqrt(n - 1)  # α + (p − 1)β = c, α² + (p − 1)β² = 1
        alpha = (c + np.sqrt(c**2 - p * (c**2 - p + 1))) / p
        beta = (c - alpha) / (p - 1)
        averaging = p * quartic(alpha) + p * (p - 1) * quartic(beta) + p * quartic(-c)
        power = (1 / 2 + (n - 1) * h(-1 / (n - 1))) / n
        return 2 * (H0 / power) / n * (averaging - copying)

    residual("relu-thirty-two", "sign", sum((ahead(n) > 0) != (n < 32) for n in range(3, 200)))
    k = 10**4
    for n in (3, 10, 20, 40):
        differ = stability(n, k, "n-copy").loss - stability(n, k, "copy-average").loss
        residual("relu-thirty-two", "computed", abs(differ / k / ahead(n) - 1))


# Leaky ReLU


@pytest.mark.claim("leaky-loss")
@pytest.mark.parametrize("slope", [0.0, 0.2, 0.9, -1.0])
def test_what_leaks_is_linear(slope, rng, residual):
    """L = (1 − s)² E + ((1 + s)/2)² ‖missing linear part‖², E a quarter of the loss with |x| for σ."""
    k = 4
    student, teacher = ca.random_student(3, 5, rng), ca.orthonormal_teacher(k, 5)
    even, missing = parts(student, k)
    assert even == pytest.approx(ca.loss(student, teacher, leaky_relu(-1)) / 4, rel=1e-12)
    total = (1 - slope) ** 2 * even + ((1 + slope) / 2) ** 2 * (missing @ missing)
    residual("leaky-loss", "formula", abs(ca.loss(student, teacher, leaky_relu(slope)) / total - 1))
    x = rng.normal(size=(400_000, 5))
    outputs = [np.where(y > 0, y, slope * y) for y in (x @ student.incoming.T, x[:, :k])]
    apart = (outputs[0] @ student.outgoing - outputs[1].sum(axis=1)) ** 2
    residual("leaky-loss", "sampling", abs(apart.mean() - total) / apart.std() * np.sqrt(len(apart)))


@pytest.mark.claim("leaky-displacement")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("n", "k"), [(2, 3), (4, 6)])
def test_towards_linear_the_displacement_stays(family, n, k, residual):
    """In z = ((1 − s)/(1 + s))² points are smooth: the limit has the whole linear part, and is displaced as well."""
    family_of, parameters = FAMILIES[family]
    slopes = (0.0, 0.8, 0.9, 0.96)
    z = {slope: ((1 - slope) / (1 + slope)) ** 2 for slope in slopes}
    points = {slope: parameters(n, k, leaky_relu(slope)) for slope in slopes}
    even, missing = zip(*(parts(family_of(n, k, "relu").student(x), k) for x in points.values()))
    limit = (z[0.9] * points[0.96] - z[0.96] * points[0.9]) / (z[0.9] - z[0.96])
    np.testing.assert_allclose((points[0.8] - limit) / z[0.8], (points[0.9] - limit) / z[0.9], rtol=0.03, atol=2e-3)
    ratio = (missing[2] / z[0.9]) / (missing[3] / z[0.96])
    residual("leaky-displacement", "linear part", np.abs(ratio - 1).max())
    assert bound(n, k) < even[0] < even[1] < even[2] < even[3] < 1.05 * even[0]
    residual("leaky-displacement", "weights", np.abs(points[0.0] - limit).max())
    residual("leaky-displacement", "own weight", limit[0] - 1)


@pytest.mark.claim("leaky-displacement")
def test_thresholds_do_not_leak(residual):
    at = [{f: ca.stability(n, 10, f, leaky_relu(0.6)) for f in FAMILIES} for n in range(4, 9)]
    found = [
        [x["n-copy"].index for x in at] == [3, 0, 0, 0, 0],
        [x["copy-average"].index for x in at] == [0, 0, 0, 0, 2],
        [x["n-copy"].loss < x["copy-average"].loss for x in at] == [False] * 2 + [True] * 3,
    ]
    residual("leaky-displacement", "thresholds", found.count(False))


@pytest.mark.claim("leaky-loss")
def test_points_of_slope_s_and_of_its_inverse_are_the_same(residual):
    for family_of, parameters in FAMILIES.values():
        x = parameters(3, 5, leaky_relu(0.4))
        slope = ca.gradient(family_of(3, 5).student(x), ca.orthonormal_teacher(5), leaky_relu(2.5))
        residual("leaky-loss", "inverse slope", max_norm(slope) / 5)
