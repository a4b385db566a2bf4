"""A sweep's starts can be drawn one by one, its rows survive a kill, and its committed data are found again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import confirm
import joblib
import numpy as np
import phase_diagram
import pytest
import relu
import start_size
import sweep

import copyavg as ca
from copyavg.book import digest, records

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments/sweeps"
FILES = sorted(records.FOLDER.glob("*.json"))


CELLS = tuple(sweep.Cell(4, n) for n in (1, 2, 3))
SMALL = sweep.Sweep("small", CELLS, seeds=6, command="")


def assert_same(rows: dict[tuple, dict], others: dict[tuple, dict]) -> None:
    """The same but for rounding: compiled code may add in another order when it comes from numba's cache."""
    assert rows.keys() == others.keys()
    for key, row in rows.items():
        other = others[key]
        for name in ("n", "scale", "seed", "label", "partition", "reason", "converged"):
            assert row[name] == other[name], (key, name)
        assert row["loss"] == pytest.approx(other["loss"], abs=1e-9)
        assert row["smallest_eigenvalue"] == pytest.approx(other["smallest_eigenvalue"], rel=0.01, abs=1e-9)
        assert max(row["gradient_norm"], other["gradient_norm"]) <= 1e-13


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> dict[tuple, dict]:
    """Every row of a small sweep, one after the other in this process."""
    log = sweep.Log(tmp_path_factory.mktemp("small") / "log.jsonl")
    sweep.run(SMALL, log, workers=1)
    return log.rows


def test_a_start_depends_on_its_seed_alone():
    cell = sweep.Cell(10, 7)
    batch = sweep.starts(cell, [5, 3])
    for i, seed in enumerate([5, 3]):
        assert np.array_equal(batch.incoming[i], sweep.start(cell, seed).incoming)
        assert np.array_equal(batch.outgoing[i], sweep.start(cell, seed).outgoing)
    assert not np.array_equal(batch.outgoing[0], batch.outgoing[1])


def test_a_start_is_scaled_as_a_whole():
    small, large = (sweep.start(sweep.Cell(10, 7, scale), 5) for scale in (0.5, 2.0))
    assert np.array_equal(4 * small.incoming, large.incoming)
    assert np.array_equal(4 * small.outgoing, large.outgoing)


@pytest.mark.parametrize("k", phase_diagram.KS)
def test_the_longest_tasks_come_first_and_every_row_once(k):
    whole = sweep.Sweep("whole", tuple(phase_diagram.cells(k)), phase_diagram.seeds(k), "", 0.05, reference=k <= 20)
    tasks = whole.tasks(set())
    assert [task.cost for task in tasks] == sorted((task.cost for task in tasks), reverse=True)
    names = [(task.method, task.cell.n, seed) for task in tasks for seed in task.seeds]
    assert len(set(names)) == len(names)
    assert len([name for name in names if name[0] == "flow"]) == len(whole.cells) * whole.seeds
    assert max(len(task.seeds) * task.cell.cost for task in tasks) < max(1.0, 2 * max(c.cost for c in whole.cells))
    assert whole.tasks({sweep.key(task.method, task.cell, seed) for task in tasks for seed in task.seeds}) == []


def test_the_audit_is_a_random_sample_that_a_larger_one_contains():
    names = [(sweep.Cell(20, n), seed) for n in range(1, 20) for seed in range(100)]
    sample, larger = ({name for name in names if sweep.is_audited(*name, share)} for share in (0.05, 0.2))
    assert sample < larger
    assert abs(len(sample) - 95) < 30  # three standard deviations
    assert {cell.n for cell, _ in larger} == set(range(1, 20))


