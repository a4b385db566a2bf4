"""Scale mixtures of normals: tanh, sigmoid, softplus and SiLU as erf, Φ, smoothed ReLU and GELU of a random width.

A logistic variable is 2K times a standard normal one, where K follows Kolmogorov's law (Stefanski 1991). So

    tanh(x) = E[erf(x/(√2 K))],              sigmoid(x) = E[Φ(x/(2K))],
    softplus(x) = E[max(x + 2Kz, 0)],        SiLU(x) = E[x Φ(x/(2K))],

z standard normal. The trapezoidal rule in log K turns the expectation over K into a sum over 28 nodes that is tanh,
and so on, to rounding: the interaction G is a double sum of closed forms. There are two ways to it.

*Directly*, with all the care that those closed forms take of long neurons and of nearly parallel ones.

*By Mehler's series*, in which the two neurons separate. With q₁ = r₁², q₂ = r₂², c = w·p and D = λ²K² + q, λ = 1 for
tanh and 2 for the others,

    G = γ + δc + κ Σ_p w_p cᵖ F_p(q₁) F_p(q₂),    F_p′ = −½ f_p F_{p+2},

over odd p for tanh and sigmoid, over even p for softplus and SiLU; and with ω_p = p!/(2^{p/2} (p/2)!)²

    tanh:           F_p = E[D^{−p/2}],  w_p = ω_{p−1}/p,  f_p = p,  κ = 2/π,  γ = 0,  δ = 0,
    sigmoid:        κ = 1/(2π),  γ = ¼,  the others as for tanh,
    softplus:       F_p = E[D^{(1−p)/2}]/(p − 1),  w_p = ω_p,  f_p = p + 1,  κ = 1/(2π),  γ = 0,  δ = ¼,
    SiLU:           F_p = E[D^{(1−p)/2} (1/(p − 1) + λ²K²/D)],  the others as for softplus.

Every derivative of G is a series of the same F_p, and is that of the value, term by term. The shortest of all √D, N,
makes them numbers that neither overflow nor underflow: in F̂_p = N^p F_p, or N^{p−1} F_p for even p, there are powers of
ratios t = N/√D ≤ 1, and what this leaves of cᵖ is zᵖ with z = c/(N₁N₂). As F̂_p falls with p, all that lies beyond a
term T of a sum is at most T z²/(1 − z²).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import pi, prod, sqrt
from typing import Any

import array_api_compat
import numpy as np
from jaxtyping import Bool, Float

from copyavg.arrays import Array

from .base import OrderParameters, PairTerms
from .coefficients import hermite_coefficients
from .erf import ERF
from .gaussian import namespace
from .gelu import GELU
from .smoothed import ramp_terms, step_terms

_SHORTEST, _LONGEST, _NODES = 0.18, 4.1, 28
_INFINITE = 1e74  # a norm that is as good as infinite for a bounded activation, and whose square does not overflow
_AT_ONCE = 2**15  # pairs, nodes of their norms, or pairs of nodes that are computed together: what a cache holds
_COUNTS = (6, 12, 18, 24, 36, 54, 80, 120)  # how many terms of Mehler's series may be summed
_BLOCK = 2**14  # powers of t that are taken at a time
_NEURON, _PAIR, _DOUBLE_SUM = 20, (4, 7, 18), (10_000, 14_000, 32_000)  # nanoseconds: a term for each, and a sum
_TERMS = (1, 3, 10)  # how many of the terms of a pair belong to an order of derivative
_FACTORS = (0, 1, 2, 1, 1, 1, 2, 2, 2, 2)  # by which power of the slopes a term is multiplied: as G, `own` or `cross`
_PARTS: dict[str, Callable[[OrderParameters, int], PairTerms]] = {
    "erf": ERF.closed_form,
    "step": step_terms,
    "ramp": ramp_terms,
    "gelu": GELU.closed_form,
}


@lru_cache
def kolmogorov_nodes() -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return nodes K and weights p with E[f(K)] ≈ Σ p f(K) for Kolmogorov's law: the trapezoidal rule in log K.

    The density is 8K Σ_{j≥1} (−1)^{j+1} j² e^{−2j²K²}, or √(2π)/K² Σ_{i odd} (i²π²/(4K²) − 1) e^{−i²π²/(8K²)}, which
    converges faster for small K. Range and number of nodes leave 2e-16 of tanh, at every argument.

    Examples
    --------
    >>> from scipy.special import erf
    >>> k, p = kolmogorov_nodes()
    >>> bool(abs(p @ erf(0.5 / (sqrt(2) * k)) - np.tanh(0.5)) < 1e-15)
    True
    """
    k = np.geomspace(_SHORTEST, _LONGEST, _NODES)
    j, x = np.arange(1.0, 10)[:, None], (pi * np.arange(1.0, 10, 2)[:, None] / k) ** 2
    long = 8 * k * np.sum((-1) ** (j + 1) * j**2 * np.exp(-2 * (j * k) ** 2), axis=0)
    short = sqrt(2 * pi) / k**2 * np.sum((x / 4 - 1) * np.exp(-x / 8), axis=0)
    p = k * np.where(k < 0.8, short, long)
    return k, p / np.sum(p)


