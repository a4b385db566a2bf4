"""The benchmarks run from end to end and compare what they time; their committed data are what the page needs."""

import json
import math
import subprocess
import sys
from pathlib import Path

import flow
import pytest

import copyavg as ca
from copyavg.book import digest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "experiments/benchmarks/landscape.py"
COMMITTED = json.loads((ROOT / "experiments/data/landscape-benchmark.json").read_text(encoding="utf-8"))
MEASURED = list(dict.fromkeys(row["activation"] for row in COMMITTED["rows"]))  # a new activation makes nothing red
FLOW_SCRIPT = ROOT / "experiments/benchmarks/flow.py"
FLOW_DATA = ROOT / "experiments/data/flow-benchmark.json"
FLOW = json.loads(FLOW_DATA.read_text(encoding="utf-8")) if FLOW_DATA.exists() else None
committed_flow = pytest.mark.skipif(FLOW is None, reason=f"{FLOW_DATA.name} is not there yet: `make bench` writes it")


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


def test_a_file_that_cannot_be_written_is_refused_before_the_work_begins(tmp_path):
    for script in (SCRIPT, FLOW_SCRIPT):
        output = tmp_path / "nowhere/report.json"
        run = subprocess.run([sys.executable, script, "--output", output], capture_output=True, text=True)
        assert run.returncode == 2
        assert run.stderr.endswith(f"--output must be a file in an existing folder, but was given {output}\n")


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
        "import pathlib, runpy, sys, copyavg\n"
        "sys.path.insert(0, str(pathlib.Path(sys.argv[1]).parent))\n"  # as Python does for a script
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
        assert [row["activation"] for row in rows] == MEASURED
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
    for activation in MEASURED:
        once, always = (row["ours_us"] for row in interactions if row["activation"] == activation)
        if activation in ("erf", "relu", "gelu"):
            assert 1 / 3 < always / once < 3
        else:  # a mixture, whose powers are those of one norm
            assert always > 3 * once


def test_the_committed_data_do_not_name_the_machine():
    assert COMMITTED["machine"].keys() == {"processor", "cores", "system", "threads"}
    assert COMMITTED["machine"]["threads"] == 1
    assert "/" not in json.dumps(COMMITTED["machine"])
    assert COMMITTED["versions"].keys() == {"python", "numpy", "torch", "copyavg"}


