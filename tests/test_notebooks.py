"""Notebooks are committed executed, compare strictly, and start anywhere."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

spec = importlib.util.spec_from_file_location("refresh", ROOT / "notebooks/refresh.py")
refresh = importlib.util.module_from_spec(spec)
spec.loader.exec_module(refresh)


def code_cells(path: Path) -> list:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_every_code_cell_was_executed(path):
    assert [cell.execution_count for cell in code_cells(path)] == list(range(1, len(code_cells(path)) + 1))


@every_notebook
def test_no_cell_hides_from_comparison(path):
    for cell in code_cells(path):
        assert "NBVAL" not in cell.source
        assert not {tag for tag in cell.metadata.get("tags", []) if "nbval" in tag.lower()}
        assert not [output for output in cell.outputs if output.output_type == "stream" and output.name == "stderr"]


@every_notebook
def test_the_first_cell_is_the_setup_cell(path):
    assert code_cells(path)[0].source == refresh.setup_cell(), "run `make notebooks`"


@every_notebook
def test_every_figure_has_alternative_text(path):
    for cell in code_cells(path):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert len(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")) > 40, cell.source


@every_notebook
def test_every_page_says_what_it_is_about(path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert 50 < len(metadata["myst"]["html_meta"]["description"]) < 200


@every_notebook
def test_certificates_show_no_digits_that_another_machine_would_change(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "") + output.get("text", "")
            assert not re.search(r"\d\.\d{6,}|\d\.\d+[eE]-1\d", text), text


def test_without_copyavg_the_setup_cell_says_what_to_do():
    """In a kernel that cannot find copyavg: a sentence and no traceback; with it: nothing at all."""
    run = (
        "from IPython.core.interactiveshell import InteractiveShell as Shell\n"
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "if sys.argv[1] == 'hide': importlib.util.find_spec = lambda name: None if name == 'copyavg' else find(name)\n"
        "Shell.instance().run_cell(sys.argv[2])"
    )
    command = [sys.executable, "-c", run]
    shown = subprocess.run([*command, "hide", refresh.setup_cell()], capture_output=True, text=True).stdout
    assert shown.strip() == (
        "This notebook needs copyavg. In a copy of the book's repository, run: pip install '.[figures]'"
    )
    shown = subprocess.run([*command, "show", refresh.setup_cell()], capture_output=True, text=True).stdout
    assert shown == ""


def nbval(path: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", path, "-q", "-c", "/dev/null", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_tampered_number_turns_nbval_red(tmp_path):
    """The gate itself: one digit changed in one committed output must fail, and the untouched copy must pass."""
    path = Path(shutil.copy(NOTEBOOKS[0], tmp_path))
    assert nbval(path).returncode == 0
    notebook = nbformat.read(path, as_version=4)
    output = next(o for c in notebook.cells if c.cell_type == "code" for o in c.outputs if "1e-13" in str(o))
    output.data["text/plain"] = output.data["text/plain"].replace("1e-13", "1e-12")
    nbformat.write(notebook, path)
    result = nbval(path)
    assert result.returncode == 1
    assert "1 failed" in result.stdout
