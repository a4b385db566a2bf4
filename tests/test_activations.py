import mpmath
import numpy as np
import pytest
import torch

from copyavg.activations import ERF, OrderParameters, get_activation


def test_erf_is_the_error_function_of_x_over_root_2():
    x = np.array([-40.0, -1.0, -1e-9, 0.0, 0.3, 2.0])
    exact = [float(mpmath.erf(mpmath.mpf(value) / mpmath.sqrt(2))) for value in x]
    np.testing.assert_allclose(ERF.function(x), exact, rtol=1e-15)
    np.testing.assert_allclose(ERF.function(torch.tensor(x)).numpy(), exact, rtol=1e-15)


@pytest.mark.parametrize("r1", [1e-8, 0.3, 1.0, 40.0, 1e6])
@pytest.mark.parametrize("u", [-1 + 1e-12, -0.4, 0.0, 0.7, 1 - 1e-12])
def test_slopes_are_derivatives_by_the_second_moments(r1, u):
    """Against mpmath's derivative of the closed form by q₁ = r₁² and c = r₁r₂u, at 50 digits."""
    r2 = 2.5
    with mpmath.workdps(50):
        q1, q2 = mpmath.mpf(r1) ** 2, mpmath.mpf(r2) ** 2
        c = mpmath.mpf(r1) * mpmath.mpf(r2) * mpmath.mpf(u)

        def g(q1, c):
            return 2 / mpmath.pi * mpmath.asin(c / mpmath.sqrt((1 + q1) * (1 + q2)))

        d = (1 + q1) * (1 + q2) - c**2
        exact = mpmath.diff(g, (q1, c), (1, 0), h=mpmath.mpf(10) ** -30 * q1), mpmath.diff(g, (q1, c), (0, 1))
        assert abs(exact[1] - 2 / mpmath.pi / mpmath.sqrt(d)) < mpmath.mpf(10) ** -12 * exact[1]
        exact = [float(value) for value in exact]
    slopes = ERF.slopes(OrderParameters(*map(np.float64, (r1, r2, u, (1 - u) * (1 + u)))))
    np.testing.assert_allclose([slopes.by_variance1, slopes.by_covariance], exact, rtol=1e-11)


def test_an_activation_is_returned_as_it_is():
    assert get_activation(ERF) is ERF
    assert get_activation("erf") is ERF


@pytest.mark.bad_input
@pytest.mark.parametrize(("name", "error"), [("relu6", ValueError), (np.tanh, TypeError), (None, TypeError)])
def test_unknown_activations_are_named(name, error):
    with pytest.raises(error, match="activation must be one of 'erf'"):
        get_activation(name)
