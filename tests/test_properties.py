"""What must hold for every network: symmetries, inequalities and derivatives, on examples that Hypothesis draws.

`make check` takes a few examples of each property, HYPOTHESIS_PROFILE=thorough a thousand, always the same ones.
Bounds are relative to the sum of the absolute terms. Named activations that have lost their closed forms stand for a
reader's own; these share fewer examples, of shorter neurons and smaller networks, as a Hessian takes long.
"""

import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import copyavg as ca
from copyavg.activations.base import Activation, OrderParameters, PairTerms
from copyavg.activations.named import NAMED
from copyavg.interactions.pairs import pair_terms

settings.register_profile(
    "fast", max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("thorough", parent=settings.get_profile("fast"), max_examples=1000)
settings.register_profile("mutation", parent=settings.get_profile("fast"), phases=[Phase.explicit, Phase.generate])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))
a_fifth = settings(max_examples=settings.default.max_examples // 5)
a_few = settings(max_examples=settings.default.max_examples // 20 + 2)

CLOSED = tuple(name for name in NAMED if NAMED[name].closed_form)
SERIES = tuple(
    Activation(name, NAMED[name].function, NAMED[name].derivatives) for name in ("tanh", "sigmoid", "softplus", "silu")
)

Sigma = str | Activation

pytestmark = pytest.mark.unchecked


def name_of(activation: Sigma) -> str:
    """The name of the function, whether or not its closed form is known."""
    return activation if isinstance(activation, str) else activation.name


def tolerance(activation: Sigma) -> float:
    """The accuracy that `interaction` promises, and as much again for the difference of two."""
    return 1e-12 if activation in CLOSED else 2e-11


def size(activation: Sigma, *r: float) -> float:
    """Return ∏ ‖σ(rx)‖, which no interaction exceeds."""
    return float(np.prod([np.sqrt(ca.interaction(x, x, 1.0, activation)) for x in r]))


# The interaction of two neurons.


def is_symmetric(sigma: Sigma, r1: float, r2: float, u: float, _: float) -> None:
    difference = ca.interaction(r1, r2, u, sigma) - ca.interaction(r2, r1, u, sigma)
    assert abs(difference) <= tolerance(sigma) * size(sigma, r1, r2)


def knows_its_reflection(sigma: Sigma, r1: float, r2: float, u: float, _: float) -> None:
    """Turn one neuron around: σ(−x) is −σ(x), or 1 − σ(x) for sigmoid, or σ(x) − x for softplus and its kin."""
    ahead, behind = ca.interaction(r1, r2, [u, -u], sigma)
    if name_of(sigma) in ("erf", "tanh"):
        excess = ahead + behind
    elif name_of(sigma) == "sigmoid":
        excess = ahead + behind - 1 / 2
    else:
        excess = ahead - behind - r1 * r2 * u / 2  # E[σ(r₁x) r₂y], by Stein's lemma, as E[σ′] = ½
    assert abs(excess) <= tolerance(sigma) * (size(sigma, r1, r2) + r1 * r2)


def obeys_cauchy_and_schwarz(sigma: Sigma, r1: float, r2: float, u: float, _: float) -> None:
    assert abs(ca.interaction(r1, r2, u, sigma)) <= (1 + tolerance(sigma)) * size(sigma, r1, r2)


def rises_if_the_activation_rises(sigma: Sigma, r1: float, r2: float, u1: float, u2: float) -> None:
    """By Price's theorem ∂g/∂u = r₁r₂ E[σ′σ′]; GELU and SiLU fall on the left."""
    if name_of(sigma) not in ("gelu", "silu"):
        low, high = ca.interaction(r1, r2, sorted([u1, u2]), sigma)
        assert low <= high + tolerance(sigma) * size(sigma, r1, r2)


def is_a_series_of_positive_terms_at_equal_norms(sigma: Sigma, r: float, _: float, u1: float, u2: float) -> None:
    """By Mehler's formula g(r, r, u) = Σ cₚ(r)² uᵖ: it rises for u ≥ 0, and |g(−u)| ≤ g(u)."""
    low, high = sorted([abs(u1), abs(u2)])
    opposite, less, more = ca.interaction(r, r, [-low, low, high], sigma)
    slack = tolerance(sigma) * size(sigma, r, r)
    assert abs(opposite) <= less + slack
    assert less <= more + slack


OF_INTERACTIONS = [
    is_symmetric,
    knows_its_reflection,
    obeys_cauchy_and_schwarz,
    rises_if_the_activation_rises,
    is_a_series_of_positive_terms_at_equal_norms,
]


def norms(longest: float) -> st.SearchStrategy[float]:
    return st.floats(-8, np.log10(longest)).map(lambda exponent: 10**exponent)


CORRELATIONS = st.floats(-1, 1) | st.floats(-16, -1).map(lambda exponent: 1 - 10**exponent)


@pytest.mark.parametrize("sigma", CLOSED)
@pytest.mark.parametrize("holds", OF_INTERACTIONS)
@given(norms(1e6), norms(1e6), CORRELATIONS, CORRELATIONS)
def test_an_interaction_in_closed_form(holds, sigma, r1, r2, u1, u2):
    holds(sigma, r1, r2, u1, u2)


@pytest.mark.parametrize("holds", OF_INTERACTIONS)
@a_fifth
@given(st.sampled_from(SERIES), norms(10), norms(10), CORRELATIONS, CORRELATIONS)
def test_an_interaction_by_series(holds, sigma, r1, r2, u1, u2):
    holds(sigma, r1, r2, u1, u2)


# Networks, drawn at random, and what their loss may be measured by.


@st.composite
def pairs(draw, names: tuple[Sigma, ...], reach=(1e-8, 1e6), alike: bool = True):
    """An activation, a student and a teacher, of any directions and with norms within `reach`, or zero.

    If `alike`, a teacher neuron now and then is a student neuron, or nearly parallel to it. All numbers come from one
    list in [−1, 1], which is quicker than one strategy for each.
    """
    activation = draw(st.sampled_from(names))
    n, k, d = draw(st.sampled_from(SHAPES if activation in CLOSED else [(1, 1, 2), (2, 1, 2)]))
    shortest, longest = np.log10(reach if activation in CLOSED else (0.1, 2.0))
    count = (n + k) * (d + 2)
    numbers = np.array(draw(st.lists(st.floats(-1, 1), min_size=count, max_size=count))).reshape(n + k, d + 2)
    numbers[np.abs(numbers) < 1e-100] = 0  # products of smaller ones underflow
    directions, exponents, outgoing = numbers[:, :d], numbers[:, d : d + 1], 2 * numbers[:, -1]
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    norm = 10 ** (shortest + (longest - shortest) * (exponents + 1) / 2)
    vectors = np.where(length > 0.01, directions / np.maximum(length, 0.01) * norm, 0.0)
    if alike:
        stray = draw(st.sampled_from([None, None, 0.0, 1e-12, 1e-7, 0.1]))
        if stray is not None:
            vectors[n] = vectors[0] * (1 + stray * np.arange(d))
    return activation, ca.Network(vectors[:n], outgoing[:n]), ca.Network(vectors[n:], outgoing[n:])


SHAPES = [(n, k, d) for n in (1, 2, 3) for k in (1, 2, 3) for d in (1, 2, 3)]
SEEDS = st.integers(0, 2**32)


def partners(student: ca.Network, teacher: ca.Network) -> tuple[np.ndarray, np.ndarray]:
    """All weight vectors, and the outgoing weights that their interactions carry in the loss."""
    return np.vstack([student.incoming, teacher.incoming]), np.concatenate([student.outgoing, -teacher.outgoing])


def scale(activation: Sigma, student: ca.Network, teacher: ca.Network) -> float:
    """A bound on the sum of the absolute terms of the loss: (Σ |c| ‖σ‖)²."""
    vectors, c = partners(student, teacher)
    return float(np.sum(np.abs(c) * [size(activation, r) for r in np.linalg.norm(vectors, axis=1)]) ** 2)


def sizes_of_terms(activation: Sigma, student: ca.Network, teacher: ca.Network):
    """|c| of all partners, their norms and ‖σ‖; and the sizes of the terms of every student's pair with a partner."""
    vectors, c = partners(student, teacher)
    r = np.linalg.norm(vectors, axis=1)
    hat = vectors / np.where(r > 0, r, 1)[:, None]
    u = np.clip(hat[: student.n] @ hat.T, -1, 1)
    r1, r2 = np.broadcast_arrays(r[: student.n, None], r)
    p = OrderParameters(r1, r2, u, np.maximum((1 - u) * (1 + u), 1e-32))  # v is only known to within rounding
    if activation in SERIES:  # what they promise is relative to ‖σ′‖ and ‖σ″‖, which are about 1
        terms = [np.full(u.shape, 2.0)] * len(PairTerms._fields)
    else:
        terms = pair_terms(NAMED[activation], p, 2)
    return np.abs(c), r, np.array([size(activation, x) for x in r]), p, PairTerms(*map(np.abs, terms))


def scale_of_gradient(activation: Sigma, student: ca.Network, teacher: ca.Network) -> ca.Network:
    """The sums of the absolute terms of the gradient, by neuron: 2|aᵢ| Σ |c| (|own| r + |cross| r′), 2 Σ |c| ‖σ‖‖σ‖."""
    c, _, sizes, p, terms = sizes_of_terms(activation, student, teacher)
    by_incoming = 2 * c[: student.n] * np.sum(c * (terms.own * p.r1 + terms.cross * p.r2), axis=1)
    return ca.Network.unchecked(by_incoming, 2 * sizes[: student.n] * np.sum(c * sizes))


def scale_of_hessian(activation: Sigma, student: ca.Network, teacher: ca.Network) -> np.ndarray:
    """The same for the Hessian, one number for every block of a neuron with a neuron."""
    n, d = student.incoming.shape
    c, _, sizes, p, t = sizes_of_terms(activation, student, teacher)
    length = np.sqrt(p.v)
    twice = t.own + t.own_ww + 2 * t.own_wm * length + t.own_mm * p.v
    once = t.cross + t.cross_wp + (t.cross_wm + t.cross_mp) * length + t.cross_mm * p.v
    slopes = 2 * (t.own * p.r1 + t.cross * p.r2)
    by_both = c[:n, None] * slopes[:, :n] + np.diag(np.sum(c * slopes, axis=1))
    by_incoming = 2 * np.outer(c[:n], c[:n]) * once[:, :n] + np.diag(2 * c[:n] * np.sum(c * twice, axis=1))
    by_outgoing = 2 * np.outer(sizes[:n], sizes[:n])
    by_both = np.repeat(by_both, d, axis=0)
    return np.block([[np.kron(by_incoming, np.ones((d, d))), by_both], [by_both.T, by_outgoing]])


def assert_gradients_agree(one: ca.Network, other: ca.Network, sums: ca.Network, factor: float = 1e-12) -> None:
    assert np.all(np.abs(one.incoming - other.incoming) <= factor * sums.incoming[:, None])
    assert np.all(np.abs(one.outgoing - other.outgoing) <= factor * sums.outgoing)


# The loss, its gradient, and the Hessian, of students that compute the same function.


def assert_same_function(sigma: Sigma, teacher: ca.Network, one: ca.Network, other: ca.Network) -> None:
    difference = ca.loss(one, teacher, sigma) - ca.loss(other, teacher, sigma)
    assert abs(difference) <= tolerance(sigma) * scale(sigma, one, teacher)


def is_not_negative(sigma: Sigma, student: ca.Network, teacher: ca.Network, _: np.random.Generator) -> None:
    assert ca.loss(student, teacher, sigma) >= -tolerance(sigma) * scale(sigma, student, teacher)


def ignores_the_order_of_neurons(sigma: Sigma, student: ca.Network, teacher: ca.Network, rng) -> None:
    mine, theirs = rng.permutation(student.n), rng.permutation(teacher.n)
    moved = ca.Network(student.incoming[mine], student.outgoing[mine])
    other_teacher = ca.Network(teacher.incoming[theirs], teacher.outgoing[theirs])
    difference = ca.loss(moved, other_teacher, sigma) - ca.loss(student, teacher, sigma)
    assert abs(difference) <= tolerance(sigma) * scale(sigma, student, teacher)
    if sigma in CLOSED:
        slope, sums = ca.gradient(student, teacher, sigma), scale_of_gradient(sigma, student, teacher)
        expected, sums = (ca.Network.unchecked(x.incoming[mine], x.outgoing[mine]) for x in (slope, sums))
        assert_gradients_agree(ca.gradient(moved, other_teacher, sigma), expected, sums)


def ignores_a_rotation_of_the_input(sigma: Sigma, student: ca.Network, teacher: ca.Network, rng) -> None:
    turn = np.linalg.qr(rng.normal(size=(student.d, student.d)))[0]
    turned = [ca.Network(x.incoming @ turn, x.outgoing) for x in (student, teacher)]
    difference = ca.loss(*turned, sigma) - ca.loss(student, teacher, sigma)
    assert abs(difference) <= tolerance(sigma) * scale(sigma, student, teacher)


def lets_an_odd_neuron_turn_around(sigma: Sigma, student: ca.Network, teacher: ca.Network, rng) -> None:
    """For odd σ, (w, a) → (−w, −a) is the same function; the gradient turns around with the neuron."""
    if name_of(sigma) not in ("erf", "tanh"):
        return
    signs = rng.choice([-1.0, 1.0], size=student.n)
    turned = ca.Network(signs[:, None] * student.incoming, signs * student.outgoing)
    assert_same_function(sigma, teacher, turned, student)
    if sigma in CLOSED:
        slope, moved = ca.gradient(student, teacher, sigma), ca.gradient(turned, teacher, sigma)
        expected = ca.Network.unchecked(signs[:, None] * slope.incoming, signs * slope.outgoing)
        assert_gradients_agree(moved, expected, scale_of_gradient(sigma, student, teacher))


def lets_a_relu_neuron_be_scaled(sigma: Sigma, student: ca.Network, teacher: ca.Network, rng) -> None:
    """(w, a) → (cw, a/c) is the same function; and w·∂L/∂w = a ∂L/∂a, so that the flow conserves a² − ‖w‖²."""
    if sigma != "relu":
        return
    c = 10 ** rng.uniform(-3, 3)
    scaled = ca.Network(c * student.incoming, student.outgoing / c)
    assert_same_function(sigma, teacher, scaled, student)
    slope, moved = ca.gradient(student, teacher, sigma), ca.gradient(scaled, teacher, sigma)
    expected = ca.Network.unchecked(slope.incoming / c, slope.outgoing * c)
    assert_gradients_agree(moved, expected, scale_of_gradient(sigma, scaled, teacher))
    by_w, by_a = np.sum(student.incoming * slope.incoming, axis=1), student.outgoing * slope.outgoing
    assert np.all(np.abs(by_w - by_a) <= 1e-12 * scale(sigma, student, teacher))


def lets_a_neuron_be_split(sigma: Sigma, student: ca.Network, teacher: ca.Network, rng) -> None:
    """(w, a) → (w, ta), (w, (1 − t)a) is the same function; the force on either part has its share."""
    t = rng.uniform(-3, 3)
    w, a = student.incoming, student.outgoing
    split = ca.Network(np.vstack([w, w[:1]]), [t * a[0], *a[1:], (1 - t) * a[0]])
    assert_same_function(sigma, teacher, split, student)
    if sigma in CLOSED:
        whole, parts = ca.gradient(student, teacher, sigma), ca.gradient(split, teacher, sigma)
        share = np.array([t, *np.ones(student.n - 1), 1 - t])[:, None]
        index = [*range(student.n), 0]
        expected = ca.Network.unchecked(share * whole.incoming[index], whole.outgoing[index])
        assert_gradients_agree(parts, expected, scale_of_gradient(sigma, split, teacher))


def has_a_positive_semidefinite_matrix_of_interactions(sigma, student, teacher, _) -> None:
    """It is the Gram matrix of the neurons' outputs, and half the Hessian by the outgoing weights."""
    sizes = np.array([size(sigma, r) or 1.0 for r in np.linalg.norm(student.incoming, axis=1)])
    matrix = ca.hessian(student, teacher, sigma)[-student.n :, -student.n :] / 2
    assert np.linalg.eigvalsh(matrix / sizes / sizes[:, None])[0] >= -tolerance(sigma)


def has_a_symmetric_hessian(sigma: Sigma, student: ca.Network, teacher: ca.Network, _: np.random.Generator) -> None:
    curvature = ca.hessian(student, teacher, sigma)
    assert np.all(np.abs(curvature - curvature.T) <= tolerance(sigma) * scale_of_hessian(sigma, student, teacher))


def is_the_same_in_torch(sigma: Sigma, student: ca.Network, teacher: ca.Network, _: np.random.Generator) -> None:
    theirs = [ca.Network(torch.asarray(x.incoming), torch.asarray(x.outgoing)) for x in (student, teacher)]
    difference = ca.loss(student, teacher, sigma) - float(ca.loss(*theirs, sigma))
    assert abs(difference) <= tolerance(sigma) * scale(sigma, student, teacher)
    slope = ca.gradient(*theirs, sigma)
    slope = ca.Network.unchecked(slope.incoming.numpy(), slope.outgoing.numpy())
    assert_gradients_agree(
        slope, ca.gradient(student, teacher, sigma), scale_of_gradient(sigma, student, teacher), tolerance(sigma)
    )
    difference = ca.hessian(student, teacher, sigma) - ca.hessian(*theirs, sigma).numpy()
    assert np.all(np.abs(difference) <= tolerance(sigma) * scale_of_hessian(sigma, student, teacher))


OF_NETWORKS = [
    is_not_negative,
    ignores_the_order_of_neurons,
    ignores_a_rotation_of_the_input,
    lets_an_odd_neuron_turn_around,
    lets_a_relu_neuron_be_scaled,
    lets_a_neuron_be_split,
    has_a_positive_semidefinite_matrix_of_interactions,
    has_a_symmetric_hessian,
    is_the_same_in_torch,
]
ONLY = {lets_an_odd_neuron_turn_around: ("erf", "tanh"), lets_a_relu_neuron_be_scaled: ("relu",)}


@pytest.mark.parametrize("holds", OF_NETWORKS)
@given(st.data())
def test_the_loss_in_closed_form(holds, data):
    sigma, student, teacher = data.draw(pairs(ONLY.get(holds, CLOSED)))
    holds(sigma, student, teacher, np.random.default_rng(data.draw(SEEDS)))


@pytest.mark.parametrize("holds", [holds for holds in OF_NETWORKS if holds is not lets_a_relu_neuron_be_scaled])
@a_few
@given(pairs(SERIES), SEEDS)
def test_the_loss_by_series(holds, drawn, seed):
    holds(*drawn, np.random.default_rng(seed))


# Central differences of order 8: the weights of the neighbours at 1, 2, 3 and 4 steps.
STENCIL = (4 / 5, -1 / 5, 4 / 105, -1 / 280)


def along(function, student: ca.Network, direction: np.ndarray, step: float) -> np.ndarray:
    """The derivative of a function of the student in a direction, by differences."""

    def at(t: float) -> np.ndarray:
        x = student.to_vector() + t * direction
        return function(ca.Network.from_vector(x, student.n))

    return sum(weight * (at(i * step) - at(-i * step)) for i, weight in enumerate(STENCIL, 1)) / step


def error_of_differences(activation: Sigma, student: ca.Network, teacher: ca.Network) -> float:
    """What a step of a hundredth of the radius of convergence leaves: truncation below 0.01⁸, and rounding over 0.01.

    Relative to the absolute terms of the loss, with every weight longer by one, as far as the steps might reach.
    """
    vectors, c = partners(student, teacher)
    lengths = 1 if activation == "erf" else 1 + np.linalg.norm(vectors, axis=1)
    return (1e-12 if activation in CLOSED else 1e-8) * float(np.sum((np.abs(c) + 1) * lengths) ** 2)


def radius(activation: Sigma, student: ca.Network, teacher: ca.Network) -> float:
    """How far the student may move before the loss stops being a convergent power series, up to a factor.

    For smooth activations a distance of about 1, and half as far for tanh, whose poles ±iπ/2 are near. ReLU's loss has
    kinks where a neuron vanishes or meets another.
    """
    if activation != "relu":
        return 0.5 if activation == "tanh" else 1.0
    vectors, _ = partners(student, teacher)
    r = np.linalg.norm(vectors, axis=1)
    hat = vectors / np.where(r > 0, r, 1)[:, None]
    u = np.clip(hat @ hat.T, -1, 1)
    sine = np.where(np.eye(len(r)), 1, np.sqrt(1 - u**2))
    return float(min(1, r.min() * sine.min()))


@st.composite
def pairs_and_directions(draw, names: tuple[Sigma, ...]):
    """A direction of length one; and for ReLU, neurons that are neither short nor parallel."""
    smooth = names != ("relu",)
    sigma, student, teacher = draw(pairs(names, reach=(1e-8 if smooth else 0.1, 10.0), alike=smooth))
    assume(radius(sigma, student, teacher) > 1e-3)
    direction = np.random.default_rng(draw(SEEDS)).normal(size=student.n * (student.d + 1))
    return sigma, student, teacher, direction / np.linalg.norm(direction)


def has_the_right_gradient(sigma: Sigma, student: ca.Network, teacher: ca.Network, direction: np.ndarray) -> None:
    reach = radius(sigma, student, teacher)
    difference = along(lambda x: ca.loss(x, teacher, sigma), student, direction, 0.01 * reach)
    error = abs(ca.gradient(student, teacher, sigma).to_vector() @ direction - difference)
    assert error <= error_of_differences(sigma, student, teacher) / reach


def has_the_right_hessian(sigma: Sigma, student: ca.Network, teacher: ca.Network, direction: np.ndarray) -> None:
    reach = radius(sigma, student, teacher)
    difference = along(lambda x: ca.gradient(x, teacher, sigma).to_vector(), student, direction, 0.01 * reach)
    error = np.abs(ca.hessian(student, teacher, sigma) @ direction - difference)
    assert np.all(error <= error_of_differences(sigma, student, teacher) / reach)


@pytest.mark.parametrize("sigma", CLOSED)
@pytest.mark.parametrize("holds", [has_the_right_gradient, has_the_right_hessian])
@given(st.data())
def test_derivatives_in_closed_form(holds, sigma, data):
    holds(*data.draw(pairs_and_directions((sigma,))))


@pytest.mark.parametrize("holds", [has_the_right_gradient, has_the_right_hessian])
@a_few
@given(pairs_and_directions(SERIES))
def test_derivatives_by_series(holds, drawn):
    holds(*drawn)
