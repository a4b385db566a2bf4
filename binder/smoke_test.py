"""Run every notebook in a fresh copy of the Binder environment, on one core, and hold it to 2 GB: `make binder-test`.

Uses only the standard library outside that environment. `--without-index` leaves out the CPU-only index that the
requirements name, for a machine that cannot reach it (pip would try it anew for every package).
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 2 * 2**30

# Runs inside the fresh environment: execute one notebook and report the peak memory of its whole process tree.
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
        peak = max(peak, sum(map(resident, [me, *me.children(recursive=True)])))
        time.sleep(0.05)

peak = 0
threading.Thread(target=watch, daemon=True).start()
folder, name = os.path.split(sys.argv[1])
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
print(peak)
"""


def requirements(folder: Path) -> Path:
    """Return the requirements to install: Binder's own, or a copy without the extra index."""
    source = ROOT / "binder/requirements.txt"
    if "--without-index" not in sys.argv[1:]:
        return source
    lines = source.read_text(encoding="utf-8").splitlines()
    copy = folder / source.name
    copy.write_text("\n".join(line for line in lines if not line.startswith("--")), encoding="utf-8")
    return copy


def main() -> None:
    """Build the environment in a temporary folder, run the notebooks, fail on an error or on too much memory."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder, "bin", "python")
        environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", requirements(Path(folder))], check=True, cwd=ROOT)
        subprocess.run(["bash", ROOT / "binder/postBuild"], check=True, cwd=ROOT, env=environment)
        failures = []
        for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
            start = time.perf_counter()
            run = subprocess.run([python, "-c", RUN, notebook], stdout=subprocess.PIPE, text=True, env=environment)
            peak = int(run.stdout.split()[-1]) if run.returncode == 0 else 0
            verdict = "failed" if run.returncode else "too large" if peak > LIMIT else "ok"
            failures += [notebook.name] if verdict != "ok" else []
            seconds = time.perf_counter() - start
            print(f"{notebook.name}: {verdict}, {seconds:.0f} s on one core, {peak / 2**20:.0f} MiB", flush=True)
    sys.exit(f"did not run within the limits of Binder: {', '.join(failures)}" if failures else 0)


if __name__ == "__main__":
    main()
