"""Expectations under Gaussian input by the trapezoidal rule, with an error estimate, and σ′, σ″ by differences.

The rule converges geometrically for smooth σ; the difference from the rule on every second node is the estimate of its
error. All this is done in float64. Whatever does not reach `ACCURACY` raises.
"""

from functools import lru_cache
from typing import Any

import array_api_compat
import numpy as np
from jaxtyping import Float

from copyavg.activations.base import PRIMES, Activation, OrderParameters, evaluate
from copyavg.arrays import Array

ACCURACY = 1e-11  # largest estimated error of a bracket ⟨f, h⟩, relative to ‖f‖ ‖h‖
LARGEST = 1e150  # ‖σ‖, of which squares are taken
LEVELS = ((48, 24), (96, 32), (192, 48), (384, 64), (768, 96))  # orders and nodes per unit, one after the other
_REACH = 13  # trapezoidal nodes lie on [−13, 13]; the Gaussian weight beyond is below 1e-37
FINEST = LEVELS[-1][1]


class QuadratureError(ValueError):
    """An expectation could not be computed to the accuracy that is promised.

    Examples
    --------
    >>> from copyavg import Activation, interaction
    >>> interaction(1.0, 1.0, 0.5, Activation("kinked", np.abs))
    Traceback (most recent call last):
    copyavg.interactions.quadrature.QuadratureError: kinked: the interaction at norm r = 1 was integrated to within …
    """


# The brackets ⟨f, h⟩ that each order of derivative adds, with f0 = σ(rx), f1 = σ′(rx), f2 = σ″(rx), and
# a factor x for every x in front.
_NEEDED = (
    [("f0", "f0")],
    [("f2", "f0"), ("f1", "f1")],
    [("xxf2", "f0"), ("xf2", "f1"), ("f1", "xf2"), ("f2", "f2"), ("xf1", "xf1")],
)


def needed_brackets(order: int) -> list[tuple[str, str]]:
    """Return the names of all brackets up to an order of derivative."""
    return [pair for pairs in _NEEDED[: order + 1] for pair in pairs]


def norm_of_rows(xp: Any, weights: Array, values: Array) -> Array:
    """‖f‖ = √E[f²] of every row, without underflow of a tiny f."""
    largest = xp.max(xp.abs(values), axis=-1)
    largest = xp.where(largest > 0, largest, 1.0)
    return largest * xp.sqrt(xp.sum(weights * (values / largest[:, None]) ** 2, axis=-1))


def integrate_pairs(
    xp: Any, activation: Activation, p: OrderParameters, order: int
) -> dict[tuple[str, str], Float[Array, " pairs"]]:
    """⟨f, h⟩ in two dimensions, x = αs + βt and ±y = αs − βt, where β is small for nearly parallel neurons.

    The sign is that of u, and either will do where u = 0.
    """
    (s, weight_s), (t, weight_t) = (trapezoidal_rule(xp, p.u, per_unit) for per_unit in (FINEST, 8))
    s = s[:, None]
    results: dict[tuple[str, str], list[Array]] = {pair: [] for pair in needed_brackets(order)}
    for r1, r2, u, v in zip(*p):
        size = xp.abs(u)
        apart = v > 0  # so that autograd never meets √′(0)
        alpha = xp.sqrt((1 + size) / 2)
        beta = xp.where(apart, xp.sqrt(xp.where(apart, v, 1) / (2 * (1 + size))), 0.0)
        sign = 1 - 2 * xp.astype(u < 0, u.dtype)
        x, y = alpha * s + beta * t, sign * (alpha * s - beta * t)
        left, right = (_on_grid(xp, activation, r, z, order, weight_s, weight_t) for r, z in ((r1, x), (r2, y)))
        for f, h in results:
            (one, rounding1), (two, rounding2) = left[f], right[h]
            products = one * two
            full = xp.sum(weight_s * xp.sum(products * weight_t, axis=1))
            coarse = 4 * xp.sum(weight_s[::2] * xp.sum(products[::2, ::2] * weight_t[::2], axis=1))
            scale = _norm_on_grid(xp, weight_s, weight_t, products)
            for rounding, other in ((rounding1, two), (rounding2, one)):
                if rounding is not None:
                    scale = scale + _norm_on_grid(xp, weight_s, weight_t, rounding * other) / ACCURACY
            if not bool(xp.abs(full - coarse) <= ACCURACY * scale):
                refuse_accuracy(activation, float(xp.maximum(r1, r2)), float(xp.abs(full - coarse)), float(scale))
            results[f, h].append(full)
    return {pair: xp.stack(values) for pair, values in results.items()}


def _norm_on_grid(xp: Any, weight_s: Array, weight_t: Array, values: Array) -> Array:
    return xp.sqrt(xp.sum(weight_s * xp.sum(values**2 * weight_t, axis=1)))


def _on_grid(
    xp: Any, activation: Activation, r: Array, z: Array, order: int, weight_s: Array, weight_t: Array
) -> dict[str, tuple[Array, Array | None]]:
    """The functions of one pre-activation that the order of derivative needs, and their rounding errors."""
    f0 = evaluate_finite(xp, activation, r * z)
    if order == 0:
        return {"f0": (f0, None)}
    norm = _norm_on_grid(xp, weight_s, weight_t, f0)
    f1, f2 = derivatives_at(xp, activation, r * z, f0, norm, r)
    once, twice = (tuple(None if x is None else factor * x for x in f2) for factor in (z, z * z))
    xf1 = tuple(None if x is None else z * x for x in f1)
    return {"f0": (f0, None), "f1": f1, "f2": f2, "xf1": xf1, "xf2": once, "xxf2": twice}


