"""The house: import order, public names and their documentation, and files that must agree with each other."""

import importlib.metadata
import inspect
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images
from packaging.specifiers import SpecifierSet

import copyavg

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}
MODULES = [path for path in (ROOT / "copyavg").rglob("*.py") if path.stem != "__init__"]
PUBLIC = [getattr(copyavg, name) for name in copyavg.__all__]


def test_data_flows_one_way():
    """The contract stands in pyproject.toml."""
    shown = subprocess.run(["lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, env=ENVIRONMENT)
    assert shown.returncode == 0, shown.stdout


def test_every_module_stands_in_the_contract():
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    named = set(re.findall(r"copyavg\.(\w+)", str(layers)))
    assert {path.relative_to(ROOT / "copyavg").parts[0].removesuffix(".py") for path in MODULES} == named


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_has_a_test_file_of_its_own_or_of_its_wing(path):
    names = path.relative_to(ROOT / "copyavg").with_suffix("").parts
    assert any((ROOT / f"tests/test_{name}.py").exists() for name in names)


def test_a_wheel_has_all_that_a_reader_needs():
    """Every package, the data of the sweeps, and the mark that says that annotations are to be trusted."""
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {"copyavg", *(".".join(path.parent.relative_to(ROOT).parts) for path in MODULES)}
    assert set(setup["tool"]["setuptools"]["packages"]) == packages
    assert setup["project"]["version"] == copyavg.__version__


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
    if isinstance(thing, type) and issubclass(thing, Exception):
        return
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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_targets_that_are_named_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = set(re.findall(r"`make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8")))
    assert {"book", "test", "check", "help"} <= named <= targets


def test_every_chapter_is_in_the_contents():
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    files = [path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert [name for name in files if f"file: {name}\n" not in contents] == []


def test_committed_data_do_not_name_the_machine():
    """No folder, no host: only a command of the repository has a path."""
    for path in [*(ROOT / "experiments/data").glob("*.json"), *(ROOT / "copyavg/book/data").glob("*.json")]:
        data = json.loads(path.read_text(encoding="utf-8"))
        assert "/" not in json.dumps(data.get("machine", {})), path.stem
        assert not re.search(r"/(home|root|tmp|usr|Users)/", json.dumps(data)), path.stem
