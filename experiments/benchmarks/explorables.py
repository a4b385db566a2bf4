"""Time the explorables in headless Chromium: frames while they play or are dragged, and a flow to its limit.

A frame's time is what the page's own work takes in it: the script and the layout that it asks for, not the wait for the
screen. `make bench` writes what the page Performance shows.
"""

import datetime
import platform
import runpy
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import command_line
from playwright.sync_api import Page

from copyavg.book import explorables
from copyavg.book.explorables.bundle import digest, inline

ROOT = Path(__file__).parents[2]
DATA = ROOT / "experiments/data/explorables-benchmark.json"
CHROMIUM = runpy.run_path(str(ROOT / "book/chromium.py"))
TARGETS = {"median": 16.0, "95th percentile": 33.0, "flow": 500.0}  # milliseconds
LARGEST = {"n": 11, "k": 12}

MOUNT = """async ([module, state]) => {
    document.body.innerHTML = "";
    const { default: it } = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const kept = { ...it.defaults, ...state };
    const nothing = () => {};
    const put = (key, value) => (kept[key] = value);
    const model = { get: (key) => kept[key], set: put, save_changes: nothing, on: nothing, off: nothing };
    window.frames_ = [];
    const next = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (work) => next((now) => {
        const start = performance.now();
        work(now);
        document.body.getBoundingClientRect();
        window.frames_.push(performance.now() - start);
    });
    it.render({ model, el: document.body });
    window.root = document.body.firstChild.shadowRoot;
}"""
DRAG = """(count) => {
    const thing = window.root.querySelector(".movable");
    const picture = thing.closest("svg").getBoundingClientRect();
    const send = (type, x, y) => {
        const [clientX, clientY] = [picture.x + x * picture.width, picture.y + y * picture.height];
        thing.dispatchEvent(new PointerEvent(type, { pointerId: 1, bubbles: true, clientX, clientY }));
    };
    thing.setPointerCapture = () => {};
    send("pointerdown", 0.5, 0.5);
    const times = [];
    for (let m = 0; m < count; m++) {
        const start = performance.now();
        send("pointermove", 0.5 + 0.3 * Math.cos(m / 9), 0.5 + 0.3 * Math.sin(m / 7));
        document.body.getBoundingClientRect();
        times.push(performance.now() - start);
    }
    send("pointerup", 0.5, 0.5);
    return times;
}"""
FLOWS = """async ([module, count]) => {
    const m = await import(URL.createObjectURL(new Blob([module], { type: "text/javascript" })));
    const times = [];
    for (let seed = 0; seed < count; seed++) {
        const flow = new m.Flow(m.glorot(5, 11, seed), 5, 10, m.ACTIVATIONS.erf);
        const start = performance.now();
        while (!flow.done) flow.step();
        times.push(performance.now() - start);
    }
    return times.slice(1);
}"""
FLOW = inline(
    'import { Flow, glorot } from "./flow.mjs";\nimport { ACTIVATIONS } from "./landscape.mjs";\n'
    "export { ACTIVATIONS, Flow, glorot };\n"
)


def measure(quick: bool) -> dict[str, Any]:
    """Open a browser, and time every explorable in it."""
    with CHROMIUM["opened"]() as browser:
        page = browser.new_page(viewport={"width": 760, "height": 900})
        page.set_default_timeout(120_000)
        rows = list(frames(page, quick))
        times = page.evaluate(FLOWS, [FLOW, 3 if quick else 41])
        rows.append({"what": "a flow to its limit, n = 5, k = 10, erf", "name": "flow", **summary(times)})
        version = browser.version
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, Chromium {version}",
        "code": digest(),
        "targets": TARGETS,
        "rows": rows,
    }


def frames(page: Page, quick: bool) -> Iterator[dict[str, Any]]:
    """Drag the first thing that moves in every explorable, and play those that play."""
    for name, kind in explorables.KINDS.items():
        sizes = LARGEST if name in ("copy-or-average", "groups") else {}
        page.evaluate(MOUNT, [explorables.bundle(name), sizes])
        times = page.evaluate(DRAG, 5 if quick else 200)
        size = f", n = {sizes['n']}, k = {sizes['k']}" if sizes else ""
        yield {"what": f"{kind.__name__}, dragged{size}", "name": name, **summary(times)}
    for activation in ("erf", "relu"):
        page.evaluate(MOUNT, [explorables.bundle("copy-or-average"), LARGEST | {"activation": activation}])
        page.evaluate("window.root.querySelector('button.main').click()")
        page.wait_for_function("window.root.querySelector('button.main').textContent === 'Play' && frames_.length > 10")
        what = f"CopyOrAverage, playing, n = 11, k = 12, {activation}"
        yield {"what": what, "name": "copy-or-average", **summary(page.evaluate("frames_"))}


def summary(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds, and of how many."""
    return {
        "count": len(times),
        "median": round(median(times), 2),
        "late": round(quantiles(times, n=20)[-1], 2) if len(times) > 1 else round(times[0], 2),
    }


def table(report: dict) -> str:
    """The rows, a line each."""
    lines = [
        f"{row['what']:<55} {row['median']:8.2f} ms {row['late']:8.2f} ms  ({row['count']})" for row in report["rows"]
    ]
    return "\n".join([f"{'':<55} {'median':>11} {'95 %':>11}", *lines])


if __name__ == "__main__":
    command_line.run(__doc__.splitlines()[0], measure, table, DATA, "a few frames each")
