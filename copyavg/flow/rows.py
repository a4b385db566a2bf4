"""What a pair field knows of σ: G(w, p) = E[σ(w·x) σ(p·x)] of a neuron and all of its partners, and its derivatives.

G is a function of q₁ = ‖w‖², q₂ = ‖p‖² and c = w·p. A *row* writes, for every partner, at the index of

    VALUE   G,
    CROSS   ∂G/∂c = E[σ′σ′],
    OWN     2∂G/∂q₁ = E[σ″σ],                 THEIR   2∂G/∂q₂,

and, if the second derivatives are wanted,

    CC      ∂²G/∂c²,
    OWN_C   2∂²G/∂q₁∂c,                       THEIR_C 2∂²G/∂q₂∂c,
    OWN_OWN 2∂²G/∂q₁²,                        THEIR_THEIR 2∂²G/∂q₂².

The one that is left is 2∂²G/∂q₁∂q₂ = ½ ∂²G/∂c², as ∂E[fh]/∂c = E[f′h′] and ∂E[fh]/∂q₁ = ½E[f″h] (Price 1958). The last
partner is the neuron itself. There F(q) = G(q, q, q) stands as VALUE, F′ as OWN and F″ as OWN_OWN.

Where w and p are nearly parallel, D = q₁q₂ − c² has lost digits; but every row takes all of its terms from one D, so
that they remain derivatives of each other, and what is lost in ∂G/∂w and ∂G/∂p is of second order in the angle.
"""

import math

from .compiled import compiled
from .field import PREPARE, ROW
from .loops import arcsin_polynomial

VALUE, CROSS, OWN, THEIR, CC, OWN_C, THEIR_C, OWN_OWN, THEIR_THEIR = range(9)
TERMS, ALL_TERMS = 4, 9  # without and with second derivatives
RESOLVED = 0  # what a row returns; otherwise how many pairs it could not resolve

_TINY = 1e-300
_TURN = 1 / (2 * math.pi)


@compiled(PREPARE)
def nothing(first, squares, constants, table):
    """Prepare nothing: a closed form needs no more than q₁, q₂ and c."""


@compiled
def _acute(cosine, sine):
    """Return the angle in [0, π/2] of which these are |cos| and sin, by whichever of them is smaller, without branches.

    arccos x = π/2 − arcsin x for x ≤ ½, and 2 arcsin √((1−x)/2) = 2 arcsin(sin/√(2(1+x))) beyond.
    """
    large = cosine > 0.5
    y = sine / math.sqrt(2 * (1 + cosine)) if large else cosine
    y = y + y * y * y * arcsin_polynomial(y * y)
    return 2 * y if large else math.pi / 2 - y


@compiled(ROW)
def erf_row(partners, q, c, constants, table, second, out):
    """erf(x/√2): G = (2/π) arcsin(c/√(AB)) with A = 1 + q₁, B = 1 + q₂ (Williams 1997); S² = AB − c²."""
    f, own, last = 2 / math.pi, q[partners - 1], partners - 1
    a = 1 + own
    for j in range(last):
        b, x = 1 + q[j], c[j]
        s = math.sqrt(a + q[j] + max(own * q[j] - x * x, 0.0))
        root, turn = math.sqrt(a * b), f / s
        out[VALUE, j] = f * math.copysign(math.pi / 2 - _acute(abs(x) / root, s / root), x)
        out[CROSS, j], out[OWN, j], out[THEIR, j] = turn, -turn * x / a, -turn * x / b
    if second:
        for j in range(last):
            b, x = 1 + q[j], c[j]
            square = a + q[j] + max(own * q[j] - x * x, 0.0)
            turn = f / math.sqrt(square)
            bend = turn / square
            out[CC, j], out[OWN_C, j], out[THEIR_C, j] = bend * x, -bend * b, -bend * a
            out[OWN_OWN, j] = x * (turn / a + 0.5 * bend * b) / a
            out[THEIR_THEIR, j] = x * (turn / b + 0.5 * bend * a) / b
    s = math.sqrt(a + own)
    out[VALUE, last] = f * (math.pi / 2 - _acute(own / a, s / a))
    out[OWN, last] = f / (a * s)
    if second:
        out[OWN_OWN, last] = -out[OWN, last] * (1 / a + 1 / (a + own))
    return RESOLVED


@compiled
def _sine_minus_angle_cosine(x, otherwise):
    """Return sin x − x cos x by its series where x < ½, and what was worked out `otherwise` where it is not."""
    z = x * x
    series = z * (1 / 3 - z * (1 / 30 - z * (1 / 840 - z * (1 / 45360 - z * (1 / 3991680 - z * (1 / 518918400))))))
    return x * series if x < 0.5 else otherwise


