"""The built site, as files and in headless Chromium: everything a reader meets must work, offline and for everyone."""

import functools
import json
import os
import re
import runpy
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import chromium
import ledger
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

import copyavg
import copyavg.book.explorables

pytestmark = pytest.mark.site

ROOT = Path(__file__).parent.parent
SITE = ROOT / "_build" / "html"
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
PATIENCE = 300_000  # milliseconds: a busy machine turns nothing red
AXE_STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE_COLOURS = ["color-contrast", "link-in-text-block"]
OFF = {"enabled": False}


def axe(run_only: list[str], **options) -> dict:
    """What axe is to look at; of what passes it keeps one example, as writing all down takes half its time."""
    return {"runOnly": run_only, "resultTypes": ["violations"], **options}


PACK = runpy.run_path(str(ROOT / "book/pack.py"))
# Whose scripts the site ships; their licences are listed in book/_ext/shipped.py.
HOLDERS = ("Sphinx", "Fonticons", "Bootstrap", "MathJax", "Zeno Rocha")

API = "book/api"
NAMED = re.compile(rf"(?:copyavg\.|ca\.)?({'|'.join(copyavg.__all__)})(?:\(.*\))?")  # code that is a public name

every_page = pytest.mark.parametrize("page", PAGES)


@functools.cache
def soup(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / f"{page}.html").read_text(encoding="utf-8"), "html.parser")


