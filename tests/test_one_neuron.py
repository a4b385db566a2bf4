"""One neuron for a whole teacher: closed forms, quadrature against other routes, and searches without constraints."""

import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize

import copyavg as ca
from copyavg.activations.base import Activation
from copyavg.activations.named import NAMED
from copyavg.interactions.quadrature import QuadratureError
from copyavg.network import max_norm
from copyavg.points.one_neuron import one_neuron, one_neuron_critical_points, radial_losses
from copyavg.points.radial_loss import RadialLoss


def network(k: int, radius: float, outgoing: float, correlation: float) -> ca.Network:
    return ca.Network(np.full((1, k), radius * correlation), [outgoing])


@pytest.mark.parametrize("k", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("activation", ["erf", "relu", "tanh", "sigmoid", "softplus"])
def test_the_best_neuron_is_critical_and_has_its_loss(k, activation):
    best, teacher = one_neuron(k, activation), ca.orthonormal_teacher(k)
    point = network(k, best.radius, best.outgoing, best.correlation)
    assert max_norm(ca.gradient(point, teacher, activation)) <= 1e-10 * k
    assert abs(ca.loss(point, teacher, activation) - best.loss) <= 1e-12 * k**2
    assert best.reason == ""


@pytest.mark.claim("one-erf-neuron", "one-relu-neuron")
@pytest.mark.parametrize("k", [1, 2, 10, 10**3, 10**6])
def test_closed_forms_against_high_precision(k, residual):
    with mpmath.workdps(40):
        m, u = mpmath.mpf(k), 1 / mpmath.sqrt(k)
        erf = m / 3 - 2 * m**2 / mpmath.pi * mpmath.asin(1 / (2 * m))
        h = (mpmath.sqrt(1 - u**2) + (mpmath.pi - mpmath.acos(u)) * u) / (2 * mpmath.pi)
        relu = m / 2 + m * (m - 1) / (2 * mpmath.pi) - 2 * (m * h) ** 2
    best = one_neuron(k)
    residual("one-erf-neuron", "40 digits", abs(best.loss - float(erf)) / max(float(erf), 1e-3))
    assert (best.radius, best.outgoing) == pytest.approx((1 / np.sqrt(2 * k - 1), k), rel=1e-15)
    best = one_neuron(k, "relu")
    residual("one-relu-neuron", "40 digits", abs(best.loss - float(relu)) / max(float(relu), 1e-3))
    assert best.radius * best.outgoing == pytest.approx(float(2 * m * h), rel=1e-14)


@pytest.mark.parametrize("k", [2, 5, 40])
def test_the_profile_of_an_activation_with_a_closed_form(k):
    """Without its closed form, erf goes the way of all others and must arrive at the same point."""
    erf = Activation("own erf", NAMED["erf"].function, NAMED["erf"].derivatives)
    ours, exact = one_neuron(k, erf), one_neuron(k)
    assert (ours.radius, ours.outgoing, ours.loss) == pytest.approx(
        (exact.radius, exact.outgoing, exact.loss), rel=1e-9
    )


def search(k: int, activation: str, rng: np.random.Generator, starts: int) -> float:
    """The lowest loss found over all w in k dimensions, at the best outgoing weight, without constraints."""
    teacher, losses = ca.orthonormal_teacher(k), []

    def objective(x):
        point = ca.Network(x[None, :k], x[k:])
        slope = ca.gradient(point, teacher, activation)
        return float(ca.loss(point, teacher, activation)), np.append(slope.incoming, slope.outgoing)

    for _ in range(starts):
        start = np.append(rng.normal(size=k), rng.normal())
        losses.append(minimize(objective, start, jac=True, bounds=[(-2.5, 2.5)] * k + [(None, None)]).fun)
    return min(losses)


@pytest.mark.slow
@pytest.mark.claim("equal-correlations-are-best")
@pytest.mark.parametrize(
    ("activation", "k"), [(name, 2) for name in NAMED] + [(name, 3) for name in ("erf", "relu", "gelu", "sigmoid")]
)
def test_no_unequal_correlations_do_better(k, activation, rng, residual):
    """A search over all weights finds the same loss, or, where there is no minimiser, never less than the infimum."""
    found, best = search(k, activation, rng, 4), one_neuron(k, activation)
    residual("equal-correlations-are-best", "search", max(best.loss - found, 0))
    if not best.reason:
        assert found == pytest.approx(best.loss, abs=1e-6)


@pytest.mark.parametrize(
    ("activation", "k", "says"),
    [
        ("gelu", 2, "infinity, where gelu acts as a ReLU"),
        ("gelu", 10**6, "infinity"),
        ("silu", 3, "infinity"),
        ("silu", 2, ""),
    ],
)
def test_where_there_is_no_minimiser(activation, k, says):
    best = one_neuron(k, activation)
    assert says in best.reason
    assert (best.radius is None) == (best.outgoing is None) == bool(says)
    profile = RadialLoss(k, activation)
    assert all(profile.loss(r) > best.loss for r in np.geomspace(0.01, 12, 60) if r != best.radius)


def test_critical_points_of_erf_and_relu():
    for k in (1, 2, 5):
        plus, minus = one_neuron_critical_points(k).isolated
        assert (plus.index, minus.index) == (0, 0)
        assert (plus.outgoing, plus.correlation) == (-minus.outgoing, -minus.correlation)
    for k in (2, 5, 9):
        best, opposite = one_neuron_critical_points(k, "relu").isolated
        assert (best.index, opposite.index) == (0, k - 1)
        point = network(k, opposite.radius, opposite.outgoing, opposite.correlation)
        assert max_norm(ca.gradient(point, ca.orthonormal_teacher(k), "relu")) <= 1e-13 * k
        assert opposite.loss == pytest.approx(ca.loss(point, ca.orthonormal_teacher(k), "relu"), rel=1e-12)
    assert len(one_neuron_critical_points(1, "relu").isolated) == 1
    low, high = one_neuron_critical_points(2, "silu").isolated
    assert (low.index, high.index) == (0, 1)


@pytest.mark.claim("one-erf-neuron")
def test_the_silent_neurons_of_erf_are_saddles_of_index_one(residual):
    """On the continuum a = 0, Σⱼ g = 0: here with u = (1, −1)/√2 and, beyond the teacher, u = 0."""
    for w in ([1.3, -1.3, 0.0], [0.0, 0.0, 0.7]):
        point, teacher = ca.Network([w], [0.0]), ca.orthonormal_teacher(2, 3)
        assert max_norm(ca.gradient(point, teacher)) < 1e-15
        index = np.sum(np.linalg.eigvalsh(ca.hessian(point, teacher)) < -1e-12)
        residual("one-erf-neuron", "silent neurons", index != 1)


def test_a_teacher_of_one_neuron_is_copied():
    assert one_neuron(1, "gelu") == ca.one_neuron(1, "relu") == one_neuron(1)


def smooth(name: str, *functions) -> Activation:
    return Activation(name, functions[0], functions[1:])


def test_activations_of_ones_own():
    """A power has no linear limit, a best point at equal correlations may be a saddle, noise is no critical point."""
    cube = one_neuron(3, smooth("cube", lambda x: x**3, lambda x: 3 * x**2, lambda x: 6 * x))
    assert cube.loss == pytest.approx(20.8, rel=1e-6)
    assert one_neuron(3, smooth("bent", lambda x: x**3 - 3 * x, lambda x: 3 * x**2 - 3, lambda x: 6 * x)).reason
    sine = one_neuron_critical_points(3, smooth("sine", np.sin, np.cos, lambda x: -np.sin(x)))
    assert len(sine.isolated) == 1
    minus = one_neuron(3, Activation("minus tanh", lambda x: -np.tanh(x)))
    assert minus.radius == pytest.approx(one_neuron(3, "tanh").radius, rel=1e-8)
    assert one_neuron_critical_points(1, "tanh").isolated[0].loss == 0


def test_leaky_relu_by_its_interaction():
    """With slope s the interaction is (1 − s)² h(u) + su, times the norms."""

    def closed_form(p, order):
        terms = NAMED["relu"].closed_form(p, order)
        return terms._replace(value=0.64 * terms.value + 0.2 * p.r1 * p.r2 * p.u)

    leaky = Activation("leaky", lambda x: np.where(x > 0, x, 0.2 * x), closed_form=closed_form)
    best = one_neuron(3, leaky)
    point = network(3, best.radius, best.outgoing, best.correlation)
    assert best.loss == pytest.approx(ca.loss(point, ca.orthonormal_teacher(3), leaky), rel=1e-12)
    assert best.loss < one_neuron(3, "relu").loss


@pytest.mark.bad_input
def test_bad_input():
    with pytest.raises(ValueError, match="nothing vanishes everywhere"):
        one_neuron(3, smooth("nothing", *[lambda x: 0 * x] * 3))
    with pytest.raises(ValueError, match="the σ′ given in derivatives is not the derivative of σ"):
        one_neuron(3, smooth("wrong", np.tanh, np.cos, lambda x: -np.sin(x)))
    with pytest.raises(ValueError, match="k must be at most 2⁵⁰"):
        one_neuron(10**400)
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, but was given 0"):
        one_neuron(0)
    with pytest.raises(ValueError, match="'step'"):
        one_neuron_critical_points(2, "step")
    with pytest.raises(QuadratureError, match="kinked"):
        one_neuron(2, Activation("kinked", np.abs))


@pytest.mark.parametrize("activation", NAMED)
def test_what_is_left_over_by_norm(activation):
    """Against the loss of networks; far out the shares go on towards the limit."""
    k, norms = 3, np.array([0.2, 1.0, 8.0])
    left, best, teacher = radial_losses(k, norms, activation), one_neuron(k, activation), ca.orthonormal_teacher(k)
    power = float(ca.loss(network(k, 1.0, 0.0, 1 / np.sqrt(k)), teacher, activation))
    for r, share in zip(norms, left.by_norm, strict=True):
        itself, cross = (ca.interaction(r, s, u, activation) for s, u in ((r, 1), (1, 1 / np.sqrt(k))))
        neuron = network(k, r, k * cross / itself, 1 / np.sqrt(k))
        assert share == pytest.approx(float(ca.loss(neuron, teacher, activation)) / power, abs=1e-12)
    if activation in ("erf", "tanh", "sigmoid", "softplus"):
        assert left.best == pytest.approx((best.radius, best.loss / power), rel=1e-12)
        assert left.best[1] < min(left.by_norm)
    else:
        assert left.best is None
    beyond = radial_losses(k, np.array([12.0]), activation).by_norm[0]
    assert abs(beyond - left.far) <= abs(left.by_norm[-1] - left.far) < 0.1


def test_what_a_reader_s_own_activation_does_far_out_is_not_known():
    own = Activation("own erf", NAMED["erf"].function, NAMED["erf"].derivatives)
    assert np.isnan(radial_losses(2, np.array([1.0]), own).far)
