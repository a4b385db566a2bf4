"""Mutation run: do the tests notice a small slip in a module? `make mutation`, half an hour on two cores.

Every mutant of a module meets the fast tests that reach its line: the module's own tests first, and no more after the
first that fails; those that are quick and have killed before come first. A process that has imported everything but
`copyavg` is forked for each mutant, so that a mutant costs what its tests cost. (Off-the-shelf tools either start
Python for each, or leave out what stands outside functions, where activations are defined.) Array shapes are not
checked meanwhile: that would take most of the time, and the other tests should notice as much. Stop it when you like:
it goes on where it was, and keeps what it knows of a mutant while the module is unchanged and, if the mutant survived,
the tests are. The result is experiments/data/mutation.json, which the page Mutation shows.
"""

import argparse
import ast
import gc
import importlib
import json
import math
import os
import platform
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import date
from pathlib import Path

import coverage
import pytest
import yaml
from mutants import Mutant, mutants
from report import module_path, modules
from tqdm import tqdm

from copyavg.book.digest import digest_of_files

ROOT = Path(__file__).parents[2]
WORK = ROOT / "_build" / "mutation"
DATA = ROOT / "experiments/data/mutation.json"
EQUIVALENT = ROOT / "experiments/mutation/equivalent.yml"

CHOSEN = "not slow and not site"
LONGEST = 10  # seconds of a processor for the tests of one mutant, and five times what they take without it
ASLEEP = 10  # times as long, on the clock, and a mutant waits for what never comes
MEMORY = 8 * 2**30


def test_files(module: str) -> list[str]:
    """The files whose tests a mutant meets: its own or its wing's, those that import it, properties, docstrings."""
    tests, here = ROOT / "tests", f"copyavg.{module}"
    own = [tests / f"test_{part}.py" for part in reversed(module.split("."))]
    others = [path for path in sorted(tests.glob("test_*.py")) if imports(path, here)]
    properties = [tests / "test_properties.py"] * (not module.startswith("book."))
    found = [path for path in (*own, *others, *properties) if path.exists()]
    found = dict.fromkeys(path.relative_to(ROOT).as_posix() for path in found)
    return [*found, module_path(module).relative_to(ROOT).as_posix()]


def imports(path: Path, module: str) -> bool:
    """Whether a file imports from a module."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return any(isinstance(node, ast.ImportFrom) and node.module == module for node in nodes)


def prepare(module: str, work: Path, processes: int) -> tuple[list[Path], dict[str, dict]]:
    """Copies of the code and the tests, in which one mutant at a time is written, and what the tests do there.

    The first run of the tests compiles everything; no mutant is ever compiled to a file.
    """
    first, *others = places = [work / f"copy-{slot}" for slot in range(processes)]
    shutil.rmtree(first, ignore_errors=True)
    shutil.copytree(ROOT, first, ignore=shutil.ignore_patterns("__pycache__", "_build", ".*"))
    observed = observe(module, first)
    for place in others:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(first, place)
    return places, observed


def in_a_child(place: Path, work: Callable[[], int], output: Path, limit: float | None = None) -> int:
    """Fork a process that works in `place`, for at most `limit` seconds of a processor; its exit code is `work`'s."""
    child = os.fork()
    if child:
        return child
    code = 3
    try:
        os.setpgid(0, 0)
        os.chdir(place)
        for name in [name for name in sys.modules if name.partition(".")[0] == "copyavg"]:
            del sys.modules[name]  # the digest has loaded it; here the copy is what counts
        sys.path[:0] = [str(place), str(place / "tests")]
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit) + 1))
        with output.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


QUIET = ["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=line", "-m", CHOSEN]


def pytest_code(arguments: list[str], plugins: tuple = ()) -> int:
    """Run pytest in this process; 0 if all chosen tests pass."""
    return int(pytest.main([*QUIET, *arguments], plugins=list(plugins)))


