"""What is compiled is announced, kept where that is possible, and never older than the code."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import copyavg as ca
from copyavg.flow import compiled
from copyavg.flow.steppers import follow

TWICE = "from .compiled import compiled\n\n\n@compiled\ndef twice(x):\n    return 2.0 * x\n"
FOUR_TIMES = (
    "from .compiled import compiled\nfrom .kernels import twice\n\n\n"
    "@compiled\ndef four_times(x):\n    return twice(twice(x))\n"
)
RUN = [sys.executable, "-c", "from small.steppers import four_times; print(four_times(1.0))"]


@pytest.fixture
def small(tmp_path) -> Path:
    """A package with the files of this one, and a compiled function in each, that call one another."""
    folder = tmp_path / "small"
    folder.mkdir()
    shutil.copy(compiled.__file__, folder)
    for name, source in (("__init__", ""), ("kernels", TWICE), ("steppers", FOUR_TIMES)):
        (folder / f"{name}.py").write_text(source)
    return folder


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CACHE")}
    return subprocess.run(RUN, cwd=folder.parent, env=kept | environment, capture_output=True, text=True)


@pytest.mark.slow
def test_after_an_edit_nothing_old_runs(small):
    assert run(small).stdout == "4.0\n"
    file = small / "kernels.py"
    before = file.stat()
    file.write_text(TWICE.replace("2.0", "3.0"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # even if the clock says that nothing has changed
    assert run(small).stdout == "9.0\n"


@pytest.mark.slow
def test_what_is_compiled_is_kept(small):
    run(small)
    kept = {path.name: path.stat().st_mtime_ns for path in (small / "__pycache__").glob("*.nb?")}
    assert len(kept) == 4  # an index and the code of two functions
    assert run(small, NUMBA_DEBUG_CACHE="1").stdout.count("data loaded") >= 1
    assert kept == {path.name: path.stat().st_mtime_ns for path in (small / "__pycache__").glob("*.nb?")}


@pytest.mark.slow
def test_where_nothing_can_be_written_it_is_compiled_in_memory_with_a_warning(small, tmp_path):
    (small / "__pycache__").write_text("a file, where numba would make a folder")
    unwritable = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "PYTHONDONTWRITEBYTECODE": "1"}
    shown = run(small, **unwritable)
    assert shown.stdout == "4.0\n"
    assert shown.stderr.count("RuntimeWarning") == 1
    assert "Set the environment variable NUMBA_CACHE_DIR to a folder" in shown.stderr
    shown = run(small, **unwritable, NUMBA_CACHE_DIR=str(tmp_path / "kept"))
    assert (shown.stdout, shown.stderr) == ("4.0\n", "")


@pytest.mark.slow
def test_the_wait_is_told_on_a_terminal_once_and_not_when_there_is_none(small):
    def seen() -> str:
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as screen:
            subprocess.run(RUN, cwd=small.parent, stdout=subprocess.DEVNULL, stderr=theirs, check=True)
            os.write(theirs, b"end")
            os.close(theirs)
            text = b""
            while not text.endswith(b"end"):
                text += screen.read(4096)
        return text.decode()

    assert seen().count("compiling gradient_flow for this machine, about a minute. It happens once") == 1
    assert "compiling" not in seen()
    shutil.rmtree(small / "__pycache__")
    assert run(small).stderr == ""


def test_one_flow_compiles_all_there_is(rng):
    """Binder's build warms numba's cache with one flow: other flows must not ask for other types."""
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    plain = ca.orthonormal_teacher(3, 4)
    turned = ca.Network(plain.incoming @ turn, plain.outgoing)
    for teacher in (plain, turned):
        for times in (None, [0.0, 1.0]):
            ca.gradient_flow(ca.random_student(2, 4, rng, batch=2), teacher, times=times)
    assert len(follow.signatures) == 1


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
import copyavg as ca
student, teacher = ca.copy_average((1, 2)), ca.orthonormal_teacher(3)
assert abs(ca.loss(student, teacher) - ca.copy_average_loss((1, 2))) < 1e-14
assert abs(ca.gradient(student, teacher).outgoing).max() < 1e-14
assert ca.hessian(student, teacher).shape == (8, 8)
assert ca.stability(2, 3).index == 0 and ca.one_neuron(3).outgoing == 3
assert ca.classify(student, teacher).label == "copy-average"
try:
    ca.gradient_flow(student, teacher)
except ModuleNotFoundError as error:
    print(error)
"""


def test_without_numba_only_gradient_flow_is_missing():
    shown = subprocess.run([sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True)
    assert shown.stdout == "gradient_flow needs numba, which compiles its loops: pip install numba\n", shown.stderr
