import dataclasses
import pickle
import subprocess
import sys

import mpmath
import numpy as np
import pytest
import torch
from reference import PARTS, pair

import copyavg as ca
from copyavg.activations.base import Activation, OrderParameters, evaluate, has_gauge, is_odd
from copyavg.activations.erf import ERF
from copyavg.activations.named import NAMED, get_activation, is_tested
from copyavg.activations.relu import RELU, leaky_relu

POINTS = np.array([-800.0, -30.0, -2.0, -1e-9, 0.0, 0.3, 5.0, 800.0])
EXACT = {
    "erf": lambda x: mpmath.erf(x / mpmath.sqrt(2)),
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("library", [np, torch])
def test_functions_and_derivatives_against_high_precision(name, library):
    activation = NAMED[name]
    x = library.asarray(POINTS)
    assert (activation.derivatives is None) == (name == "relu")
    functions = [activation.function, *(activation.derivatives or ())]
    with mpmath.workdps(40):
        for order, function in enumerate(functions):
            exact = [float(mpmath.diff(EXACT[name], mpmath.mpf(point), order)) for point in POINTS]
            np.testing.assert_allclose(np.asarray(function(x)), exact, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("name", [name for name in NAMED if NAMED[name].closed_form and name not in PARTS])
@pytest.mark.parametrize("r1", [1e-8, 0.3, 1.0, 40.0, 1e6])
@pytest.mark.parametrize("r2", [2.5, 40.0])
@pytest.mark.parametrize("u", [-1 + 1e-12, -0.4, 0.0, 0.7, 1 - 1e-12])
def test_closed_forms_against_high_precision(name, r1, r2, u):
    """Value and slopes against 80 digits, for two vectors at exactly this angle."""
    with mpmath.workdps(80):
        w = [mpmath.mpf(r1), mpmath.mpf(0)]
        p = [r2 * mpmath.mpf(u), r2 * mpmath.sqrt(1 - mpmath.mpf(u) ** 2)]
        exact = [float(x) for x in pair(w, p, name)]
    terms = NAMED[name].closed_form(OrderParameters(*map(np.float64, (r1, r2, u, (1 - u) * (1 + u)))), 1)
    assert abs(terms.value - exact[0]) <= 1e-13 * abs(exact[0]) + 1e-15 * r1 * r2
    # The slope is own w + cross p: what counts is its error relative to the two terms.
    scale = abs(exact[1]) * r1 + abs(exact[2]) * r2
    assert abs(terms.own - exact[1]) * r1 + abs(terms.cross - exact[2]) * r2 <= 1e-13 * scale


@pytest.mark.parametrize("library", [np, torch])
def test_gelu_of_the_longest_neurons_against_high_precision(library):
    """Opposite, parallel, or less than 1e-140 away from it, where 1 − κ² is as small as 1e-400."""
    r1, r2 = [1e145, 1e200, 1e200, 1e160, 1e200, 1e145, 2.0], [1e150, 1e200, 1e160, 1e160, 1e100, 1e145, 1e200]
    u, v = [-1.0, -1.0, -1.0, -1.0, 1.0, 1.0, 0.6], [1e-290, 0.0, 1e-300, 1e-310, 0.0, 1e-288, 0.64]
    with mpmath.workdps(1000):
        exact = []
        for *norms, sign, away in zip(r1, r2, u, v):
            long, other, away = map(mpmath.mpf, (*norms, away))
            along = mpmath.sqrt(1 - away) * (1 if sign > 0 else -1)
            exact.append(float(pair([long, mpmath.mpf(0)], [other * along, other * mpmath.sqrt(away)], "gelu")[0]))
    p = OrderParameters(*(library.asarray(x, dtype=library.float64) for x in (r1, r2, u, v)))
    with np.errstate(over="ignore"):
        value = NAMED["gelu"].closed_form(p, 0).value
    np.testing.assert_allclose(np.asarray(value), exact, rtol=1e-12, atol=0)


@pytest.mark.parametrize("library", [np, torch])
def test_nearly_opposite_relu_neurons_share_the_cube_of_the_angle_that_is_left(library):
    """r₁r₂θ³/(6π), also where r₁r₂ overflows, and beside it where the other order of factors would underflow."""
    r1, r2 = [1e200, 1e200, 1e-200], [1e200, 1e-200, 1e200]
    p = OrderParameters(*(library.asarray(x, dtype=library.float64) for x in (r1, r2, [-1.0] * 3, [1e-100] * 3)))
    shared = np.array([1e250, 1e-150, 1e-150]) / (6 * np.pi)
    with np.errstate(over="ignore"):
        value = RELU.closed_form(p, 0).value
    np.testing.assert_allclose(np.asarray(value), shared, rtol=1e-14, atol=0)


def test_a_relu_of_no_norm_has_the_slope_one_half():
    """σ′(0) = ½: nothing along w itself, and E[σ′(w·x) σ′(p·x)] = ¼ along p."""
    p = OrderParameters(*(np.array([x]) for x in (0.0, 2.0, 0.0, 1.0)))
    np.testing.assert_allclose(RELU.closed_form(p, 1)[:3], [[0.0], [0.0], [0.25]], rtol=1e-15)


def test_an_activation_is_returned_as_it_is():
    own = Activation("sine", np.sin)
    assert get_activation(own) is own
    assert get_activation("erf") is ERF


@pytest.mark.parametrize("name", NAMED)
def test_names_are_those_of_the_activations(name):
    assert NAMED[name].name == name
    assert ca.interaction(1.0, 1.0, 0.5, name) == ca.interaction(1.0, 1.0, 0.5, NAMED[name])


@pytest.mark.bad_input
@pytest.mark.parametrize(("name", "error"), [("relu6", ValueError), (np.tanh, TypeError), (None, TypeError)])
def test_unknown_activations_are_named(name, error):
    with pytest.raises(error, match="activation must be one of 'erf', 'relu', .*, or an Activation, but was given"):
        get_activation(name)


@pytest.mark.bad_input
def test_an_activation_is_a_name_and_functions():
    with pytest.raises(TypeError, match="name must be a string, but was given <ufunc 'tanh'>"):
        Activation(np.tanh, np.tanh)
    with pytest.raises(TypeError, match="function must be a function, σ, but was given 3"):
        Activation("three", 3)
    with pytest.raises(
        TypeError, match="closed_form must be a function of OrderParameters and an order, but was given 3"
    ):
        Activation("own", np.tanh, closed_form=3)
    with pytest.raises(TypeError, match="hermite must be a function of a norm and a count, but was given 3"):
        Activation("own", np.tanh, closed_form=ERF.closed_form, hermite=3)
    with pytest.raises(ValueError, match="hermite goes with a closed form, but closed_form was not given"):
        Activation("own", np.tanh, hermite=ERF.hermite)


def test_sigma_is_evaluated_on_a_copy_whether_it_takes_arrays_or_tensors():
    x = np.array([[0.5, -1.0]])
    own = Activation("own", lambda x: np.sin(x, out=x), (torch.cos, lambda x: x.sin_().neg()))
    for order, exact in enumerate([np.sin(x), np.cos(x), -np.sin(x)]):
        found = evaluate(own, x, order)
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, exact, rtol=1e-15)
    np.testing.assert_array_equal(x, [[0.5, -1.0]])
    assert isinstance(evaluate(Activation("own", torch.sin), torch.ones(2)), torch.Tensor)
    half = evaluate(Activation("own", torch.sin), x.astype("f4"))
    assert half.dtype == np.float32


def test_torch_is_not_imported_for_it():
    code = (
        "import sys, numpy, copyavg.activations.base as a\n"
        "try: a.evaluate(a.Activation('own', lambda x: x.sigmoid()), numpy.ones(1))\n"
        "except TypeError as error: print('torch' in sys.modules, error)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("False own: σ must map an array to an array")
    assert "it raised: 'numpy.ndarray' object has no attribute 'sigmoid'" in shown


@pytest.mark.bad_input
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: [1.0] * len(x), "given a ndarray it returned a list"),
        (lambda x: (x > 0) * 1, "of float64 it returned .* of int64"),
        (lambda x: 1.0 if x > 0 else 0.0, "it raised: The truth value"),
        (lambda x: torch.ones(2, dtype=torch.float64), r"given shape \(13,\) of float64 it returned shape \(2,\)"),
    ],
)
def test_what_sigma_must_be_is_said_on_every_path(function, message):
    own = Activation("own", function)
    for compute in (has_gauge, lambda own: ca.one_neuron(3, own), lambda own: evaluate(own, np.ones(13))):
        with pytest.raises(TypeError, match=f"own: σ must map an array to an array of the same shape .*{message}"):
            compute(own)


