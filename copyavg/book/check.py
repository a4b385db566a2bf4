"""Certificates: a claim, a bound, and the verdict that a computed residual gives."""

import sys
from dataclasses import dataclass
from math import isfinite

_IN_ASCII = str.maketrans(
    {
        "✓": "ok:",
        "✗": "WRONG:",
        "○": "-",
        "≤": "<=",
        "≥": ">=",
        "−": "-",
        "…": "...",
        "‖": "|",
        "∇": "grad ",
        "∞": "_max",
    }
)


def printable(text: str) -> str:
    """Return a text as it is if the terminal can show it, and else in letters that it has.

    Examples
    --------
    >>> printable("✓ ‖∇L‖∞ ≤ 1e-13")
    '✓ ‖∇L‖∞ ≤ 1e-13'
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_IN_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


class CertificateError(AssertionError):
    """A residual exceeded the bound of its claim.

    Examples
    --------
    >>> Certificate("|1 − 1.5|", residual=0.5, bound=1e-13)
    Traceback (most recent call last):
    copyavg.book.check.CertificateError: ✗ |1 − 1.5| ≤ 1e-13 fails: it is 0.5
    """


@dataclass(frozen=True)
class Certificate:
    """A claim that was computed and found to hold: residual ≤ bound, or residual ≥ bound with `at_least`.

    It prints its bound and verdict but not the residual, whose last digits differ between machines.

    Parameters
    ----------
    claim : str
        What the residual measures, such as "‖∇L‖∞ at the copy-average point (1, 1, 3)".
    residual : float
        What was computed.
    bound : float
        The largest residual at which the claim holds (with `at_least`, the smallest).
    at_least : bool
        Whether the claim is that something does not vanish.

    Raises
    ------
    CertificateError
        If the residual is on the wrong side of the bound, infinite or NaN.
    TypeError, ValueError
        If residual or bound is no number, or a residual that must be small is negative: a signed difference
        would always hold.

    Examples
    --------
    >>> Certificate("|1/3 − 0.333|", residual=1 / 3 - 0.333, bound=1e-3)
    ✓ |1/3 − 0.333| ≤ 0.001
    >>> Certificate("|1/3 − 0.333|", residual=1 / 3 - 0.333, bound=1e-6)
    Traceback (most recent call last):
    copyavg.book.check.CertificateError: ✗ |1/3 − 0.333| ≤ 1e-06 fails: it is 0.000333
    """

    claim: str
    residual: float
    bound: float
    at_least: bool = False

    def __post_init__(self) -> None:
        for name in ("residual", "bound"):
            try:
                object.__setattr__(self, name, float(getattr(self, name)))
            except (TypeError, ValueError) as error:
                message = f"{name} must be one real number, but was given {getattr(self, name)!r}"
                raise TypeError(message) from error
        if self.residual < 0 and not self.at_least:
            raise ValueError(f"residual must not be negative, but was given {self.residual:g}: take its size")
        holds = self.residual >= self.bound if self.at_least else self.residual <= self.bound
        if not (isfinite(self.residual) and holds):
            raise CertificateError(f"✗ {self._statement()} fails: it is {self.residual:.3g}")

    def __repr__(self) -> str:
        return printable(f"✓ {self._statement()}")

    def _statement(self) -> str:
        return f"{self.claim} {'≥' if self.at_least else '≤'} {self.bound:g}"
