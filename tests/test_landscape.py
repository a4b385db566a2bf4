"""Loss, gradient and Hessian by independent routes: Monte Carlo, Saad and Solla, autograd, high precision."""

import tracemalloc

import array_api_strict
import mpmath
import numpy as np
import pytest
import reference
import torch

import copyavg as ca
from copyavg.activations.base import Activation
from copyavg.activations.erf import ERF
from copyavg.activations.named import NAMED
from copyavg.interactions.quadrature import QuadratureError

LOGISTIC = ["tanh", "sigmoid", "softplus", "silu"]
OWN = {name: Activation("own", NAMED[name].function, NAMED[name].derivatives) for name in LOGISTIC}
every_activation = pytest.mark.parametrize("activation", NAMED)
every_closed_form = pytest.mark.parametrize("activation", [name for name in NAMED if NAMED[name].closed_form])


def saad_solla(student: ca.Network, teacher: ca.Network) -> float:
    """Saad and Solla's (1995) generalisation error ε_g of a committee machine, from overlaps Q, R, T; loss = 2 ε_g."""

    def terms(overlaps, left, right):
        return np.arcsin(overlaps / np.sqrt(np.outer(1 + np.diag(left), 1 + np.diag(right)))).sum()

    w, v = student.incoming, teacher.incoming
    q, r, t = w @ w.T, w @ v.T, v @ v.T
    return (terms(q, q, q) + terms(t, t, t) - 2 * terms(r, q, t)) / np.pi


@pytest.fixture
def pair(rng):
    """A batch of students and a teacher that is neither orthonormal nor unit."""
    return ca.random_student(3, 5, rng, batch=(2, 4)), ca.Network(rng.normal(size=(4, 5)) / 2, rng.normal(size=4))


def convert(network: ca.Network, library) -> ca.Network:
    return ca.Network(library.asarray(network.incoming), library.asarray(network.outgoing))


def member(batch: ca.Network, *index: int) -> ca.Network:
    return ca.Network(batch.incoming[index], batch.outgoing[index])


@pytest.mark.claim("loss-from-interactions")
def test_loss_against_monte_carlo(pair, rng, residual):
    student, teacher = member(pair[0], 0, 0), pair[1]
    x = rng.normal(size=(400_000, 5))
    f = ERF.function(x @ student.incoming.T) @ student.outgoing
    squares = (f - ERF.function(x @ teacher.incoming.T) @ teacher.outgoing) ** 2
    error = squares.std() / np.sqrt(len(x))
    residual("loss-from-interactions", "sampling", abs(squares.mean() - ca.loss(student, teacher)) / error)


@pytest.mark.claim("loss-from-interactions")
def test_loss_against_saad_and_solla(rng, residual):
    for n, k, d in [(1, 2, 3), (4, 7, 9), (6, 6, 6)]:
        student = ca.Network(rng.normal(size=(n, d)), np.ones(n))
        teacher = ca.Network(rng.normal(size=(k, d)), np.ones(k))
        loss = ca.loss(student, teacher)
        residual("loss-from-interactions", "Saad and Solla", abs(loss - 2 * saad_solla(student, teacher)) / loss)


def test_a_student_equal_to_its_teacher_has_no_loss_and_no_gradient(rng):
    teacher = ca.Network(rng.normal(size=(4, 6)), rng.normal(size=4))
    assert abs(ca.loss(teacher, teacher)) < 1e-14
    slope = ca.gradient(teacher, teacher)
    assert max(np.abs(slope.incoming).max(), np.abs(slope.outgoing).max()) < 1e-14


def flat_loss(teacher: ca.Network, n: int, activation):
    """The loss as a torch function of all weights in one vector, the order of the Hessian's rows."""
    teacher = convert(teacher, torch)
    return lambda x: ca.loss(ca.Network.from_vector(x, n), teacher, activation)


