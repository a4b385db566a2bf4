import mpmath
import numpy as np
import pytest
import torch
from reference import pair

import copyavg as ca
from copyavg.activations import ERF, NAMED, Activation, OrderParameters, get_activation

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


@pytest.mark.parametrize("name", [name for name in NAMED if NAMED[name].closed_form])
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
