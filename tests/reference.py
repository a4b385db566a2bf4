"""Closed forms in arbitrary precision, on the exact float64 weights: what accuracy is measured against."""

from functools import lru_cache

import mpmath
import numpy as np
import sympy
from mpmath import mpf

DIGITS = 80


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
    orders = ("1", "c", "11", "12", "1c", "2c", "cc")
    functions = {order: sympy.diff(g, *(variables[x] for x in order)) for order in orders}
    compiled = {order: sympy.lambdify(symbols, f, "mpmath") for order, f in functions.items()}
    return lambda *at: {order: f(*at) for order, f in compiled.items()}
