"""Compilation with numba: announced before the wait, kept on disk, and never older than the code."""

import hashlib
import inspect
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tqdm import tqdm

try:
    import numba
    from numba.core import event
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("gradient_flow needs numba, which compiles its loops: pip install numba") from error

FILES = ("compiled.py", "kernels.py", "steppers.py")  # where functions are compiled that may call each other
_KEPT = "It happens once; what is compiled stays on the disk."
_NOT_KEPT = "It happens in every session, as no folder can be written to: see the warning."


def compiled(function: Callable) -> Callable:
    """Compile with numba: without the GIL, with sums in any order, but with NaN and ∞ kept as such.

    What is compiled is kept on disk, beside the package or in the user's cache. It contains the functions that it
    calls; but numba asks only whether the function's own file has changed. Here a change of any of `FILES` counts.

    Warns
    -----
    RuntimeWarning
        If there is no folder that can be written to: then everything is compiled in memory, anew in every session.
    """
    plain = inspect.unwrap(function)  # the checker of array shapes, where one is installed, cannot be compiled
    dispatcher = numba.njit(fastmath={"contract", "reassoc", "arcp", "nsz", "afn"}, nogil=True, error_model="numpy")(
        plain
    )
    if can_be_kept():
        dispatcher.enable_caching()
        dispatcher._cache._cache_file._source_stamp = stamp()
    return dispatcher


@cache
def can_be_kept() -> bool:
    """Whether numba finds a folder for what it compiles; warn if not, or if this numba cannot be told of `FILES`."""
    trial = numba.njit(lambda: None)
    try:
        trial.enable_caching()
        if hasattr(trial._cache._cache_file, "_source_stamp"):
            return True
    except (AttributeError, RuntimeError):
        pass
    warnings.warn(
        "gradient_flow is compiled in every session, for about a minute: numba can write what it compiles neither "
        f"to {Path(__file__).parent} nor to the user's cache. Set the environment variable NUMBA_CACHE_DIR to a folder "
        "that can be written to.",
        RuntimeWarning,
        stacklevel=2,
    )
    return False


@cache
def stamp() -> str:
    """Return the SHA-256 of `FILES`."""
    folder = Path(__file__).parent
    return hashlib.sha256(b"\0".join((folder / file).read_bytes() for file in FILES)).hexdigest()


class _Announcement(event.Listener):
    """A line on a terminal, before the first of these functions is compiled."""

    def __init__(self) -> None:
        self.made = False

    def on_start(self, event: event.Event) -> None:
        ours = Path(inspect.getfile(event.data["dispatcher"].py_func)).parent == Path(__file__).parent
        if ours and not self.made and sys.stderr.isatty():
            self.made = True
            kept = _KEPT if can_be_kept() else _NOT_KEPT
            tqdm.write(f"copyavg: compiling gradient_flow for this machine, about a minute. {kept}", file=sys.stderr)

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())
