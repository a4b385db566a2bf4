"""The page API, made of the docstrings of copyavg, and a link to it where a page first names something public.

A public name stands in the wing that it is defined in, so a new one appears by itself. In a wing, what others rest on
comes first. Docstrings are written to be read in a terminal; `as_markup` makes reStructuredText of them.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

import copyavg
from copyavg.book import digest

PAGE = "book/api"
FACE = "copyavg"
# The wings in the order in which data flow; modules of no wing are those of networks and their landscape.
LANDSCAPE = "Landscape & networks"
WINGS = ("Activations", "Interactions", LANDSCAPE, "Points", "Classification", "Flow", "Book")
BOOK = ("exercises", "records")  # modules of copyavg.book whose own functions and classes are shown
MENTION = re.compile(rf"(?:copyavg\.|ca\.)?({'|'.join(copyavg.__all__)})(?:\(.*\))?")
ELSEWHERE = "elsewhere"  # class of code that is a name of another library: `hessian`{.elsewhere}


def wing_of(module: str) -> str:
    """The wing of a module: "Points" for copyavg.points.newton."""
    _, first, *inside = module.split(".")
    return first.title() if inside else LANDSCAPE


def public() -> dict[str, list[str]]:
    """Under each wing its names, as they are imported."""
    names = sorted(copyavg.__all__, key=lambda name: place(getattr(copyavg, name)))
    wings = {wing: [] for wing in WINGS}
    for name in names:
        wings[wing_of(getattr(copyavg, name).__module__)].append(f"{FACE}.{name}")
    for name in BOOK:
        module = import_module(f"{FACE}.book.{name}")
        wings["Book"] += [f"{module.__name__}.{own}" for own in defined_in(module)]
    return wings


def place(thing: object) -> tuple[int, str, int]:
    """Where a definition stands: in which module, after those that it imports, and in which line."""
    return len(digest.reached(thing.__module__)), thing.__module__, inspect.getsourcelines(inspect.unwrap(thing))[1]


def defined_in(module: ModuleType) -> Iterator[str]:
    """The functions and classes that a module defines itself and does not keep to itself."""
    for name, thing in vars(module).items():
        if callable(thing) and not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__:
            yield name


class Api(SphinxDirective):
    """All public names with their docstrings, under the headings of the wings."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # what docstrings say now
        page = nodes.section()
        self.state.nested_parse(self.lines("\n".join(markdown(public()))), self.content_offset, page, match_titles=True)
        return page.children

    def lines(self, text: str):  # noqa: ANN201
        from docutils.statemachine import StringList

        return StringList(text.splitlines(), PAGE)


def markdown(wings: dict[str, list[str]]) -> Iterator[str]:
    """The page in MyST: an overview, and for every wing a heading and its entries."""
    for wing, names in wings.items():
        yield from (f"{wing}", f": {', '.join(map(link, names))}", "")
    for wing, names in wings.items():
        yield from (f"## {wing}", "", "```{eval-rst}", f".. py:currentmodule:: {FACE}", "")
        for name in names:
            yield from entry(name)
        yield from ("```", "")