SLOPES = [0.0, 0.01, 0.3, 0.999, 1.0, -1.0, 2.5]


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("library", [np, torch])
def test_a_leaky_relu(slope, library):
    leaky = leaky_relu(slope)
    x = library.asarray(POINTS)
    np.testing.assert_array_equal(np.asarray(leaky.function(x)), np.where(POINTS > 0, POINTS, slope * POINTS))
    assert has_gauge(leaky)
    assert (leaky.name, leaky.odd, leaky.homogeneous) == (f"leaky relu of slope {slope:g}", slope == 1, True)
    assert leaky_relu(slope) is leaky


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("u", [-1.0, -0.7, 0.0, 0.4, 0.95, 1.0])
def test_the_leaky_interaction_by_quadrature(slope, u):
    """In polar coordinates of the plane of the two neurons, where the integrand is smooth between the kinks."""
    r1, r2, angle = 0.6, 2.0, np.arccos(u)
    kinks = np.unique(np.mod([np.pi / 2, -np.pi / 2, angle + np.pi / 2, angle - np.pi / 2], 2 * np.pi))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    sigma, exact = leaky_relu(slope).function, 0.0
    for low, high in zip(kinks, [*kinks[1:], kinks[0] + 2 * np.pi]):
        t = low + (high - low) * (nodes + 1) / 2
        exact += (high - low) / 2 * weights @ (sigma(r1 * np.cos(t)) * sigma(r2 * np.cos(t - angle))) / np.pi
    assert abs(ca.interaction(r1, r2, u, leaky_relu(slope)) - exact) <= 1e-13 * r1 * r2 * (1 + slope**2)


