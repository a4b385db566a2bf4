"""The house: import order, public names and their documentation, and files that must agree with each other."""

import ast
import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images
from packaging.specifiers import SpecifierSet

import copyavg

ROOT = Path(__file__).parent.parent
# Ground floor first; a module may import only from those before it.
ROOMS = [
    "arrays",
    "activations",
    "network",
    "interaction",
    "landscape",
    "search",
    "symmetry",
    "blocks",
    "newton",
    "profile",
    "averaging",
    "branch",
    "configurations",
    "stability",
    "classify",
    "compiled",
    "kernels",
    "steppers",
    "kink",
    "limits",
    "batched",
    "flow",
    "records",
    "certificates",
    "exercises",
    "figures",
]
PUBLIC = [getattr(copyavg, name) for name in copyavg.__all__]


def imported_rooms(path: Path) -> set[str]:
    """The modules of copyavg that a file imports, wherever in the file."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("copyavg")):
            module = (node.module or "").removeprefix("copyavg").removeprefix(".")
            rooms |= {module.split(".")[0]} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            rooms |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("copyavg.")}
    return rooms


def test_every_module_has_its_place():
    rooms = [
        path.stem
        for path in (ROOT / "copyavg").iterdir()
        if path.suffix == ".py" or path / "__init__.py" in path.glob("*")
    ]
    assert sorted(set(rooms) - {"__pycache__"}) == sorted([*ROOMS, "__init__"])


@pytest.mark.parametrize("room", ROOMS)
def test_a_module_imports_only_from_those_before_it(room):
    path = ROOT / "copyavg" / room
    within = {part.stem for part in path.glob("*.py")}
    parts = list(path.glob("*.py")) or [path.with_suffix(".py")]
    rooms = set().union(*(imported_rooms(part) for part in parts))
    assert rooms - within <= set(ROOMS[: ROOMS.index(room)])


def test_a_chapter_s_figures_import_only_the_style():
    for path in (ROOT / "copyavg/figures").glob("*.py"):
        assert path.stem == "__init__" or imported_rooms(path) <= {"style"}, path.stem


@pytest.mark.parametrize("room", [room for room in ROOMS if room != "figures"])
def test_every_module_has_a_test_file(room):
    assert (ROOT / "tests" / f"test_{room}.py").exists()


def test_importing_copyavg_loads_nothing_that_most_readers_do_not_need():
    heavy = "('matplotlib', 'ipywidgets', 'torch', 'numba', 'joblib', 'scipy.optimize', 'scipy.stats')"
    code = f"import sys, copyavg; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_names_that_load_late_are_there_like_the_others():
    assert set(copyavg.__all__) <= set(dir(copyavg))
    with pytest.raises(AttributeError, match="module 'copyavg' has no attribute 'gradient_flw'"):
        copyavg.gradient_flw  # noqa: B018


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_public_names_are_documented_with_an_example(thing):
    text = inspect.getdoc(thing)
    assert text.splitlines()[0].endswith(".")
    assert ">>>" in text
    for parameter in inspect.signature(thing).parameters:
        shared = "Parameters, errors" in text  # a function of a family points to its head
        assert shared or re.search(rf"^.*\b{parameter}\b.* : ", text, re.M), f"{parameter} is not documented"


def test_the_drawn_hook_is_the_committed_one(tmp_path):
    subprocess.run([sys.executable, ROOT / "book/assets/hook.py", tmp_path / "hook.png"], check=True)
    assert compare_images(ROOT / "book/assets/hook.png", tmp_path / "hook.png", tol=1) is None, "run `make figures`"


def pins(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def test_requirements_are_pinned_and_install_copyavg():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "-e ."
    assert all("==" in line for line in lines[:-1] if not line.startswith("#"))
    assert pins(ROOT / "requirements.txt")["jupyter-book"] == "1.0.4.post1"


@pytest.mark.parametrize("python", ["3.11.0", "3.11.2", "3.12.0", "3.13.0", "3.14.0"])  # 3.11.2 is Debian 12's
def test_every_pin_installs_on_this_python(python):
    needs = {name: importlib.metadata.metadata(name).get("Requires-Python") for name in pins(ROOT / "requirements.txt")}
    assert {name: need for name, need in needs.items() if need and python not in SpecifierSet(need)} == {}


def test_binder_installs_the_versions_of_the_book():
    assert pins(ROOT / "binder/requirements.txt").items() <= pins(ROOT / "requirements.txt").items()


def test_the_readme_names_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"book", "test", "lab", "check", "help"} <= named <= targets
