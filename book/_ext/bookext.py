"""What this book asks of Sphinx beyond Jupyter Book: honest buttons and accessible HTML."""

import os
import re
import sys

from sphinx.application import Sphinx
from sphinx.config import Config

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
        if os.environ.get("PUBLISH"):
            sys.exit("\nNo book for publication: set the repository's address in _config.yml (repository: url).\n")


def mend_page(_app: Sphinx, _page: str, _template: str, context: dict, _doctree: object) -> None:
    """Correct the HTML of the theme and of Sphinx where it breaks an accessibility rule."""
    if body := context.get("body"):
        context["body"] = CITATION.sub("", CITATION_LIST.sub('<div class="citation-list">', body))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", show_buttons_that_lead_somewhere, priority=900)
    app.connect("html-page-context", mend_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