@dataclass(frozen=True)
class Mixture:
    """The closed form of σ(x) = E[s(x/(λK))] with s(x) = erf(x/√2) or Φ(x), or E[λK s(x/(λK))] with another s.

    Called with order parameters and an order it returns the interaction and its derivatives, as `Activation` needs it.

    Parameters
    ----------
    part : {"erf", "step", "ramp", "gelu"}
        s(x): erf(x/√2), Φ(x), x Φ(x) + φ(x) or x Φ(x).
    stretch : int
        λ.

    Notes
    -----
    |error| ≤ 1e-12 × the sum of the absolute terms, at all norms and correlations. All is done in float64. Source:
    Stefanski (1991) for the mixture; interactions derived in this book.

    Examples
    --------
    >>> tanh, itself = Mixture("erf"), OrderParameters(*(np.array(x) for x in (1.0, 1.0, 1.0, 0.0)))
    >>> float(np.round(tanh(itself, 0).value, 12))  # E[tanh(x)²]
    0.394294490398
    """

    part: str
    stretch: int = 1

    def __call__(self, p: OrderParameters, order: int) -> PairTerms:
        """Return the interaction of every pair and its derivatives up to `order`."""
        xp, dtype = namespace(p.u), p.u.dtype
        shape = np.broadcast_shapes(*(x.shape for x in p))
        if 0 in shape:
            return PairTerms(*[xp.zeros(shape, dtype=dtype, device=array_api_compat.device(p.u))] * _TERMS[order])
        wide = [xp.astype(x, xp.float64, copy=False) for x in p]
        wide = [xp.reshape(x, (1,) * (max(len(shape), 1) - x.ndim) + tuple(x.shape)) for x in wide]
        if self._odd:
            wide[:2] = [xp.minimum(r, _INFINITE) for r in wide[:2]]
        terms = self._in_parts(xp, OrderParameters(*wide), order)
        return PairTerms(*(xp.astype(xp.reshape(term, shape), dtype, copy=False) for term in terms))

    def hermite(self, r: float, count: int) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, " count"]]:
        """Return cₚ(r) for p < count, and dcₚ/dr: see `hermite_coefficients`."""
        k, p = kolmogorov_nodes()
        return hermite_coefficients(self.part, self.stretch * k, p, r, count)

    @property
    def _odd(self) -> bool:
        """Whether Mehler's series is over odd powers."""
        return self.part in ("erf", "step")

    def _in_parts(self, xp: Any, p: OrderParameters, order: int) -> list[Array]:
        """The terms of pairs in arrays of equally many dimensions, which are halved until few are left."""
        shape = np.broadcast_shapes(*(x.shape for x in p))
        if prod(shape) == 1 or prod(shape) + _NODES * sum(prod(r.shape) for r in p[:2]) <= _AT_ONCE:
            return self._of_few(xp, p, order)
        axis = int(np.argmax(shape))
        before, middle, halves = (slice(None),) * axis, shape[axis] // 2, []
        for part in (slice(0, middle), slice(middle, shape[axis])):
            half = OrderParameters(*(x[(*before, part, ...)] if x.shape[axis] > 1 else x for x in p))
            halves.append(self._in_parts(xp, half, order))
        return [xp.concat(pair, axis=axis) for pair in zip(*halves)]

    def _of_few(self, xp: Any, p: OrderParameters, order: int) -> list[Array]:
        """The terms by Mehler's series, and by the double sum those of the pairs for which that is too slow."""
        terms, slow = self.by_series(xp, p, order)
        if bool(xp.any(slow)):
            chosen = OrderParameters(*(xp.broadcast_to(x, slow.shape)[slow] for x in p))
            for term, values in zip(terms, self.by_double_sum(xp, chosen, order)):
                term[slow] = values
        return terms

    def by_double_sum(self, xp: Any, p: OrderParameters, order: int) -> list[Float[Array, " pairs"]]:
        """Return the terms of pairs in a row, by the sum over the nodes of both neurons."""
        slopes, shares = _slopes_and_shares(self._odd, self.stretch)
        shares = [_like(xp, x, p.u) for x in shares]
        slope1, slope2 = _like(xp, slopes[:, None], p.u), _like(xp, slopes, p.u)
        results, step = [], _AT_ONCE // _NODES**2
        for start in range(0, p.u.shape[0], step):
            r1, r2, u, v = (x[start : min(start + step, p.u.shape[0])][:, None, None] for x in p)
            terms = _PARTS[self.part](OrderParameters(r1 * slope1, r2 * slope2, u, v), order)
            rows = [xp.reshape(term, (u.shape[0], -1)) for term in terms[: _TERMS[order]]]
            results.append([xp.matmul(row, shares[power]) for row, power in zip(rows, _FACTORS)])
        return [xp.concat(parts) for parts in zip(*results)]

    def by_series(self, xp: Any, p: OrderParameters, order: int) -> tuple[list[Array], Bool[Array, "*pairs"]]:
        """Return the terms by Mehler's series, and for which pairs they are not exact.

        In ρ = r/N, as p̂ = uŵ + m: with the sums Σ₁, Σ_c, … for the derivatives of G by q₁, c, …, for example

            own_ww = 4q₁ ∂²G/∂q₁² + 4c ∂²G/∂q₁∂c + r₂²u² ∂²G/∂c² ∝ ρ₁² Σ₁₁ − 2z Σ₁_c + ρ₂²u² Σ_cc.
        """
        n1, n2 = (xp.hypot(r, xp.full_like(r, self.stretch * _SHORTEST)) for r in p[:2])
        short1, short2 = 1 / n1, 1 / n2
        long1, long2 = p.r1 * short1, p.r2 * short2
        z = long1 * (long2 * p.u)
        sums, slow = self._sums(xp, p, z, self._count(xp, p, short1 + short2, order), order)
        if self._odd:
            factor, constant = (2 / pi, 0.0) if self.part == "erf" else (1 / (2 * pi), 0.25)
            value, by_own, by_both = constant + factor * sums["g"], factor * short1**2, factor * short1 * short2
        else:
            factor = 1 / (2 * pi)
            value, by_own, by_both = n1 * (n2 * (factor * sums["g"] + 0.25 * z)), factor * (n2 * short1), factor
        if order == 0:
            return [value], slow
        first = [value, -by_own * sums["1"], by_both * sums["c"] + (0 if self._odd else 0.25)]
        if order == 1:
            return first, slow
        cc, u1, u2 = sums["cc"], long1 * p.u, long2 * p.u
        turn1, turn2 = long1 * (u2 * cc - long1 * sums["1c"]), long2 * (u1 * cc - long2 * sums["2c"])
        return [
            *first,
            by_own * (long1 * long1 * sums["11"] - 2 * z * sums["1c"] + u2 * u2 * cc),
            by_own * long2 * (u2 * cc - long1 * sums["1c"]),
            by_own * long2 * long2 * cc,
            by_both * (long1 * long2 * sums["12"] + p.u * (turn1 - long2 * long2 * sums["2c"])),
            by_both * turn1,
            by_both * turn2,
            by_both * long1 * long2 * cc,
        ], slow

    def _sums(
        self, xp: Any, p: OrderParameters, z: Array, count: int, order: int
    ) -> tuple[dict[str, Array], Bool[Array, "*pairs"]]:
        """Mehler's series for G and its derivatives, and whether what is left over may be more than rounding."""
        square = z * z
        f1, f2 = self._factors(xp, p[:2], count + order)
        powers, _ = _powers(xp, xp.ones_like(square)[None, ...], square, count, 0)
        sums, slow = {}, square < 0
        for (i, j), names, weights in _weights(self._odd, count, order):
            products = powers * (f1[i : i + count, ...] * f2[j : j + count, ...])
            totals = xp.matmul(_like(xp, weights, z), xp.reshape(products, (count, -1)))
            for row, name in enumerate(names):
                sums[name] = xp.reshape(totals[row, ...], products.shape[1:])
                if name == _STEEPEST[order]:
                    *_, before, last = (float(w) for w in weights[row])
                    ratio = max(1.0, last / before) * square
                    slow |= ~(last * products[-1, ...] * ratio <= 1e-16 * (1 - ratio) * sums[name])
                elif name == "1" and order == 2:  # of long and parallel SiLUs little is left of terms of both signs
                    slow |= xp.abs(sums[name]) < 1e-3 * xp.abs(products[0, ...])
        return {name: z * x if name in _TIMES_Z[self._odd] else x for name, x in sums.items()}, slow

    def _count(self, xp: Any, p: OrderParameters, short: Array, order: int) -> int:
        """How many terms of Mehler's series to sum: the last pairs had better have the double sum.

        As F̂_p is about e^{−πλ√p/(2r)}, where the shares e^{−π²/(8K²)} of the nodes meet the powers of t, the terms are
        done at p = y² for which y² log(1/|u|) + ½πλ(1/N₁ + 1/N₂)y reaches 45.
        """
        by_root, by_order = 0.5 * pi * self.stretch * short, -xp.log(xp.clip(xp.abs(p.u), 1e-300, 1.0))
        y = 90 / (by_root + xp.sqrt(by_root * by_root + 180 * by_order))
        needed = xp.reshape(3 + 0.5 * y * y, (1, -1))
        counts = _like(xp, np.array(_COUNTS, dtype=float), y)
        left = xp.sum(xp.astype(needed > counts[:, None], xp.float64), axis=1)
        a_term = _NEURON * sum(prod(r.shape) for r in p[:2]) + _PAIR[order] * needed.shape[1]
        return _COUNTS[int(xp.argmin(counts * a_term + _DOUBLE_SUM[order] * left))]

    def _factors(self, xp: Any, norms: tuple[Array, ...], count: int) -> list[Float[Array, "count *neurons"]]:
        """The first so many F̂ of the neurons of either side."""
        r = xp.concat([xp.reshape(r, (-1, 1)) for r in norms])
        k, weights = kolmogorov_nodes()
        widths = self.stretch * k
        shares = np.stack([weights, weights * widths**2], axis=1)[:, : 1 + (self.part == "gelu")]
        shares = _like(xp, shares, r)
        d = xp.hypot(r, _like(xp, widths, r))
        t = d[:, :1] / d
        # t, t³, …, so many at a time as fit into the cache, each summed over the nodes.
        block = 2 ** int(np.clip(np.log2(_BLOCK / (_NODES * r.shape[0])), 0, 4))
        powers, ratio = _powers(xp, t[None, ...], (t * t)[None, ...], block, 0)
        sums = [xp.matmul(powers, shares)]
        while len(sums) * block < count:
            powers = powers * ratio
            sums.append(xp.matmul(powers, shares))
        sums = xp.concat(sums)[:count, ...]
        factors = sums[..., 0]
        if not self._odd:
            short = 1 / d[:, 0]
            rest = factors[:-1, :] / _like(xp, np.arange(1.0, 2 * count - 2, 2)[:, None], r)
            if self.part == "ramp":
                first = -short * xp.matmul(d, shares)[:, 0]
            else:
                first, rest = -((r[:, 0] * short) ** 2) * factors[0, :], rest + short**2 * sums[1:, :, 1]
            factors = xp.concat([first[None, :], rest])
        one = prod(norms[0].shape)
        return [xp.reshape(x, (count, *r.shape)) for x, r in zip((factors[:, :one], factors[:, one:]), norms)]


