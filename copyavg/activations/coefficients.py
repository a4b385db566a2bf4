"""Hermite coefficients of erf, Φ, smoothed ReLU and GELU, and of what is made of these, in closed form."""

from math import pi

import numpy as np
from jaxtyping import Float


def hermite_coefficients(
    part: str, widths: Float[np.ndarray, " nodes"], shares: Float[np.ndarray, " nodes"], r: float, count: int
) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]:
    """Return cₚ(r) = E[σ(rx) heₚ(x)] for p < count, and dcₚ/dr, of σ(x) = Σ share · s(x/width), or of width · s.

    With N = √(width² + r²), ρ = r/N, δ = width/N and ω_p = p!/(2^{p/2} (p/2)!)², up to their signs, which alternate,

        erf(x/√2):         cₚ = √(2ω_{p−1}/(πp)) ρᵖ,                       p odd, and half of that for Φ(x),
        x Φ(x) + φ(x):     cₚ = √(ω_p/(2π)) N ρᵖ/(p − 1),                  p even,
        x Φ(x):            cₚ = √(ω_p/(2π)) N ρᵖ (1/(p − 1) + δ²),         p even,

    c₀ = ½ for Φ(x), c₁ = r/2 for the latter two, and the others are zero. Their slopes are such that nothing cancels.

    Parameters
    ----------
    part : {"erf", "step", "ramp", "gelu"}
        s, with the factor `width` for "ramp" and "gelu"; at width 0 they are sign, step, ReLU and ReLU.
    widths, shares : array, shape (nodes,)
        Of the terms of the sum.
    r : float
        The norm, positive where a width is 0.
    count : int
        How many orders.

    Examples
    --------
    >>> one = np.ones(1)
    >>> hermite_coefficients("erf", one, one, 1.0, 4)[0].round(6)  # 2φ(0)/√2 at p = 1
    array([ 0.      ,  0.56419 ,  0.      , -0.115165])
    """
    n = np.hypot(widths, r)
    rho, delta = r / n, widths / n
    odd = part in ("erf", "step")
    p = np.arange(odd, count, 2.0)[:, None]
    before = np.append(1.0, np.cumprod((2 * np.arange(1, p.size) - 1) / (2 * np.arange(1, p.size))))[:, None]  # ω
    signs = np.where(p % 4 < 2, 1.0, -1.0)
    c, slopes = np.zeros(count), np.zeros(count)
    if odd:
        scale = (1.0 if part == "erf" else 0.5) * signs * np.sqrt(2 * before / (pi * p))
        c[1::2] = (scale * rho**p) @ shares
        slopes[1::2] = (scale * p * rho ** (p - 1)) @ (shares * delta**2 / n)
        c[0] = 0.0 if part == "erf" else 0.5 * np.sum(shares)
        return c, slopes
    scale, bent, orders = -signs * np.sqrt(before / (2 * pi)), part == "gelu", p[1:]
    c[0] = scale[0, 0] * -(shares @ (r * rho if bent else n))
    slopes[0] = scale[0, 0] * -(shares @ (rho * (1 + bent * delta**2)))
    c[1], slopes[1] = r / 2 * np.sum(shares), np.sum(shares) / 2
    c[2::2] = (scale[1:] * rho**orders * (1 / (orders - 1) + bent * delta**2)) @ (shares * n)
    by_r = (orders + 1) * delta**4 if bent else delta**2
    slopes[2::2] = (scale[1:] * rho ** (orders - 1) * (1 / (orders - 1) + by_r)) @ shares
    return c, slopes