@pytest.mark.claim("accurate-closed-forms")
@every_closed_form
def test_gradient_and_hessian_against_autograd(pair, activation, residual):
    student, teacher = member(pair[0], 0, 1), pair[1]
    function, x = flat_loss(teacher, student.n, activation), torch.tensor(student.to_vector())
    exact = torch.autograd.functional.jacobian(function, x).numpy()
    by_gradient = np.abs(ca.gradient(student, teacher, activation).to_vector() - exact).max()
    exact = torch.autograd.functional.hessian(function, x).numpy()
    by_hessian = np.abs(ca.hessian(student, teacher, activation) - exact).max()
    assert by_gradient <= 1e-12
    assert by_hessian <= 1e-11
    residual("accurate-closed-forms", "autograd", max(by_gradient, by_hessian))


@every_activation
def test_hessian_against_differences_of_the_gradient(pair, activation):
    """Also at a copied teacher neuron, a duplicated, an opposite and an almost parallel one."""
    student, teacher = member(pair[0], 1, 0), pair[1]
    v = teacher.incoming
    incoming = np.stack([v[0], v[0] * 1.5, -v[1], v[2] + 1e-9 * v[3]])
    student = ca.Network(incoming, [0.7, -1.1, 0.4, 0.9])
    curvature, step, x = ca.hessian(student, teacher, activation), 1e-6, student.to_vector()
    for direction in np.random.default_rng(0).normal(size=(4, x.size)):
        # Of a ReLU neuron on a partner the second derivative jumps across w ∥ p: move it along itself only.
        if activation == "relu":
            direction = np.concatenate([(direction[:4, None] * incoming).ravel(), direction[-4:]])
        ahead, behind = (ca.Network.from_vector(x + s * step * direction, 4) for s in (1, -1))
        after, before = (ca.gradient(student, teacher, activation).to_vector() for student in (ahead, behind))
        np.testing.assert_allclose(curvature @ direction, (after - before) / (2 * step), rtol=0, atol=2e-7)


@every_activation
def test_the_hessian_is_symmetric_and_follows_the_batch(pair, activation):
    students, teacher = pair
    together = ca.hessian(students, teacher, activation)
    assert together.shape == (2, 4, 18, 18)
    np.testing.assert_allclose(together, np.swapaxes(together, -1, -2), rtol=0, atol=1e-15)
    np.testing.assert_allclose(together[1, 3], ca.hessian(member(students, 1, 3), teacher, activation), atol=1e-13)


def test_a_batch_of_hessians_needs_little_more_memory_than_its_result(rng):
    student, teacher = ca.random_student(10, 21, rng, batch=64), ca.orthonormal_teacher(20, 21)
    ca.hessian(student, teacher)
    tracemalloc.start()
    result = ca.hessian(student, teacher)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * result.nbytes


def test_nearly_parallel_relu_neurons_keep_their_curvature():
    w = [1.24, 0.36, 0.52]
    for stray in (1e-10, 1e-20, 1e-30, 1e-40):
        student, teacher = ca.Network([[*w, 0.0]], [1.0]), ca.Network([[*w, stray]], [1.0])
        assert ca.hessian(student, teacher, "relu")[0, 0] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("activation", ["erf", "gelu", *LOGISTIC])
@pytest.mark.parametrize("sign", [1, -1])
def test_autograd_agrees_at_exactly_parallel_neurons(activation, sign):
    student, teacher = ca.Network([[sign * 1.0, 0.0]], [1.0]), ca.orthonormal_teacher(2)
    function = flat_loss(teacher, 1, activation)
    exact = torch.autograd.functional.hessian(function, torch.tensor(student.to_vector())).numpy()
    np.testing.assert_allclose(ca.hessian(student, teacher, activation), exact, rtol=0, atol=1e-13)


@pytest.mark.parametrize("activation", [*LOGISTIC, OWN["tanh"]])
def test_autograd_of_long_neurons(activation):
    student, teacher = ca.Network([[8.0, 0.5]], [0.7]), ca.orthonormal_teacher(2)
    exact = torch.autograd.functional.jacobian(flat_loss(teacher, 1, activation), torch.tensor(student.to_vector()))
    np.testing.assert_allclose(ca.gradient(student, teacher, activation).to_vector(), exact.numpy(), rtol=0, atol=1e-9)


