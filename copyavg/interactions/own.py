"""Is a reader's own σ what it says? It is looked at on a third grid, and its derivatives are compared with it."""

from functools import lru_cache
from typing import Any

import array_api_compat
import numpy as np

from copyavg.activations.base import PRIMES, Activation, evaluate
from copyavg.arrays import Array

from .quadrature import (
    ACCURACY,
    FINEST,
    LARGEST,
    evaluate_finite,
    norm_of_rows,
    refuse_accuracy,
    refuse_size,
    trapezoidal_rule,
)


def require_resolved(xp: Any, activation: Activation, r: Array, order: int) -> None:
    """Look at a reader's σ on a grid that shares no node and no step with the others, and at σ′ and σ″."""
    if 0 in r.shape:
        return
    r = xp.reshape(xp.max(r.detach() if array_api_compat.is_torch_array(r) else r), (1, 1))
    moments, slopes = [], []
    for per_unit, shift in ((FINEST, 0.0), (61, 0.37)):
        x, weights = trapezoidal_rule(xp, r, per_unit, shift)
        f = evaluate_finite(xp, activation, r * x)
        norm = norm_of_rows(xp, weights, f)
        moments.append([norm, *(xp.sum(weights * g * f) for g in (1, x, x * x - 1))])
        if order > 0 and activation.derivatives is not None:
            slopes.append(_means_of_slopes(xp, activation, r, x, weights, f))
    scale = float(norm[0])
    if scale > LARGEST:
        refuse_size(activation, float(r[0, 0]), scale)
    error = max(float(xp.max(xp.abs(one - two))) for one, two in zip(*moments))
    if not error <= ACCURACY * 10 * scale:
        refuse_accuracy(activation, float(r[0, 0]), error, scale)
    if slopes:
        _require_means(activation, float(r[0, 0]), scale, slopes)
        _require_increments(xp, activation, r)


def _means_of_slopes(
    xp: Any, activation: Activation, r: Array, x: Array, weights: Array, f: Array
) -> list[tuple[float, float]]:
    """Moments of the σ′ and σ″ that were given, and what they must be by Stein's lemma.

    r E[σ′(rx)] = E[x σ], r E[x σ′(rx)] = r² E[σ″(rx)] = E[(x² − 1) σ] and r² E[x σ″(rx)] = E[(x³ − 3x) σ].
    """
    hermite = (1, x, x * x - 1, x**3 - 3 * x)
    return [
        (
            float(r[0, 0]) ** p * float(xp.sum(weights * factor * slope)),
            float(xp.sum(weights * hermite[p + power] * f)),
        )
        for p, slope in ((p, evaluate_finite(xp, activation, r * x, p)) for p in (1, 2))
        for power, factor in enumerate((1, x))
    ]


def _require_means(activation: Activation, r: float, scale: float, slopes: list[list[tuple[float, float]]]) -> None:
    """Refuse a σ′ or σ″ whose means, on two grids that agree, are not what they must be."""
    for i, ((given, expected), (again, _)) in enumerate(zip(*slopes)):
        if abs(given - expected) > 1e-8 * (scale + abs(expected)) + 10 * abs(given - again):
            mean = "its mean" if i % 2 == 0 else "that of its product with the input"
            raise ValueError(
                f"{activation.name}: the {PRIMES[1 + i // 2]} given in derivatives is not the derivative of "
                f"{PRIMES[i // 2]}: at norm r = {r:g} {mean} is {given:g} where Stein's lemma needs {expected:g}"
            )


# Where σ′ and σ″ are compared with increments of σ and σ′: none is opposite another, and each begins three intervals.
_PLACES = (-5.3, -3.1, -1.9, -1.17, -0.71, -0.33, -0.06, 0.11, 0.43, 0.83, 1.37, 2.2, 3.7, 6.1)
_LENGTHS = (0.1, 0.01, 0.001)


@lru_cache
def _intervals() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (place, length, point) of every interval: its ends, eight nodes of Gauss, five; lengths; both weights."""
    (x8, w8), (x5, w5) = (np.polynomial.legendre.leggauss(count) for count in (8, 5))
    shares = np.concatenate([[0, 1], (1 + x8) / 2, (1 + x5) / 2])
    lengths = np.array(_LENGTHS)
    return np.array(_PLACES)[:, None, None] + lengths[:, None] * shares, lengths, w8 / 2, w5 / 2


def _require_increments(xp: Any, activation: Activation, like: Array) -> None:
    """Refuse a σ′ (or σ″) whose integrals are not the increments of σ (or σ′), at one place over all three lengths.

    What two rules of Gauss make of an integral tells how far it is known: where the function is rough, no verdict.
    """
    device = array_api_compat.device(like)
    points, lengths, *weights = (xp.asarray(x, device=device) for x in _intervals())
    flat = xp.reshape(points, (-1,))
    values = [xp.reshape(evaluate(activation, flat, p), points.shape) for p in range(3)]
    for p in (1, 2):
        with np.errstate(all="ignore"):
            rise, slope = values[p - 1][..., 1] - values[p - 1][..., 0], values[p][..., 2:]
            fine, size = (xp.sum(x * weights[0], axis=-1) for x in (slope[..., :8], xp.abs(slope[..., :8])))
            coarse = xp.sum(slope[..., 8:] * weights[1], axis=-1)
            noise, steep = (1e-13 * xp.max(xp.where(xp.isfinite(x), xp.abs(x), 0.0)) for x in (values[p - 1], slope))
            known = (1e-8 * size + 10 * xp.abs(fine - coarse) + steep) * lengths + noise
            wrong = xp.all(xp.abs(rise - fine * lengths) > known, axis=-1)
        if bool(xp.any(wrong)):
            at = int(xp.argmax(xp.astype(wrong, xp.int64)))
            rate = float(rise[at, 2]) / _LENGTHS[2]
            raise ValueError(
                f"{activation.name}: the {PRIMES[p]} given in derivatives is not the derivative of {PRIMES[p - 1]}: at "
                f"{_PLACES[at]:g} it is {float(fine[at, 2]):g}, but {PRIMES[p - 1]} rises at a rate of {rate:g}"
            )
