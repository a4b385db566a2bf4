"""Expansions in orthonormal Hermite polynomials, and Mehler's sum of two of them."""

from functools import lru_cache
from math import sqrt
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
from jaxtyping import Bool, Float

from copyavg.activations.base import Activation, OrderParameters
from copyavg.arrays import Array

from .own import require_resolved
from .quadrature import (
    ACCURACY,
    FINEST,
    LARGEST,
    derivatives_at,
    evaluate_finite,
    norm_of_rows,
    refuse_accuracy,
    refuse_size,
    trapezoidal_nodes,
    trapezoidal_rule,
)

_ROWS = 2048  # neurons whose values on all nodes are held at a time


class HermiteExpansion(NamedTuple):
    """σ(rx) = Σₚ cₚ(r) heₚ(x) in orthonormal Hermite polynomials, up to some order.

    Parameters
    ----------
    coefficients : array, shape (orders,)
        cₚ(r) = E[σ(rx) heₚ(x)].
    slopes : array, shape (orders,)
        dcₚ/dr.
    norm : float
        ‖σ(rx)‖ = √E[σ(rx)²].
    tail : float
        Σ cₚ² beyond the last order.
    tail_slope : float
        Its derivative by r.

    Examples
    --------
    >>> from copyavg import get_activation
    >>> expansion = hermite_expansion(get_activation("erf"), 1.0)
    >>> bool(abs(np.sum(expansion.coefficients**2) + expansion.tail - 1 / 3) < 1e-15)  # E[erf(x/√2)²]
    True
    """

    coefficients: Float[np.ndarray, " orders"]
    slopes: Float[np.ndarray, " orders"]
    norm: float
    tail: float
    tail_slope: float


_EXPANDED = 128  # orders of a Hermite expansion


def hermite_expansion(activation: Activation, r: float) -> HermiteExpansion:
    """Expand σ(rx) in orthonormal Hermite polynomials up to order 127: in closed form, or by quadrature.

    Parameters
    ----------
    activation : Activation
        The activation. The named ones have their coefficients in closed form.
    r : float
        The norm, r ≥ 0.

    Raises
    ------
    QuadratureError
        If a coefficient is not accurate to 1e-11 ‖σ(rx)‖, of an activation of your own without a closed form.
    ValueError
        If ‖σ(rx)‖ is beyond 1e150.

    Examples
    --------
    >>> from copyavg import get_activation
    >>> hermite_expansion(get_activation("softplus"), 2.0).coefficients[1].round(12)  # E[x σ(rx)] = r E[σ′(rx)] = r/2
    np.float64(1.0)
    """
    if activation.hermite is not None:
        return _expansion_in_closed_form(activation, r)
    x, weights = trapezoidal_nodes(FINEST)
    if r == 1:
        require_resolved(np, activation, np.ones(1), 1)
    y = (r * x)[None, :]
    f = evaluate_finite(np, activation, y)
    norm = norm_of_rows(np, weights, f)
    if norm[0] > LARGEST:
        refuse_size(activation, r, float(norm[0]))
    (f1, _), _ = derivatives_at(np, activation, y, f, norm[:, None], np.full((1, 1), r))
    f, by_r = f[0], x * f1[0]
    (even, odd), halves = (
        [table @ values[start::2] for start, table in enumerate(_interleaved_tables())] for values in (f, by_r)
    )
    c, slopes = even + odd, sum(halves)
    error = 2 * float(np.max(np.abs(even - odd)))
    if not error <= ACCURACY * norm[0]:
        refuse_accuracy(activation, r, error, float(norm[0]))
    # What lies beyond the last order drowns in rounding for short neurons, and is nothing there.
    square, square_slope = (float(np.sum(weights * f * g)) for g in (f, by_r))
    tail = max(square - float(c @ c), 0.0) if r > 1 else 0.0
    tail_slope = 2 * (square_slope - float(c @ slopes)) if r > 1 else 0.0
    return HermiteExpansion(c, slopes, float(norm[0]), tail, tail_slope)


def _expansion_in_closed_form(activation: Activation, r: float) -> HermiteExpansion:
    """The coefficients as the activation knows them; and what is beyond them as the rest of its own interaction."""
    c, slopes = activation.hermite(r, _EXPANDED)
    size = float(np.max(np.abs(c))) or 1.0  # squares may overflow or underflow
    if not size <= LARGEST:
        refuse_size(activation, r, size)
    norm = size * float(np.linalg.norm(c / size))
    if float(np.max(np.abs(c[-2:]))) <= 1e-8 * norm:  # as the coefficients fall, there is nothing but rounding beyond
        return HermiteExpansion(c, slopes, norm, 0.0, 0.0)
    itself = OrderParameters(*(np.array([x]) for x in (r, r, 1.0, 0.0)))
    square, own, cross = (float(term[0]) for term in activation.closed_form(itself, 1)[:3])
    tail, tail_slope = max(square - norm**2, 0.0), 2 * (r * (own + cross) - float(c @ slopes))
    return HermiteExpansion(c, slopes, sqrt(square), tail, tail_slope)