def refuse_size(activation: Activation, r: float, size: float) -> None:
    """Say that squares of σ overflow or underflow."""
    raise ValueError(
        f"{activation.name}: at norm r = {r:g} σ is of size {size:.1g}, whose square cannot be represented: divide σ "
        "by its size, and let outgoing weights make up for it"
    )


def refuse_accuracy(activation: Activation, norm: float, error: float, scale: float) -> None:
    """Say that an integral is not accurate enough."""
    raise QuadratureError(
        f"{activation.name}: the interaction at norm r = {norm:g} was integrated to within {error:.1g}, but "
        f"{ACCURACY:g} × {scale:.1g} is needed. Is σ smooth, has it a closed form? "
        + ("Short" if activation.derivatives or norm > 1 else "Derivatives given to Activation and longer")
        + " weight vectors are easier"
    )


def evaluate_finite(xp: Any, activation: Activation, y: Array, order: int = 0) -> Array:
    """σ, σ′ or σ″ at y, of the shape and library of y and finite, or the reason why not."""
    values = evaluate(activation, y, order)
    if not bool(xp.all(xp.isfinite(values))):
        where = float(y[~xp.isfinite(values)][0])
        raise QuadratureError(f"{activation.name}: {PRIMES[order]} is not finite at {where:g}")
    return values


# Central differences of orders 10 and 8: the weights of the neighbours at 1, 2, … steps, relative to the centre.
_FIRST = ((5 / 6, -5 / 21, 5 / 84, -5 / 504, 1 / 1260), (4 / 5, -1 / 5, 4 / 105, -1 / 280))
_SECOND = ((5 / 3, -5 / 21, 5 / 126, -5 / 1008, 1 / 3150), (8 / 5, -1 / 5, 8 / 315, -1 / 560))
_STEP = 2.0**-6  # where truncation (of a σ that varies over lengths of about 1) and rounding balance


def derivatives_at(
    xp: Any, activation: Activation, y: Array, values: Array, scale: Array, r: Array
) -> tuple[tuple[Array, Array | None], tuple[Array, Array | None]]:
    """σ′ and σ″ at y = rx, and the rounding error of each: those given (None), or differences.

    Of these two orders must agree up to rounding, relative to |σ| and ‖σ‖/rᵖ. They are sums of increments of σ
    from the centre, at arguments that are exact: those of a linear σ vanish where they must.
    """
    if activation.derivatives is not None:
        return tuple((evaluate_finite(xp, activation, y, p), None) for p in (1, 2))
    eps = float(xp.finfo(y.dtype).eps)
    y = 5 * y - (5 * y - y)  # without its last two bits: a step adds no rounding
    lost = float(xp.max(xp.abs(y))) * eps / _STEP  # of long neurons: of σ′, relative to ‖σ‖/r
    shifted = {step: evaluate_finite(xp, activation, y + step * _STEP) for step in range(-5, 6)}
    rises = {step: shifted[step] - shifted[0] for step in shifted}
    largest = xp.maximum(xp.abs(shifted[0]), xp.maximum(xp.abs(shifted[-5]), xp.abs(shifted[5])))
    results: list[tuple[Array, Array]] = []
    for stencils, parity, power in ((_FIRST, -1, 1), (_SECOND, 1, 2)):
        fine, coarse = (
            sum(w * (rises[i] + parity * rises[-i]) for i, w in enumerate(s, 1)) / _STEP**power for s in stencils
        )
        slope = results[0][0] if results else fine
        rounding = 4 * eps / _STEP**power * (largest + 5 * _STEP * xp.abs(slope))
        results.append((fine, rounding))
        size = scale / xp.clip(r, 1e-30, 1.0) ** power + xp.abs(values)
        size = size + xp.where(r < 1e-30, xp.abs(slope), 0.0)  # at r = 0 and for an odd σ only σ′ has a size
        off = xp.clip(xp.abs(fine - coarse) - rounding, 0.0, None)
        error = max(float(xp.max(off / xp.where(off > 0, size, 1.0))), lost if lost > 1e-8 else 0.0)
        if not error <= ACCURACY:
            raise QuadratureError(
                f"{activation.name}: a derivative of σ by differences is only accurate to {error:.1g}, but "
                f"{ACCURACY:g} is needed: give σ′ and σ″ to Activation(derivatives=…)"
            )
    return tuple(results)


def trapezoidal_rule(xp: Any, like: Array, per_unit: int, shift: float = 0.0) -> tuple[Array, Array]:
    """Return `trapezoidal_nodes` in the library and on the device of `like`."""
    device = array_api_compat.device(like)
    return tuple(xp.asarray(x, device=device) for x in trapezoidal_nodes(per_unit, shift))


@lru_cache
def trapezoidal_nodes(per_unit: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the trapezoidal rule for a standard normal variable; the number of nodes is even."""
    half = round(_REACH * per_unit)
    nodes = (np.arange(-half, half) + shift) / per_unit
    return nodes, np.exp(-0.5 * nodes**2) / np.sqrt(2 * np.pi) / per_unit
