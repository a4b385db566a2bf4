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
    from numba.core.typing import Signature
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("gradient_flow needs numba, which compiles its loops: pip install numba") from error

_KEPT = "It happens once; what is compiled stays on the disk."
_NOT_KEPT = "It happens in every session, as no folder can be written to: see the warning."


def compiled(function: Callable | Signature) -> Callable:
    """Compile with numba: without the GIL, with sums in any order, but with NaN and ∞ kept as such.

    As `@compiled` for whatever types a call has; as `@compiled(signature)` for these alone, so that a pointer to the
    function can be passed, after `ready` has compiled it.

    What is compiled is kept on disk, beside the package or in the user's cache. It contains the functions that it
    calls; but numba asks only whether the function's own file has changed. Here a change of any file of this wing that
    compiles something counts.

    Warns
    -----
    RuntimeWarning
        If there is no folder that can be written to: then everything is compiled in memory, anew in every session.
    """
    if isinstance(function, Signature):
        return lambda plain: _declared(compiled(plain), function)
    plain = inspect.unwrap(function)  # the checker of array shapes, where one is installed, cannot be compiled
    dispatcher = numba.njit(fastmath={"contract", "reassoc", "arcp", "nsz", "afn"}, nogil=True, error_model="numpy")(
        plain
    )
    if can_be_kept():
        dispatcher.enable_caching()
        file = dispatcher._cache._cache_file
        file._index_path = str(Path(file._cache_path) / f"{stamp()[:12]}.{file._index_name}")  # an old one may not load
        file._data_name_pattern = f"{stamp()[:12]}.{file._data_name_pattern}"
    return dispatcher


def _declared(dispatcher: Callable, signature: Signature) -> Callable:
    dispatcher.declared = signature
    return dispatcher


def ready(*functions: Callable) -> None:
    """Compile functions for the types that they declare, unless that has been done."""
    for function in functions:
        if not function.signatures:
            function.compile(function.declared)
            function.disable_compile()  # or a call with pointers would compile it again, for these very functions


@cache
def can_be_kept() -> bool:
    """Whether numba finds a folder for what it compiles; warn if not, or if this numba cannot be told of `stamp`."""
    trial = numba.njit(lambda: None)
    try:
        trial.enable_caching()
        if all(hasattr(trial._cache._cache_file, name) for name in ("_index_path", "_data_name_pattern")):
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
    """Return the SHA-256 of all files of this wing that compile something."""
    sources = (path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(b"\0".join(source for source in sources if b"@compiled" in source)).hexdigest()


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
