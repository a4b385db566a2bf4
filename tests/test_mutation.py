"""The mutation run makes the slips it says, judges them rightly, and its committed data say when they are stale."""

import ast
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import mutants
import pytest
import report
import run
import yaml

from copyavg.book.digest import digest_of_files

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments/mutation"
DATA = json.loads((ROOT / "experiments/data/mutation.json").read_text(encoding="utf-8"))["modules"]
CLAIMS = yaml.safe_load((FOLDER / "equivalent.yml").read_text(encoding="utf-8"))


SOURCE = '''\
"""A docstring."""
STEP = lambda x: -x


def half(x: "float" = 2) -> "float":
    """Return x/2."""
    if x is None or not ok(x):
        raise ValueError(f"bad {x!r}")
    y = x / 2
    y += 1
    return np.round(y, digits=10)
'''


def test_every_slip_is_made():
    found = {(mutant.before, mutant.after) for mutant in mutants.mutants(SOURCE)}
    assert found == {
        ("STEP = lambda x: -x", "STEP = None"), ("-x", "(x)"), ("2", "(3)"),
        ("x is None or not ok(x)", "(x is None and (not ok(x)))"),
        ("x is None or not ok(x)", "(not (x is None or not ok(x)))"), ("x is None", "(x is not None)"),
        ("not ok(x)", "(ok(x))"), ("ok(x)", "(ok(None))"), ('ValueError(f"bad {x!r}")', "(ValueError(None))"),
        ('f"bad {x!r}"', "('XX')"), ("y = x / 2", "y = None"), ("x / 2", "(x * 2)"), ("2", "(3)"), ("y += 1", "y -= 1"),
        ("y += 1", "y = 1"), ("1", "(2)"), ("return np.round(y, digits=10)", "return None"),
        ("np.round(y, digits=10)", "(np.round(None, digits=10))"), ("np.round(y, digits=10)", "(np.round(y))"),
        ("10", "(11)"),
    }  # fmt: skip


@pytest.mark.parametrize("module", run.modules())
def test_every_mutant_is_another_program_with_a_name_of_its_own(module):
    source = run.module_path(module).read_text(encoding="utf-8")
    made = mutants.mutants(source)
    assert len({mutant.name for mutant in made}) == len(made)
    for mutant in made[:: max(1, len(made) // 30)]:
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(source)), mutant.name


def test_only_tests_that_reach_a_mutant_are_run_and_the_likeliest_first():
    observed = {
        "tests/test_other.py::quick": {"seconds": 0.1, "lines": [9]},
        "tests/test_own.py::slow": {"seconds": 3.0, "lines": [9, 10]},
        "tests/test_own.py::quick": {"seconds": 0.2, "lines": [9]},
        "tests/test_own.py::elsewhere": {"seconds": 0.0, "lines": [7]},
    }
    division, step = (
        next(mutant for mutant in mutants.mutants(SOURCE) if mutant.before == before) for before in ("x / 2", "-x")
    )
    quick, slow, other = "tests/test_own.py::quick", "tests/test_own.py::slow", "tests/test_other.py::quick"
    for kills, own in [({}, [quick, slow]), ({slow: 20}, [slow, quick])]:
        assert run.tests_of(division, observed, "tests/test_own.py", Counter(kills)) == [own, [other]]
    assert run.tests_of(step, observed, "tests/test_own.py", Counter()) == []  # nothing calls it


@pytest.mark.slow
def test_a_run_kills_stops_and_goes_on(tmp_path):
    command = [sys.executable, FOLDER / "run.py", "book.check", "--work", tmp_path / "work"]
    command += ["--output", tmp_path / "mutation.json", "--limit", "3"]
    for tried in (3, 6):
        shown = subprocess.run(command, capture_output=True, text=True)
        assert shown.returncode == 0, shown.stderr
        assert shown.stderr == ""  # the progress bar is for terminals
        entry = json.loads((tmp_path / "mutation.json").read_text(encoding="utf-8"))["modules"]["book.check"]
        assert (entry["killed"], entry["untried"]) == (tried, entry["mutants"] - tried)


@pytest.mark.parametrize(
    ("work", "verdict"), [("0", "survived"), ("1", "killed"), ("spin()", "timeout"), ("time.sleep(9)", "timeout")]
)
def test_a_mutant_is_given_time_of_a_processor_not_of_the_clock(work, verdict, tmp_path, monkeypatch):
    """A mutant that computes without end is stopped, and one that sleeps; a busy machine stops none."""

    def spin() -> None:
        while True:
            pass

    monkeypatch.setattr(run, "pytest_code", lambda *_: eval(work, {"spin": spin, "time": time}))
    monkeypatch.setattr(run, "ASLEEP", 2 if "sleep" in work else 1000)
    (module := run.module_path("book.check", tmp_path)).parent.mkdir(parents=True)
    mutant = mutants.mutants(run.module_path("book.check").read_text(encoding="utf-8"))[0]
    running = run.Run("book.check", mutant, tmp_path, [["a test"]], limit=1)
    assert module.exists()
    while (found := running.verdict()) is None:
        time.sleep(0.01)
    assert found == verdict


def test_a_file_that_cannot_be_written_is_refused_before_the_work_begins(tmp_path):
    output = tmp_path / "nowhere/mutation.json"
    shown = subprocess.run([sys.executable, FOLDER / "run.py", "--output", output], capture_output=True, text=True)
    assert shown.returncode == 2
    assert shown.stderr.endswith(f"--output must be a file in an existing folder, but was given {output}\n")


def test_a_changed_module_makes_its_result_stale(tmp_path):
    name, path = "points.configurations", tmp_path / "copyavg/points/configurations.py"
    path.parent.mkdir(parents=True)
    entry = {"code": digest_of_files([run.module_path(name)])}
    assert report.is_stale(name, entry, tmp_path)  # it is not there
    path.write_bytes(run.module_path(name).read_bytes() + b"\n# A remark.\n")
    assert not report.is_stale(name, entry, tmp_path)
    path.write_bytes(path.read_bytes() + b"\nMORE = 1\n")
    assert report.is_stale(name, entry, tmp_path)


def test_too_few_killed_or_too_many_excuses_miss_the_target():
    entry = {"mutants": 100, "killed": 90, "timeout": 6, "equivalent": [{}, {}]}
    assert report.meets_targets(entry)
    assert not report.meets_targets(entry | {"timeout": 4})
    assert not report.meets_targets(entry | {"equivalent": [{}] * 3})


@pytest.mark.parametrize("module", DATA)
def test_the_committed_counts_add_up_and_meet_the_target(module):
    entry = DATA[module]
    parts = (entry["killed"], entry["timeout"], len(entry["survived"]), len(entry["equivalent"]), entry["untried"])
    assert sum(parts) == entry["mutants"]
    assert entry["untried"] == 0
    assert report.meets_targets(entry)


@pytest.mark.parametrize("module", CLAIMS)
def test_every_claim_of_equivalence_is_about_a_mutant_and_gives_a_reason(module):
    made = {mutant.name for mutant in mutants.mutants(run.module_path(module).read_text(encoding="utf-8"))}
    for claim in CLAIMS[module]:
        assert claim.keys() == {"mutant", "reason"}
        assert claim["mutant"] in made, "the line has changed: is the claim still needed?"
        assert len(claim["reason"]) > 20