class _Family:
    """A function of the pre-activation of every neuron: Hermite coefficients, norm, and what lies beyond them."""

    def __init__(self, xp: Any, coefficients: Array, norm: Array, accurate: Array) -> None:
        self.coefficients = coefficients  # order first: (P, ...)
        self.norm = norm
        self.accurate = accurate  # whether the coefficients are
        # What the norm leaves over drowns in rounding once it is small; the last coefficients then tell more.
        left_over = xp.clip(norm**2 - xp.sum(coefficients**2, axis=0), 0.0, None)
        last = xp.sum(coefficients[-(coefficients.shape[0] // 4) :, ...] ** 2, axis=0)
        self.beyond = xp.sqrt(xp.maximum(left_over, last))


def hermite_families(
    xp: Any, activation: Activation, r: Array, count: int, per_unit: int, order: int
) -> dict[str, _Family]:
    """Hermite coefficients of σ(rx) and of what else the order of derivative needs, for every neuron."""
    flat = xp.reshape(r, (-1,))
    blocks = [
        _families_of_block(xp, activation, flat[start : min(start + _ROWS, flat.shape[0])], count, per_unit, order)
        for start in range(0, max(flat.shape[0], 1), _ROWS)
    ]
    families = {}
    for name in blocks[0]:
        coefficients, norm, accurate = (xp.concat([block[name][i] for block in blocks], axis=-1) for i in range(3))
        families[name] = _Family(
            xp,
            xp.reshape(coefficients, (count, *r.shape)),
            xp.reshape(norm, r.shape),
            xp.reshape(accurate, r.shape),
        )
    return families


def _families_of_block(
    xp: Any, activation: Activation, r: Array, count: int, per_unit: int, order: int
) -> dict[str, tuple[Float[Array, "count rows"], Float[Array, " rows"], Bool[Array, " rows"]]]:
    extra = count + 4  # multiplying by x and integrating by parts use up the last orders
    nodes, weights = trapezoidal_rule(xp, r, per_unit)
    table = xp.asarray(_hermite_table(extra, per_unit), device=array_api_compat.device(r))
    inputs = r[:, None] * nodes
    values = evaluate_finite(xp, activation, inputs)
    families = {"f0": _expand(xp, table, weights, values)}
    if order > 0:
        slopes = derivatives_at(xp, activation, inputs, values, families["f0"][1][:, None], r[:, None])
        families |= {f"f{i}": _expand(xp, table, weights, *slope) for i, slope in enumerate(slopes, start=1)}
    if order > 1:
        for name, source, rounding in (
            ("xf1", "f1", slopes[0][1]),
            ("xf2", "f2", slopes[1][1]),
            ("xxf2", "xf2", slopes[1][1]),
        ):
            f, _, accurate = families[source]
            f, factor = _times_x(xp, f), nodes ** name.count("x")
            norm = _norm_by_coefficients(xp, f, count)
            if rounding is not None:
                norm = xp.maximum(norm, norm_of_rows(xp, weights, factor * rounding) / ACCURACY)
            families[name] = (f, norm, accurate)
    return {name: (f[:count, :], norm, accurate) for name, (f, norm, accurate) in families.items()}


def _expand(
    xp: Any, table: Array, weights: Array, values: Array, rounding: Array | None = None
) -> tuple[Array, Array, Array]:
    """Coefficients and norm of every row of values, and whether half of the nodes would give them as well.

    The norm, to which `ACCURACY` refers, is at least what makes a rounding error of the values count as accurate.
    """
    even = 2 * xp.matmul(table[:, ::2], xp.matrix_transpose(values[:, ::2]))
    odd = 2 * xp.matmul(table[:, 1::2], xp.matrix_transpose(values[:, 1::2]))
    norm = norm_of_rows(xp, weights, values)
    if rounding is not None:
        norm = xp.maximum(norm, norm_of_rows(xp, weights, rounding) / ACCURACY)
    return (even + odd) / 2, norm, xp.max(xp.abs(even - odd), axis=0) / 2 <= ACCURACY * norm


def _times_x(xp: Any, f: Array) -> Array:
    """The coefficients of x f(x), by x heₚ = √(p + 1) heₚ₊₁ + √p heₚ₋₁."""
    degrees = xp.arange(1, f.shape[0], device=array_api_compat.device(f))
    roots, zero = xp.sqrt(xp.astype(degrees, f.dtype))[:, None], xp.zeros_like(f[:1, :])
    return xp.concat([zero, roots * f[:-1, :]]) + xp.concat([roots * f[1:, :], zero])


def _norm_by_coefficients(xp: Any, f: Array, count: int) -> Array:
    """‖f‖ where only coefficients are known: what lies beyond is taken to be no more than their last half."""
    return xp.sqrt(xp.sum(f[:count, :] ** 2, axis=0) + xp.sum(f[count // 2 : count, :] ** 2, axis=0))


def mehler_sum(f: Array, h: Array, u: Array) -> Array:
    """Return Σₚ fₚ hₚ uᵖ, by Horner's scheme."""
    total = f[-1, ...] * h[-1, ...] + 0 * u
    for p in range(f.shape[0] - 2, -1, -1):
        total = total * u + f[p, ...] * h[p, ...]
    return total


@lru_cache
def _hermite_table(count: int, per_unit: int) -> np.ndarray:
    """The weighted orthonormal Hermite polynomials on the nodes, one row an order."""
    nodes, weights = trapezoidal_nodes(per_unit)
    table = np.zeros((count, nodes.size))
    table[0] = weights
    table[1] = nodes * weights
    for p in range(1, count - 1):
        table[p + 1] = (nodes * table[p] - np.sqrt(p) * table[p - 1]) / np.sqrt(p + 1)
    return table


@lru_cache
def _interleaved_tables() -> tuple[np.ndarray, np.ndarray]:
    """The table of a Hermite expansion on every second node, and on those in between."""
    table = _hermite_table(_EXPANDED, FINEST)
    return np.ascontiguousarray(table[:, ::2]), np.ascontiguousarray(table[:, 1::2])
