"""Order parameters of neurons: norms, correlations and 1 − u², also of those that are nearly parallel."""

from functools import lru_cache
from typing import Any, NamedTuple

import array_api_compat
from jaxtyping import Float

from copyavg.activations.base import OrderParameters
from copyavg.arrays import Array

_CLOSE = 0.01  # below this, 1 − u² is computed from the vectors and not from u


class PairGeometry(NamedTuple):
    """Neurons and their partners: order parameters, directions ŵ and p̂, and m = p̂ − uŵ, all batched."""

    order_parameters: OrderParameters
    w_hat: Float[Array, "*batch n d"] | None
    p_hat: Float[Array, "*batch partners d"] | None
    across: Float[Array, "*batch n partners d"] | None


def pair_geometry(
    xp: Any,
    neurons: Float[Array, "*batch n d"],
    partners: Float[Array, "*batch partners d"],
    *,
    directions: bool = True,
) -> PairGeometry:
    """Return what the interactions of all neurons with all partners, the neurons first among them, depend on.

    Without `directions` only the order parameters are computed.
    """
    p = order_parameters(xp, neurons, partners)
    if not directions:
        return PairGeometry(p, None, None, None)
    w_hat, p_hat = _directions(xp, neurons), _directions(xp, partners)
    across = p_hat[..., None, :, :] - p.u[..., None] * w_hat[..., :, None, :]
    across *= xp.astype(p.v > 0, across.dtype)[..., None]  # of parallel neurons only rounding would be left
    close = (p.v > 0) & (p.v < _CLOSE)
    if bool(xp.any(close)):
        lengths = xp.broadcast_to(p.r2, close.shape)[close][:, None]
        across[close] = _across(xp, *_pairs(xp, neurons, partners, close)) / lengths
    return PairGeometry(p, w_hat, p_hat, across)


def order_parameters(
    xp: Any, neurons: Float[Array, "*batch n d"], partners: Float[Array, "*batch partners d"]
) -> OrderParameters:
    """Norms and correlations of every neuron with every partner, of whom the first n are the neurons themselves."""
    n = neurons.shape[-2]
    r = xp.sqrt(xp.sum(partners * partners, axis=-1))
    safe = xp.maximum(r, _shortest(xp, r.dtype))  # where w = 0 there is no direction, and u = 0
    r1, r2 = r[..., :n, None], r[..., None, :]
    u = xp.matmul(neurons, partners.mT) / (safe[..., :n, None] * safe[..., None, :])
    build = _others if array_api_compat.is_numpy_array(u) else _others.__wrapped__  # torch's carry autograd state
    others = build(xp, n, r.shape[-1], u.dtype, array_api_compat.device(u))
    v = (1 - u * u) * others
    if 0 not in v.shape and bool(xp.min(v + (1 - others)) < _CLOSE):
        close = v < _CLOSE * others
        w, p = _pairs(xp, neurons, partners, close)
        v[close] = xp.sum(_across(xp, w, p) ** 2, axis=-1) / xp.sum(p**2, axis=-1)
    return OrderParameters(r1, r2, u, v)


def _pairs(xp: Any, neurons: Array, partners: Array, which: Array) -> tuple[Array, Array]:
    """The two weight vectors of every chosen pair, one row a pair."""
    shape = (*which.shape, neurons.shape[-1])
    return tuple(xp.broadcast_to(x, shape)[which] for x in (neurons[..., :, None, :], partners[..., None, :, :]))


@lru_cache
def _shortest(xp: Any, dtype: Any) -> float:
    """The norm (1.5e-154 in float64) below which squares underflow, and a vector is as good as zero."""
    return float(xp.finfo(dtype).smallest_normal) ** 0.5


@lru_cache(maxsize=64)
def _others(xp: Any, rows: int, columns: int, dtype: Any, device: Any) -> Array:
    """One for every pair of neurons but those of a neuron with itself, zero there; read only."""
    return 1 - xp.eye(rows, columns, dtype=dtype, device=device)


def _across(xp: Any, w: Float[Array, "pairs d"], p: Float[Array, "pairs d"]) -> Float[Array, "pairs d"]:
    """Return p − (w·p/‖w‖²) w of nearly parallel vectors, of length ‖p‖√(1 − u²), to nearly full accuracy.

    With l the largest component of w, the vector e = p − (p_l/w_l) w is p's part away from w, measured
    obliquely; its components are 2 × 2 determinants over w_l, which Dekker's product gives without cancellation.
    Taking e's part along w away loses at most a factor d, as e_l = 0.
    """
    size = xp.abs(w)
    largest = xp.argmax(size, axis=-1, keepdims=True) == xp.arange(w.shape[-1], device=array_api_compat.device(w))
    w_l, p_l = (xp.sum(xp.where(largest, x, 0.0), axis=-1, keepdims=True) for x in (w, p))
    high1, low1 = _exact_product(xp, w_l, p)
    high2, low2 = _exact_product(xp, p_l, w)
    e = ((high1 - high2) + (low1 - low2)) / w_l
    return e - xp.sum(w * e, axis=-1, keepdims=True) / xp.sum(w**2, axis=-1, keepdims=True) * w


def _exact_product(xp: Any, x: Array, y: Array) -> tuple[Array, Array]:
    """Return xy rounded, and what rounding took away (Dekker 1971)."""
    splitter = 2.0 ** (27 if x.dtype == xp.float64 else 12) + 1
    product = x * y
    x_high, y_high = splitter * x - (splitter * x - x), splitter * y - (splitter * y - y)
    x_low, y_low = x - x_high, y - y_high
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _directions(xp: Any, vectors: Array) -> Array:
    """Unit vectors; the zero vector has no direction and stays."""
    norm = xp.linalg.vector_norm(vectors, axis=-1, keepdims=True)
    return vectors / xp.where(norm > 0, norm, 1)
