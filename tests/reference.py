"""Closed forms in arbitrary precision, on the exact float64 weights: what accuracy is measured against."""

from functools import lru_cache

import mpmath
import numpy as np
import sympy
from mpmath import mpf

DIGITS = 80
BY = ("1", "c", "11", "12", "1c", "2c", "cc")  # the variables q₁, q₂, c that G is differentiated by


def pair(w, p, activation: str) -> tuple[mpf, mpf, mpf]:
    """G(w, p) and the coefficients of ∂G/∂w = own w + cross p, of vectors of mpf."""
    q1, q2, c = (mpmath.fsum(x * y for x, y in zip(*z, strict=True)) for z in ((w, w), (p, p), (w, p)))
    if activation == "erf":
        s = mpmath.sqrt((1 + q1) * (1 + q2) - c**2)
        cross = 2 / mpmath.pi / s
        return 2 / mpmath.pi * mpmath.atan2(c, s), -cross * c / (1 + q1), cross
    if activation == "relu":
        s = mpmath.sqrt(max(q1 * q2 - c**2, mpf(0)))
        outside = mpmath.atan2(s, -c)
        own = s / q1 / (2 * mpmath.pi) if q1 else mpf(0)
        return (s + outside * c) / (2 * mpmath.pi), own, outside / (2 * mpmath.pi)
    if activation == "gelu":
        a, b = 1 + q1, 1 + q2
        s = mpmath.sqrt(a * b - c**2)
        angle = mpmath.atan2(c, s)
        value = c * (mpmath.pi / 2 + angle) + 1 / s + s * (1 - 1 / a - 1 / b)
        cross = mpmath.pi / 2 + angle + c / s * (1 / a + 1 / b) + c / s**3
        own = s / a - (a + b) / (a * s) - b / s**3 + 2 * s / a**2
        return tuple(x / (2 * mpmath.pi) for x in (value, own, cross))
    raise ValueError(activation)


def vectors(rows) -> list[list[mpf]]:
    return [[mpf(float(x)) for x in row] for row in np.atleast_2d(rows)]


def loss(student, teacher, activation: str) -> tuple[float, float]:
    """The population loss, and the sum of its absolute terms."""
    partners = vectors(student.incoming) + vectors(teacher.incoming)
    c = [mpf(float(x)) for x in [*student.outgoing, *-teacher.outgoing]]
    neurons = list(zip(c, partners))
    terms = [x * y * pair(w, p, activation)[0] for x, w in neurons for y, p in neurons]
    return float(mpmath.fsum(terms)), float(mpmath.fsum(map(abs, terms)))


