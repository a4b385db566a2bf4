"""The interaction g(r₁, r₂, u) = E[σ(r₁x) σ(r₂y)] of two neurons under Gaussian input."""

from jaxtyping import Float

from .activations import Activation, OrderParameters, get_activation
from .arrays import Array, ArrayLike, as_float_arrays


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
        Norms of the two incoming weight vectors, in [0, ∞]; they broadcast against u.
    u : array or float
        Correlation (cosine of the angle between the two vectors), in [−1, 1].
    activation : str or Activation
        "erf".

    Returns
    -------
    array
        g, of the broadcast shape.

    Raises
    ------
    ValueError
        If a norm is negative or NaN, |u| > 1 or NaN, or the activation is unknown.
    TypeError
        If arrays of different libraries are mixed.

    Notes
    -----
    The closed form for erf is Williams' (1997) and is used by Saad and Solla (1995); chapter 1 derives it.

    Examples
    --------
    >>> round(float(interaction(1.0, 1.0, 1.0)), 12)  # E[erf(x/√2)²] = 1/3
    0.333333333333
    """
    activation = get_activation(activation)
    xp, (r1, r2, u) = as_float_arrays(r1=r1, r2=r2, u=u)
    for name, norm in (("r1", r1), ("r2", r2)):
        if not bool(xp.all(norm >= 0)):
            raise ValueError(f"{name} is a norm and must lie in [0, inf], but was given {_worst(xp, norm, norm)}")
    if not bool(xp.all(xp.abs(u) <= 1)):
        raise ValueError(f"u is a correlation and must lie in [-1, 1], but was given {_worst(xp, u, -xp.abs(u))}")
    r1, r2, u = xp.broadcast_arrays(r1, r2, u)
    return activation.interaction(OrderParameters(r1, r2, u, (1 - u) * (1 + u)))


def _worst(xp, values: Array, order: Array) -> float:
    """The value to name in an error message: a NaN if there is one, else the lowest in `order`."""
    flat, order = xp.reshape(values, (-1,)), xp.reshape(order, (-1,))
    return float(flat[int(xp.argmin(xp.where(xp.isnan(flat), -xp.inf, order)))])
