import os
import subprocess
import sys

import numpy as np
import pytest

import copyavg as ca
from copyavg.book.check import Certificate, CertificateError
from copyavg.network import max_norm


def test_a_certificate_shows_its_bound_and_not_its_residual():
    assert repr(Certificate("‖∇L‖∞", residual=3.3e-16, bound=1e-13)) == "✓ ‖∇L‖∞ ≤ 1e-13"


@pytest.mark.parametrize("residual", [1.1e-13, np.nan, np.inf])
def test_a_certificate_that_fails_does_not_exist(residual):
    with pytest.raises(CertificateError, match=f"✗ gap ≤ 1e-13 fails: it is {residual:g}"):
        Certificate("gap", residual, bound=1e-13)


def test_a_certificate_can_bound_from_below():
    assert repr(Certificate("gap", 0.3, bound=0.1, at_least=True)) == "✓ gap ≥ 0.1"
    with pytest.raises(CertificateError, match="✗ gap ≥ 0.1 fails: it is 0.05"):
        Certificate("gap", 0.05, bound=0.1, at_least=True)


def test_a_residual_at_its_bound_holds():
    assert repr(Certificate("count", 0.0, bound=0.0)) == "✓ count ≤ 0"
    assert repr(Certificate("gap", 0.5, bound=0.5, at_least=True)) == "✓ gap ≥ 0.5"


def test_max_norm_sees_every_weight():
    assert max_norm(ca.Network([[[1, 2]], [[3, -7]]], [[4], [5]])) == 7
    assert max_norm(ca.Network([[1, 2]], [-9])) == 9
    for lost in ((np.nan, 0.0), (0.0, np.nan)):
        assert np.isnan(max_norm(ca.Network.unchecked(np.array([[lost[0]]]), np.array([lost[1]]))))


@pytest.mark.bad_input
def test_a_residual_is_one_number_and_has_no_sign():
    with pytest.raises(TypeError, match="residual must be one real number, but was given None"):
        Certificate("gap", None, 1.0)
    with pytest.raises(TypeError, match="bound must be one real number"):
        Certificate("gap", 0.0, np.ones(2))
    with pytest.raises(ValueError, match="residual must not be negative, but was given -2: take its size"):
        Certificate("gap", -2.0, 1.0)
    assert Certificate("gap", -2.0, -3.0, at_least=True).residual == -2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_what_is_printed_survives_a_terminal_that_is_not_utf_8(encoding):
    code = (
        "import copyavg as ca\n"
        "from copyavg import Certificate\n"
        "from copyavg.book.exercises import check\n"
        "print(Certificate('‖∇L‖∞ − 0', 0.0, 1e-13))\n"
        "for answer in (lambda k: (k - 1) / 3, lambda k: (k - 1) / 6, ...): print(check('ex-one-copy', answer))\n"
        "for name in ('gelu', 'silu', 'relu', 'erf'): print(ca.one_neuron(3, name).reason)\n"
        "print(ca.classify(ca.n_copy(2, 3), ca.orthonormal_teacher(3)), ca.stability(2, 3), ca.one_neuron(3))"
    )
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    shown = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert shown.returncode == 0, shown.stderr.decode()
    first = shown.stdout.decode(encoding).splitlines()[0]
    assert first == ("✓ ‖∇L‖∞ − 0 ≤ 1e-13" if encoding == "utf-8" else "ok: |grad L|_max - 0 <= 1e-13")
