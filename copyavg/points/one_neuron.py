"""One student neuron for a whole unit-orthonormal teacher (n = 1): the best average, and all critical points.

With incoming weights of norm r and correlations uⱼ with the teacher's neurons, and outgoing weight a,

    L = a² g(r, r, 1) − 2a Σⱼ g(r, 1, uⱼ) + C,   C = k g(1, 1, 1) + k(k − 1) g(1, 1, 0),   Σⱼ uⱼ² ≤ 1:

a problem in r, a and the uⱼ. At equal uⱼ = 1/√k it is one in r alone, as a is then the ratio
k g(r, 1, u)/g(r, r, 1): see `radial_loss`.
"""

from dataclasses import dataclass
from math import asin, nan, pi, sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation, has_gauge
from copyavg.activations.named import get_activation
from copyavg.activations.relu import RELU
from copyavg.interactions.pairs import interaction

from .family import Family, require_smaller
from .isotypic import hessian_blocks, index
from .radial_loss import LONGEST, radial_loss_of


@dataclass(frozen=True)
class OneNeuron:
    """A single neuron with equal correlations to a unit-orthonormal teacher, or the reason why there is none.

    Attributes
    ----------
    radius : float or None
        r = ‖w‖. For ReLU, where only a‖w‖ matters, the one with ‖w‖ = |a|.
    outgoing : float or None
        a.
    correlation : float or None
        u with every teacher neuron: 1/√k, or −1/√k.
    loss : float
        Of this neuron, or the infimum that is approached and not attained.
    index : int or None
        Number of negative eigenvalues of the Hessian, over all k + 1 weights at d = k: 0 at a minimum.
    reason : str
        Why there is no such neuron, and how the infimum is approached; else empty.

    Examples
    --------
    >>> one_neuron(2).reason
    ''
    >>> [point.index for point in one_neuron_critical_points(3).isolated]
    [0, 0]
    """

    radius: float | None
    outgoing: float | None
    correlation: float | None
    loss: float
    index: int | None = 0
    reason: str = ""


@dataclass(frozen=True)
class CriticalPoints:
    """All critical points of one neuron: the isolated ones, and the named continua.

    Attributes
    ----------
    isolated : tuple of OneNeuron
        Up to the order of loss.
    continua : tuple of str
        The sets that are not isolated, each with what is known of it.
    proof : str
        Why there are no others, or that this is not known.

    Examples
    --------
    >>> len(one_neuron_critical_points(5).continua)
    1
    """

    isolated: tuple[OneNeuron, ...]
    continua: tuple[str, ...]
    proof: str