def test_a_torn_line_is_cut_off_and_the_whole_ones_are_kept(tmp_path):
    row = {"method": "flow", "n": 2, "scale": 1.0, "seed": 3, "loss": 0.25}
    log = sweep.Log(tmp_path / "new" / "log.jsonl")
    log.append([row, row | {"seed": 4}])
    whole = log.path.read_bytes()
    for torn in (b"{", whole[: len(whole) // 2 - 1]):
        log.path.write_bytes(whole + torn)
        again = sweep.Log(log.path)
        assert again.rows == log.rows
        assert log.path.read_bytes() == whole


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv.pop(1))
import phase_diagram, sweep
keep = sweep.Log.append
def append(log, rows):
    if len(log.rows) < 12:
        return keep(log, rows)
    with log.path.open("ab") as file:
        file.write(b'{"method": "flow", "n": 1, "sca')
    os.kill(os.getpid(), signal.SIGKILL)
sweep.Log.append = append
phase_diagram.main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_sweep_goes_on_and_loses_no_finished_row(tmp_path, small):
    options = ["--k", "4", "--seeds", "6", "--workers", "2", "--audit", "0.3", "--work", tmp_path / "work"]
    options += ["--output", tmp_path]
    command = [sys.executable, "-c", KILLED, FOLDER, *options]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    killed.wait()
    os.killpg(killed.pid, signal.SIGKILL)  # its workers, who would wait for more
    assert killed.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("*.json"))
    (log,) = (tmp_path / "work").iterdir()
    finished, newline, torn = log.read_bytes().rpartition(b"\n")
    assert finished.count(b"\n") + 1 >= 12
    assert torn == b'{"method": "flow", "n": 1, "sca'
    again = subprocess.run(
        [sys.executable, FOLDER / "phase_diagram.py", *options], capture_output=True, text=True, check=True
    )
    assert again.stderr == ""  # the progress bar is for terminals
    assert log.read_bytes().startswith(finished + newline)
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    names = [(row["method"], row["n"], row["scale"], row["seed"]) for row in rows]
    assert len(set(names)) == len(names), "a finished row was computed again"
    flow = {name: row for name, row in zip(names, rows, strict=True) if name[0] == "flow"}
    assert_same(flow, small)

    data = json.loads((tmp_path / "phase-diagram-k4.json").read_text(encoding="utf-8"))
    assert not sweep.is_stale(data)
    assert_same({("flow", row["n"], row["scale"], row["seed"]): row for row in records.rows(data)}, small)
    assert data["audit"]["tight"]["rows"] == data["audit"]["reference"]["rows"] > 0
    for method in ("tight", "reference"):
        found = data["audit"][method]
        assert found["label_changes"] == found["limit_changes"] == found["loss_changes"] == 0
        assert found["both_converged"] == found["rows"]
    assert data["flagged"] == []


def test_folders_are_made_or_refused_before_the_work_begins(tmp_path, capsys):
    options = ["--k", "3", "--seeds", "1", "--workers", "1", "--work", str(tmp_path / "work")]
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SystemExit, match="2"):
        phase_diagram.main([*options, "--output", str(file)])
    assert f"there can be no folder {file}: File exists" in capsys.readouterr().err
    assert not list((tmp_path / "work").iterdir())
    phase_diagram.main([*options, "--output", str(tmp_path / "new/folder")])
    assert (tmp_path / "new/folder/phase-diagram-k3.json").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # those of a cluster that comes and goes are none of ours
def test_a_dask_cluster_runs_the_same_line(tmp_path, small):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    log = sweep.Log(tmp_path / "log.jsonl")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        with joblib.parallel_config(backend="dask"):
            sweep.run(SMALL, log)
        options = ["--k", "4", "--seeds", "6", "--work", str(tmp_path), "--output", str(tmp_path)]
        phase_diagram.main([*options, "--scheduler", cluster.scheduler_address])
    assert_same(log.rows, small)
    data = json.loads((tmp_path / "phase-diagram-k4.json").read_text(encoding="utf-8"))
    assert_same({("flow", row["n"], row["scale"], row["seed"]): row for row in records.rows(data)}, small)


def test_a_row_whose_label_an_audit_changes_is_flagged(small, tmp_path):
    audited = sweep.Sweep("audited", CELLS, seeds=6, command="", audit=1.0)
    log = sweep.Log(tmp_path / "log.jsonl")
    names = ("n", "scale", "seed", "label", "loss", "reason", "converged")
    for row in small.values():
        again = {name: row[name] for name in names} | {"method": "tight", "distance": 1e-9, "seconds": 1.0}
        if (row["n"], row["seed"]) == (2, 4):
            again |= {"label": "other", "distance": 0.5, "loss": row["loss"] + 1e-6}
        if (row["n"], row["seed"]) == (3, 1):
            again |= {"distance": None, "converged": False, "reason": "stalled"}
        log.append([row | {"seconds": 1.0}, again])
    data = sweep.summary(audited, log)
    assert data["flagged"] == [[2, 1.0, 4]]
    assert [(row["n"], row["seed"]) for row in records.rows(data) if row["flagged"]] == [(2, 4)]
    assert data["audit"]["tight"] == {
        "rows": 18,
        "label_changes": 1,
        "both_converged": 17,
        "limit_changes": 1,
        "loss_changes": 1,
        "unconverged": {"n = 3, scale 1, seed 1": "stalled"},
    }
    sweep.write(data, tmp_path / "data.json")
    assert json.loads((tmp_path / "data.json").read_text(encoding="utf-8")) == data
    assert "audit, tight: of 18 rows 1 labels and of 17 limits 1 differ; 1 without a limit" in sweep.report(data)


