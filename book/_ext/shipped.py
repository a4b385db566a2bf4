"""What the site ships beside its pages: MathJax, its own source, and the licences of the work of others."""

import importlib.metadata
import runpy
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

ROOT = Path(__file__).parents[2]
SOURCE = "_build/source"  # where book/pack.py has put the archive and the wheel

# The files that a page of this book asks for, of the MathJax that the package carries.
MATHJAX_PACKAGE = "sphinx-mathjax-offline"
MATHJAX_FILES = ("tex-mml-chtml.js", "output/chtml/fonts/woff-v2/*.woff", "input/tex/extensions/boldsymbol.js")

LICENCES = "licences.txt"
# Who made what the pages load, and in which of the pinned packages the words of its licence stand.
APACHE, OPEN_FONT, MIT = ("packaging", "LICENSE.APACHE"), ("fonttools", "LICENSE.external"), ("sphinx-copybutton", "")
SHIPPED = {
    "MathJax 3.2.2. Copyright 2009-2022 The MathJax Consortium. Apache License 2.0": [APACHE],
    "Fonts of MathJax. Copyright 2009-2010 Design Science, Inc. (www.mathjax.org), with Reserved Font Names as each "
    "font says. SIL Open Font License 1.1": [OPEN_FONT],
    "Font Awesome Free. Copyright Fonticons, Inc. Icons: CC BY 4.0. Fonts: SIL Open Font License 1.1. Code: MIT": [
        ("pydata-sphinx-theme", "fontawesome.js.LICENSE"),
        OPEN_FONT,
        MIT,
    ],
    "Bootstrap. Copyright The Bootstrap Authors. MIT": [("pydata-sphinx-theme", "bootstrap.js.LICENSE"), MIT],
    "clipboard.js. Copyright Zeno Rocha. MIT": [MIT],
    "Scripts, styles and icons of the packages that make the pages": [
        (package, "")
        for package in (
            "Sphinx",
            "sphinx-book-theme",
            "pydata-sphinx-theme",
            "sphinx-design",
            "sphinx-copybutton",
            "sphinx-togglebutton",
            "sphinx-proof",
            "sphinx-exercise",
            "myst-nb",
            "Pygments",
        )
    ],
}


def carry_the_source(_: Sphinx, config: Config) -> None:
    """Put archive and wheel at the site's root, and let pages of the folder `book` link them by name."""
    names = runpy.run_path(str(ROOT / "book/pack.py"))
    archive, wheel = names["ARCHIVE"], names["WHEEL"]
    config["html_extra_path"] = [SOURCE]
    config["myst_substitutions"] |= {
        "archive": f'<a href="../{archive}" download><code>{archive}</code></a>',
        "wheel": f'<a href="../{wheel}" download><code>{wheel}</code></a>',
        "licences": f'<a href="../{LICENCES}">{LICENCES}</a>',
    }


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


def licence(package: str, name: str) -> list[str]:
    """The texts in a package's files with LICENSE in their names, and these letters too."""
    files = [file for file in importlib.metadata.files(package) if "LICENSE" in file.name and name in file.name]
    if not files:
        raise FileNotFoundError(f"the package {package} has no file with LICENSE and {name!r} in its name")
    texts = [file.locate().read_text(encoding="utf-8").strip() for file in sorted(files)]
    return [open_font_licence(texts[0])] if (package, name) == OPEN_FONT else texts


def open_font_licence(text: str) -> str:
    """The licence alone, of a file that goes on with whose fonts it is."""
    end = "OTHER DEALINGS IN THE FONT SOFTWARE."
    return text[text.index("SIL OPEN FONT LICENSE Version 1.1") : text.index(end) + len(end)]


def licences() -> str:
    """All notices and licences that must travel with what the site ships."""
    parts = ["Licences of the work of others that these pages are shipped with. The book's own is in its source."]
    for what, places in SHIPPED.items():
        rule = "=" * 78
        parts.append(f"{rule}\n{what}\n{rule}")
        for package, name in places:
            head = f"{package} {importlib.metadata.version(package)}" if not name else ""
            parts += [text for text in [head, *licence(package, name)] if text]
    return "\n\n".join(parts) + "\n"


def write_licences(app: Sphinx, exception: Exception | None) -> None:
    """Put the licences at the site's root."""
    if not exception and app.builder.format == "html":
        Path(app.outdir, LICENCES).write_text(licences(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", carry_the_source)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", write_licences)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