def gradient(student, teacher, activation: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """∂L/∂W, ∂L/∂a, and for each neuron the sum of the absolute terms of either."""
    students = vectors(student.incoming)
    partners = students + vectors(teacher.incoming)
    c = [mpf(float(x)) for x in [*student.outgoing, *-teacher.outgoing]]
    by_w, by_a, scale_w, scale_a = [], [], [], []
    for a, w in zip(c, students):
        g = [pair(w, p, activation) for p in partners]
        by_a.append(2 * mpmath.fsum(x * value for x, (value, _, _) in zip(c, g)))
        scale_a.append(2 * mpmath.fsum(abs(x * value) for x, (value, _, _) in zip(c, g)))
        rows = [
            [2 * a * x * (own * w_e + cross * p_e) for w_e, p_e in zip(w, p)]
            for x, (_, own, cross), p in zip(c, g, partners)
        ]
        by_w.append([mpmath.fsum(column) for column in zip(*rows)])
        lengths = [
            (mpmath.norm(w), mpmath.norm(p), abs(2 * a * x), own, cross)
            for x, (_, own, cross), p in zip(c, g, partners)
        ]
        scale_w.append(mpmath.fsum(f * (abs(own) * r1 + abs(cross) * r2) for r1, r2, f, own, cross in lengths))
    return tuple(np.array(x, dtype=object).astype(float) for x in (by_w, by_a, scale_w, scale_a))


def hessian(student, teacher, activation: str) -> tuple[np.ndarray, np.ndarray]:
    """The Hessian, rows as in `copyavg.hessian`, and for every entry the sum of the sizes of the blocks it adds up."""
    students = vectors(student.incoming)
    partners = students + vectors(teacher.incoming)
    c = [mpf(float(x)) for x in [*student.outgoing, *-teacher.outgoing]]
    n, d = len(students), len(students[0])
    result, scale = mpmath.zeros(n * (d + 1)), mpmath.zeros(n * (d + 1))

    def add(row, column, block, factor, size=None) -> None:
        size = max(abs(x) for line in block for x in line) if size is None else size
        for e, line in enumerate(block):
            for f, x in enumerate(line):
                result[row + e, column + f] += factor * x
                scale[row + e, column + f] += abs(factor) * size

    for i, w in enumerate(students):
        for j, p in enumerate(partners):
            value, own, cross = pair(w, p, activation)
            twice, once = second(w, p, activation, itself=i == j)
            slope = [[own * x + cross * y] for x, y in zip(w, p)]
            add(d * i, d * i, twice, 2 * c[i] * c[j])
            size = abs(own) * mpmath.norm(w) + abs(cross) * mpmath.norm(p)
            add(d * i, n * d + i, slope, 2 * c[j], size)
            add(n * d + i, d * i, list(zip(*slope)), 2 * c[j], size)
            if j < n:
                add(d * i, d * j, once, 2 * c[i] * c[j])
                add(d * i, n * d + j, slope, 2 * c[i], size)
                add(n * d + j, d * i, list(zip(*slope)), 2 * c[i], size)
                add(n * d + i, n * d + j, [[value]], mpf(2))
    return tuple(np.array(x.tolist(), dtype=object).astype(float) for x in (result, scale))


def second(w, p, activation: str, itself: bool) -> tuple[list, list]:
    """∂²G/∂w² and ∂²G/∂w∂p by the chain rule through q₁ = ‖w‖², q₂ = ‖p‖² and c = w·p."""
    q1, q2, c = (mpmath.fsum(x * y for x, y in zip(*z, strict=True)) for z in ((w, w), (p, p), (w, p)))
    span = range(len(w))
    if activation == "relu" and (itself or q1 * q2 == c**2):
        # Parallel: σ is linear where both are active, and ∂²G/∂w∂p = E[σ′σ′xxᵀ], ∂²G/∂w² = 0.
        half = mpf(1) / 2 if c > 0 else mpf(0)
        return [[mpf(0)] * len(w) for _ in span], [[half * (e == f) for f in span] for e in span]
    by = _derivatives(activation)(q1, q2, c)

    def block(identity, ww, wp, pw, pp):
        return [
            [
                identity * (e == f) + ww * w[e] * w[f] + wp * w[e] * p[f] + pw * p[e] * w[f] + pp * p[e] * p[f]
                for f in span
            ]
            for e in span
        ]

    return (
        block(2 * by["1"], 4 * by["11"], 2 * by["1c"], 2 * by["1c"], by["cc"]),
        block(by["c"], 2 * by["1c"], 4 * by["12"], by["cc"], 2 * by["2c"]),
    )


@lru_cache
def _derivatives(activation: str):
    """The derivatives of G(q₁, q₂, c), by computer algebra."""
    q1, q2, c = symbols = sympy.symbols("q1 q2 c")
    a, b = 1 + q1, 1 + q2
    s = sympy.sqrt(a * b - c**2)
    if activation == "erf":
        g = 2 / sympy.pi * sympy.atan(c / s)
    elif activation == "relu":
        s = sympy.sqrt(q1 * q2 - c**2)
        g = (s + c * (sympy.pi / 2 + sympy.atan(c / s))) / (2 * sympy.pi)
    else:
        g = (c * (sympy.pi / 2 + sympy.atan(c / s)) + 1 / s + s * (1 - 1 / a - 1 / b)) / (2 * sympy.pi)
    variables = dict(zip("12c", symbols))
    compiled = sympy.lambdify(symbols, [sympy.diff(g, *(variables[x] for x in by)) for by in BY], "mpmath", cse=True)
    return lambda *at: dict(zip(BY, compiled(*at), strict=True))


# tanh, sigmoid, softplus and SiLU: the mixture of the module, but of other nodes, and in as many digits as asked for.

PARTS = {"tanh": ("erf", 1), "sigmoid": ("erf", 2), "softplus": ("relu", 2), "silu": ("gelu", 2)}


@lru_cache
def kolmogorov(count: int = 32) -> list[tuple[mpf, mpf]]:
    """Nodes K and weights on [.15, 4.5]: 32 leave 3e-17 of tanh."""
    low, high = mpf("0.15"), mpf("4.5")
    step = mpmath.log(high / low) / (count - 1)

    def density(k):
        if k > 1:
            return 8 * k * mpmath.fsum((-1) ** (j + 1) * j**2 * mpmath.exp(-2 * (j * k) ** 2) for j in range(1, 20))
        x = [(i * mpmath.pi / k) ** 2 for i in range(1, 30, 2)]
        return mpmath.sqrt(2 * mpmath.pi) / k**2 * mpmath.fsum((y / 4 - 1) * mpmath.exp(-y / 8) for y in x)

    nodes = [low * mpmath.exp(step * i) for i in range(count)]
    weights = [k * density(k) for k in nodes]
    return [(k, weight / mpmath.fsum(weights)) for k, weight in zip(nodes, weights)]


def by_order_parameters(name: str, q1: mpf, q2: mpf, c: mpf, order: int) -> dict[str, mpf]:
    """G ("") and its derivatives by q₁, q₂ and c, by the chain rule from those of erf, ReLU and GELU neurons."""
    part, stretch = PARTS[name]
    sums = {by: [] for by in ("", *BY[: (0, 2, 7)[order]])}
    for k, share in kolmogorov():
        for other, other_share in kolmogorov():
            weight, w1, w2 = share * other_share, stretch * k, stretch * other
            if weight < 1e-19:
                continue
            if part == "relu":  # of one more input dimension each, of its own
                at, slopes = (q1 + w1**2, q2 + w2**2, c), {"1": 1, "2": 1, "c": 1}
            else:
                at, slopes = (q1 / w1**2, q2 / w2**2, c / (w1 * w2)), {"1": w1**-2, "2": w2**-2, "c": 1 / (w1 * w2)}
                weight *= w1 * w2 if part == "gelu" else mpf(stretch) ** -2
            found = _first(part, *at) | (_derivatives(part)(*at) if order == 2 else {})
            for by, terms in sums.items():
                terms.append(weight * found[by] * mpmath.fprod(slopes[x] for x in by))
    totals = {by: mpmath.fsum(terms) for by, terms in sums.items()}
    totals[""] += mpf(1) / 4 if name == "sigmoid" else 0
    return totals


def _first(part: str, q1: mpf, q2: mpf, c: mpf) -> dict[str, mpf]:
    """`pair` of vectors of which only these are known."""
    one, two = mpmath.sqrt(q1), mpmath.sqrt(q2)
    along = c / one if one else mpf(0)
    value, own, cross = pair([one, mpf(0)], [along, mpmath.sqrt(max(two**2 - along**2, mpf(0)))], part)
    return {"": value, "1": own / 2, "c": cross}


def pair_terms(name: str, r1: float, r2: float, sign: int, v: float, order: int) -> list[mpf]:
    """The terms of `copyavg.activations` at u = ±√(1 − v), in their order."""
    r1, r2, v = map(mpf, (r1, r2, v))
    u, q1, q2 = sign * mpmath.sqrt(1 - v), r1**2, r2**2
    c = r1 * r2 * u
    by = by_order_parameters(name, q1, q2, c, order)
    terms = [by[""]]
    if order > 0:
        terms += [2 * by["1"], by["c"]]
    if order > 1:
        both = r1 * r2 * by["cc"]
        terms += [
            4 * q1 * by["11"] + 4 * c * by["1c"] + q2 * u**2 * by["cc"],
            2 * r1 * r2 * by["1c"] + q2 * u * by["cc"],
            q2 * by["cc"],
            2 * q1 * u * by["1c"] + 4 * r1 * r2 * by["12"] + u**2 * both + 2 * q2 * u * by["2c"],
            2 * q1 * by["1c"] + u * both,
            u * both + 2 * q2 * by["2c"],
            both,
        ]
    return terms
