"""Execute the notebooks in place, for committing: `make notebooks`."""

import sys
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from tqdm import tqdm

HERE = Path(__file__).parent

SETUP = '''\
# Away from the book (Colab, a download) this cell provides its module copyavg.
import importlib.util

REPOSITORY = "{url}"
if importlib.util.find_spec("copyavg") is None:
    if not REPOSITORY:
        how = "This notebook needs copyavg. In a copy of the book's repository,"
        how += " run: pip install '.[figures]'"
        show = {{"_render_traceback_": lambda error: [how]}}
        raise type("Missing", (Exception,), show)(how)
    %pip install --quiet "copyavg[figures] @ git+{{REPOSITORY}}"'''


def setup_cell() -> str:
    """Return the first code cell of every notebook."""
    config = yaml.safe_load(
        (HERE.parent / "_config.yml").read_text(encoding="utf-8")
    )
    return SETUP.format(url=config["repository"]["url"])


def refresh(path: Path) -> None:
    """Stamp the first code cell, execute the notebook and write it back."""
    notebook = nbformat.read(path, as_version=4)
    next(
        cell for cell in notebook.cells if cell.cell_type == "code"
    ).source = setup_cell()
    NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        resources={"metadata": {"path": str(HERE)}},
    ).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {
        "name": "python",
        "file_extension": ".py",
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    chosen = [Path(name) for name in sys.argv[1:]] or sorted(
        HERE.glob("*.ipynb")
    )
    for chapter in tqdm(chosen, unit="notebook"):
        refresh(chapter)
