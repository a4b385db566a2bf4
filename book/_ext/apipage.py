"""The page API, made of the docstrings of copyavg, and a link to it where a page first names something public.

A public name stands in the wing that it is defined in, so a new one appears by itself. In a wing, what others rest on
comes first. Docstrings are written to be read in a terminal; `as_markup` makes reStructuredText of them.
"""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import copyavg
from copyavg.book import digest, figures

PAGE = "book/api"
FACE = "copyavg"
# The wings in the order in which data flow; modules of no wing are those of networks and their landscape.
LANDSCAPE = "Landscape & networks"
WINGS = ("Activations", "Interactions", LANDSCAPE, "Points", "Classification", "Flow", "Book")
BOOK = ("exercises", "explorables", "records")  # modules of copyavg.book whose own functions and classes are shown
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
    """The functions and classes that a module defines itself and does not keep to itself, or that it exports."""
    for name, thing in vars(module).items():
        own = getattr(thing, "__module__", "") == module.__name__ and not name.startswith("_")
        if callable(thing) and (name in module.__all__ if hasattr(module, "__all__") else own):
            yield name


def write_page(app: Sphinx, page: str, source: list[str]) -> None:
    """Add all public names to the page, which has only an introduction of its own."""
    if page == PAGE:
        app.env.note_reread()  # every time: what docstrings say now
        source[0] += "\n".join(["", *markdown(public()), ""])


def markdown(wings: dict[str, list[str]]) -> Iterator[str]:
    """The page in MyST: an overview, and for every wing a heading, what it is about, and its entries."""
    for wing, names in wings.items():
        yield from (wing, f": {', '.join(map(link, names))}", "")
    for wing, names in wings.items():
        head = f"{FACE}.{'landscape' if wing == LANDSCAPE else wing.lower()}"
        yield from (f"## {wing}", "", "```{eval-rst}", f".. automodule:: {head}", "   :no-index:", "")
        yield from (f".. py:currentmodule:: {FACE}", "")
        for name in names:
            yield from entry(name)
        if wing == "Book":
            yield f"``{figures.__name__}``: {inspect.getdoc(figures)}"
        yield from ("```", "")


def link(name: str) -> str:
    return f"{{py:obj}}`{name.removeprefix(f'{FACE}.').removeprefix('book.')} <{name}>`"


def entry(name: str) -> Iterator[str]:
    """The autodoc directive for one name."""
    module, _, own = name.rpartition(".")
    thing = getattr(import_module(module), own)
    if not isinstance(thing, type):
        yield from (f".. autofunction:: {name}", "")
    elif issubclass(thing, Exception):
        yield from (f".. autoexception:: {name}", "   :show-inheritance:", "")
    else:
        yield from (f".. autoclass:: {name}", "   :members:", "   :member-order: bysource", "")


def leave_out(_app: Sphinx, _what: str, name: str, member: object, skip: bool, _options: object) -> bool | None:
    """Leave out the fields of a named tuple, of which Python says only that they have numbers."""
    return True if skip or inspect.isdatadescriptor(member) and "field number" in (member.__doc__ or "") else None


def signature(_app: Sphinx, what: str, _name: str, thing: object, _options: object, given: str, _: str) -> tuple:
    """The arguments without their types, which the text names, and what is returned, in short."""
    return given, returned(thing) if what in ("function", "method") else None


def returned(function: object) -> str | None:
    """What a function is annotated to return: "Network", or "array" whatever the shape."""
    wanted = inspect.signature(function).return_annotation
    if wanted in (inspect.Signature.empty, None):
        return None
    text = re.sub(r"\b(?:Float|Int|Bool|Shaped)\[[^\]]*\]", "array", inspect.formatannotation(wanted))
    return re.sub(r"\b(?:\w+\.)+(?=\w)|'", "", text)


def as_markup(_app: Sphinx, _what: str, name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Rewrite a docstring in place, except for its examples: formulas, code, and letters that would be markup."""
    own, inside, before, formula = name.removeprefix(f"{FACE}."), False, "", False
    made = []
    for line in lines:
        inside = bool(line.strip()) and (inside or line.lstrip().startswith(">>>"))
        if inside:
            made.append(line)
            continue
        formula = bool(line.strip()) and (formula or begins_formula(line, made, before))
        if formula and not made[-1].startswith("   | "):
            made += [".. container:: formula", ""]
        made.append(f"   | {escaped(line.strip(), '*`')}" if formula else marked(line, own))
        before = line if line.strip() else before
    lines[:] = made


def begins_formula(line: str, made: list[str], before: str) -> bool:
    """Whether a line stands further right than the text before it, after an empty line."""
    return bool(before) and not made[-1].strip() and line.startswith("    ") and not before.startswith((" ", "-"))


def marked(line: str, own: str) -> str:
    """A line of text: between single backticks a public name is linked, and anything else is code."""
    parts = re.split(r"(?<!`)`([^`]+)`(?!`)", line)
    return "".join(code(part, own) if odd % 2 else escaped(part, "|") for odd, part in enumerate(parts))


def code(text: str, own: str) -> str:
    return f":py:obj:`{text} <{FACE}.{text}>`" if text in copyavg.__all__ and text != own else f"``{text}``"


def escaped(text: str, letters: str) -> str:
    """Text in which these letters, and underscores at the end of a word, are not markup."""
    return re.sub(rf"[{re.escape(letters)}]|_(?!\w)", r"\\\g<0>", text)


def link_mentions(app: Sphinx, document: nodes.document) -> None:
    """Make a link of the first mention of every public name on a page, but not in headings and on the API page."""
    seen = set()
    for node in list(document.findall(nodes.literal)) if app.env.docname != PAGE else ():
        name = MENTION.fullmatch(node.astext())
        if name and name[1] not in seen and ELSEWHERE not in node["classes"] and not is_taken(node):
            seen.add(name[1])
            target = {"refdoc": app.env.docname, "refdomain": "py", "reftype": "obj", "reftarget": f"{FACE}.{name[1]}"}
            node.replace_self(addnodes.pending_xref("", node.deepcopy(), refexplicit=True, refwarn=True, **target))


def is_taken(node: nodes.Node) -> bool:
    """Whether a node is in a heading, or is a link already."""
    while node := node.parent:
        if isinstance(node, nodes.title | nodes.rubric | nodes.reference | addnodes.pending_xref):
            return True
    return False


def leave_as_text(
    _app: Sphinx, _env: BuildEnvironment, node: addnodes.pending_xref, shown: nodes.Node
) -> nodes.Node | None:
    """A type in a docstring that is not one of ours, such as "float or None", has no entry to be linked to."""
    return shown if node.get("refdomain") == "py" and node["reftype"] in ("class", "exc") else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", write_page)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", as_markup, priority=400)  # before napoleon
    app.connect("doctree-read", link_mentions)
    app.connect("missing-reference", leave_as_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