class TestFiles:
    def test_a_book_was_built(self):
        """Version 2 of Jupyter Book ignores _config.yml and exits 0 without a book: look for the book itself."""
        assert (SITE / "index.html").exists(), "no book in _build/html: run `make book`"
        assert (SITE / "searchindex.js").exists()

    @every_page
    def test_every_page_of_the_contents_exists(self, page):
        assert soup(page).find("h1")

    @every_page
    def test_title_description_favicon_and_licence(self, page):
        head = soup(page).head
        assert "Copy or Average?" in head.title.text
        assert 50 < len(head.find("meta", attrs={"name": "description"})["content"]) < 200
        assert head.find("link", rel="icon")
        assert "CC BY 4.0" in soup(page).find(class_="bd-footer-content").text

    def test_titles_and_descriptions_tell_pages_apart(self):
        assert len({soup(page).head.title.text for page in PAGES}) == len(PAGES)
        assert len({soup(page).head.find("meta", attrs={"name": "description"})["content"] for page in PAGES}) == len(
            PAGES
        )

    @every_page
    def test_every_picture_has_a_text_and_every_certificate_holds(self, page):
        for image in soup(page).find("article").find_all("img"):
            assert len(image.get("alt", "")) > 40
        texts = soup(page).find("article").find_all(string=True)
        assert "✗" not in "".join(text for text in texts if not text.find_parent(class_="doctest"))  # examples of it

    @every_page
    def test_previous_and_next(self, page):
        footer = soup(page).find(class_="prev-next-footer")
        assert bool(footer.find(class_="left-prev")) == (page != PAGES[0])
        assert bool(footer.find(class_="right-next")) == (page != PAGES[-1])

    @pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("notebooks/")])
    def test_notebooks_can_be_downloaded(self, page):
        link = soup(page).find(class_="btn-download-source-button")
        assert (SITE / page).parent.joinpath(link["href"]).resolve().exists()

    def test_theorems_and_equations_are_numbered(self):
        chapter = soup("notebooks/01-teacher-setup")
        titles = [title.text for title in chapter.select(".proof > .admonition-title")]
        assert [title for title in titles if re.match(r"(Definition|Proposition|Theorem) \d+\.\d+", title)]
        assert chapter.select(".eqno")

    def test_every_statement_has_a_certificate_below_it(self):
        count = 0
        for page in PAGES:
            for statement in soup(page).select(", ".join(f"div.proof.{kind}" for kind in ledger.STATEMENTS)):
                box = statement.find_next_sibling()
                assert "certificate" in box["class"], statement["id"]
                assert box.find("a", href=re.compile(r"claims\.html#claim-"))
                count += 1
        assert count >= 3

    def test_every_claim_stands_in_the_table_with_its_verdict_and_its_place(self):
        for claim in ledger.load(ledger.LEDGER).values():
            _, kind, verdict, checks = soup("book/claims").find("tr", id=f"claim-{claim.id}").find_all("td")
            assert kind.text.strip() == claim.kind
            assert verdict.text.strip() == ("○ open" if claim.kind == "open" else "✓ holds")
            assert [check.text for check in checks.find_all("strong")] == [route.name for route in claim.routes]
            link = soup("book/claims").select_one(f"#claim-{claim.id} .claim-where a")
            assert link["href"].endswith(f"#{claim.anchor}")

    @every_page
    def test_no_button_leads_nowhere(self, page):
        """While the repository's address is unset there is no launch, edit, issue or repository button."""
        url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
        buttons = soup(page).select(".dropdown-launch-buttons, .dropdown-source-buttons, .btn-source-repository-button")
        assert bool(buttons) == bool(url)

    def test_the_site_carries_its_source_and_a_page_leads_there(self, tmp_path):
        archive, wheel = (SITE / PACK[name] for name in ("ARCHIVE", "WHEEL"))
        links = {link["href"] for link in soup("book/how-to-read").find_all("a", href=True)}
        assert {f"../{archive.name}", f"../{wheel.name}", "../licences.txt"} <= links
        with tarfile.open(archive) as tar:
            names = {name.partition("/")[2] for name in tar.getnames()}
        assert names == set(PACK["files"](ROOT))
        assert {"Makefile", "README.md", "LICENSE", "notebooks/01-teacher-setup.ipynb"} <= names
        with zipfile.ZipFile(wheel) as packed:
            inside = set(packed.namelist())
        assert {name for name in names if name.startswith("copyavg/")} <= inside
        assert "copyavg/book/data/phase-diagram-k10.json" in inside

    def test_what_is_shipped_of_others_comes_with_its_licence(self):
        text = (SITE / "licences.txt").read_text(encoding="utf-8")
        for notice in ("Apache License", "SIL OPEN FONT LICENSE", "The MathJax Consortium", "Font Awesome", "MIT"):
            assert notice in text
        folders = {path.name for path in (SITE / "_static/vendor").iterdir()}
        assert folders == {"mathjax", "fontawesome"}, "what else is shipped now, and what is its licence?"
        for path in SITE.glob("_static/**/*.js"):
            written_by = re.findall(r"[Cc]opyright[^\n]{0,80}", path.read_text(encoding="utf-8")[:2000])
            assert all(any(who in line for who in HOLDERS) for line in written_by), (path.name, written_by)

    def test_internal_links_and_anchors_are_alive(self):
        dead = []
        for path in SITE.rglob("*.html"):
            if path.relative_to(SITE).parts[0].startswith("_"):
                continue
            here = path.relative_to(SITE).as_posix()
            page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
            for tag, attribute in (("a", "href"), ("img", "src"), ("script", "src"), ("link", "href")):
                for element in page.find_all(tag, attrs={attribute: True}):
                    target, anchor = urldefrag(urljoin(f"http://site/{here}", element[attribute]))
                    if urlparse(target).netloc != "site" or urlparse(target).scheme != "http":
                        continue
                    file = SITE / unquote(urlparse(target).path).lstrip("/")
                    if not file.is_file() or (anchor and not has_anchor(file, unquote(anchor))):
                        dead.append((here, element[attribute]))
        assert dead == []


