"""Closed forms in arbitrary precision, on the exact float64 weights: what accuracy is measured against."""

import mpmath
import numpy as np
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
