"""Draw the pictures that stand for the explorables where they cannot move: `make figures`."""

import io
import shutil
import sys
import tempfile
from pathlib import Path

import chromium
from PIL import Image
from playwright.sync_api import Page

from copyavg.book import explorables

ASSETS = Path(__file__).parent / "assets/site"
FOLDER = ASSETS / "explorables"
WIDTHS = {"": 760, "-narrow": 366}  # of the text on a wide screen and on a phone
PAGE = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Explorables</title>
<body style="margin: 0">{place}<script src="js/explorables.js"></script>"""


def main(folder: Path = FOLDER) -> None:
    """Write two pictures an explorable to `folder`."""
    with tempfile.TemporaryDirectory() as site, chromium.opened() as browser, chromium.served(Path(site)) as address:
        folder.mkdir(exist_ok=True)
        write_site(Path(site))
        for name in explorables.KINDS:
            for ending, width in WIDTHS.items():
                page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
                page.goto(f"{address}{name}.html")
                draw(page, folder / f"{name}{ending}.png")


def write_site(site: Path) -> None:
    """Write a page for every explorable."""
    shutil.copytree(ASSETS / "js", site / "js")
    (site / "explorables").mkdir()
    for name in explorables.KINDS:
        (site / f"explorables/{name}.mjs").write_text(explorables.bundle(name), encoding="utf-8")
        place = f'<div class="explorable" data-explorable="{name}"><i class="still"></i></div>'
        (site / f"{name}.html").write_text(PAGE.format(place=place), encoding="utf-8")


def draw(page: Page, path: Path) -> None:
    """Let the explorable come to its end, if it plays, and take the picture."""
    page.wait_for_selector(".mounted")
    play = page.get_by_role("button", name="Play", exact=True)
    if play.count():
        play.click()
        page.get_by_role("button", name="Play", exact=True).wait_for(timeout=60_000)
    shot = Image.open(io.BytesIO(page.locator(".live").screenshot(animations="disabled")))
    shot.convert("RGB").quantize(192, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