# The sums over p by what they give: G itself (g), its derivatives by q₁, q₂ and c.
_STEEPEST = ("g", "c", "cc")  # whose terms fall most slowly, by the order of derivative
_TIMES_Z = {True: ("g", "1", "cc", "11", "12"), False: ("c", "1c", "2c")}  # of an odd power of c one is kept apart


@lru_cache
def _weights(
    odd: bool, count: int, order: int
) -> list[tuple[tuple[int, int], list[str], Float[np.ndarray, "sums count"]]]:
    """For every i, j that are needed which sums Σ w z^{2k} F̂_{p+2i}(q₁) F̂_{p+2j}(q₂) are, and their weights w."""
    k = np.arange(count + 2.0)
    omega = np.cumprod(np.append(1.0, (2 * k[1:] - 1) / (2 * k[1:])))
    p = 2 * k + odd
    w, f = (omega / p, p) if odd else (omega, p + 1)
    up = 1 - odd  # whether a derivative by c takes the first power of c away
    wanted = [
        [("g", 0, 0, w)],
        [("1", 1, 0, w * f), ("c", up, up, (w * p)[up:])],
        [
            ("cc", 1, 1, (w * p * (p - 1))[1:]),
            ("1c", 1 + up, up, (w * f * p)[up:]),
            ("2c", up, 1 + up, (w * f * p)[up:]),
            ("11", 2, 0, (w * f)[:-1] * f[1:]),
            ("12", 1, 1, w * f * f),
        ],
    ]
    sums: dict[tuple[int, int], list[tuple[str, np.ndarray]]] = {}
    for name, i, j, weights in (each for some in wanted[: order + 1] for each in some):
        sums.setdefault((i, j), []).append((name, weights[:count]))
    return [(at, [name for name, _ in rows], np.stack([row for _, row in rows])) for at, rows in sums.items()]


