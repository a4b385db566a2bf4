"""The interaction g(r₁, r₂, u) = E[σ(r₁x) σ(r₂y)] of two neurons under Gaussian input, and its derivatives.

Where σ has no closed form, every expectation needed is a bracket ⟨f, h⟩ = E[f(x) h(y)] of functions of
one pre-activation each. By Mehler's formula, with heₚ the orthonormal Hermite polynomials,

    ⟨f, h⟩ = Σₚ fₚ hₚ uᵖ,   fₚ = E[f(x) heₚ(x)].

The remainder after P orders is at most |u|ᴾ times the product of the parts of f and h beyond order P
(Cauchy and Schwarz). Pairs for which that is not small enough go on to more orders on a finer grid, and
in the end, long and nearly parallel neurons, to two dimensions. The coefficients and the integrals come
from the trapezoidal rule, which converges geometrically for smooth σ; the difference from the rule on
every second node is the estimate of its error, and a σ of your own is looked at on a third grid as well.
All this is done in float64. Whatever does not reach `ACCURACY` raises.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
from jaxtyping import Bool, Float

from .activations import NAMED, PRIMES, Activation, OrderParameters, PairTerms, evaluate, get_activation
from .arrays import Array, ArrayLike, as_float_arrays, require_broadcast

ACCURACY = 1e-11  # largest estimated error of a bracket ⟨f, h⟩, relative to ‖f‖ ‖h‖
LARGEST = 1e150  # ‖σ‖, of which squares are taken
_LEVELS = ((48, 24), (96, 32), (192, 48), (384, 64), (768, 96))  # orders and nodes per unit, one after the other
_REACH = 13  # trapezoidal nodes lie on [−13, 13]; the Gaussian weight beyond is below 1e-37
_FINEST = _LEVELS[-1][1]
_ROWS = 2048  # neurons whose values on all nodes are held at a time


class QuadratureError(ValueError):
    """An expectation could not be computed to the accuracy that is promised.

    Examples
    --------
    >>> interaction(1.0, 1.0, 0.5, Activation("kinked", np.abs))
    Traceback (most recent call last):
    copyavg.interaction.QuadratureError: kinked: the interaction at norm r = 1 was integrated to within …
    """


def interaction(
    r1: ArrayLike,
    r2: ArrayLike,
    u: ArrayLike,
    activation: str | Activation = "erf",
) -> Float[Array, "..."]:
    """Return g(r₁, r₂, u) = E[σ(r₁x) σ(r₂y)], x and y standard normal with correlation u.

    For erf, σ(x) = erf(x/√2), it is (2/π) arcsin(r₁r₂u / √((1 + r₁²)(1 + r₂²))), evaluated as an
    arctangent, so that no digits are lost at large norms or at u → ±1.

    Parameters
    ----------
    r1, r2 : array or float
        Norms of the two incoming weight vectors, r ≥ 0; erf, which is bounded, also takes r = ∞. They
        broadcast against u.
    u : array or float
        Correlation (cosine of the angle between the two vectors), in [−1, 1]. A computed cosine may be off
        by rounding: what lies beyond by at most 8 ε, ε = 2.2e-16 in float64, counts as ±1.
    activation : str or Activation
        "erf", "relu" and "gelu" have closed forms, "tanh", "sigmoid", "softplus", "silu" and an
        `Activation` of your own are summed or integrated with an error estimate.

    Returns
    -------
    array
        g, of the broadcast shape.

    Raises
    ------
    ValueError
        If a norm is negative or NaN, |u| > 1 + 8 ε or NaN, or the activation is unknown, or one of your own
        is so large that its square overflows.
    QuadratureError
        If σ has no closed form and the accuracy of 1e-11 ‖σ(r₁x)‖ ‖σ(r₂y)‖ cannot be had, because σ has
        a kink or a norm is large. It is a `ValueError`.
    TypeError
        If arrays of different libraries are mixed, are masked, or are not real numbers, or if what the
        `Activation` of your own returns is no array of the shape and dtype that it was given.

    Notes
    -----
    The closed form for erf is Williams' (1997) and is used by Saad and Solla (1995); chapter 1 derives it.
    ReLU: Cho and Saul (2009). GELU: Tsuchida et al. (2021).

    Examples
    --------
    >>> round(float(interaction(1.0, 1.0, 1.0)), 12)  # E[erf(x/√2)²] = 1/3
    0.333333333333
    >>> round(float(interaction(1.0, 1.0, 0.0, "relu")), 12)  # 1/(2π): orthogonal neurons interact
    0.159154943092
    """
    activation = get_activation(activation)
    xp, (r1, r2, u) = as_float_arrays(r1=r1, r2=r2, u=u)
    require_broadcast(r1=r1.shape, r2=r2.shape, u=u.shape)
    for name, norm in (("r1", r1), ("r2", r2)):
        if not bool(xp.all(norm >= 0)):
            raise ValueError(f"{name} is a norm and must be at least 0, but was given {_worst(xp, norm, norm)}")
        if activation is not get_activation("erf") and bool(xp.any(xp.isinf(norm))):
            raise ValueError(f"{name} must be finite for {activation.name}, but was given inf")
    if not bool(xp.all(xp.abs(u) <= 1 + 8 * float(xp.finfo(u.dtype).eps))):
        raise ValueError(f"u is a correlation and must lie in [-1, 1], but was given {_worst(xp, u, -xp.abs(u))}")
    u = xp.clip(u, -1.0, 1.0)
    return pair_terms(activation, OrderParameters(r1, r2, u, (1 - u) * (1 + u)), 0).value


def pair_terms(activation: Activation, p: OrderParameters, order: int) -> PairTerms:
    """Return the interaction of every pair and its derivatives up to `order`; see `activations` for their meaning.

    Raises
    ------
    QuadratureError
        As for `interaction`.
    TypeError
        If a closed form does not return `PairTerms` of arrays, one number a pair, up to this order.
    """
    if activation.closed_form is not None:
        terms = activation.closed_form(p, order)
        _require_terms(activation, terms, p, order)
        return terms
    brackets = _brackets_in_float64(activation, p, order)
    value = brackets["f0", "f0"]
    if order == 0:
        return PairTerms(value)
    own, cross = brackets["f2", "f0"], brackets["f1", "f1"]
    if order == 1:
        return PairTerms(value, own, cross)
    return PairTerms(
        value,
        own,
        cross,
        own_ww=brackets["xxf2", "f0"] - own,
        own_wm=p.r2 * brackets["xf2", "f1"],
        own_mm=p.r2**2 * brackets["f2", "f2"],
        cross_wp=brackets["xf1", "xf1"] - p.u * cross,
        cross_wm=p.r1 * brackets["xf2", "f1"],
        cross_mp=p.r2 * brackets["f1", "xf2"],
        cross_mm=p.r1 * p.r2 * brackets["f2", "f2"],
    )


def _require_terms(activation: Activation, terms: PairTerms, p: OrderParameters, order: int) -> None:
    needs = f"{activation.name}: closed_form must return PairTerms of arrays, one number a pair, up to order {order}"
    if not isinstance(terms, PairTerms):
        raise TypeError(f"{needs}, but it returned {terms!r}")
    shape = np.broadcast_shapes(p.r1.shape, p.r2.shape, p.u.shape)
    for name, term in zip(PairTerms._fields[: _TERMS[order]], terms, strict=False):
        if not hasattr(term, "shape"):
            raise TypeError(f"{needs}, but its {name} is {term!r}")
        if term.shape != shape and np.broadcast_shapes((1,) * len(shape), term.shape, shape) != shape:
            raise TypeError(f"{needs}, but of pairs of shape {shape} its {name} has shape {tuple(term.shape)}")


_TERMS = (1, 3, 10)  # how many of the terms belong to an order

# The brackets ⟨f, h⟩ that each order of derivative adds, with f0 = σ(rx), f1 = σ′(rx), f2 = σ″(rx), and
# a factor x for every x in front.
_NEEDED = (
    [("f0", "f0")],
    [("f2", "f0"), ("f1", "f1")],
    [("xxf2", "f0"), ("xf2", "f1"), ("f1", "xf2"), ("f2", "f2"), ("xf1", "xf1")],
)


class HermiteExpansion(NamedTuple):
    """σ(rx) in orthonormal Hermite polynomials, up to some order."""

    coefficients: Float[np.ndarray, " orders"]  # cₚ(r)
    slopes: Float[np.ndarray, " orders"]  # dcₚ/dr
    norm: float  # ‖σ(rx)‖
    tail: float  # Σ cₚ² beyond the last order
    tail_slope: float  # its derivative by r


_EXPANDED = 128  # orders of a Hermite expansion


def hermite_expansion(activation: Activation, r: float) -> HermiteExpansion:
    """Expand σ(rx) in orthonormal Hermite polynomials up to order 127.

    Raises
    ------
    QuadratureError
        If a coefficient is not accurate to 1e-11 ‖σ(rx)‖.
    ValueError
        If ‖σ(rx)‖ is beyond 1e150.

    Examples
    --------
    >>> from copyavg.activations import NAMED
    >>> hermite_expansion(NAMED["softplus"], 2.0).coefficients[1].round(12)  # E[x σ(rx)] = r E[σ′(rx)] = r/2
    np.float64(1.0)
    """
    x, weights = _trapezoid(_FINEST)
    if activation not in NAMED.values() and r == 1:
        _require_resolved(np, activation, np.ones(1), 1)
    y = (r * x)[None, :]
    f = _evaluate(np, activation, y)
    norm = _norm(np, weights, f)
    if norm[0] > LARGEST:
        refuse_size(activation, r, float(norm[0]))
    (f1, _), _ = _derivatives(np, activation, y, f, norm[:, None], np.full((1, 1), r))
    f, by_r = f[0], x * f1[0]
    (even, odd), halves = (
        [table @ values[start::2] for start, table in enumerate(_interleaved_tables())] for values in (f, by_r)
    )
    c, slopes = even + odd, sum(halves)
    error = 2 * float(np.max(np.abs(even - odd)))
    if not error <= ACCURACY * norm[0]:
        _refuse(activation, r, error, float(norm[0]))
    # What lies beyond the last order drowns in rounding for short neurons, and is nothing there.
    square, square_slope = (float(np.sum(weights * f * g)) for g in (f, by_r))
    tail = max(square - float(c @ c), 0.0) if r > 1 else 0.0
    tail_slope = 2 * (square_slope - float(c @ slopes)) if r > 1 else 0.0
    return HermiteExpansion(c, slopes, float(norm[0]), tail, tail_slope)


def _needed(order: int) -> list[tuple[str, str]]:
    return [pair for pairs in _NEEDED[: order + 1] for pair in pairs]


def _brackets_in_float64(activation: Activation, p: OrderParameters, order: int) -> dict[tuple[str, str], Array]:
    xp = array_api_compat.array_namespace(p.u)
    shape = require_broadcast(r1=p.r1.shape, r2=p.r2.shape, u=p.u.shape)
    wide = OrderParameters(*(xp.reshape(xp.astype(x, xp.float64), x.shape or (1,)) for x in p))
    if activation not in NAMED.values():
        for r in (wide.r1, wide.r2):
            _require_resolved(xp, activation, r, order)
    brackets = _brackets(xp, activation, wide, order, _LEVELS)
    return {pair: xp.astype(xp.reshape(x, shape), p.u.dtype) for pair, x in brackets.items()}


def _brackets(
    xp: Any, activation: Activation, p: OrderParameters, order: int, levels: tuple[tuple[int, int], ...]
) -> dict[tuple[str, str], Array]:
    """Sum the series of every pair, and pass on to the next level those that have not converged."""
    if not levels:
        return _integrate(xp, activation, p, order)
    (count, per_unit), finer = levels[0], levels[1:]
    left, right = (_families(xp, activation, r, count, per_unit, order) for r in (p.r1, p.r2))
    brackets, damping, converged = {}, xp.abs(p.u) ** count, True
    for f, h in _needed(order):
        brackets[f, h] = _mehler_sum(left[f].coefficients, right[h].coefficients, p.u)
        scale, remainder = left[f].norm * right[h].norm, left[f].beyond * right[h].beyond * damping
        converged = (remainder <= 0.1 * ACCURACY * scale) & left[f].accurate & right[h].accurate & converged
    todo = ~converged
    if not bool(xp.any(todo)):
        return brackets
    # The fewer neurons to expand: those of the open pairs, two a pair, or all there are.
    if finer and 2 * int(xp.sum(xp.astype(todo, xp.int64))) > array_api_compat.size(p.r1) + array_api_compat.size(p.r2):
        rest = _brackets(xp, activation, p, order, finer)
        return {pair: xp.where(todo, rest[pair], brackets[pair]) for pair in brackets}
    chosen = OrderParameters(*(xp.broadcast_to(x, todo.shape)[todo] for x in p))
    for pair, values in _brackets(xp, activation, chosen, order, finer).items():
        brackets[pair][todo] = values
    return brackets


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


def _families(xp: Any, activation: Activation, r: Array, count: int, per_unit: int, order: int) -> dict[str, _Family]:
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
    nodes, weights = _rule(xp, r, per_unit)
    table = xp.asarray(_hermite_table(extra, per_unit), device=array_api_compat.device(r))
    inputs = r[:, None] * nodes
    values = _evaluate(xp, activation, inputs)
    families = {"f0": _expand(xp, table, weights, values)}
    if order > 0:
        slopes = _derivatives(xp, activation, inputs, values, families["f0"][1][:, None], r[:, None])
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
                norm = xp.maximum(norm, _norm(xp, weights, factor * rounding) / ACCURACY)
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
    norm = _norm(xp, weights, values)
    if rounding is not None:
        norm = xp.maximum(norm, _norm(xp, weights, rounding) / ACCURACY)
    return (even + odd) / 2, norm, xp.max(xp.abs(even - odd), axis=0) / 2 <= ACCURACY * norm


def _times_x(xp: Any, f: Array) -> Array:
    """The coefficients of x f(x), by x heₚ = √(p + 1) heₚ₊₁ + √p heₚ₋₁."""
    degrees = xp.arange(1, f.shape[0], device=array_api_compat.device(f))
    roots, zero = xp.sqrt(xp.astype(degrees, f.dtype))[:, None], xp.zeros_like(f[:1, :])
    return xp.concat([zero, roots * f[:-1, :]]) + xp.concat([roots * f[1:, :], zero])


def _norm(xp: Any, weights: Array, values: Array) -> Array:
    """‖f‖ = √E[f²] of every row, without underflow of a tiny f."""
    largest = xp.max(xp.abs(values), axis=-1)
    largest = xp.where(largest > 0, largest, 1.0)
    return largest * xp.sqrt(xp.sum(weights * (values / largest[:, None]) ** 2, axis=-1))


def _norm_by_coefficients(xp: Any, f: Array, count: int) -> Array:
    """‖f‖ where only coefficients are known: what lies beyond is taken to be no more than their last half."""
    return xp.sqrt(xp.sum(f[:count, :] ** 2, axis=0) + xp.sum(f[count // 2 : count, :] ** 2, axis=0))


def _mehler_sum(f: Array, h: Array, u: Array) -> Array:
    total = f[-1, ...] * h[-1, ...] + 0 * u
    for p in range(f.shape[0] - 2, -1, -1):
        total = total * u + f[p, ...] * h[p, ...]
    return total


def _integrate(
    xp: Any, activation: Activation, p: OrderParameters, order: int
) -> dict[tuple[str, str], Float[Array, " pairs"]]:
    """⟨f, h⟩ in two dimensions, x = αs + βt and ±y = αs − βt, where β is small for nearly parallel neurons.

    The sign is that of u, and either will do where u = 0.
    """
    (s, weight_s), (t, weight_t) = (_rule(xp, p.u, per_unit) for per_unit in (_FINEST, 8))
    s = s[:, None]
    results: dict[tuple[str, str], list[Array]] = {pair: [] for pair in _needed(order)}
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
                _refuse(activation, float(xp.maximum(r1, r2)), float(xp.abs(full - coarse)), float(scale))
            results[f, h].append(full)
    return {pair: xp.stack(values) for pair, values in results.items()}


def _norm_on_grid(xp: Any, weight_s: Array, weight_t: Array, values: Array) -> Array:
    return xp.sqrt(xp.sum(weight_s * xp.sum(values**2 * weight_t, axis=1)))


def _on_grid(
    xp: Any, activation: Activation, r: Array, z: Array, order: int, weight_s: Array, weight_t: Array
) -> dict[str, tuple[Array, Array | None]]:
    """The functions of one pre-activation that the order of derivative needs, and their rounding errors."""
    f0 = _evaluate(xp, activation, r * z)
    if order == 0:
        return {"f0": (f0, None)}
    norm = _norm_on_grid(xp, weight_s, weight_t, f0)
    f1, f2 = _derivatives(xp, activation, r * z, f0, norm, r)
    once, twice = (tuple(None if x is None else factor * x for x in f2) for factor in (z, z * z))
    xf1 = tuple(None if x is None else z * x for x in f1)
    return {"f0": (f0, None), "f1": f1, "f2": f2, "xf1": xf1, "xf2": once, "xxf2": twice}


def _require_resolved(xp: Any, activation: Activation, r: Array, order: int) -> None:
    """Look at a reader's σ on a grid that shares no node and no step with the others, and at σ′ and σ″."""
    if 0 in r.shape:
        return
    r = xp.reshape(xp.max(r), (1, 1))
    moments, slopes = [], []
    for per_unit, shift in ((_FINEST, 0.0), (61, 0.37)):
        x, weights = _rule(xp, r, per_unit, shift)
        f = _evaluate(xp, activation, r * x)
        norm = _norm(xp, weights, f)
        moments.append([norm, *(xp.sum(weights * g * f) for g in (1, x, x * x - 1))])
        if order > 0 and activation.derivatives is not None:
            slopes.append(_means_of_slopes(xp, activation, r, x, weights, f))
    scale = float(norm[0])
    if scale > LARGEST:
        refuse_size(activation, float(r[0, 0]), scale)
    error = max(float(xp.max(xp.abs(one - two))) for one, two in zip(*moments))
    if not error <= ACCURACY * 10 * scale:
        _refuse(activation, float(r[0, 0]), error, scale)
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
        for p, slope in ((p, _evaluate(xp, activation, r * x, p)) for p in (1, 2))
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


