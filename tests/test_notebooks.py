"""Notebooks are committed executed, compare strictly, and start anywhere."""

import importlib.util
import re
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
def test_outputs_show_no_digits_that_another_machine_would_change(path):
    """A bound may be small, of a certificate; any other small number is what rounding has left."""
    for cell in code_cells(path):
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "") + output.get("text", "")
            for line in text.splitlines():
                assert not re.search(r"\d\.\d{6,}|\d\.\d+[eE]-1\d", line), line
                assert line.startswith("✓") or not re.search(r"\d[eE]-\d", line), line


def test_without_copyavg_the_setup_cell_says_what_to_do(tmp_path):
    """In a kernel that cannot find copyavg: a sentence and no traceback; with it: nothing at all."""
    run = (
        "from IPython.core.interactiveshell import InteractiveShell as Shell\n"
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "if sys.argv[1] == 'hide': importlib.util.find_spec = lambda name: None if name == 'copyavg' else find(name)\n"
        "shell = Shell.instance()\n"
        "shell.run_line_magic = lambda name, line, **_: print(name, shell.var_expand(line))\n"
        "shell.run_cell(sys.argv[2])"
    )

    def shown(mode: str) -> str:
        command = [sys.executable, "-c", run, mode, refresh.setup_cell()]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout.strip()

    wheel = re.search(r"copyavg-[\d.]+-py3-none-any\.whl", refresh.setup_cell())[0]
    assert shown("hide") == (
        f"This notebook needs copyavg: put {wheel} beside it, which the book's page 'How to read and run this book' "
        "has. Then run this cell again."
    )
    (tmp_path / wheel).touch()
    assert shown("hide") == f'pip install --quiet "./{wheel}[notebooks]"'
    assert shown("show") == ""


@pytest.mark.slow
def test_a_tampered_number_turns_nbval_red(tmp_path):
    """The gate itself, on the first cells of a chapter: one digit changed in one output must fail, and nothing else."""
    notebook = nbformat.read(NOTEBOOKS[1], as_version=4)  # its first certificate comes soon
    texts = [str(cell.get("outputs")) for cell in notebook.cells]
    certificate = next(i for i, text in enumerate(texts) if "1e-13" in text)
    notebook.cells = notebook.cells[: certificate + 1]
    nbformat.write(notebook, tmp_path / "untouched.ipynb")
    output = next(output for output in notebook.cells[-1].outputs if "1e-13" in str(output))
    output.data["text/plain"] = output.data["text/plain"].replace("1e-13", "1e-12")
    nbformat.write(notebook, tmp_path / "tampered.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbval", tmp_path, "-q", "-c", "/dev/null", "-p", "no:cacheprovider"]
    shown = subprocess.run(command, capture_output=True, text=True).stdout
    cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    assert re.search(rf"^1 failed, {2 * cells - 1} passed", shown, re.M), shown
    assert "tampered.ipynb::Cell" in shown.replace(f"{tmp_path}/", "")
