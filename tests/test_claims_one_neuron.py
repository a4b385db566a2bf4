"""The claims of chapter 4, by routes that share as little as possible with the module."""

import numpy as np
import pytest

import copyavg as ca
from copyavg.activations.named import NAMED
from copyavg.interactions.hermite import hermite_expansion
from copyavg.network import max_norm
from copyavg.points.levenberg_marquardt import levenberg_marquardt
from copyavg.points.radial_loss import RadialLoss

SMOOTH = [name for name in NAMED if name != "relu"]
CLAIM = {"erf": "one-erf-neuron", "relu": "one-relu-neuron"}


@pytest.mark.claim("equal-correlations-are-best")
def test_the_conditions_for_equal_correlations(residual):
    """By the interaction itself, on a grid of q = u²: first and second differences."""
    q = np.linspace(0.002, 1, 500)
    for name in SMOOTH:
        t, value = hermite_expansion(NAMED[name], 1.0).coefficients, np.polynomial.polynomial.polyval
        for r in np.geomspace(0.02, 1.5 if name == "tanh" else 12, 40):
            c = t * hermite_expansion(NAMED[name], r).coefficients
            slope = value(np.sqrt(q), (np.arange(128) * c)[1:]) / np.sqrt(q)
            residual("equal-correlations-are-best", "slope", slope.min() / slope.max())
            residual("equal-correlations-are-best", "concavity", max(np.diff(slope).max() / slope.max(), 0))
            assert np.all(value(np.sqrt(q), c) >= np.abs(value(-np.sqrt(q), c)) - 1e-15)


@pytest.mark.claim("equal-correlations-are-best")
@pytest.mark.parametrize("activation", NAMED)
@pytest.mark.parametrize("k", [2, 3, 5])
def test_no_direction_is_better(activation, k, rng, residual):
    """By the closed forms of the interaction, at ten norms."""
    u = rng.normal(size=(9000, k))
    u /= np.linalg.norm(u, axis=1)[:, None]
    u[:3000] = np.abs(u[:3000])
    u[6000:] *= rng.uniform(size=(3000, 1))
    for r in np.geomspace(0.02, 20, 10):
        sums = np.abs(ca.interaction(r, 1, u, activation).sum(axis=1))
        equal = k * ca.interaction(r, 1, 1 / np.sqrt(k), activation)
        residual("equal-correlations-are-best", "directions", max(sums.max() / equal - 1, 0))


@pytest.mark.claim("one-erf-neuron", "one-relu-neuron")
def test_one_neuron_in_closed_form(residual):
    for activation, claim in CLAIM.items():
        for k in range(1, 31):
            for point in ca.one_neuron_critical_points(k, activation).isolated:
                student = ca.Network(np.full((1, k), point.radius * point.correlation), [point.outgoing])
                slope = ca.gradient(student, ca.orthonormal_teacher(k), activation)
                residual(claim, "formula", max_norm(slope) / k)
    best = ca.one_neuron(7)
    assert (best.radius, best.outgoing) == pytest.approx((1 / np.sqrt(13), 7), rel=1e-15)


@pytest.mark.slow
@pytest.mark.claim("one-erf-neuron", "one-relu-neuron")
def test_searches_end_at_listed_points(rng, residual):
    for activation, silent in (("erf", 2 / 3), ("relu", 1 + 1 / np.pi)):
        x = rng.normal(size=(2000, 1, 4)) * 10 ** rng.uniform(-1, 1, size=(2000, 1, 1))
        teacher = ca.orthonormal_teacher(2, 3)
        ends = levenberg_marquardt(ca.Network(x[..., :3], x[..., 3]), teacher, activation)
        slope = ca.gradient(ends, teacher, activation)
        norms = np.maximum(np.abs(slope.incoming).max(axis=(1, 2)), np.abs(slope.outgoing[:, 0]))
        arrived = ca.loss(ends, teacher, activation)[norms < 1e-10]
        assert arrived.size > 1300
        listed = [point.loss for point in ca.one_neuron_critical_points(2, activation).isolated]
        distances = np.abs(arrived[:, None] - [*listed, silent])
        assert set(np.argmin(distances, axis=1)) >= {0, len(listed)}
        residual(CLAIM[activation], "search", distances.min(axis=1).max())


@pytest.mark.claim("one-relu-neuron")
def test_the_index_of_the_opposite_relu_neuron(residual):
    """Across the gauge (w, −a), which is a direction without slope and curvature."""
    for k in range(2, 7):
        opposite = ca.one_neuron_critical_points(k, "relu").isolated[1]
        for d in (k, k + 2):
            w = np.zeros((1, d))
            w[0, :k] = opposite.radius * opposite.correlation
            curvature = ca.hessian(ca.Network(w, [opposite.outgoing]), ca.orthonormal_teacher(k, d), "relu")
            index = np.sum(np.linalg.eigvalsh(curvature) < -1e-10)
            residual("one-relu-neuron", "full Hessian", index != d - 1)


@pytest.mark.claim("no-best-neuron")
def test_where_the_loss_only_falls(residual):
    for activation, sizes in (("gelu", (2, 3, 10, 1000)), ("silu", (3, 10, 1000))):
        for k in sizes:
            profile = RadialLoss(k, activation)
            for r in np.geomspace(0.02, 12, 200):
                residual("no-best-neuron", "slope", -profile.slope(r) / k**2)
            residual("no-best-neuron", "limit", (profile.loss(12.0) - profile.limits()[1][0]) / k**2)
            assert ca.one_neuron(k, activation).radius is None