def refuse_size(activation: Activation, r: float, size: float) -> None:
    """Say that squares of σ overflow or underflow."""
    raise ValueError(
        f"{activation.name}: at norm r = {r:g} σ is of size {size:.1g}, whose square cannot be represented: divide σ "
        "by its size, and let outgoing weights make up for it"
    )


def _refuse(activation: Activation, norm: float, error: float, scale: float) -> None:
    raise QuadratureError(
        f"{activation.name}: the interaction at norm r = {norm:g} was integrated to within {error:.1g}, but "
        f"{ACCURACY:g} × {scale:.1g} is needed. Is σ smooth, has it a closed form? "
        + ("Short" if activation.derivatives or norm > 1 else "Derivatives given to Activation and longer")
        + " weight vectors are easier"
    )


def _evaluate(xp: Any, activation: Activation, y: Array, order: int = 0) -> Array:
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


def _derivatives(
    xp: Any, activation: Activation, y: Array, values: Array, scale: Array, r: Array
) -> tuple[tuple[Array, Array | None], tuple[Array, Array | None]]:
    """σ′ and σ″ at y = rx, and the rounding error of each: those given (None), or differences.

    Of these two orders must agree up to rounding, relative to |σ| and ‖σ‖/rᵖ. They are sums of increments of σ
    from the centre, at arguments that are exact: those of a linear σ vanish where they must.
    """
    if activation.derivatives is not None:
        return tuple((_evaluate(xp, activation, y, p), None) for p in (1, 2))
    eps = float(xp.finfo(y.dtype).eps)
    y = 5 * y - (5 * y - y)  # without its last two bits: a step adds no rounding
    lost = float(xp.max(xp.abs(y))) * eps / _STEP  # of long neurons: of σ′, relative to ‖σ‖/r
    shifted = {step: _evaluate(xp, activation, y + step * _STEP) for step in range(-5, 6)}
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