def pins(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def test_the_benchmarks_run_on_the_versions_of_the_book():
    ours, book = pins(SCRIPT.parent / "requirements.txt"), pins(ROOT / "requirements.txt")
    assert {"numpy", "scipy", "torch"} <= ours.keys() & book.keys()
    assert {name: version for name, version in ours.items() if name in book}.items() <= book.items()
    peers = {"diffrax", "jax", "torchdiffeq"}
    assert ours.keys() - book.keys() <= peers | {"joblib", "numba", "optimistix"}
    for versions in (COMMITTED["versions"], FLOW["versions"] if FLOW else {}):
        for name in ours.keys() & versions.keys():
            assert versions[name].partition("+")[0] == ours[name], name


# Gradient flow.


def test_every_race_is_one_that_the_script_knows():
    for effort in (flow.FULL, flow.QUICK):
        for race in effort.races:
            assert race.n < race.k
            assert set(race.peers) <= flow.PEERS.keys()
    assert [peer.target for peer in flow.PEERS.values()] == [1000, None, None, None, 100, 100, None]


def test_where_a_peer_was_going_is_noticed():
    race, seed = flow.QUICK.races[0], 0
    cell, teacher = flow.Cell(race.k, race.n), ca.orthonormal_teacher(race.k, race.k + 1)
    end = ca.gradient_flow(flow.starts(cell, [seed]), teacher, workers=1)
    loss, there = end.loss[0], ca.Network(end.limit.incoming[0], end.limit.outgoing[0]).to_vector()
    near = flow.Arrival(there + 1e-4, 1e4, True)
    assert flow.destination(near, loss, race) == "same"
    assert flow.destination(near, loss + 1e-8, race) == "other"
    saddle = ca.n_copy(race.n, race.k, d=race.k + 1)  # for so few neurons
    assert flow.destination(flow.Arrival(saddle.to_vector(), 1e4, True), loss, race) == "saddle"
    start = flow.Arrival(flow.weights_of(cell, [seed])[0], 0.0, False)
    assert flow.destination(start, loss, race) != "same"


@pytest.fixture(scope="module")
def quick_flow(tmp_path_factory) -> dict:
    """What the script writes with --quick; its times mean nothing."""
    output = tmp_path_factory.mktemp("benchmark") / "quick.json"
    command = [sys.executable, FLOW_SCRIPT, "--quick", "--output", output]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""  # the progress bar is for terminals
    report = json.loads(output.read_text(encoding="utf-8"))
    assert len(run.stdout.splitlines()) == len(report["engine"] + report["rows"] + report["scaling"]) + 1
    return report


@pytest.mark.slow
def test_the_flow_benchmark_runs_and_compares_the_limits(quick_flow):
    assert [row["converged"] for row in quick_flow["engine"]] == [row["seeds"] for row in quick_flow["engine"]]
    for row in quick_flow["rows"]:
        assert 0 < row["same_limit"] == row["finished"] <= row["seeds"]
        assert 0 < row["ratio_min"] <= row["ratio"] <= row["ratio_max"] < math.inf
        assert not row["is_bound"]
    for row in quick_flow["engine"]:  # what the products take is a part of the whole
        assert 0 < row["evaluations"] * min(row["gradient_s"], row["product_s"]) < 2 * row["seconds"]
    assert {row["k"] for row in quick_flow["scaling"]} == {4, 6}


@pytest.mark.slow
def test_a_seed_that_does_not_finish_is_said_to_be_unfinished():
    hurry = flow.Effort(budget=0.1, patience=0.01, races=(), scaling={})
    row = flow.compare(flow.PEERS["scipy LSODA"], flow.Race(10, 20, 2, ("scipy LSODA",)), hurry)
    assert (row["seeds"], row["finished"], row["same_limit"]) == (2, 0, 0)
    assert row["is_bound"]
    assert 0.01 <= row["peer_s"] < 1


@committed_flow
def test_the_committed_flow_data_are_those_of_the_script(quick_flow):
    assert FLOW.keys() == quick_flow.keys()
    for part in ("engine", "rows", "scaling"):
        assert FLOW[part][0].keys() == quick_flow[part][0].keys()
    assert [(row["n"], row["k"], row["seeds"]) for row in FLOW["engine"]] == [
        (race.n, race.k, race.seeds) for race in flow.FULL.races
    ]
    assert [(row["n"], row["k"], row["peer"], row["target"]) for row in FLOW["rows"]] == [
        (race.n, race.k, name, flow.PEERS[name].target if race.k == 10 else None)
        for race in flow.FULL.races
        for name in race.peers
    ]
    assert [row["k"] for row in FLOW["scaling"]] == [k for k in flow.FULL.scaling for _ in flow.SHARES]


@committed_flow
def test_the_committed_flow_data_go_where_copyavg_goes():
    for row in FLOW["engine"]:
        assert row["converged"] >= 0.95 * row["seeds"]
        assert row["largest_gradient"] <= 1e-13
    for row in FLOW["rows"]:
        assert row["ratio_min"] <= row["ratio"] <= row["ratio_max"]
        assert row["is_bound"] == (row["finished"] == 0)
        assert row["same_limit"] + row["saddle"] >= 0.95 * row["finished"]
        assert row["same_limit"] >= 0.8 * row["finished"]


def test_the_committed_data_are_of_this_code():
    if COMMITTED["code"] != digest.of("copyavg.landscape", MEASURED):
        pytest.skip(f"stale: the code changed since {COMMITTED['date']}; `make bench` renews the data")


@committed_flow
def test_the_committed_flow_data_are_of_this_engine():
    if FLOW["code"] != digest.of_flow("erf"):
        pytest.skip(f"stale: the engine changed since {FLOW['date']}; `make bench` renews the data")


# Figures in the page.

PAGE_SCRIPT = ROOT / "experiments/benchmarks/explorables.py"
PAGE = json.loads((ROOT / "experiments/data/explorables-benchmark.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_frames_and_flows_of_the_page_are_timed(browser, tmp_path):
    """The times mean nothing here; what the script measures is what was committed."""
    output = tmp_path / "quick.json"
    run = subprocess.run([sys.executable, PAGE_SCRIPT, "--quick", "--output", output], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    report = json.loads(output.read_text(encoding="utf-8"))
    assert [row["what"] for row in report["rows"]] == [row["what"] for row in PAGE["rows"]]
    assert all(0 <= row["median"] <= row["late"] for row in report["rows"])


def test_the_page_was_quick_enough_when_it_was_measured():
    for row in PAGE["rows"]:
        assert row["median"] < PAGE["targets"]["flow" if row["name"] == "flow" else "median"]
        assert row["name"] == "flow" or row["late"] < PAGE["targets"]["95th percentile"]