def test_an_empty_batch_has_empty_results():
    students, teacher = ca.Network(np.zeros((0, 2, 3)), np.zeros((0, 2))), ca.orthonormal_teacher(3)
    assert ca.loss(students, teacher).shape == (0,)
    assert ca.gradient(students, teacher).incoming.shape == (0, 2, 3)
    assert ca.hessian(students, teacher).shape == (0, 8, 8)


@every_activation
def test_the_hessian_in_another_library(pair, activation):
    theirs = ca.hessian(*(convert(network, array_api_strict) for network in pair), activation)
    np.testing.assert_allclose(np.asarray(theirs), ca.hessian(*pair, activation), rtol=0, atol=1e-13)


def test_inference_mode_leaves_no_trace(pair):
    student, teacher = (convert(network, torch) for network in pair)
    with torch.inference_mode():
        ca.loss(student, teacher)
    student.incoming.requires_grad_()
    ca.loss(ca.Network(student.incoming, student.outgoing), teacher).sum().backward()
    assert bool(torch.all(torch.isfinite(student.incoming.grad)))


@every_closed_form
def test_a_very_long_neuron_does_not_magnify_rounding(activation):
    """The curvature of a bounded neuron against itself falls with its length; rounding must not grow with it."""
    directions = np.random.default_rng(0).normal(size=(2, 3))
    student = ca.Network(1e12 * directions, [1.0, 1.0])
    curvature = ca.hessian(student, ca.orthonormal_teacher(2, 3), activation)
    assert np.all(np.isfinite(curvature))
    if activation in ("erf", "tanh", "sigmoid"):
        assert np.abs(curvature[:6, :6]).max() < 1e-23


def test_an_activation_of_ones_own_needs_no_derivatives(pair):
    student, teacher = member(pair[0], 0, 0), pair[1]
    own = Activation("own", np.tanh)
    np.testing.assert_allclose(
        ca.gradient(student, teacher, own).to_vector(), ca.gradient(student, teacher, "tanh").to_vector(), atol=1e-11
    )
    np.testing.assert_allclose(ca.hessian(student, teacher, own), ca.hessian(student, teacher, "tanh"), atol=1e-10)


def extreme_networks(kind: str, rng: np.random.Generator) -> tuple[ca.Network, ca.Network]:
    """Norms from 1e-8 to 1e6, with pairs of neurons that are duplicated or parallel up to about 1e-12 in u."""
    w, v = (rng.normal(size=(3, 4)) * 10 ** rng.uniform(-8, 6, size=(3, 1)) for _ in range(2))
    if kind == "parallel":
        v[0] = w[0] * (1 + 1e-6 * rng.normal(size=4)) * 10 ** rng.uniform(-3, 3)
        v[1] = -w[1] * (1 + 1e-7 * rng.normal(size=4))
    elif kind == "long and parallel":
        w[0] *= 1e6 / np.linalg.norm(w[0])
        v[0], v[1] = w[0] * (1 + 1e-6 * rng.normal(size=4)), -w[0] * (1 + 1e-7 * rng.normal(size=4))
    elif kind == "duplicated":
        w[1], v[1] = w[0], -w[2]
    return ca.Network(w, rng.normal(size=3)), ca.Network(v, rng.normal(size=3))


@pytest.mark.claim("accurate-closed-forms")
@pytest.mark.parametrize("kind", ["random", "parallel", "long and parallel", "duplicated"])
@pytest.mark.parametrize("activation", ["erf", "relu", "gelu"])
def test_accuracy_at_random_and_extreme_points(activation, kind, rng, residual):
    """|error| ≤ 1e-12 × the sum of the absolute terms, against 80 digits."""

    def compare(error, scale):
        error, scale = np.abs(error), np.asarray(scale)
        assert np.all(error[scale == 0] == 0)
        residual("accurate-closed-forms", "80 digits", np.max(error[scale > 0] / scale[scale > 0]))

    with mpmath.workdps(reference.DIGITS):
        for _ in range(4):
            student, teacher = extreme_networks(kind, rng)
            exact, scale = reference.loss(student, teacher, activation)
            compare(ca.loss(student, teacher, activation) - exact, scale)
            by_w, by_a, scale_w, scale_a = reference.gradient(student, teacher, activation)
            slope = ca.gradient(student, teacher, activation)
            compare(np.abs(slope.incoming - by_w).max(axis=-1), scale_w)
            compare(slope.outgoing - by_a, scale_a)
            exact, scale = reference.hessian(student, teacher, activation)
            compare(ca.hessian(student, teacher, activation) - exact, scale)


