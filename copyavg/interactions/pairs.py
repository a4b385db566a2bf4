"""The interaction g(r₁, r₂, u) = E[σ(r₁x) σ(r₂y)] of two neurons under Gaussian input, and its derivatives.

The named activations have closed forms. Where a σ of your own has none, every expectation needed is a bracket
⟨f, h⟩ = E[f(x) h(y)] of functions of one pre-activation each. By Mehler's formula, with heₚ the orthonormal
Hermite polynomials,

    ⟨f, h⟩ = Σₚ fₚ hₚ uᵖ,   fₚ = E[f(x) heₚ(x)].

The remainder after P orders is at most |u|ᴾ times the product of the parts of f and h beyond order P
(Cauchy and Schwarz). Pairs for which that is not small enough go on to more orders on a finer grid, and
in the end, long and nearly parallel neurons, to two dimensions. The coefficients and the integrals come
from the trapezoidal rule, which converges geometrically for smooth σ; the difference from the rule on
every second node is the estimate of its error, and σ is looked at on a third grid as well.
All this is done in float64. Whatever does not reach `ACCURACY` raises.
"""

from typing import Any

import array_api_compat
import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation, OrderParameters, PairTerms
from copyavg.activations.named import get_activation
from copyavg.arrays import Array, ArrayLike, as_float_arrays, require_broadcast

from .hermite import hermite_families, mehler_sum
from .own import require_resolved
from .quadrature import ACCURACY, LEVELS, integrate_pairs, needed_brackets


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
        Norms of the two incoming weight vectors, r ≥ 0; erf, tanh and sigmoid, which are bounded, also take
        r = ∞. They broadcast against u.
    u : array or float
        Correlation (cosine of the angle between the two vectors), in [−1, 1]. A computed cosine may be off
        by rounding: what lies beyond by at most 8 ε, ε = 2.2e-16 in float64, counts as ±1.
    activation : str or Activation
        "erf", "relu", "gelu", "tanh", "sigmoid", "softplus" and "silu" have closed forms. An `Activation` of
        your own without one is summed or integrated, with an error estimate.

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
        If a σ of your own has no closed form and the accuracy of 1e-11 ‖σ(r₁x)‖ ‖σ(r₂y)‖ cannot be had,
        because σ has a kink or a norm is large. It is a `ValueError`.
    TypeError
        If arrays of different libraries are mixed, are masked, or are not real numbers, or if what the
        `Activation` of your own returns is no array of the shape and dtype that it was given.

    Notes
    -----
    The closed form for erf is Williams' (1997) and is used by Saad and Solla (1995); chapter 1 derives it.
    ReLU: Cho and Saul (2009). GELU: Tsuchida et al. (2021). The others are double sums of these three over 28
    nodes, exact to rounding, as the logistic law is a scale mixture of normals (Stefanski 1991): see
    `copyavg.activations.mixture`; derived in this book.

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
    bounded = activation.closed_form is not None and activation.at_infinity in ("step", "sign")
    for name, norm in (("r1", r1), ("r2", r2)):
        if not bool(xp.all(norm >= 0)):
            raise ValueError(f"{name} is a norm and must be at least 0, but was given {_worst(xp, norm, norm)}")
        if not bounded and bool(xp.any(xp.isinf(norm))):
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


def _brackets_in_float64(activation: Activation, p: OrderParameters, order: int) -> dict[tuple[str, str], Array]:
    xp = array_api_compat.array_namespace(p.u)
    shape = require_broadcast(r1=p.r1.shape, r2=p.r2.shape, u=p.u.shape)
    wide = OrderParameters(*(xp.reshape(xp.astype(x, xp.float64), x.shape or (1,)) for x in p))
    for r in (wide.r1, wide.r2):
        require_resolved(xp, activation, r, order)
    brackets = _brackets(xp, activation, wide, order, LEVELS)
    return {pair: xp.astype(xp.reshape(x, shape), p.u.dtype) for pair, x in brackets.items()}


def _brackets(
    xp: Any, activation: Activation, p: OrderParameters, order: int, levels: tuple[tuple[int, int], ...]
) -> dict[tuple[str, str], Array]:
    """Sum the series of every pair, and pass on to the next level those that have not converged."""
    if not levels:
        return integrate_pairs(xp, activation, p, order)
    (count, per_unit), finer = levels[0], levels[1:]
    left, right = (hermite_families(xp, activation, r, count, per_unit, order) for r in (p.r1, p.r2))
    brackets, damping, converged = {}, xp.abs(p.u) ** count, True
    for f, h in needed_brackets(order):
        brackets[f, h] = mehler_sum(left[f].coefficients, right[h].coefficients, p.u)
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


def _worst(xp, values: Array, order: Array) -> float:
    """The value to name in an error message: a NaN if there is one, else the lowest in `order`."""
    flat, order = xp.reshape(values, (-1,)), xp.reshape(order, (-1,))
    return float(flat[int(xp.argmin(xp.where(xp.isnan(flat), -xp.inf, order)))])
