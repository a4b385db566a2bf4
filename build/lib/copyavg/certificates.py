"""Certificates: a claim, a bound, and the verdict that a computed residual gives."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import array_api_compat

from .network import Network


class CertificateError(AssertionError):
    """A residual exceeded the bound of its claim."""


@dataclass(frozen=True)
class Certificate:
    """A claim that was computed and found to hold: residual ≤ bound.

    It prints its bound and verdict but not the residual, whose last digits differ between machines.

    Parameters
    ----------
    claim : str
        What the residual measures, such as "‖∇L‖∞ at the copy-average point (1, 1, 3)".
    residual : float
        The computed deviation, at least 0.
    bound : float
        The largest residual at which the claim holds.

    Raises
    ------
    CertificateError
        If the residual exceeds the bound, or is not a number.

    Examples
    --------
    >>> Certificate("|1/3 − 0.333|", residual=1 / 3 - 0.333, bound=1e-3)
    ✓ |1/3 − 0.333| ≤ 0.001
    >>> Certificate("|1/3 − 0.333|", residual=1 / 3 - 0.333, bound=1e-6)
    Traceback (most recent call last):
    copyavg.certificates.CertificateError: ✗ |1/3 − 0.333| ≤ 1e-06 fails: it is 0.000333
    """

    claim: str
    residual: float
    bound: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "residual", float(self.residual))
        if not (isfinite(self.residual) and self.residual <= self.bound):
            raise CertificateError(f"✗ {self.claim} ≤ {self.bound:g} fails: it is {self.residual:.3g}")

    def __repr__(self) -> str:
        return f"✓ {self.claim} ≤ {self.bound:g}"


def max_norm(network: Network) -> float:
    """Return the largest absolute weight of a network or batch, ‖·‖∞: of a gradient, how far from critical.

    Examples
    --------
    >>> max_norm(Network([[1.0, -3.0]], [2.0]))
    3.0
    """
    xp: Any = array_api_compat.array_namespace(network.incoming)
    return max(float(xp.max(xp.abs(network.incoming))), float(xp.max(xp.abs(network.outgoing))))