@lru_cache
def _slopes_and_shares(
    odd: bool, stretch: int
) -> tuple[Float[np.ndarray, " nodes"], list[Float[np.ndarray, " pairs"]]]:
    """The slopes b = 1/(λK), and the shares of all pairs of nodes in G, in what is multiplied by b² and by bb′."""
    k, p = kolmogorov_nodes()
    slopes = 1 / (stretch * k)
    share = p if odd else p / slopes
    powers = ((0, 0), (2, 0), (1, 1))
    return slopes, [np.outer(share * slopes**m, share * slopes**n).reshape(-1) for m, n in powers]


def _powers(xp: Any, first: Array, ratio: Array, count: int, axis: int) -> tuple[Array, Array]:
    """A geometric sequence along an axis, by doubling; and ratio^count where count is a power of two."""
    powers, length = first, 1
    while length < count:
        more = min(length, count - length)
        beyond = powers[(*(slice(None),) * axis, slice(0, more), ...)] * ratio
        powers, length, ratio = xp.concat([powers, beyond], axis=axis), length + more, ratio * ratio
    return powers, ratio


def _like(xp: Any, constant: Float[np.ndarray, "..."], like: Array) -> Array:
    """A constant in the library and on the device of an array; not kept, as torch's would carry autograd state."""
    return xp.asarray(constant, device=array_api_compat.device(like))