class Observer:
    """A pytest plugin that notes, for every test, how long it takes and which lines of the module it reaches.

    And, for all of them, which modules they import from elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.tests = str(path), {}
        self.coverage = coverage.Coverage(data_file=None, include=[self.path], config_file=False)
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note one test."""
        self.coverage.switch_context(item.nodeid)
        start = time.process_time()
        result = yield
        self.tests[item.nodeid] = time.process_time() - start
        return result

    def pytest_sessionfinish(self) -> None:
        """Write what was seen, in the order in which the tests ran."""
        self.coverage.stop()
        lines = self.coverage.get_data().contexts_by_lineno(self.path)
        reached = {test: sorted(line for line, tests in lines.items() if test in tests) for test in self.tests}
        tests = {test: {"seconds": seconds, "lines": reached[test]} for test, seconds in self.tests.items()}
        here = str(Path.cwd())
        modules = [name for name, m in sys.modules.items() if not (getattr(m, "__file__", "") or here).startswith(here)]
        Path("observed.json").write_text(json.dumps({"tests": tests, "modules": modules}))


def observe(module: str, place: Path) -> dict[str, dict]:
    """Run the tests on the unchanged module; they must pass."""

    def work() -> int:
        sys.dont_write_bytecode = False
        return pytest_code(test_files(module), [Observer(module_path(module, place))])

    log = place / "log"
    _, status = os.waitpid(in_a_child(place, work, log), 0)
    if status:
        sys.exit(f"The tests of {module} do not pass as it is:\n{log.read_text()[-3000:]}")
    observed = json.loads((place / "observed.json").read_text())
    for name in observed["modules"]:  # once, for all mutants
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage five times at the end: not among all that
    return observed["tests"]


class Killer:
    """A pytest plugin that notes which test failed."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note it."""
        if report.failed:
            Path("killer").write_text(report.nodeid)


def tests_of(mutant: Mutant, observed: dict[str, dict], own: str, kills: Counter[str]) -> list[list[str]]:
    """The tests that reach the mutant, in two batches: those of the module's own file, then all others.

    Within a batch the quicker and the more successful so far come first.
    """
    span = set(range(mutant.line, mutant.last_line + 1))
    chosen = [test for test, seen in observed.items() if not mutant.when_called or span & set(seen["lines"])]
    chosen.sort(key=lambda test: observed[test]["seconds"] / (1 + kills[test]))
    batches = [[test for test in chosen if (test.split("::")[0] == own) == first] for first in (True, False)]
    return [batch for batch in batches if batch]