@pytest.mark.slow
@pytest.mark.parametrize("activation", OWN.values())
def test_accuracy_of_quadrature_at_long_and_tiny_neurons(activation, rng):
    """‖w‖ up to 10, down to 1e-8 and 0, nearly parallel pairs: gradients against differences of the loss."""
    directions = rng.normal(size=(4, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    student = ca.Network(directions * np.array([[10.0], [1e-8], [0.0], [3.0]]), [0.5, -1.0, 2.0, 0.3])
    teacher = ca.Network(np.stack([directions[0] * 9 + 1e-6, -directions[3], directions[1]]), [1.0, 1.0, -0.5])
    slope, x, step = ca.gradient(student, teacher, activation).to_vector(), student.to_vector(), 1e-4
    function = lambda x: ca.loss(ca.Network(x[:12].reshape(4, 3), x[12:]), teacher, activation)  # noqa: E731
    for direction in rng.normal(size=(1, 16)):
        values = [function(x + s * step * direction) for s in (-2, -1, 1, 2)]
        difference = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        assert abs(slope @ direction - difference) < 2e-7 * (1 + abs(difference))


@pytest.mark.parametrize("activation", ["erf", "relu", "gelu"])
@pytest.mark.parametrize("norms", [(1e39, 1e39), (1e50, 1e50), (1e61, 1e61), (1e61, 1e20), (1e-8, 1e50)])
@pytest.mark.parametrize(("sign", "stray"), [(1, 1.0), (1, 1e-7), (-1, 1e-2), (-1, 1e-7), (-1, 0.0)])
def test_accuracy_at_the_longest_neurons(activation, norms, sign, stray, rng):
    """Up to the largest weights that `Network` admits: neurons on both sides of 1/3 in S/|c|, or opposite."""
    w = rng.uniform(-1, 1, size=(2, 3)) * np.array(norms)[:, None]
    v = sign * w * (1 + stray * rng.normal(size=(2, 3))) * 10 ** rng.uniform(-1, 0, size=(2, 1))
    student, teacher = ca.Network(w, rng.normal(size=2)), ca.Network(v, rng.normal(size=2))
    slope = ca.gradient(student, teacher, activation)
    with mpmath.workdps(400):
        by_w, by_a, scale_w, scale_a = reference.gradient(student, teacher, activation)
        results = [
            (ca.loss(student, teacher, activation), *reference.loss(student, teacher, activation)),
            (slope.incoming, by_w, scale_w[:, None]),
            (slope.outgoing, by_a, scale_a),
            (ca.hessian(student, teacher, activation), *reference.hessian(student, teacher, activation)),
        ]
    for found, exact, scale in results:
        assert np.all(np.abs(found - exact) <= 1e-12 * np.asarray(scale))


def test_gradient_against_differences(pair):
    student, teacher = member(pair[0], 1, 2), pair[1]
    slope, step = ca.gradient(student, teacher), 1e-5
    for i in range(student.n):
        for e in range(student.d):
            shift = np.zeros((student.n, student.d))
            shift[i, e] = step
            ahead, behind = (
                ca.loss(ca.Network(student.incoming + s * shift, student.outgoing), teacher) for s in (1, -1)
            )
            assert abs((ahead - behind) / (2 * step) - slope.incoming[i, e]) < 1e-9


@pytest.mark.parametrize("function", [ca.loss, lambda *pair: ca.gradient(*pair).incoming])
def test_a_batch_is_its_members(pair, function):
    students, teacher = pair
    together = function(students, teacher)
    for index in np.ndindex(*students.batch_shape):
        np.testing.assert_allclose(together[index], function(member(students, *index), teacher), rtol=0, atol=1e-14)


def test_a_batch_of_teachers_broadcasts(rng):
    students, teachers = (ca.Network(rng.normal(size=(4, 3, 5)), rng.normal(size=(4, 3))) for _ in range(2))
    losses = ca.loss(students, teachers)
    assert losses.shape == (4,)
    assert losses[2] == pytest.approx(ca.loss(member(students, 2), member(teachers, 2)), rel=1e-13)


def test_batches_of_single_neurons_broadcast_against_each_other(rng):
    students = ca.Network(rng.normal(size=(3, 1, 2)), rng.normal(size=(3, 1)))
    teachers = ca.Network(rng.normal(size=(2, 1, 1, 2)), rng.normal(size=(2, 1, 1)))
    losses, curvatures = ca.loss(students, teachers), ca.hessian(students, teachers)
    assert (losses.shape, curvatures.shape) == ((2, 3), (2, 3, 3, 3))
    for i, j in np.ndindex(2, 3):
        student, teacher = member(students, j), member(teachers, i, 0)
        assert losses[i, j] == pytest.approx(ca.loss(student, teacher), rel=1e-12)
        np.testing.assert_allclose(curvatures[i, j], ca.hessian(student, teacher), rtol=0, atol=1e-13)


def test_no_more_derivatives_are_computed_than_needed(pair):
    orders = []

    def closed_form(p, order):
        orders.append(order)
        return NAMED["erf"].closed_form(p, order)

    counting = Activation("counting", NAMED["erf"].function, closed_form=closed_form)
    for function in (ca.loss, ca.gradient, ca.hessian):
        function(*pair, counting)
    assert sorted(set(orders)) == [0, 1, 2]
    assert orders[:2] == [0, 1]


def test_results_stay_on_the_device_of_the_weights(pair):
    elsewhere = array_api_strict.Device("device1")
    theirs = [
        ca.Network(
            *(array_api_strict.asarray(x, device=elsewhere) for x in (network.incoming, network.outgoing)),
        )
        for network in pair
    ]
    for function in (ca.loss, lambda *pair: ca.gradient(*pair).incoming, ca.hessian):
        assert function(*theirs).device == elsewhere


@pytest.mark.parametrize("library", [torch, array_api_strict])
def test_other_libraries_give_the_same_values(pair, library):
    theirs = [convert(network, library) for network in pair]
    np.testing.assert_allclose(np.asarray(ca.loss(*theirs)), ca.loss(*pair), rtol=1e-13)
    np.testing.assert_allclose(np.asarray(ca.gradient(*theirs).incoming), ca.gradient(*pair).incoming, atol=1e-14)


def test_float32_stays_float32(pair):
    student, teacher = (ca.Network(n.incoming.astype("f4"), n.outgoing.astype("f4")) for n in pair)
    assert ca.loss(student, teacher).dtype == np.float32
    np.testing.assert_allclose(ca.loss(student, teacher), ca.loss(*pair), rtol=1e-4)


@every_closed_form
def test_norms_whose_squares_underflow(activation):
    for size in (1e-150, 1e-158, 1e-163, 1e-170, 1e-300):
        student = ca.Network([[0.6 * size, 0.8 * size], [size, 0.0]], [1.0, -1.0])
        assert np.all(np.isfinite(ca.hessian(student, ca.orthonormal_teacher(2), activation)))
        assert np.all(np.isfinite(ca.gradient(student, ca.orthonormal_teacher(2), activation).incoming))


def test_a_neuron_without_incoming_weights_is_silent():
    """At w = 0 there is no direction, yet ∂L/∂w = −2a Σⱼ bⱼ E[σ′(0)σ′(vⱼ·x)] vⱼ is well defined."""
    student, teacher = ca.Network(np.zeros((1, 2)), [3.0]), ca.orthonormal_teacher(2)
    assert ca.loss(student, teacher) == pytest.approx(2 / 3, rel=1e-15)
    slope = ca.gradient(student, teacher)
    assert slope.outgoing == [0]
    np.testing.assert_allclose(slope.incoming, -2 * 3 * 2 / np.pi / np.sqrt(2), rtol=1e-14)


def test_the_hessian_of_a_neuron_without_incoming_weights():
    """There too it is finite: a ReLU neuron's a²‖w‖²/2 has curvature a², and beside others σ′(0) counts as ½."""
    student, teacher = ca.Network(np.zeros((1, 2)), [3.0]), ca.orthonormal_teacher(2)
    for activation in ("erf", "gelu"):
        with mpmath.workdps(reference.DIGITS):
            exact, scale = reference.hessian(student, teacher, activation)
        assert np.all(np.abs(ca.hessian(student, teacher, activation) - exact) <= 1e-12 * scale)
    expected = [[9, 0, -0.5], [0, 9, -0.5], [-0.5, -0.5, 0]]
    np.testing.assert_allclose(ca.hessian(student, teacher, "relu"), expected, rtol=0, atol=1e-15)
    for name in LOGISTIC:
        curvature = ca.hessian(student, teacher, name)
        np.testing.assert_allclose(curvature, ca.hessian(student, teacher, OWN[name]), rtol=0, atol=1e-11)


def test_what_cannot_be_computed_accurately_is_refused():
    kinked = Activation("kinked", lambda x: np.maximum(x, 0))
    with pytest.raises(QuadratureError, match="kinked"):
        ca.gradient(ca.orthonormal_teacher(2), ca.orthonormal_teacher(2), kinked)
    bent = Activation("bent", lambda x: np.where(x > 0, x**5, 0.0))
    with pytest.raises(QuadratureError, match="give σ′ and σ″"):
        ca.hessian(ca.orthonormal_teacher(2), ca.orthonormal_teacher(2), bent)


@pytest.mark.bad_input
class TestBadInput:
    def test_dimensions_must_agree(self):
        with pytest.raises(ValueError, match="d = 3 and d = 2"):
            ca.loss(ca.orthonormal_teacher(2, 3), ca.orthonormal_teacher(2))

    def test_batches_must_broadcast(self, rng):
        with pytest.raises(ValueError, match=r"student's batch with \(3,\), teacher's batch with \(2,\)"):
            ca.gradient(ca.random_student(1, 2, rng, batch=3), ca.random_student(1, 2, rng, batch=2))

    def test_networks_are_needed(self):
        with pytest.raises(TypeError, match="teacher must be a Network, but was given ndarray"):
            ca.loss(ca.orthonormal_teacher(2), np.eye(2))
        with pytest.raises(TypeError, match="student must be a Network, but was given list"):
            ca.loss([1.0], ca.orthonormal_teacher(2))

    def test_libraries_must_not_mix(self):
        with pytest.raises(TypeError, match="student from .*torch, teacher from .*numpy"):
            ca.loss(convert(ca.orthonormal_teacher(2), torch), ca.orthonormal_teacher(2))

    def test_the_activation_must_be_known(self):
        with pytest.raises(ValueError, match="'step'"):
            ca.loss(ca.orthonormal_teacher(2), ca.orthonormal_teacher(2), "step")


def test_a_silent_neuron_with_an_odd_activation_of_ones_own():
    student, teacher = ca.Network([[0.0, 0.0], [0.3, 0.2]], [1.0, -0.5]), ca.orthonormal_teacher(2)
    own = Activation("own", np.tanh)
    np.testing.assert_allclose(
        ca.gradient(student, teacher, own).to_vector(), ca.gradient(student, teacher, "tanh").to_vector(), atol=1e-12
    )
    np.testing.assert_allclose(ca.hessian(student, teacher, own), ca.hessian(student, teacher, "tanh"), atol=1e-11)


@pytest.mark.bad_input
def test_a_hessian_too_large_for_memory_is_refused_before_any_work():
    student = ca.Network.unchecked(np.broadcast_to(0.0, (400, 400)), np.broadcast_to(0.0, (400,)))
    with pytest.raises(ValueError, match="160400 × 160400 entries for each of 1 students"):
        ca.hessian(student, ca.orthonormal_teacher(400))
