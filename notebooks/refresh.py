"""Execute the notebooks in place, for committing: `make notebooks`."""

import runpy
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
from pathlib import Path

REPOSITORY, WHEEL = "{url}", "{wheel}"
if importlib.util.find_spec("copyavg") is None:
    source = f"copyavg[notebooks] @ git+{{REPOSITORY}}"
    if not REPOSITORY:
        source = f"./{{WHEEL}}[notebooks]"
        how = f"This notebook needs copyavg: put {{WHEEL}} beside it, which "
        how += "the book's page 'How to read and run this book' has. "
        how += "Then run this cell again."
        show = {{"_render_traceback_": lambda error: [how]}}
        if not Path(WHEEL).exists():
            raise type("Missing", (Exception,), show)(how)
    %pip install --quiet "{{source}}"'''


def setup_cell() -> str:
    """Return the first code cell of every notebook."""
    config = yaml.safe_load(
        (HERE.parent / "_config.yml").read_text(encoding="utf-8")
    )
    wheel = runpy.run_path(str(HERE.parent / "book/pack.py"))["WHEEL"]
    return SETUP.format(url=config["repository"]["url"], wheel=wheel)


def refresh(path: Path) -> None:
    """Stamp the first code cell, execute the notebook and write it back."""
    notebook = nbformat.read(path, as_version=4)
    next(
        cell for cell in notebook.cells if cell.cell_type == "code"
    ).source = setup_cell()
    NotebookClient(
        notebook,
        timeout=900,
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