def _rule(xp: Any, like: Array, per_unit: int, shift: float = 0.0) -> tuple[Array, Array]:
    device = array_api_compat.device(like)
    return tuple(xp.asarray(x, device=device) for x in _trapezoid(per_unit, shift))


@lru_cache
def _trapezoid(per_unit: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the trapezoidal rule for a standard normal variable; the number of nodes is even."""
    half = round(_REACH * per_unit)
    nodes = (np.arange(-half, half) + shift) / per_unit
    return nodes, np.exp(-0.5 * nodes**2) / np.sqrt(2 * np.pi) / per_unit


@lru_cache
def _hermite_table(count: int, per_unit: int) -> np.ndarray:
    """The weighted orthonormal Hermite polynomials on the nodes, one row an order."""
    nodes, weights = _trapezoid(per_unit)
    table = np.zeros((count, nodes.size))
    table[0] = weights
    table[1] = nodes * weights
    for p in range(1, count - 1):
        table[p + 1] = (nodes * table[p] - np.sqrt(p) * table[p - 1]) / np.sqrt(p + 1)
    return table


@lru_cache
def _interleaved_tables() -> tuple[np.ndarray, np.ndarray]:
    """The table of a Hermite expansion on every second node, and on those in between."""
    table = _hermite_table(_EXPANDED, _FINEST)
    return np.ascontiguousarray(table[:, ::2]), np.ascontiguousarray(table[:, 1::2])


def _worst(xp, values: Array, order: Array) -> float:
    """The value to name in an error message: a NaN if there is one, else the lowest in `order`."""
    flat, order = xp.reshape(values, (-1,)), xp.reshape(order, (-1,))
    return float(flat[int(xp.argmin(xp.where(xp.isnan(flat), -xp.inf, order)))])