def one_neuron(k: int, activation: str | Activation = "erf") -> OneNeuron:
    """Return the best single neuron for k unit-orthonormal teacher neurons.

    For erf r = 1/√(2k − 1), a = k, and L*(k) = k/3 − (2k²/π) arcsin(1/(2k)). For ReLU a r = 2k h(1/√k) and
    L* = k/2 + k(k − 1)/(2π) − 2k² h(1/√k)², with h(u) = [√(1 − u²) + (π − arccos u) u]/(2π). For other
    activations L is minimised over r numerically, at equal correlations uⱼ = 1/√k.

    Parameters
    ----------
    k : int
        Number of teacher neurons; up to 10⁶ and more.
    activation : str or Activation
        As for `interaction`; smooth.

    Returns
    -------
    OneNeuron
        With relative accuracy 1e-12 for erf and ReLU and 1e-9 for others. Where the infimum is only
        approached as r → 0 or r → ∞, the fields but `loss` are None and `reason` says so.

    Raises
    ------
    QuadratureError
        If a σ of your own has no closed form and is not smooth enough to be integrated to 1e-11.
    TypeError, ValueError
        If k is not a positive whole number, or the activation is unknown, or one of your own is zero or no
        function from arrays to arrays, or of a size ‖σ(x)‖ beyond 1e-140 to 1e140, whose square is lost.

    Notes
    -----
    That all uⱼ are equal at the minimum is proved in the book for erf and ReLU, and for others supported by
    unconstrained search. The paper (Simsek et al. 2023) has closed forms of its own for the case n = 1.

    Examples
    --------
    >>> best = one_neuron(3)
    >>> round(best.radius**-2, 12), round(best.outgoing, 12), round(best.loss, 7)
    (5.0, 3.0, 0.0405932)
    >>> one_neuron(3, "gelu").reason
    'the loss falls towards its infimum as r goes to infinity, where gelu acts as a ReLU'
    """
    k, activation = require_smaller(1, k)[1], get_activation(activation)
    u = 1 / sqrt(k)
    if k == 1:
        return OneNeuron(1.0, 1.0, 1.0, 0.0)
    if activation.exact_averages:
        return OneNeuron(1 / sqrt(2 * k - 1), float(k), u, k / 3 - 2 * k**2 / pi * asin(1 / (2 * k)))
    if has_gauge(activation):
        strength, loss = _homogeneous(k, u, activation)
        return OneNeuron(sqrt(abs(strength)), sqrt(abs(strength)) * (-1) ** (strength < 0), u, loss)
    profile = radial_loss_of(k, activation)
    minima = [(profile.loss(r), r) for r, lowest in profile.critical_radii if lowest]
    ends = profile.limits()
    if profile.slope(LONGEST) < 0 and len(ends) == 1:
        ends.append((profile.loss(LONGEST), f"the loss still falls at r = {LONGEST:g}, the largest radius searched"))
    if not minima or min(ends)[0] < min(minima)[0]:
        loss, reason = min(ends)
        return OneNeuron(None, None, None, loss, None, reason)
    loss, r = min(minima)
    best = _critical(k, activation, r, profile.outgoing(r), u, loss)
    if best.index:
        reason = f"with equal correlations the lowest loss is a saddle of index {best.index}: unequal ones do better"
        return OneNeuron(None, None, None, loss, None, reason)
    return best


def one_neuron_critical_points(k: int, activation: str | Activation = "erf") -> CriticalPoints:
    """Return all critical points of a single neuron for k unit-orthonormal teacher neurons.

    For erf and ReLU the list is proved complete. For others it holds the critical points with equal
    correlations uⱼ = 1/√k and a radius between 0.01/√k and 12, and says so.

    Parameters
    ----------
    k : int
        Number of teacher neurons.
    activation : str or Activation
        As for `interaction`; smooth.

    Raises
    ------
    QuadratureError, TypeError, ValueError
        As for `one_neuron`.

    Notes
    -----
    Derived in this book.

    Examples
    --------
    >>> [(point.correlation < 0, point.index) for point in one_neuron_critical_points(3, "relu").isolated]
    [(False, 0), (True, 2)]
    """
    k, activation = require_smaller(1, k)[1], get_activation(activation)
    u = 1 / sqrt(k)
    if activation.exact_averages:
        best = one_neuron(k)
        points = [(best.radius, sign * best.outgoing, sign * u, best.loss) for sign in (1, -1)]
        continua = ("a = 0 and Σⱼ g(r, 1, uⱼ) = 0: a silent neuron, of loss k/3; a saddle of index 1",)
        proof = "u²(1 − s²u²) takes no value twice where Σⱼ uⱼ² ≤ 1, and x/(arcsin x √(1 − x²)) takes none twice"
    elif activation.is_like(RELU):
        points = []
        for correlation in [u] if k == 1 else [u, -u]:
            strength, loss = _homogeneous(k, correlation, activation)
            points.append((sqrt(strength), sqrt(strength), correlation, loss))
        continua = (
            "(w, a) → (cw, a/c), c > 0: the gauge, along which every critical point is a curve",
            "w = 0 and a < 0: a dead neuron, a local minimum of loss C where L has a kink",
            "w = 0 and a = 0: a silent neuron, of loss C, from which L falls to second order",
        )
        proof = "h′(u)/u takes no value twice where Σⱼ uⱼ² ≤ 1, and at given correlations L is a parabola in a‖w‖"
    elif k == 1:
        points, continua, proof = [(1.0, 1.0, 1.0, 0.0)], (), "not known: only the copy itself is listed"
    else:
        profile = radial_loss_of(k, activation)
        points = [(r, profile.outgoing(r), u, profile.loss(r)) for r, _ in profile.critical_radii]
        continua = ("a = 0 and Σⱼ g(r, 1, uⱼ) = 0, where it has solutions: a silent neuron",)
        proof = "not known: only equal correlations 1/√k and radii up to 12 were searched"
    isolated = [_critical(k, activation, *point) for point in points]
    return CriticalPoints(tuple(sorted(isolated, key=lambda point: point.loss)), continua, proof)


