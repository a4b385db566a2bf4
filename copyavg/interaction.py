"""The interaction g(r₁, r₂, u) = E[σ(r₁x) σ(r₂y)] of two neurons under Gaussian input, and its derivatives.

Where σ has no closed form, every expectation needed is a bracket ⟨f, h⟩ = E[f(x) h(y)] of functions of
one pre-activation each. By Mehler's formula, with heₚ the orthonormal Hermite polynomials,

    ⟨f, h⟩ = Σₚ fₚ hₚ uᵖ,   fₚ = E[f(x) heₚ(x)].

The remainder after P orders is at most |u|ᴾ times the product of the parts of f and h beyond order P
(Cauchy and Schwarz). Pairs for which that is not small enough, long and nearly parallel neurons, are
integrated in two dimensions instead. The coefficients and the integrals come from the trapezoidal rule,
which converges geometrically for smooth σ; the difference from the rule on every second node is the
estimate of its error. Whatever does not reach `ACCURACY` raises.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import array_api_compat
import numpy as np
from jaxtyping import Float

from .activations import Activation, OrderParameters, PairTerms, get_activation
from .arrays import Array, ArrayLike, as_float_arrays

ACCURACY = 1e-11  # largest estimated error of a bracket ⟨f, h⟩, relative to ‖f‖ ‖h‖
_ORDERS = (48, 96, 192, 384, 768)  # tried one after the other
_REACH, _PER_UNIT = 13, 96  # trapezoidal nodes on [−13, 13]; the Gaussian weight beyond is below 1e-37
_ROWS = 2048  # neurons whose values on all nodes are held at a time


class QuadratureError(ValueError):
    """An expectation could not be computed to the accuracy that is promised."""


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
        Correlation (cosine of the angle between the two vectors), in [−1, 1].
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
        If a norm is negative or NaN, |u| > 1 or NaN, or the activation is unknown.
    QuadratureError
        If σ has no closed form and the accuracy of 1e-11 ‖σ(r₁x)‖ ‖σ(r₂y)‖ cannot be had, because σ has
        a kink or a norm is large. It is a `ValueError`.
    TypeError
        If arrays of different libraries are mixed.

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
    for name, norm in (("r1", r1), ("r2", r2)):
        if not bool(xp.all(norm >= 0)):
            raise ValueError(f"{name} is a norm and must not be negative, but was given {_worst(xp, norm, norm)}")
        if activation.name != "erf" and bool(xp.any(xp.isinf(norm))):
            raise ValueError(f"{name} must be finite for {activation.name}, but was given inf")
    if not bool(xp.all(xp.abs(u) <= 1)):
        raise ValueError(f"u is a correlation and must lie in [-1, 1], but was given {_worst(xp, u, -xp.abs(u))}")
    return pair_terms(activation, OrderParameters(r1, r2, u, (1 - u) * (1 + u)), 0).value


def pair_terms(activation: Activation, p: OrderParameters, order: int) -> PairTerms:
    """Return the interaction of every pair and its derivatives up to `order`; see `activations` for their meaning.

    Raises
    ------
    QuadratureError
        As for `interaction`.
    """
    if activation.closed_form is not None:
        return activation.closed_form(p, order)
    brackets = _brackets(activation, p, order)
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


# The brackets ⟨f, h⟩ that each order of derivative adds, with f0 = σ(rx), f1 = σ′(rx), f2 = σ″(rx), and
# a factor x for every x in front.
_NEEDED = (
    [("f0", "f0")],
    [("f2", "f0"), ("f1", "f1")],
    [("xxf2", "f0"), ("xf2", "f1"), ("f1", "xf2"), ("f2", "f2"), ("xf1", "xf1")],
)


def _brackets(activation: Activation, p: OrderParameters, order: int) -> dict[tuple[str, str], Array]:
    xp = array_api_compat.array_namespace(p.u)
    needed = [pair for pairs in _NEEDED[: order + 1] for pair in pairs]
    for count in _ORDERS:
        left, right = (_families(xp, activation, r, count, order) for r in (p.r1, p.r2))
        damping = xp.abs(p.u) ** count
        open_ = None  # pairs for which some bracket has not converged
        for f, h in needed:
            remainder = left[f].beyond * right[h].beyond * damping
            not_yet = remainder > 0.1 * ACCURACY * left[f].norm * right[h].norm
            open_ = not_yet if open_ is None else open_ | not_yet
        if not bool(xp.any(open_)):
            break
    brackets = {(f, h): _mehler_sum(left[f].coefficients, right[h].coefficients, p.u) for f, h in needed}
    if bool(xp.any(open_)):
        shape = open_.shape
        chosen = [xp.broadcast_to(x, shape)[open_] for x in p]
        for pair, values in _integrate(xp, activation, OrderParameters(*chosen), needed).items():
            brackets[pair] = xp.where(open_, xp.zeros_like(brackets[pair]), brackets[pair])
            brackets[pair][open_] = values
    return brackets


class _Family:
    """A function of the pre-activation of every neuron: Hermite coefficients, norm, and what lies beyond them."""

    def __init__(self, xp: Any, coefficients: Array, norm: Array) -> None:
        self.coefficients = coefficients  # order first: (P, ...)
        self.norm = norm
        # What the norm leaves over drowns in rounding once it is small; the last coefficients then tell more.
        left_over = xp.clip(norm**2 - xp.sum(coefficients**2, axis=0), 0.0, None)
        last = xp.sum(coefficients[-(coefficients.shape[0] // 4) :, ...] ** 2, axis=0)
        self.beyond = xp.sqrt(xp.maximum(left_over, last))


def _families(xp: Any, activation: Activation, r: Array, count: int, order: int) -> dict[str, _Family]:
    """Hermite coefficients of σ(rx) and of what else the order of derivative needs, for every neuron."""
    flat = xp.reshape(r, (-1,))
    blocks = [
        _families_of_block(xp, activation, flat[start : min(start + _ROWS, flat.shape[0])], count, order)
        for start in range(0, max(flat.shape[0], 1), _ROWS)
    ]
    families = {}
    for name in blocks[0]:
        coefficients = xp.concat([block[name][0] for block in blocks], axis=1)
        norm = xp.concat([block[name][1] for block in blocks], axis=0)
        families[name] = _Family(xp, xp.reshape(coefficients, (count, *r.shape)), xp.reshape(norm, r.shape))
    return families


def _families_of_block(
    xp: Any, activation: Activation, r: Array, count: int, order: int
) -> dict[str, tuple[Float[Array, "count rows"], Float[Array, " rows"]]]:
    extra = count + 4  # multiplying by x and integrating by parts use up the last orders
    device = array_api_compat.device(r)
    nodes, weights, table = (xp.asarray(t, dtype=r.dtype, device=device) for t in _hermite_table(extra))
    inputs = r[:, None] * nodes

    def expand(values: Array, name: str) -> tuple[Array, Array]:
        even = 2 * xp.matmul(table[:, ::2], xp.matrix_transpose(values[:, ::2]))
        odd = 2 * xp.matmul(table[:, 1::2], xp.matrix_transpose(values[:, 1::2]))
        norm = xp.sqrt(xp.sum(weights * values**2, axis=-1))
        error = xp.max(xp.abs(even - odd), axis=0) / 2
        _require_accuracy(xp, activation, name, error, norm, r)
        return (even + odd) / 2, norm

    degrees = xp.astype(xp.arange(extra, device=device), r.dtype)[:, None]

    def times_x(f: Array) -> Array:
        zero = xp.zeros_like(f[:1, :])
        down = xp.concat([zero, xp.sqrt(degrees[1:, :]) * f[:-1, :]], axis=0)
        return down + xp.concat([xp.sqrt(degrees[1:, :]) * f[1:, :], zero], axis=0)

    f0, norm0 = expand(activation.function(inputs), "σ")
    families = {"f0": (f0, norm0)}
    if order > 0:
        for name, derivative in zip(("f1", "f2"), _derivatives(xp, activation), strict=True):
            families[name] = expand(derivative(inputs), name.replace("f1", "σ′").replace("f2", "σ″"))
    if order > 1:
        for name, source in (("xf1", "f1"), ("xf2", "f2"), ("xxf2", "xf2")):
            f = times_x(families[source][0])
            families[name] = (f, _norm_by_coefficients(xp, f, count))
    return {name: (f[:count, :], norm) for name, (f, norm) in families.items()}


def _norm_by_coefficients(xp: Any, f: Array, count: int) -> Array:
    """‖f‖ where only coefficients are known: what lies beyond is taken to be no more than their last half."""
    return xp.sqrt(xp.sum(f[:count, :] ** 2, axis=0) + xp.sum(f[count // 2 : count, :] ** 2, axis=0))


def _mehler_sum(f: Array, h: Array, u: Array) -> Array:
    total = f[-1, ...] * h[-1, ...] + 0 * u
    for p in range(f.shape[0] - 2, -1, -1):
        total = total * u + f[p, ...] * h[p, ...]
    return total


def _integrate(
    xp: Any, activation: Activation, p: OrderParameters, needed: list[tuple[str, str]]
) -> dict[tuple[str, str], Float[Array, " pairs"]]:
    """⟨f, h⟩ in two dimensions, x = αs + βt and ±y = αs − βt, where β is small for nearly parallel neurons."""
    device = array_api_compat.device(p.u)
    s = xp.asarray(_trapezoid(_PER_UNIT)[0], dtype=p.u.dtype, device=device)[:, None]
    t = xp.asarray(_trapezoid(8)[0], dtype=p.u.dtype, device=device)
    weight_s, weight_t = (xp.asarray(_trapezoid(n)[1], dtype=p.u.dtype, device=device) for n in (_PER_UNIT, 8))
    results: dict[tuple[str, str], list[Array]] = {pair: [] for pair in needed}
    for r1, r2, u, v in zip(*p, strict=True):
        size = xp.abs(u)
        apart = v > 0  # so that autograd never meets √′(0)
        alpha = xp.sqrt((1 + size) / 2)
        beta = xp.where(apart, xp.sqrt(xp.where(apart, v, 1) / (2 * (1 + size))), 0.0)
        x, y = alpha * s + beta * t, xp.sign(u) * (alpha * s - beta * t)
        left, right = (_on_grid(xp, activation, r, z, len(needed) > 1) for r, z in ((r1, x), (r2, y)))
        for f, h in needed:
            products = left[f] * right[h]
            full = xp.sum(weight_s * xp.sum(products * weight_t, axis=1))
            coarse = 4 * xp.sum(weight_s[::2] * xp.sum(products[::2, ::2] * weight_t[::2], axis=1))
            scale = xp.sqrt(xp.sum(weight_s * xp.sum(products**2 * weight_t, axis=1)))
            _require_accuracy(xp, activation, "the interaction", xp.abs(full - coarse), scale, r1)
            results[f, h].append(full)
    return {pair: xp.stack(values) for pair, values in results.items()}


def _on_grid(xp: Any, activation: Activation, r: Array, z: Array, derivatives: bool) -> dict[str, Array]:
    values = {"f0": activation.function(r * z)}
    if derivatives:
        f1, f2 = (derivative(r * z) for derivative in _derivatives(xp, activation))
        values |= {"f1": f1, "f2": f2, "xf1": z * f1, "xf2": z * f2, "xxf2": z * z * f2}
    return values


def _require_accuracy(xp: Any, activation: Activation, what: str, error: Array, scale: Array, r: Array) -> None:
    bad = ~(error <= ACCURACY * scale)
    if bool(xp.any(bad)):
        norm, error, scale = (
            float(xp.max(xp.where(bad, xp.broadcast_to(x, bad.shape), 0.0))) for x in (r, error, scale)
        )
        raise QuadratureError(
            f"{activation.name}: {what} at norm r = {norm:g} was integrated to within {error:.1g}, but "
            f"{ACCURACY:g} × {scale:.1g} is needed. Is σ smooth, has it a closed form? Short weight vectors are easier"
        )


# Central differences of orders 10 and 8: the weight of the centre, then of the neighbours at 1, 2, … steps.
_FIRST = ((0, 5 / 6, -5 / 21, 5 / 84, -5 / 504, 1 / 1260), (0, 4 / 5, -1 / 5, 4 / 105, -1 / 280))
_SECOND = (
    (-5269 / 1800, 5 / 3, -5 / 21, 5 / 126, -5 / 1008, 1 / 3150),
    (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560),
)
_STEP = 0.02  # where truncation (of a σ that varies over lengths of about 1) and rounding balance


def _derivatives(xp: Any, activation: Activation) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """σ′ and σ″: those given, or differences whose two orders must agree."""
    if activation.derivatives is not None:
        return activation.derivatives

    def difference(y: Array, stencils: tuple, parity: int, divisor: float) -> Array:
        ahead = [activation.function(y + step * _STEP) for step in range(6)]
        back = [activation.function(y - step * _STEP) for step in range(6)]
        fine, coarse = (
            sum((w * (f + parity * g) for w, f, g in zip(s[1:], ahead[1:], back[1:], strict=False)), s[0] * ahead[0])
            for s in stencils
        )
        error = float(xp.max(xp.abs(fine - coarse) / (1 + xp.abs(ahead[0])))) / divisor
        if not error <= ACCURACY:
            raise QuadratureError(
                f"{activation.name}: a derivative of σ by differences is only accurate to {error:.1g}, but "
                f"{ACCURACY:g} is needed: give σ′ and σ″ to Activation(derivatives=…)"
            )
        return fine / divisor

    return (lambda y: difference(y, _FIRST, -1, _STEP), lambda y: difference(y, _SECOND, 1, _STEP**2))


@lru_cache
def _trapezoid(per_unit: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the trapezoidal rule for a standard normal variable; the number of nodes is even."""
    nodes = np.arange(-_REACH * per_unit, _REACH * per_unit) / per_unit
    return nodes, np.exp(-0.5 * nodes**2) / np.sqrt(2 * np.pi) / per_unit


@lru_cache
def _hermite_table(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, weights, and the weighted orthonormal Hermite polynomials on the nodes, one row an order."""
    nodes, weights = _trapezoid(_PER_UNIT)
    table = np.zeros((count, nodes.size))
    table[0] = weights
    table[1] = nodes * weights
    for p in range(1, count - 1):
        table[p + 1] = (nodes * table[p] - np.sqrt(p) * table[p - 1]) / np.sqrt(p + 1)
    return nodes, weights, table


def _worst(xp, values: Array, order: Array) -> float:
    """The value to name in an error message: a NaN if there is one, else the lowest in `order`."""
    flat, order = xp.reshape(values, (-1,)), xp.reshape(order, (-1,))
    return float(flat[int(xp.argmin(xp.where(xp.isnan(flat), -xp.inf, order)))])
