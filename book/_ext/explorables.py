"""Explorables on the site: a directive that mounts one, their modules, and pictures until they move."""

import html
import json
import re
import struct
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from copyavg.book import explorables

PICTURES = Path(__file__).parents[1] / "assets/site/explorables"  # `make figures` draws them
PLACE = re.compile(
    r'(<figure class="explorable"[^>]* data-explorable="([a-z-]+)"[^>]*>)<p class="hint">.*?</p></figure>', re.DOTALL
)
HINT = "This figure moves where scripts run and the page comes from a web server. Here you see a picture of it."
NARROW = 620  # width of the screen below which an explorable stacks its parts


class Explorable(SphinxDirective):
    """Mount an explorable; what it starts with is its body, a JSON object: ```{explorable} copy-or-average."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the place where it is mounted."""
        (name,) = self.arguments
        kinds = explorables.KINDS
        if name not in kinds:
            raise self.error(f"there is no explorable {name!r}; there are {', '.join(kinds)}")
        state = json.loads("\n".join(self.content) or "{}")
        return [nodes.raw("", kinds[name](**state).mount(), format="html")]


def with_picture(app: Sphinx, page: str, _template: str, context: dict, _doctree: object) -> None:
    """Put pictures and a caption into the place of every explorable of a page, and load the script that mounts it."""
    if "data-explorable=" not in (body := context.get("body") or ""):
        return
    folder = f"{'../' * page.count('/')}_static/explorables"

    def picture(found: re.Match) -> str:
        name = found[2]
        alt = html.escape(explorables.KINDS[name].alt, quote=True)
        wide, narrow = (size(PICTURES / f"{name}{ending}.png") for ending in ("", "-narrow"))
        return (
            f'{found[1]}<picture class="still">'
            f'<source media="(max-width: {NARROW}px)" srcset="{folder}/{name}-narrow.png" {narrow}>'
            f'<img src="{folder}/{name}.png" alt="{alt}" {wide} loading="lazy"></picture>'
            f'<p class="hint">{HINT}</p><figcaption>{explorables.KINDS[name].caption}</figcaption></figure>'
        )

    context["body"] = PLACE.sub(picture, body)
    app.add_js_file("js/explorables.js", loading_method="defer")


def size(path: Path) -> str:
    """The attributes of an image that keep its room free; a PNG names its width and height in its first bytes."""
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return f'width="{width}" height="{height}"'


def write_modules(app: Sphinx, exception: Exception | None) -> None:
    """Write every explorable as one module, with all that it needs."""
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static/explorables")
    folder.mkdir(parents=True, exist_ok=True)
    for name in explorables.KINDS:
        (folder / f"{name}.mjs").write_text(explorables.bundle(name), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("explorable", Explorable)
    app.connect("html-page-context", with_picture)
    app.connect("build-finished", write_modules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