class TestApi:
    @pytest.mark.parametrize("name", copyavg.__all__)
    def test_every_public_name_has_an_entry_under_that_name_with_an_example(self, name):
        entry = soup(API).find(id=f"copyavg.{name}")
        assert entry.find(class_="sig-prename").text + entry.find(class_="sig-name").text == f"copyavg.{name}"
        assert ">>>" in entry.find_parent("dl").find("pre").text

    @pytest.mark.parametrize("name", ["exercises.check", "records.read", "records.rows", "records.shares"])
    def test_what_only_the_book_uses_has_one_too(self, name):
        assert ">>>" in soup(API).find(id=f"copyavg.book.{name}").find_parent("dl").find("pre").text

    def test_wings_stand_in_the_order_of_the_data(self):
        wings = [heading.contents[0].text for heading in soup(API).find("article").find_all("h2")]
        assert wings == [
            "Activations", "Interactions", "Landscape & networks", "Points", "Classification", "Flow", "Book"
        ]  # fmt: skip

    def test_no_docstring_is_taken_for_markup(self):
        text = "".join(
            part for part in soup(API).find("article").find_all(string=True) if not part.find_parent(["code", "pre"])
        )
        assert not re.search(r"[`]|:\w+:|\\|-{4}", text)

    @every_page
    def test_a_page_links_a_public_name_where_it_first_stands(self, page):
        """Mentions in the prose, `loss` or `ca.loss(student, teacher)`; not in headings, and not on the API page."""
        first = {}
        for code in soup(page).find("article").select(":is(p, li, td, dd) code") if page != API else []:
            name = NAMED.fullmatch(code.text)
            if name and not code.find_parent(["h1", "h2", "h3", "pre"]) and "elsewhere" not in code["class"]:
                link = code.find_parent("a")
                target = link["href"] if link else ""
                wanted = f"{os.path.relpath(API, Path(page).parent)}.html#copyavg.{name[1]}"
                assert target == (wanted if name[1] not in first else ""), (name[1], target)
                first[name[1]] = target
        assert bool(first) or page not in ("book/how-to-read", "book/notation", "notebooks/01-teacher-setup")

    def test_gradient_flow_is_linked_where_it_is_first_named(self):
        links = soup("book/how-to-read").find("article").find_all("a", href="api.html#copyavg.gradient_flow")
        assert [link.text for link in links] == ["gradient_flow"]


@functools.cache
def anchors(file: Path) -> frozenset[str]:
    return frozenset(
        element["id"] for element in BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser").find_all(id=True)
    )


def has_anchor(file: Path, anchor: str) -> bool:
    return file.suffix != ".html" or anchor in anchors(file)


@pytest.fixture(scope="session")
def address():
    with chromium.served(SITE) as address:
        yield address


class Visit:
    """A page opened with every other host blocked, and everything that went wrong on the way."""

    def __init__(self, browser, address: str, page: str, *, width: int = 1280, **options) -> None:
        self.errors: list[str] = []
        viewport = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=viewport, color_scheme="light", **options)
        self.context.set_default_timeout(PATIENCE)
        self.tab = self.context.new_page()
        self.tab.on("pageerror", lambda error: self.errors.append(f"page error: {error}"))
        self.tab.on("console", self._hear)
        self.tab.on("response", lambda r: self.errors.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        self.address = address
        self.tab.route("**/*", self._answer)
        self.tab.goto(f"{address}{page}.html", wait_until="load")
        self.tab.wait_for_function(
            "() => !window.MathJax || (window.MathJax.startup && window.MathJax.startup.promise)"
        )
        self.tab.evaluate("() => window.MathJax && window.MathJax.startup.promise")

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_) -> None:
        self.context.close()

    def show(self, mode: str, *, width: int = 1280) -> None:
        self.tab.emulate_media(color_scheme=mode)
        self.tab.set_viewport_size({"width": width, "height": 900})
        self.tab.wait_for_function(f"document.documentElement.dataset.theme == '{mode}'")
        self.tab.evaluate("Promise.allSettled(document.getAnimations().map((fade) => fade.finished))")

    def _hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"console {message.type}: {message.text}")

    def _answer(self, route) -> None:
        if route.request.url.startswith((self.address, "data:", "blob:")):
            route.continue_()
        else:
            self.errors.append(f"outside request: {route.request.url}")
            route.abort()


@pytest.fixture(scope="class", params=PAGES)
def visit(request, browser, address):
    """One visit of a page, in light mode at 1280 px, for all tests of `TestEveryPage`."""
    with Visit(browser, address, request.param) as visit:
        yield visit