@compiled(ROW)
def relu_row(partners, q, c, constants, table, second, out):
    """ReLU: G = [√D + (π − θ)c]/(2π) with θ the angle between them (Cho and Saul 2009); leaky ones have (1 − s)² of it.

    The constants are (1 − s)² and the slope s, of which s c comes on top. At w = 0, where G has a kink, the derivatives
    by q₁ are zero.
    """
    factor, slope, own, last = constants[0] * _TURN, constants[1], q[partners - 1], partners - 1
    own_inverse = 1 / own if own > 0 else 0.0
    for j in range(last):
        x, product = c[j], own * q[j]
        s = math.sqrt(max(product - x * x, 0.0))
        root = math.sqrt(product) + _TINY
        theta = _acute(abs(x) / root, s / root)
        outside = math.pi - theta if x > 0 else theta
        inverse = 1 / q[j] if q[j] > 0 else 0.0
        out[VALUE, j] = factor * root * _sine_minus_angle_cosine(outside, (s + outside * x) / root) + slope * x
        out[CROSS, j] = factor * outside + slope
        out[OWN, j], out[THEIR, j] = factor * s * own_inverse, factor * s * inverse
    if second:
        for j in range(last):
            x = c[j]
            s = math.sqrt(max(own * q[j] - x * x, 0.0))
            bend = factor / s if s > 0 else 0.0
            inverse = 1 / q[j] if q[j] > 0 else 0.0
            out[CC, j], out[OWN_C, j], out[THEIR_C, j] = bend, -bend * x * own_inverse, -bend * x * inverse
            out[OWN_OWN, j] = (0.5 * bend * q[j] - factor * s * own_inverse) * own_inverse
            out[THEIR_THEIR, j] = (0.5 * bend * own - factor * s * inverse) * inverse
    out[OWN, last] = 0.5 * constants[0] + slope
    out[VALUE, last] = own * out[OWN, last]
    if second:
        out[OWN_OWN, last] = 0.0
    return RESOLVED


@compiled(ROW)
def gelu_row(partners, q, c, constants, table, second, out):
    """GELU: G = [c(π/2 + φ) + 1/S + S(1 − 1/A − 1/B)]/(2π) (cf. Tsuchida et al. 2021), with erf's A, B, S and φ."""
    own, last = q[partners - 1], partners - 1
    a = 1 + own
    for j in range(last):
        b, x = 1 + q[j], c[j]
        across = max(own * q[j] - x * x, 0.0)
        square = a + q[j] + across
        s, root = math.sqrt(square), math.sqrt(a * b)
        theta = _acute(abs(x) / root, s / root)
        outside = math.pi - theta if x > 0 else theta
        turn, both = _TURN / s, 1 / a + 1 / b
        out[VALUE, j] = _TURN * x * outside + turn * (1 + square * (1 - both))
        out[CROSS, j] = _TURN * outside + turn * x * (both + 1 / square)
        out[OWN, j] = turn * (across + 2 * (q[j] + across) / a - x * x / square) / a
        out[THEIR, j] = turn * (across + 2 * (own + across) / b - x * x / square) / b
    if second:
        for j in range(last):
            b, x = 1 + q[j], c[j]
            across = max(own * q[j] - x * x, 0.0)
            square = a + q[j] + across
            turn = _TURN / math.sqrt(square)
            inverse = 1 / square
            along = x * x * inverse
            out[CC, j] = turn * (1 + (a + b + 1 + 3 * along) * inverse)
            by_own = across + 2 * (q[j] + across) / a - along
            by_their = across + 2 * (own + across) / b - along
            fall = -2 * x * (1 + (1 + along) * inverse)
            out[OWN_C, j] = turn * (fall - 4 * x / a + by_own * x * inverse) / a
            out[THEIR_C, j] = turn * (fall - 4 * x / b + by_their * x * inverse) / b
            change = q[j] + 2 * (q[j] - (q[j] + across) / a) / a + along * b * inverse
            out[OWN_OWN, j] = turn * (change - by_own * (0.5 * b * inverse + 1 / a)) / a
            change = own + 2 * (own - (own + across) / b) / b + along * a * inverse
            out[THEIR_THEIR, j] = turn * (change - by_their * (0.5 * a * inverse + 1 / b)) / b
    square = a + own
    turn, x = _TURN / math.sqrt(square), own
    outside = math.pi - _acute(x / a, math.sqrt(square) / a)
    out[VALUE, last] = _TURN * x * outside + turn * (1 + square * (1 - 2 / a))
    out[OWN, last] = _TURN * outside + turn * (2 * x / (a * a) - x * x / (a * square) + 2 * x / a + x / square)
    if second:
        i, j = 1 / a, 1 / square
        out[OWN_OWN, last] = turn * (
            i * (3 + 2 * i - 4 * x * i * i - 2 * x * i)
            + j * (1 - 2 * x * i * i - 4 * x * i - 3 * x * j + x * x * i * i + 3 * x * x * i * j)
        )
    return RESOLVED