class RadialLosses(NamedTuple):
    """What one neuron leaves of the teacher's power C, as a share: `by_norm`, at the `best` (norm, share), and far out.

    Parameters
    ----------
    by_norm : array, shape (norms,)
        L(r)/C.
    best : pair of floats or None
        The best norm and its share; None where no norm is best.
    far : float
        The share as r → ∞; NaN where it is not known.

    Examples
    --------
    >>> round(radial_losses(2, np.array([1.0]), "tanh").far, 3)
    0.336
    """

    by_norm: Float[np.ndarray, " norms"]
    best: tuple[float, float] | None
    far: float


def radial_losses(k: int, norms: Float[np.ndarray, " norms"], activation: str | Activation = "erf") -> RadialLosses:
    """Return L(r)/C of one neuron at equal correlations and the best outgoing weight.

    C = k g(1, 1, 1) + k(k − 1) g(1, 1, 0) is the teacher's power, the loss of no student at all.

    Parameters
    ----------
    k : int
        Number of teacher neurons, at least 2.
    norms : array, shape (norms,)
        The norms r of the student neuron, positive.
    activation : str or Activation
        As for `interaction`; smooth. For ReLU the norm does not matter.

    Raises
    ------
    QuadratureError, TypeError, ValueError
        As for `one_neuron`.

    Examples
    --------
    >>> left = radial_losses(3, np.array([0.1, 0.45, 10]))
    >>> left.by_norm.round(4), np.round(left.best, 4), round(left.far, 4)
    (array([0.0446, 0.0406, 0.2989]), array([0.4472, 0.0406]), 0.3549)
    """
    best, activation = one_neuron(k, activation), get_activation(activation)
    power = float(k * interaction(1, 1, 1, activation) + k * (k - 1) * interaction(1, 1, 0, activation))
    if has_gauge(activation):
        return RadialLosses(np.full(len(norms), best.loss / power), None, best.loss / power)
    profile = radial_loss_of(k, activation)
    by_norm = np.array([profile.loss(r) for r in norms]) / power
    limits = [loss for loss, _ in profile.limits()]  # as r → 0 and, where it is known, as r → ∞
    far = limits[1] if len(limits) > 1 else nan
    return RadialLosses(by_norm, None if best.radius is None else (best.radius, best.loss / power), far / power)


def _homogeneous(k: int, u: float, activation: Activation) -> tuple[float, float]:
    """Strength a‖w‖ and loss of a neuron with σ(cx) = cσ(x), such as a ReLU, with correlation u to all the teacher."""
    itself, cross, other = (float(interaction(1, 1, c, activation)) for c in (1, u, 0))
    if not itself > 0:
        raise ValueError(
            f"{activation.name} vanishes everywhere, or its square is lost: there is no teacher to imitate"
        )
    return k * cross / itself, k * itself + k * (k - 1) * other - (k * cross) ** 2 / itself


def _critical(
    k: int, activation: Activation, radius: float, outgoing: float, correlation: float, loss: float
) -> OneNeuron:
    family = Family((), (k,), average=True, activation=activation)
    blocks = hessian_blocks(family, np.array([correlation * radius, outgoing]))
    return OneNeuron(radius, outgoing, correlation, loss, index(blocks))