class TestEveryPage:
    def test_no_outside_request_no_error_and_mathematics_is_rendered(self, visit):
        formulas = visit.tab.locator("article .math").count()
        assert visit.tab.locator("article mjx-container").count() == formulas
        assert visit.tab.locator("mjx-merror").count() == 0
        assert visit.errors == []

    def test_accessibility(self, visit):
        results = Axe().run(visit.tab, options=axe(AXE_STANDARDS, rules=dict.fromkeys(AXE_COLOURS, OFF)))
        assert results.violations_count == 0, results.generate_report()

    def test_a_phone_scrolls_only_downwards_and_shows_pictures_in_proportion(self, visit):
        visit.show("light", width=390)
        visit.tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert visit.tab.evaluate("document.documentElement.scrollWidth") <= 390
        shapes = visit.tab.evaluate(
            "[...document.querySelectorAll('article img')].filter((image) => image.clientWidth && image.naturalWidth)"
            ".map(i => [i.clientWidth / i.clientHeight, i.naturalWidth / i.naturalHeight])"
        )
        assert all(abs(shown / natural - 1) < 0.02 for shown, natural in shapes), shapes

    @pytest.mark.parametrize("mode", ["light", "dark"])
    def test_colours_can_be_told_apart(self, visit, mode):
        """Formulas have the colour of their text; they are taken out, as every sign in them is a node of its own."""
        visit.show(mode)
        visit.tab.evaluate("document.querySelectorAll('mjx-container').forEach((formula) => formula.remove())")
        results = Axe().run(visit.tab, options=axe(AXE_COLOURS))
        assert results.violations_count == 0, results.generate_report()


class TestBrowser:
    @pytest.mark.parametrize("width", [1280, 390])
    def test_claims_can_be_filtered_with_the_keyboard(self, browser, address, width):
        with Visit(browser, address, "book/claims", width=width) as visit:
            rows, menu = visit.tab.locator("table.claims tbody tr:visible"), visit.tab.get_by_label("Kind")
            total = rows.count()
            menu.focus()
            visit.tab.keyboard.type("paper")
            assert menu.input_value() == "paper"
            assert set(rows.locator("td:nth-child(2)").all_inner_texts()) == {"paper"}
            assert visit.tab.locator(".claims-filters output").inner_text() == f"{rows.count()} of {total} claims"
            visit.tab.evaluate("location.hash = 'claim-linear-parts'")  # a link to a claim that is filtered away
            visit.tab.wait_for_selector("#claim-linear-parts", state="visible")
            assert rows.count() == total
            visit.tab.get_by_label("Verdict").select_option("open")
            assert set(rows.locator("td:nth-child(3)").all_inner_texts()) == {"○ open"}
            assert visit.errors == []

    def test_without_the_script_all_claims_are_there(self, browser, address):
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(f"{address}book/claims.html")
        assert tab.locator("table.claims tbody tr:visible").count() == len(ledger.load(ledger.LEDGER))
        context.close()

    def test_search_finds_a_word_of_a_chapter(self, browser, address):
        with Visit(browser, address, "search") as visit:
            visit.tab.goto(f"{address}search.html?q=interaction")
            visit.tab.wait_for_selector("#search-results a")
            assert "Teacher and student" in visit.tab.inner_text("#search-results")
            assert visit.errors == []

    def test_dark_mode_can_be_chosen_and_stays(self, browser, address):
        with Visit(browser, address, PAGES[0]) as visit:
            before = visit.tab.evaluate("document.documentElement.dataset.theme")
            for _ in range(3):  # auto → light → dark, in some order
                visit.tab.locator("button.theme-switch-button:visible").first.click()
                if visit.tab.evaluate("document.documentElement.dataset.theme") == "dark":
                    break
            assert (before, visit.tab.evaluate("document.documentElement.dataset.theme")) == ("light", "dark")
            visit.tab.goto(f"{address}{PAGES[1]}.html")
            assert visit.tab.evaluate("document.documentElement.dataset.theme") == "dark"


LANDING = PAGES[0]


@pytest.fixture(scope="class")
def played(browser, address):
    """The landing page with its explorable, on which less motion is asked for: it goes to the end at once."""
    with Visit(browser, address, LANDING) as visit:
        visit.tab.emulate_media(reduced_motion="reduce")
        visit.tab.wait_for_selector("figure.mounted")
        yield visit


