"""Figures that compute in the page: the same file on the site, and as a widget in a notebook.

Each class here makes an explorable to end a cell with. In a session of JupyterLab, Binder or Colab it is a widget,
whose state can be read, set and linked to other widgets; where nobody is there to play, as when the book is built, it
is the place where the site mounts the same thing.
"""

from .bundle import NAMES, bundle
from .explorable import Explorable
from .kinds import KINDS, CopyOrAverage, EverySize, Groups, StartSize, TwoNeurons

__all__ = [
    "KINDS",
    "NAMES",
    "CopyOrAverage",
    "EverySize",
    "Explorable",
    "Groups",
    "StartSize",
    "TwoNeurons",
    "bundle",
]
