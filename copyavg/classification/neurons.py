"""A student in one form, and which of its neurons do the same, or cancel."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import connected_components

from copyavg.activations.base import Activation, evaluate_numbers
from copyavg.network import balanced

_MERGED = 0.98  # correlation from which neurons count as one: flow brings them together as slowly as ‖∇L‖ ~ t^−1.5
_DIPOLE = 0.95  # correlation from which two neurons that cancel are a dipole

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(16)


class Neurons(NamedTuple):
    """A student in one form; the first k coordinates are those along the teacher neurons."""

    w: Float[np.ndarray, "n coordinates"]
    a: Float[np.ndarray, " n"]


class Setting(NamedTuple):
    """What a student is compared under: the teacher's size, the tolerance, and facts of the activation."""

    k: int
    tolerance: float
    closed_form: bool
    odd: bool
    even: bool
    gauge: bool
    activation: Activation
    teacher_size: float  # root mean square of a teacher neuron's output


def in_one_form(w: Float[np.ndarray, "n coordinates"], a: Float[np.ndarray, " n"], setting: Setting) -> Neurons:
    """The same function, with a ≥ 0 if σ is odd and ‖w‖ = |a| if it has a gauge."""
    if setting.odd:
        sign = np.where(a < 0, -1.0, 1.0)
        w, a = sign[:, None] * w, sign * a
    if setting.gauge:
        w, a = balanced(w, a)
    return Neurons(w, a)


def number_of_each(neurons: Neurons, counted: Bool[np.ndarray, " n"], setting: Setting) -> Int[np.ndarray, " n"]:
    """Number the neurons so that those that do the same share a number; neurons that do not count get −1.

    To do the same, neurons need one sign and nearly the same incoming weights, not only the same direction. With a
    gauge, where the weights here are directions, the sign may differ if they agree so well that what is left of the
    difference is within the tolerance: one neuron then takes away from the other, which no rescaling undoes.
    """
    w, a = neurons
    squares = np.sum(w**2, axis=1)
    alike = w @ w.T > _MERGED / 2 * (squares[:, None] + squares)
    same = alike & (np.sign(a)[:, None] == np.sign(a))
    if setting.gauge:
        apart = row_norms((w[:, None] - w).reshape(-1, w.shape[1])).reshape(alike.shape)
        left = np.minimum.outer(np.abs(a), np.abs(a)) * apart
        same |= alike & (left <= setting.tolerance * np.abs(a[:, None] + a))
    number = np.full(len(a), -1)
    number[counted] = connected_components(same[counted][:, counted])[1]
    return number


def one_for_each(neurons: Neurons, number: Int[np.ndarray, " n"], setting: Setting) -> Neurons:
    """One neuron for all of a number, with the sum of their outgoing weights, which also weigh the incoming ones."""
    adds = (number == np.arange(number.max() + 1)[:, None]) * neurons.a
    a = adds.sum(axis=1)
    return in_one_form((adds / a[:, None]) @ neurons.w, a, setting)


def find_dipoles(neurons: Neurons, counted: Bool[np.ndarray, " n"], setting: Setting) -> list[tuple[int, int]]:
    """Pairs of nearly parallel neurons whose effects nearly cancel, each neuron in one pair at most."""
    w, a = neurons
    r = row_norms(w)
    aligned = np.sign(np.outer(a, a)) * (w @ w.T) / np.maximum(np.outer(r, r), 1e-300)
    if not setting.odd:  # (w, a) and (−w, −a) are different neurons
        aligned = np.where(np.outer(a, a) < 0, aligned, 0.0)
    size = np.abs(a) * r
    alike = 2 * np.minimum.outer(size, size) > np.maximum.outer(size, size)
    strength = np.where(alike & counted & counted[:, None], -aligned, 0.0)
    pairs = []
    while strength.max() > _DIPOLE:
        i, j = (int(x) for x in np.unravel_index(strength.argmax(), strength.shape))
        pairs.append((i, j))
        strength[[i, j], :] = strength[:, [i, j]] = 0
    return pairs


def row_norms(w: Float[np.ndarray, "n coordinates"]) -> Float[np.ndarray, " n"]:
    """Return ‖w‖ of every neuron."""
    return np.linalg.norm(w, axis=1)


def is_even(activation: Activation) -> bool:
    """Whether σ(−x) = σ(x), by what a few points say."""
    x = np.linspace(0.1, 3.1, 11)
    return bool(np.allclose(evaluate_numbers(activation, -x), evaluate_numbers(activation, x), rtol=1e-12, atol=0))


def output_size(activation: Activation, r: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """√E[σ(rx)²], roughly: it is compared with a tolerance."""
    with np.errstate(all="ignore"):
        return np.sqrt(evaluate_numbers(activation, r[:, None] * _NODES) ** 2 @ _WEIGHTS / _WEIGHTS.sum())
