"""Run every chapter away from the book: `make alone`, `make binder-test`.

The notebooks are copied to an empty folder, and copyavg is installed from its
wheel into an empty environment: with the newest versions of what it needs,
with the lowest that pyproject.toml allows, or with those of Colab. With
`binder` the environment is Binder's, on one core, and 2 GB must suffice.
Uses only the standard library outside that environment.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 2 * 2**30
# googlecolab/backend-info, runtime 2026.01, on Python 3.12
COLAB = [
    "numpy==2.0.2",
    "scipy==1.16.3",
    "numba==0.60.0",
    "matplotlib==3.10.0",
]
RUNNER = ["ipykernel", "nbclient", "psutil"]

# Runs inside the environment: execute one notebook and report the peak memory
# of its whole process tree.
RUN = """
import os, sys, threading, time
import nbformat, psutil
from nbclient import NotebookClient

def resident(process):
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0

def watch():
    global peak
    while True:
        me = psutil.Process()
        tree = [me, *me.children(recursive=True)]
        peak = max(peak, sum(map(resident, tree)))
        time.sleep(0.05)

peak = 0
threading.Thread(target=watch, daemon=True).start()
folder, name = os.path.split(sys.argv[1])
notebook = nbformat.read(sys.argv[1], as_version=4)
resources = {"metadata": {"path": folder}}
NotebookClient(notebook, timeout=900, resources=resources).execute()
print(peak)
"""


def lowest() -> list[str]:
    """Return the lowest versions that pyproject.toml allows, as constraints."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    needed = (
        project["dependencies"]
        + project["optional-dependencies"]["notebooks"]
    )
    return [requirement.replace(">=", "==") for requirement in needed]


def install(
    python: Path, versions: str, folder: Path, without_index: bool
) -> None:
    """Install copyavg and what runs a notebook, by one of the four ways."""
    pip = [python, "-m", "pip", "install", "--quiet"]
    pip += ["--disable-pip-version-check"]
    if versions == "binder":
        source = ROOT / "binder/requirements.txt"
        lines = source.read_text(encoding="utf-8").splitlines()
        if without_index:
            lines = [line for line in lines if not line.startswith("--")]
        copy = folder / source.name
        copy.write_text("\n".join(lines), encoding="utf-8")
        subprocess.run([*pip, "-r", copy], check=True)
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        command = ["bash", ROOT / "binder/postBuild"]
        subprocess.run(
            command, check=True, cwd=ROOT, env=os.environ | {"PATH": path}
        )
        return
    (wheel,) = (ROOT / "_build/source").glob("copyavg-*.whl")
    pinned = {"newest": [], "lowest": lowest(), "colab": COLAB}[versions]
    subprocess.run(
        [*pip, f"{wheel}[notebooks]", *pinned, *RUNNER], check=True
    )


def run(python: Path, notebook: Path, versions: str) -> str | None:
    """Run a notebook, say how it went, and return what is wrong."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_NUM_THREADS")
    }
    environment["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    if versions == "binder":
        environment["NUMBA_CPU_NAME"] = "generic"  # as binder/start does
    start = time.perf_counter()
    done = subprocess.run(
        [python, "-c", RUN, notebook],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    peak = int(done.stdout.split()[-1]) if done.returncode == 0 else 0
    wrong = "failed" if done.returncode else None
    if peak > LIMIT:
        wrong = "needs more than 2 GiB"
    seconds = time.perf_counter() - start
    print(
        f"{notebook.name}: {wrong or 'ok'}, {seconds:.0f} s, "
        f"{peak / 2**20:.0f} MiB",
        flush=True,
    )
    return wrong


def main() -> None:
    """Build the environment, run the notebooks, fail if one of them does."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "versions", choices=("newest", "lowest", "colab", "binder")
    )
    parser.add_argument(
        "--without-index",
        action="store_true",
        help="leave out the CPU-only index that Binder's requirements name, "
        "for a machine that cannot reach it",
    )
    options = parser.parse_args()
    if options.versions == "binder" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin/python"
        install(python, options.versions, folder, options.without_index)
        empty = folder / "chapters"
        empty.mkdir()
        failures = []
        for source in sorted((ROOT / "notebooks").glob("*.ipynb")):
            copy = Path(shutil.copy(source, empty))
            if run(python, copy, options.versions):
                failures.append(source.name)
    if failures:
        sys.exit(
            f"did not run alone, {options.versions}: {', '.join(failures)}"
        )


if __name__ == "__main__":
    main()
