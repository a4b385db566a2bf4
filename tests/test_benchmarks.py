"""The benchmark runs from end to end, compares before it times, and its committed data are what the page needs."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from copyavg.activations import NAMED

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "experiments/benchmarks/landscape.py"
COMMITTED = json.loads((ROOT / "experiments/data/landscape-benchmark.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> dict:
    """What the script writes with --quick; its times mean nothing."""
    output = tmp_path_factory.mktemp("benchmark") / "quick.json"
    run = subprocess.run([sys.executable, SCRIPT, "--quick", "--output", output], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""  # the progress bar is for terminals
    report = json.loads(output.read_text(encoding="utf-8"))
    assert len(run.stdout.splitlines()) == len(report["rows"]) + 2
    return report


def contents(report: dict) -> list[tuple]:
    keys = ("what", "activation", "size", "peer", "target", "tolerance")
    return [tuple(row[key] for key in keys) for row in report["rows"]]


@pytest.mark.slow
def test_the_script_runs_and_compares_every_row(quick):
    for row in quick["rows"]:
        assert 0 < row["ratio_min"] <= row["ratio"] <= row["ratio_max"] < math.inf
        assert row["ours_us"] > 0
        assert row["peer_us"] > 0
        assert row["difference"] <= row["tolerance"] == (1e-12 if row["target"] else 1e-2)


@pytest.mark.slow
def test_the_committed_rows_are_those_that_the_script_writes(quick):
    assert contents(COMMITTED) == contents(quick)
    assert COMMITTED.keys() == quick.keys()
    assert COMMITTED["rows"][0].keys() == quick["rows"][0].keys()


@pytest.mark.slow
def test_a_disagreement_stops_the_benchmark(tmp_path):
    code = (
        "import runpy, sys, copyavg\n"
        "right = copyavg.hessian\n"
        "copyavg.hessian = lambda *networks: right(*networks) * (1 + 1e-11)\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    output = tmp_path / "wrong.json"
    command = [sys.executable, "-c", code, SCRIPT, "--quick", "--output", output]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 1
    assert "erf Hessian: copyavg and its peer disagree by 1.0e-11, more than 1e-12" in run.stderr
    assert not output.exists()


def test_the_committed_data_have_every_row_of_the_page():
    derivatives = [(row["what"], row["batch"]) for row in COMMITTED["rows"] if row["target"]]
    assert derivatives == [("gradient", 1), ("gradient", 64), ("Hessian", 1), ("Hessian", 64)]
    for distinct in (False, True):
        rows = [row for row in COMMITTED["rows"] if not row["target"] and ("distinct" in row["size"]) == distinct]
        assert [row["activation"] for row in rows] == list(NAMED)
        assert {(row["what"], row["batch"]) for row in rows} == {("interaction", 2000)}


def test_the_committed_data_meet_their_targets():
    for row in COMMITTED["rows"]:
        assert row["target"] is None or row["ratio"] >= row["target"], row
        assert row["difference"] <= row["tolerance"], row
    assert COMMITTED["memory"]["ratio"] <= COMMITTED["memory"]["target"] == 2


def test_the_committed_data_show_what_the_page_says_of_them():
    derivatives = {(row["what"], row["batch"]): row for row in COMMITTED["rows"] if row["target"]}
    assert derivatives["gradient", 64]["ratio"] < derivatives["gradient", 1]["ratio"]
    assert derivatives["gradient", 64]["peer_us"] < 64 / 4 * derivatives["gradient", 1]["peer_us"]
    interactions = [row for row in COMMITTED["rows"] if row["what"] == "interaction"]
    assert max(interactions, key=lambda row: row["difference"])["activation"] == "relu"
    for activation in NAMED:
        once, always = (row["ours_us"] for row in interactions if row["activation"] == activation)
        if NAMED[activation].closed_form:
            assert 1 / 3 < always / once < 3
        else:
            assert always > 10 * once


def test_the_committed_data_do_not_name_the_machine():
    assert COMMITTED["machine"].keys() == {"processor", "cores", "system", "threads"}
    assert COMMITTED["machine"]["threads"] == 1
    assert "/" not in json.dumps(COMMITTED["machine"])
    assert COMMITTED["versions"].keys() == {"python", "numpy", "torch", "copyavg"}


def test_the_benchmark_runs_on_the_versions_of_the_book():
    pins = {
        path: set(path.read_text(encoding="utf-8").splitlines())
        for path in (SCRIPT.parent / "requirements.txt", ROOT / "requirements.txt")
    }
    ours, book = ({line for line in lines if not line.startswith("#")} for lines in pins.values())
    assert ours <= book
