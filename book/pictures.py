"""Draw the pictures that stand for the explorables where they cannot move: `make figures`."""

import http.server
import io
import shutil
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

import chromium
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from copyavg.book import explorables

ASSETS = Path(__file__).parent / "assets/site"
FOLDER = ASSETS / "explorables"
WIDTHS = {"": 760, "-narrow": 366}  # of the text on a wide screen and on a phone
PAGE = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>Explorables</title>
<body style="margin: 0">{place}<script src="js/explorables.js"></script>"""


def main(folder: Path = FOLDER) -> None:
    """Write two pictures an explorable to `folder`."""
    if chromium.PATH is None:
        sys.exit(f"The pictures of the explorables are drawn by a browser, and {chromium.MISSING}.")
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as site, sync_playwright() as playwright:
        write_site(Path(site))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=chromium.PATH, args=chromium.FLAGS)
        for name in explorables.KINDS:
            for ending, width in WIDTHS.items():
                page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
                page.goto(f"http://127.0.0.1:{server.server_address[1]}/{name}.html")
                draw(page, folder / f"{name}{ending}.png")
        browser.close()
        server.shutdown()
        server.server_close()


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


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
