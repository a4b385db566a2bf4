"""What this book asks of Sphinx beyond Jupyter Book: local MathJax, honest buttons, accessible HTML."""

import importlib.metadata
import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

# The files that a page of this book asks for, of the MathJax that the package carries.
MATHJAX_PACKAGE = "sphinx-mathjax-offline"
MATHJAX_FILES = ("tex-mml-chtml.js", "output/chtml/fonts/woff-v2/*.woff", "input/tex/extensions/boldsymbol.js")

# The theme gives the citation list roles that its children do not carry out.
CITATION_LIST = re.compile(r'<div role="list" class="citation-list">')
CITATION = re.compile(r' role="doc-biblioentry"')


def show_buttons_that_lead_somewhere(_: Sphinx, config: Config) -> None:
    """Show the repository, issue, edit and launch buttons if, and only if, the repository's address is set."""
    options = config["html_theme_options"]
    known = bool(options.get("repository_url"))
    for button in ("repository", "issues", "edit_page"):
        options[f"use_{button}_button"] = known
    if not known:
        options["launch_buttons"] = {}


def copy_mathjax(app: Sphinx, exception: Exception | None) -> None:
    """Put MathJax beside the pages, from a pinned package, so that no page asks another host."""
    if exception or app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", "vendor", "mathjax")
    for file in importlib.metadata.files(MATHJAX_PACKAGE):
        *_, inside = str(file).partition("static/mathjax/")
        if inside and any(Path(inside).match(pattern) for pattern in MATHJAX_FILES):
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target / inside)


def mend_page(_app: Sphinx, _page: str, _template: str, context: dict, _doctree: object) -> None:
    """Correct the HTML of the theme and of Sphinx where it breaks an accessibility rule."""
    if body := context.get("body"):
        context["body"] = CITATION.sub("", CITATION_LIST.sub('<div class="citation-list">', body))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", show_buttons_that_lead_somewhere, priority=900)
    app.connect("build-finished", copy_mathjax)
    app.connect("html-page-context", mend_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
