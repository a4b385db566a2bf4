"""What the chapters use beside the mathematics.

`exercises` check themselves, `figures` draw, `explorables` compute in the page, and `records` are the data of the
sweeps. Each is loaded when it is first asked for; only the figures load matplotlib, only the explorables traitlets.
"""

from importlib import import_module
from types import ModuleType

__all__ = ["exercises", "explorables", "figures", "records"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
