"""The profile of the loss of one neuron against the network, a Taylor series in 40 digits, and its limits."""

import mpmath
import numpy as np
import pytest
import torch

import copyavg as ca
from copyavg.activations.base import Activation
from copyavg.activations.named import get_activation
from copyavg.points.one_neuron import one_neuron
from copyavg.points.radial_loss import RadialLoss

NUMERICAL = ("tanh", "sigmoid", "softplus", "gelu", "silu")


def network(k: int, radius: float, outgoing: float, correlation: float) -> ca.Network:
    return ca.Network(np.full((1, k), radius * correlation), [outgoing])


@pytest.mark.claim("loss-profile")
@pytest.mark.parametrize("activation", NUMERICAL)
@pytest.mark.parametrize("k", [2, 9])
def test_the_profile_is_the_loss_and_its_slope_the_gradient(activation, k, residual):
    profile, teacher = RadialLoss(k, activation), ca.orthonormal_teacher(k)
    for r in (0.02, 0.4, 1.5, 6.0):
        point = network(k, r, profile.outgoing(r), 1 / np.sqrt(k))
        exact = ca.loss(point, teacher, activation)
        residual("loss-profile", "network", abs(profile.loss(r) - exact) / k**2)
        slope = ca.gradient(point, teacher, activation)
        assert abs(slope.outgoing[0]) <= 1e-9 * k**2
        assert abs(profile.slope(r) - slope.incoming[0].sum() / np.sqrt(k)) <= 1e-9 * k**2 / r


@pytest.mark.claim("loss-profile")
@pytest.mark.parametrize("k", [10**4, 10**6])
def test_a_large_teacher_against_the_taylor_series(k, residual):
    """At r ~ 1e-3 tanh is its Taylor series, whose Hermite coefficients are exact; 40 digits."""
    taylor = {1: 1, 3: -1 / mpmath.mpf(3), 5: mpmath.mpf(2) / 15, 7: -mpmath.mpf(17) / 315, 9: mpmath.mpf(62) / 2835}
    with mpmath.workdps(40):
        hermite = {1: {1: 1}, 3: {3: 1, 1: -3}, 5: {5: 1, 3: -10, 1: 15}}

        def coefficient(p, r):
            moments = (c * h * r**m * mpmath.fac2(m + i - 1) for m, c in taylor.items() for i, h in hermite[p].items())
            return mpmath.fsum(moments) / mpmath.sqrt(mpmath.factorial(p))

        def density(x):
            return mpmath.exp(-(x**2) / 2) / mpmath.sqrt(2 * mpmath.pi)

        tau = {}
        for p, h in hermite.items():
            integrand = lambda x, h=h: mpmath.tanh(x) * density(x) * sum(c * x**i for i, c in h.items())  # noqa: E731
            t = mpmath.quad(integrand, [-20, -5, 0, 5, 20]) / mpmath.sqrt(mpmath.factorial(p))
            tau[p] = t * mpmath.mpf(k) ** (1 - mpmath.mpf(p) / 2)

        def explained(r):
            c = {p: coefficient(p, r) for p in tau}
            return sum(c[p] * tau[p] for p in tau) ** 2 / sum(x**2 for x in c.values())

        ours = one_neuron(k, "tanh").radius
        r = mpmath.findroot(lambda r: mpmath.diff(explained, r, h=r * mpmath.mpf(10) ** -10), mpmath.mpf(ours))
    residual("loss-profile", "Taylor series", abs(ours / float(r) - 1))


def test_the_limits_of_the_profile():
    """Far out the loss tends to that of the limiting activation, with an error that falls like 1/r²."""
    for activation, k in [("gelu", 3), ("silu", 2), ("softplus", 4), ("tanh", 5), ("sigmoid", 3)]:
        profile = RadialLoss(k, activation)
        limit = profile.limits()[1][0]
        near, far = (abs(profile.loss(r) - limit) for r in (6.0, 12.0))
        assert far < 0.7 * near < 0.1 * k**2
        near, far = (abs(profile.loss(r) - profile.limits()[0][0]) for r in (2e-2 / k, 1e-2 / k))
        assert far < 0.7 * near < 0.1


@pytest.mark.bad_input
@pytest.mark.parametrize("size", [1e-200, 1e-150, 1e150, 1e200])
def test_an_activation_whose_square_is_lost_is_refused(size):
    own = Activation("own", lambda x: size * np.tanh(x))
    with pytest.raises(
        ValueError, match="own: at norm r = 1 σ is of size .*, whose square cannot be represented: divide"
    ):
        one_neuron(3, own)


def test_the_size_of_the_activation_does_not_matter_to_the_best_neuron():
    """But for the loss, which is a square; and a function of tensors will do."""
    best = one_neuron(3, "tanh")
    for size in (1e-130, 1e130):
        found = one_neuron(
            3,
            Activation(
                "own",
                lambda x, size=size: size * np.tanh(x),
                tuple((lambda x, f=f, size=size: size * f(x)) for f in get_activation("tanh").derivatives),
            ),
        )
        assert found.radius == pytest.approx(best.radius, rel=1e-8)
        assert found.outgoing == pytest.approx(best.outgoing, rel=1e-8)
        assert found.loss == pytest.approx(size**2 * best.loss, rel=1e-9)
    assert one_neuron(3, Activation("own", torch.tanh)).radius == pytest.approx(best.radius, rel=1e-8)