def test_the_leaky_interaction_by_sampling(rng):
    x = rng.standard_normal((2, 200_000))
    y = 0.3 * x[0] + np.sqrt(1 - 0.09) * x[1]
    sigma = leaky_relu(0.2).function
    sample = sigma(x[0]) * sigma(2 * y)
    error = sample.std() / np.sqrt(sample.size)
    assert abs(sample.mean() - ca.interaction(1, 2, 0.3, leaky_relu(0.2))) <= 4 * error < 0.02


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.9, 1.0, -1.0])
def test_the_leaky_loss_is_that_of_relu_and_a_linear_one(slope, rng):
    """And so are its first and second derivatives; at slope 0 they are ReLU's."""
    student, teacher = ca.random_student(3, 5, rng), ca.orthonormal_teacher(4, 5)
    w, a = student.incoming, student.outgoing
    missing = a @ w - teacher.incoming.sum(axis=0)
    linear = missing @ missing
    linear_slope = np.concatenate([np.outer(2 * a, missing).ravel(), 2 * w @ missing])
    jacobian = np.concatenate([np.kron(a[:, None], np.eye(5)), w])  # of the missing linear part
    linear_curvature = 2 * jacobian @ jacobian.T
    for i in range(3):
        linear_curvature[15 + i, 5 * i : 5 * i + 5] += 2 * missing
        linear_curvature[5 * i : 5 * i + 5, 15 + i] += 2 * missing

    def terms(activation):
        slopes = ca.gradient(student, teacher, activation)
        flat = np.concatenate([slopes.incoming.ravel(), slopes.outgoing])
        return ca.loss(student, teacher, activation), flat, ca.hessian(student, teacher, activation)

    for leaky, relu, line in zip(terms(leaky_relu(slope)), terms(RELU), (linear, linear_slope, linear_curvature)):
        np.testing.assert_allclose(leaky, (1 - slope) ** 2 * relu + slope * line, rtol=1e-12, atol=1e-12)


@pytest.mark.bad_input
@pytest.mark.parametrize(("slope", "error"), [(np.nan, ValueError), (np.inf, ValueError), ("0.1", TypeError)])
def test_a_slope_is_a_finite_number(slope, error):
    with pytest.raises(error, match="slope must be .*, but was given"):
        leaky_relu(slope)


@pytest.mark.bad_input
@pytest.mark.parametrize("given", [(np.cos,), (np.cos, np.sin, np.cos), np.cos, "ab", (np.cos, 2.0)])
def test_derivatives_are_two_functions(given):
    with pytest.raises(TypeError, match="derivatives must be two functions, σ′ and σ″, but was given"):
        Activation("sine", np.sin, derivatives=given)
    assert Activation("sine", np.sin, derivatives=[np.cos, np.sin]).derivatives == (np.cos, np.sin)


@pytest.mark.parametrize("activation", [*NAMED.values(), leaky_relu(0.1), leaky_relu(1 / 3), Activation("own", np.sin)])
def test_an_activation_comes_out_of_a_pickle_as_one_that_is_equal(activation):
    again = pickle.loads(pickle.dumps(activation))
    assert again == activation
    assert hash(again) == hash(activation)