def state_of(visit, name: str) -> dict:
    """What the figure on show says in its table of numbers, and beside it in words."""
    stage = visit.tab.locator(f"#explorable-{name} .live")
    rows = [row.locator("th, td").all_text_contents() for row in stage.locator("tbody tr").all()]
    return {"says": stage.locator(".says").inner_text(), "rows": rows}


class Finger:
    """A finger on the screen, with the methods of a mouse."""

    def __init__(self, visit: Visit) -> None:
        self.session = visit.context.new_cdp_session(visit.tab)
        self.place, self.on = (0, 0), False

    def move(self, x: float, y: float, steps: int = 1) -> None:
        self.place = (x, y)
        if self.on:
            self._touch("touchMove")

    def down(self) -> None:
        self.on = True
        self._touch("touchStart")

    def up(self) -> None:
        self.session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def _touch(self, kind: str) -> None:
        points = [dict(zip("xy", self.place))]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


class TestExplorables:
    """The figures that compute in the page, on the page; their numbers are tested in test_explorables."""

    def test_it_plays_to_the_limit_that_copyavg_knows(self, played):
        stage = played.tab.locator("figure.mounted .live")
        stage.get_by_role("button", name="Play", exact=True).click()
        stage.locator(".says strong", has_text="Copy-average").wait_for()
        loss = copyavg.copy_average_loss((1, 1, 1, 1, 6))
        assert f"Loss {loss:.7f}"[:13] in stage.locator(".says").inner_text()
        assert "that of the exact point" in stage.locator(".says").inner_text()
        played.tab.wait_for_function(
            "document.querySelector('figure .live > div').shadowRoot.querySelector('[role=status]').textContent"
            ".includes('Copy-average')"
        )

    def test_a_neuron_can_be_moved_with_keys_and_flows_on(self, played):
        stage = played.tab.locator("figure.mounted .live")
        neuron = stage.locator(".movable").first
        neuron.focus()
        before = neuron.get_attribute("transform")
        for _ in range(4):
            played.tab.keyboard.press("Shift+ArrowRight")
        assert neuron.get_attribute("transform") != before
        assert played.tab.evaluate("document.activeElement.shadowRoot.activeElement.getAttribute('class')") == "movable"
        played.tab.keyboard.press("Enter")
        stage.locator(".says strong", has_text="Copy-average").wait_for()
        assert played.errors == []

    @pytest.mark.parametrize("finger", [False, True], ids=["mouse", "finger"])
    def test_a_neuron_can_be_dragged(self, browser, address, finger):
        with Visit(browser, address, LANDING, has_touch=finger) as visit:
            visit.tab.emulate_media(reduced_motion="reduce")
            visit.tab.wait_for_selector("figure.mounted")
            stage = visit.tab.locator("figure.mounted .live")
            places = [stage.locator("svg circle").nth(1), stage.locator(".movable").first]  # teacher neuron 1, and a
            (to, start) = [
                (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
                for box in (p.bounding_box() for p in places)
            ]
            hand = Finger(visit) if finger else visit.tab.mouse
            hand.move(*start)
            hand.down()
            hand.move(*to, steps=5)
            _, does, *_, most, cosine = state_of(visit, "copy-or-average")["rows"][0]
            assert (does, most, float(cosine) > 0.95) == ("moves", "1", True)
            hand.up()
            stage.locator(".says strong", has_text="Copy-average").wait_for()
            assert visit.errors == []

    def test_an_address_restores_what_a_link_copied(self, browser, address):
        with Visit(browser, address, LANDING) as visit:
            visit.tab.emulate_media(reduced_motion="reduce")
            visit.tab.wait_for_selector("figure.mounted")
            stage = visit.tab.locator("figure.mounted .live")
            stage.get_by_role("button", name="New start").click()
            stage.get_by_role("radio", name="ReLU").check()
            before = state_of(visit, "copy-or-average")
            visit.tab.evaluate(
                "navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }"
            )
            stage.get_by_role("button", name="Copy link").click()
            link = visit.tab.evaluate("window.copied")
        with Visit(browser, address, LANDING) as visit:
            visit.tab.goto(link)
            visit.tab.wait_for_selector("figure.mounted")
            assert state_of(visit, "copy-or-average") == before
            assert visit.errors == []

    def test_without_scripts_a_picture_stands_there(self, browser, address):
        context = browser.new_context(java_script_enabled=False)
        tab = context.new_page()
        tab.goto(f"{address}{LANDING}.html")
        assert tab.locator("figure.explorable .still img").is_visible()
        assert tab.locator("figure.explorable .hint").is_visible()
        context.close()

    def test_so_it_does_when_the_page_is_opened_as_a_file(self, browser):
        context = browser.new_context()
        tab = context.new_page()
        tab.goto((SITE / f"{LANDING}.html").as_uri())
        assert tab.locator("figure.explorable .still img").is_visible()
        assert (
            tab.locator("figure.explorable .still img").evaluate(
                "(image) => image.decode().then(() => image.naturalWidth)"
            )
            > 300
        )
        assert tab.locator("figure.explorable .hint").is_visible()
        context.close()

    def test_and_in_print(self, played):
        played.tab.emulate_media(media="print")
        assert played.tab.locator("figure.explorable .still img").is_visible()
        assert not played.tab.locator("figure.explorable .live").is_visible()
        played.tab.emulate_media(media="screen")


def mounted() -> list[tuple[str, str]]:
    """Every page with an explorable, and which."""
    return [
        (page, figure["data-explorable"])
        for page in PAGES
        if (SITE / f"{page}.html").exists()
        for figure in soup(page).select("figure.explorable")
    ]


@pytest.fixture(scope="class", params=mounted(), ids="-".join)
def figure(request, browser, address):
    """A visit of a page, and the explorable there, with everything in it open."""
    page, name = request.param
    with Visit(browser, address, page) as visit:
        visit.tab.emulate_media(reduced_motion="reduce")
        stage = visit.tab.locator(f"#explorable-{name}")
        stage.scroll_into_view_if_needed()
        visit.tab.wait_for_selector(f"#explorable-{name}.mounted")
        stage.locator(".live details").evaluate_all("(all) => all.forEach((one) => (one.open = true))")
        yield visit, stage


class TestEveryExplorable:
    def test_what_moves_moves_with_the_keys_and_says_so(self, figure):
        visit, stage = figure
        says = stage.locator(".live [role=status]")
        thing = stage.locator(".live .movable").first
        thing.focus()
        before, said = thing.evaluate("(thing) => thing.closest('.stage').innerText"), says.text_content()
        for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
            visit.tab.keyboard.press(key)
        thing = stage.locator(".live .movable").first
        assert thing.evaluate("(thing) => thing.closest('.stage').innerText") != before
        visit.tab.wait_for_function(  # some speak when what they compute is there
            "([id, said]) => document.getElementById(id).querySelector('.live > div').shadowRoot"
            ".querySelector('[role=status]').textContent !== said",
            arg=[stage.get_attribute("id"), said],
        )
        assert visit.errors == []

    def test_its_settings_are_those_that_the_page_gives_it(self, figure):
        _, stage = figure
        given = json.loads(stage.get_attribute("data-state"))
        assert given == copyavg.book.explorables.KINDS[stage.get_attribute("data-explorable")](**given).chosen()

    @pytest.mark.parametrize(("mode", "width"), [("light", 1280), ("dark", 390)])
    def test_accessibility_on_a_screen_and_on_a_phone(self, figure, mode, width):
        visit, stage = figure
        visit.show(mode, width=width)
        assert visit.tab.evaluate("document.documentElement.scrollWidth") <= width
        letters = stage.evaluate(
            "(figure) => [...figure.querySelector('.live > div').shadowRoot.querySelectorAll('svg text')]"
            ".filter((text) => text.textContent && text.getBoundingClientRect().width)"
            ".map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"
        )
        assert min(letters, default=9) >= 9
        result = Axe().run(
            visit.tab, context=f"#{stage.get_attribute('id')}", options=axe([*AXE_STANDARDS, "best-practice"])
        )
        assert result.violations_count == 0, result.generate_report()