def test_a_changed_engine_makes_its_data_stale():
    assert not sweep.is_stale({"activation": "relu", "code": digest.of_flow("relu")})
    assert sweep.is_stale({"activation": "relu", "code": digest.of_flow("erf")})


@pytest.mark.slow
def test_rows_that_are_found_again_renew_the_digest_of_their_file_and_others_do_not(tmp_path, small, capsys):
    log = sweep.Log(tmp_path / "log.jsonl")
    log.append([row | {"seconds": 1.0} for row in small.values()])
    data = sweep.summary(SMALL, log) | {"code": "that of an older engine"}
    path = tmp_path / "small.json"
    sweep.write(data, path)
    confirm.main([str(path), "--workers", "1"])
    assert capsys.readouterr().out == "small: 18 of 18 rows found again\n"
    renewed = json.loads(path.read_text(encoding="utf-8"))
    assert not sweep.is_stale(renewed)
    assert renewed["confirmed"]["rows"] == 18
    assert {**renewed, "code": data["code"]}.items() >= data.items()
    confirm.main([str(path)])  # not stale: nothing to do
    assert capsys.readouterr().out == ""
    data["cells"][1]["losses"][2] += 1e-6
    sweep.write(data, path)
    with pytest.raises(SystemExit, match="small, n = 2, scale 1, seed 2: loss"):
        confirm.main([str(path), "--workers", "1"])
    assert json.loads(path.read_text(encoding="utf-8")) == data


def test_an_anti_copy_is_positive_and_points_away_from_a_teacher_neuron():
    w = np.array([[[0.9, 0.1, 0], [0.3, -0.9, 0], [-0.9, 0.1, 2]]])
    assert sweep.anti_copies(ca.Network(w, [[1.0, 1.0, 1.0]]), 0, 2) == 2
    assert sweep.anti_copies(ca.Network(w, [[1.0, 1.0, -1.0]]), 0, 2) == 1
    assert sweep.anti_copies(ca.Network(w[:, :1], [[1.0]]), 0, 2) == 0


# The committed files.


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def committed(request) -> tuple[Path, dict]:
    return request.param, json.loads(request.param.read_text(encoding="utf-8"))


def test_a_data_file_is_small_and_complete(committed):
    path, data = committed
    assert path.stat().st_size <= 1_000_000
    script = {"phase-diagram": phase_diagram, "start-size": start_size, "relu": relu}[path.stem.rpartition("-")[0]]
    cells = [sweep.Cell(data["k"], cell["n"], cell["scale"], data["activation"]) for cell in data["cells"]]
    assert cells == script.cells(data["k"])
    assert data["seeds"] == script.seeds(data["k"])
    assert f"--k {data['k']} --seeds {data['seeds']} --audit" in data["command"]
    for cell in data["cells"]:
        for name in ("labels", "partitions", "losses", "times", "gradient_norms", "smallest_eigenvalues"):
            assert len(cell[name]) == data["seeds"], (cell["n"], name)
        for name in ("negative", "anti_copies"):
            assert len(cell.get(name, [])) == (data["seeds"] if data["activation"] != "erf" else 0), (cell["n"], name)
        assert {str(seed) for seed in cell["unconverged"]} <= cell["reasons"].keys()
    for row in records.rows(data):
        assert row["label"] not in ("copy-average", "n-copy") or row["converged"] or row["reason"]
        if row["label"] == "copy-average":
            assert (len(row["partition"]), sum(row["partition"])) == (row["n"], row["k"])
        if row["converged"]:
            assert row["gradient_norm"] <= 1e-13


@pytest.mark.slow
def test_a_random_sample_of_a_data_file_is_found_again(committed, rng):
    """Converged rows only: where no limit was reached, the last state is not one that another machine would share."""
    _, data = committed
    rows = [row for row in records.rows(data) if row["converged"] and not row["flagged"]]
    for row in rng.choice(rows, size=8 if data["k"] <= 50 else 2, replace=False):
        cell = sweep.Cell(row["k"], row["n"], row["scale"], data["activation"])
        (found,), _ = sweep.by_flow(cell, [row["seed"]], data["accuracy"])
        assert (found["label"], found["partition"]) == (row["label"], row["partition"]), row
        assert abs(found["loss"] - row["loss"]) <= 1e-9, row


def test_a_data_file_is_of_this_engine(committed):
    _, data = committed
    if sweep.is_stale(data):
        pytest.skip(f"stale since {data['date']}: `make confirm`, or `{data['command']}`, renews it")