@pytest.mark.parametrize("activation", [*NAMED.values(), leaky_relu(-1.0), leaky_relu(0.3), leaky_relu(1.0)])
def test_facts_are_what_the_function_shows(activation):
    unknown = dataclasses.replace(activation, odd=None, homogeneous=None)
    assert (is_odd(activation), has_gauge(activation)) == (is_odd(unknown), has_gauge(unknown))
    if activation.at_infinity:
        x, r = np.array([-2.0, -1.0, 0.5, 3.0]), 1e8
        limit = {"ReLU": np.maximum(x, 0), "step": np.heaviside(x, 0.5), "sign": np.sign(x)}[activation.at_infinity]
        values = activation.function(r * x)
        np.testing.assert_allclose(values / values[-1], limit / limit[-1], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "odd", "at_infinity"),
    [("erf", True, "sign"), ("relu", False, "ReLU"), ("tanh", True, "sign"), ("sigmoid", False, "step"),
     ("softplus", False, "ReLU"), ("gelu", False, "ReLU"), ("silu", False, "ReLU")],
)  # fmt: skip
def test_what_is_known_of_the_named_activations(name, odd, at_infinity):
    """It is written down, not tried out; and of erf alone the averages are exact."""
    known = NAMED[name]
    assert (known.odd, known.homogeneous, known.at_infinity) == (odd, name == "relu", at_infinity)
    assert known.exact_averages == (name == "erf")


@pytest.mark.parametrize(
    ("function", "odd", "gauge"),
    [
        (np.sin, True, False),
        (lambda x: np.where(x > 0, x, np.expm1(x)), False, False),  # has the gauge on one side alone
        (lambda x: x + 1e-8 * np.sin(x), True, False),
        (lambda x: x + 1e-8 * np.cos(x), False, False),
        (lambda x: 1e-12 * np.sin(x), True, False),
        (lambda x: 1e-12 * np.cos(x), False, False),
        (lambda x: 1e308 * np.sin(x), True, False),  # of which four times as much overflows
        (lambda x: 1e-12 * np.maximum(x, 0), False, True),
    ],
)
def test_what_a_few_points_tell_of_a_function_of_any_size(function, odd, gauge):
    own = Activation("own", function)
    assert (is_odd(own), has_gauge(own)) == (odd, gauge)


@pytest.mark.parametrize("name", ["erf", "gelu", "relu", "tanh"])
def test_a_name_is_for_messages_alone(name, rng):
    mine = dataclasses.replace(NAMED[name], name="mine")
    assert mine.is_like(NAMED[name])
    assert is_tested(mine)
    best, again = ca.one_neuron(3, name), ca.one_neuron(3, mine)
    assert again == dataclasses.replace(best, reason=best.reason and best.reason.replace(name, "mine"))
    norms = np.array([0.3, 2.0])
    for one, other in zip(ca.radial_losses(3, norms, name), ca.radial_losses(3, norms, mine), strict=True):
        np.testing.assert_array_equal(one, other)
    assert ca.one_neuron_critical_points(3, mine).proof == ca.one_neuron_critical_points(3, name).proof
    np.testing.assert_array_equal(ca.n_copy_parameters(3, 4, mine), ca.n_copy_parameters(3, 4, name))
    student, teacher = ca.n_copy(3, 4, name), ca.orthonormal_teacher(4)
    assert ca.classify(student, teacher, mine) == ca.classify(student, teacher, name)


def test_erf_by_another_name_is_followed_by_the_same_loops(rng):
    mine = dataclasses.replace(NAMED["erf"], name="mine")
    students, teacher = ca.random_student(2, 4, rng, batch=3), ca.orthonormal_teacher(4)
    one, other = ca.gradient_flow(students, teacher, mine), ca.gradient_flow(students, teacher)
    np.testing.assert_array_equal(one.limit.to_vector(), other.limit.to_vector())
    np.testing.assert_array_equal(one.reason, other.reason)
    assert ca.interaction(np.inf, 1.0, 0.5, mine) == ca.interaction(np.inf, 1.0, 0.5)


@pytest.mark.bad_input
@pytest.mark.parametrize("fact", ["odd", "homogeneous", "exact_averages"])
def test_facts_are_true_or_false(fact):
    with pytest.raises(TypeError, match=f"{fact} must be True or False, but was given 'yes'"):
        Activation("sine", np.sin, **{fact: "yes"})
    with pytest.raises(TypeError, match=f"{fact} must be True or False, but was given 1"):
        Activation("sine", np.sin, **{fact: 1})


@pytest.mark.bad_input
def test_what_is_known_at_infinity():
    with pytest.raises(ValueError, match="at_infinity must be one of 'ReLU', 'step', 'sign', or None, but was given"):
        Activation("sine", np.sin, at_infinity="wave")