class Run:
    """A mutant whose tests are running."""

    def __init__(self, module: str, mutant: Mutant, place: Path, batches: list[list[str]], limit: float) -> None:
        self.mutant, self.place, self.start, self.limit = mutant, place, time.monotonic(), limit
        module_path(module, place).write_text(mutant.source, encoding="utf-8")

        def work() -> int:
            sys.dont_write_bytecode = True
            return next((code for batch in batches if (code := pytest_code(batch, (Killer(),)))), 0)

        (place / "killer").write_text("")
        self.pid = in_a_child(place, work, place / "log", limit)

    def verdict(self) -> str | None:
        """Return "survived", "killed" or "timeout"; or None while the tests still run."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid and os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
            return "timeout"
        if pid:
            return "survived" if status == 0 else "killed"
        if time.monotonic() - self.start < ASLEEP * self.limit:
            return None
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return "timeout"


def verdicts(module: str, todo: list[Mutant], places: list[Path], observed: dict) -> Iterator[tuple[Mutant, str]]:
    """Yield every mutant with its verdict, in the order in which they come."""
    own, waiting, running = test_files(module)[0], list(reversed(todo)), []
    free, kills = list(places), Counter()
    while waiting or running:
        while waiting and free:
            mutant = waiting.pop()
            batches = tests_of(mutant, observed, own, kills)
            if not batches:
                yield mutant, "unreached"
                continue
            expected = sum(observed[test]["seconds"] for batch in batches for test in batch)
            running.append(Run(module, mutant, free.pop(), batches, LONGEST + 5 * expected))
        time.sleep(0.01)
        for run in list(running):
            if verdict := run.verdict():
                running.remove(run)
                kills[(run.place / "killer").read_text()] += 1
                free.append(run.place)
                yield run.mutant, verdict


def mutate(module: str, work: Path, processes: int, limit: int | None, again: Collection[str] = ()) -> dict:
    """Try the mutants of a module of which nothing is known yet, or a verdict to be sought again; return its entry."""
    path, known_path = module_path(module), work / f"{module}.json"
    fingerprint = {
        "module": digest_of_files([path]),
        "tests": digest_of_files(ROOT / name for name in test_files(module)),
    }
    known = json.loads(known_path.read_text()) if known_path.exists() else {}
    same_module = known.get("module") == fingerprint["module"]
    same_tests = known.get("tests") == fingerprint["tests"]
    found = {
        name: verdict
        for name, verdict in known.get("verdicts", {}).items()
        if same_module and (same_tests or verdict in ("killed", "timeout")) and verdict not in again
    }
    every = mutants(path.read_text(encoding="utf-8"))
    todo = [mutant for mutant in every if mutant.name not in found][:limit]
    if todo:
        places, observed = prepare(module, work, processes)
        bar = tqdm(verdicts(module, todo, places, observed), total=len(todo), desc=module, unit="mutant", disable=None)
        for mutant, verdict in bar:
            found[mutant.name] = verdict
            bar.set_postfix(survived=sum(v in ("survived", "unreached") for v in found.values()))
            known_path.write_text(json.dumps({**fingerprint, "verdicts": found}))
    return summary(module, fingerprint["module"], every, found)


def summary(module: str, code: str, every: list[Mutant], found: dict[str, str]) -> dict:
    """Count the verdicts; a survivor is equivalent if equivalent.yml says so and why."""
    reasons = {claim["mutant"]: claim["reason"] for claim in claims().get(module, [])}
    tried = [mutant for mutant in every if mutant.name in found]
    left = [mutant for mutant in tried if found[mutant.name] in ("survived", "unreached")]
    return {
        "code": code,
        "mutants": len(every),
        "untried": len(every) - len(tried),
        "killed": sum(found[mutant.name] == "killed" for mutant in tried),
        "timeout": sum(found[mutant.name] == "timeout" for mutant in tried),
        "survived": [
            {"line": mutant.line, "mutant": mutant.name, "reached": found[mutant.name] == "survived"}
            for mutant in left
            if mutant.name not in reasons
        ],
        "equivalent": [
            {"line": mutant.line, "mutant": mutant.name, "reason": reasons[mutant.name]}
            for mutant in left
            if mutant.name in reasons
        ],
    }


def claims() -> dict[str, list[dict]]:
    """The mutants that are claimed to change nothing, by module."""
    return yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or {}


def main() -> None:
    """Run the mutants of the modules asked for, and write the data file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=modules(), help="all that there are, unless named")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK, help="where copies and unfinished results are kept")
    parser.add_argument("--limit", type=int, help="at most so many new mutants of each module, for a try")
    parser.add_argument(
        "--again", nargs="*", default=(), help="verdicts to seek again, such as timeout, on a quiet machine"
    )
    options = parser.parse_args()
    if unknown := set(options.modules) - set(modules()):
        parser.error(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(modules())}")
    if not options.output.parent.is_dir():
        parser.error(f"--output must be a file in an existing folder, but was given {options.output}")
    os.nice(10)
    # The threads that libraries start when they are imported are idle when this process is forked.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HYPOTHESIS_PROFILE": "mutation",
        "JAXTYPING_DISABLE": "1",
    }
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and some take seconds
    options.work.mkdir(parents=True, exist_ok=True)
    report = {"modules": {}}
    if options.output.exists():
        report = json.loads(options.output.read_text(encoding="utf-8"))
        report["modules"] = {name: entry for name, entry in report["modules"].items() if name in modules()}
    for module in options.modules:
        start = time.monotonic()
        entry = mutate(module, options.work, options.processes, options.limit, options.again)
        entry |= {"date": date.today().isoformat(), "python": platform.python_version()}
        report["modules"][module] = entry
        options.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        caught = entry["killed"] + entry["timeout"]
        print(
            f"{module}: {caught} of {entry['mutants']} mutants killed, {len(entry['survived'])} survived, "
            f"{len(entry['equivalent'])} claimed equivalent, {entry['untried']} untried; "
            f"{time.monotonic() - start:.0f} s"
        )


if __name__ == "__main__":
    main()
