"""Certificates can fail: a slip of one millionth in a formula turns every exact certificate of a chapter red."""

import dataclasses
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

import copyavg as ca
from copyavg import activations, certificates

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SLIP = 1 + 1e-6

# Certificates without a constant that could slip by a millionth: error bars, rates, grids, inequalities, invariances,
# and the convergence of a solver to whatever solves its equations.
WITHOUT_CONSTANT = ("in standard errors", "slope", "best radius", "on the grid", "at_least", "turned", "best tanh")


def run(chapter: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Execute the chapter's code, and return for each certificate by its claim whether it holds."""
    verdicts = {}

    def record(claim, residual, bound, at_least=False):
        holds = residual >= bound if at_least else residual <= bound
        verdicts[claim + (" (at_least)" if at_least else "")] = bool(holds)

    monkeypatch.setattr(certificates, "Certificate", record)
    cells = nbformat.read(ROOT / f"notebooks/{chapter}.ipynb", as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"][1:]  # the setup cell is for elsewhere
    with plt.rc_context():
        exec(compile("\n".join(code), chapter, "exec"), {"__name__": chapter})
        plt.close("all")
    return verdicts


def slip_interaction(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed_form(p, order):
        terms = activations.ERF.closed_form(p, order)
        return terms._replace(value=SLIP * terms.value)

    slipped = dataclasses.replace(activations.ERF, closed_form=closed_form)
    monkeypatch.setitem(activations.NAMED, "erf", slipped)


def slip_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    true = ca.copy_average

    def copy_average(partition, d=None):
        point = true(partition, d)
        return ca.Network(SLIP * point.incoming, SLIP * point.outgoing)

    monkeypatch.setattr(ca, "copy_average", copy_average)


def slip_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    true = ca.copy_average_loss
    monkeypatch.setattr(ca, "copy_average_loss", lambda partition: SLIP * true(partition))


def slip_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the coefficient `cross` only: a common factor of the whole gradient would not move its zeros."""

    def closed_form(p, order):
        terms = activations.ERF.closed_form(p, order)
        return terms._replace(cross=SLIP * terms.cross) if order else terms

    slipped = dataclasses.replace(activations.ERF, closed_form=closed_form)
    monkeypatch.setitem(activations.NAMED, "erf", slipped)


def slip_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """In σ itself, which quadrature and sampling use."""
    true = activations.ERF.function
    slipped = dataclasses.replace(activations.ERF, function=lambda x: SLIP * true(x))
    monkeypatch.setattr(activations, "ERF", slipped)


SLIPS = (slip_interaction, slip_configuration, slip_loss, slip_slope, slip_function)
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exact_certificate_can_fail(chapter, monkeypatch):
    with monkeypatch.context() as untouched:
        verdicts = run(chapter, untouched)
    assert verdicts
    assert all(verdicts.values())
    red = set()
    for slip in SLIPS:
        with monkeypatch.context() as slipped:
            slip(slipped)
            red |= {claim for claim, holds in run(chapter, slipped).items() if not holds}
    exact = {claim for claim in verdicts if not any(word in claim for word in WITHOUT_CONSTANT)}
    assert exact <= red, f"no slip turns these red: {exact - red}"
