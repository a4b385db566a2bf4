"""Loops that the fields share, compiled: arcsin without branches, and products of small matrices."""

import math

import numpy as np

from .compiled import compiled

_BLAS_PAYS = 700  # n·d above which a call of BLAS is quicker than the loops here

# P of arcsin x = x + x³ P(x²) for |x| ≤ ½, interpolated at the Chebyshev points of [0, ¼]. A test asks mpmath.
_ARCSIN = (
    0.16666666666666669, 0.07499999999998433, 0.04464285714635543, 0.030381944138531247, 0.02237217294214989,
    0.017352392720869973, 0.013971212973552933, 0.011479177415184906, 0.01032281435018578, 0.005457506718640358,
    0.01740087944269402, -0.014851887071247204, 0.028757851367421566,
)  # fmt: skip


@compiled
def arcsin_polynomial(z):
    """Return P(z), so that arcsin x = x + x³ P(x²) for |x| ≤ ½."""
    p = _ARCSIN[12]
    p = p * z + _ARCSIN[11]
    p = p * z + _ARCSIN[10]
    p = p * z + _ARCSIN[9]
    p = p * z + _ARCSIN[8]
    p = p * z + _ARCSIN[7]
    p = p * z + _ARCSIN[6]
    p = p * z + _ARCSIN[5]
    p = p * z + _ARCSIN[4]
    p = p * z + _ARCSIN[3]
    p = p * z + _ARCSIN[2]
    p = p * z + _ARCSIN[1]
    return p * z + _ARCSIN[0]


@compiled
def arcsin(x):
    """Return arcsin x to two units in the last place, without branches, so that loops over it use vector registers."""
    size = abs(x)
    large = size > 0.5
    z = 0.5 * (1 - size) if large else size * size  # arcsin x = π/2 − 2 arcsin √((1−x)/2)
    y = math.sqrt(z) if large else size
    y += y * z * arcsin_polynomial(z)
    return math.copysign(math.pi / 2 - 2 * y if large else y, x)


@compiled
def overlaps(left, right, out):
    """Write left rightᵀ to out, for matrices with d columns: two columns of out at a time."""
    (n, d), m = left.shape, right.shape[0]
    if n * d > _BLAS_PAYS:
        np.dot(left, right.T, out)
        return
    for i in range(n):
        for j in range(0, m - 1, 2):
            total = next_total = 0.0
            for e in range(d):
                total += left[i, e] * right[j, e]
                next_total += left[i, e] * right[j + 1, e]
            out[i, j], out[i, j + 1] = total, next_total
        if m % 2 == 1:
            total = 0.0
            for e in range(d):
                total += left[i, e] * right[m - 1, e]
            out[i, m - 1] = total


@compiled
def overlaps_below(rows, out):
    """Write rows rowsᵀ to out, as far as it stands below the diagonal."""
    n, d = rows.shape
    if n * d > _BLAS_PAYS:
        np.dot(rows, rows.T, out)
        return
    for i in range(n):
        for j in range(i):
            total = 0.0
            for e in range(d):
                total += rows[i, e] * rows[j, e]
            out[i, j] = total


@compiled
def product(matrix, rows, out):
    """Write matrix rows to out, for matrices with d columns: four rows at a time, so that out is read less often."""
    n, d = out.shape
    if n * d > _BLAS_PAYS:
        np.dot(matrix, rows, out)
        return
    m = rows.shape[0]
    for i in range(n):
        if m < 4:
            for e in range(d):
                out[i, e] = 0.0
        else:
            f, g, p, q = matrix[i, 0], matrix[i, 1], matrix[i, 2], matrix[i, 3]
            for e in range(d):
                out[i, e] = f * rows[0, e] + g * rows[1, e] + p * rows[2, e] + q * rows[3, e]
        for j in range(4, m - 3, 4):
            f, g, p, q = matrix[i, j], matrix[i, j + 1], matrix[i, j + 2], matrix[i, j + 3]
            for e in range(d):
                out[i, e] += f * rows[j, e] + g * rows[j + 1, e] + p * rows[j + 2, e] + q * rows[j + 3, e]
        for j in range(m - m % 4, m):
            factor = matrix[i, j]
            for e in range(d):
                out[i, e] += factor * rows[j, e]
