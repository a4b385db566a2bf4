// What all explorables draw with: a stage of its own look, controls, axes, and things that can be moved.

// Colours carry the meanings that they have in the book's figures; on a dark page they are lighter.
const STYLE = `
:host { display: block; container-type: inline-size; }
.stage {
  --paper: #fff; --surface: #f5f6f8; --ink: #23262b; --muted: #5c6269; --line: #d5d9de; --focus: #0f55b8;
  --teacher: #3b3b3b; --student: #0072b2; --copy-average: #d55e00; --n-copy: #009e73; --against: #a0579a;
  --copy-average-ink: #a84400; --n-copy-ink: #00664a; --student-ink: #005a8f; --on-disc: #fff;
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; display: grid; grid-template-columns: minmax(0, 1fr); gap: 12px; text-align: left;
}
.stage.dark {
  --paper: #16191d; --surface: #21252b; --ink: #e8eaed; --muted: #a9b0b8; --line: #3c434b; --focus: #8ab8f5;
  --teacher: #c9ced4; --student: #56b4e9; --copy-average: #f08a3c; --n-copy: #2fc796; --against: #d59ad0;
  --copy-average-ink: #f5a568; --n-copy-ink: #4fd8ac; --student-ink: #8fcdf2; --on-disc: #101214;
}
.stage > * { min-width: 0; }
.row { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: end; }
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 12px 20px; align-items: start; }
@container (max-width: 620px) { .columns { grid-template-columns: minmax(0, 1fr); } .stage { padding: 12px; } }
label, fieldset { font-size: 14px; color: var(--muted); }
label { display: grid; gap: 2px; min-width: 118px; flex: 1 1 118px; max-width: 230px; }
label b, legend b { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }
input[type="range"] { width: 100%; margin: 0; height: 24px; accent-color: var(--student); cursor: pointer; }
fieldset { border: 0; margin: 0; padding: 0; min-width: 0; }
legend { padding: 0; margin-bottom: 2px; }
fieldset div { display: inline-flex; border: 1px solid var(--line); border-radius: 7px; overflow: hidden; }
fieldset span { position: relative; display: inline-flex; }
fieldset input { position: absolute; inset: 0; opacity: 0; margin: 0; width: 100%; height: 100%; cursor: pointer; }
fieldset i { font-style: normal; padding: 4px 11px; color: var(--ink); background: var(--paper); }
fieldset input:checked + i { background: var(--ink); color: var(--paper); }
button {
  font: inherit; font-size: 14px; color: var(--ink); background: var(--surface); border: 1px solid var(--line);
  border-radius: 7px; padding: 5px 12px; min-height: 32px; cursor: pointer;
}
button:hover { border-color: var(--muted); }
button.main { background: var(--ink); color: var(--paper); border-color: var(--ink); min-width: 84px; }
button[aria-disabled="true"] { color: var(--muted); cursor: default; }
:is(button, input, summary, [tabindex]):focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
fieldset input:focus-visible + i { outline: 3px solid var(--focus); outline-offset: -3px; }
svg { display: block; width: 100%; height: auto; overflow: visible; touch-action: pan-y; user-select: none; }
svg text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--muted); }
svg .movable { cursor: grab; touch-action: none; }
svg .movable:focus { outline: none; }
svg .ring { fill: none; stroke: transparent; stroke-width: 3; }
svg .movable:focus-visible .ring { stroke: var(--focus); }
.says { margin: 0; min-height: 2.9em; }
.says strong { font-weight: 650; }
.copy-average { color: var(--copy-average-ink); } .n-copy { color: var(--n-copy-ink); } .student { color: var(--student-ink); }
.quiet { font-size: 13px; color: var(--muted); margin: 0; }
details { font-size: 14px; } summary { cursor: pointer; color: var(--muted); width: fit-content; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin-top: 6px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); padding-bottom: 4px; }
th, td { padding: 2px 10px 2px 0; text-align: right; white-space: nowrap; } th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media print { .stage { break-inside: avoid; } }
`;

/** An HTML element with attributes, listeners (onclick: …) and children. */
export function node(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const set = (element, attributes) => fill(element, attributes, []);

/** Whether the reader has asked for less motion. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

function isDark() {
  const { dataset } = document.documentElement;
  if (dataset.theme) return dataset.theme === "dark"; // the book's theme
  if (document.body.dataset.jpThemeLight) return document.body.dataset.jpThemeLight === "false"; // JupyterLab
  if (document.documentElement.hasAttribute("theme")) return document.documentElement.getAttribute("theme") === "dark"; // Colab
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * A stage in `el`: `add(…)` puts things on it, `say(text)` tells a screen reader what changed (the last of what is
 * said within half a second), `leave()` takes it down.
 */
export function stage(el, label) {
  const host = el.appendChild(node("div"));
  const root = host.attachShadow({ mode: "open" });
  const box = node("div", { class: "stage", role: "group", "aria-label": label });
  const live = node("div", { class: "unseen", role: "status", "aria-live": "polite" });
  root.append(node("style", {}, STYLE), box);
  box.append(live);
  const shade = () => box.classList.toggle("dark", isDark());
  const observer = new MutationObserver(shade);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "theme"] });
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  shade();
  let waiting = null;
  return {
    root,
    box,
    add: (...things) => box.append(...things),
    say(text) {
      clearTimeout(waiting);
      waiting = setTimeout(() => (live.textContent = text), 500);
    },
    leave() {
      clearTimeout(waiting);
      observer.disconnect();
      host.remove();
    },
  };
}

/** A slider under its name and value; `shown` makes words of a value. `.put(value, bounds)` moves it. */
export function slider({ label, min, max, step = 1, value, shown = String, change }) {
  const says = node("b", {}, shown(value));
  const input = node("input", { type: "range", min, max, step, value, "aria-valuetext": shown(value) });
  input.addEventListener("input", () => {
    show(Number(input.value));
    change(Number(input.value));
  });
  const show = (number) => {
    says.textContent = shown(number);
    input.setAttribute("aria-valuetext", shown(number));
  };
  const element = node("label", {}, node("span", {}, `${label} `, says), input);
  element.put = (number, bounds = {}) => {
    set(input, bounds);
    input.value = number;
    show(number);
  };
  return element;
}

let groups = 0;

/** One of a few: options are [value, words]. `.put(value)` chooses. */
export function choice({ label, options, value, change }) {
  const name = `choice-${groups++}`;
  const inputs = options.map(([option, words]) => {
    const input = node("input", { type: "radio", name, value: option, checked: option === value, "aria-label": words });
    input.addEventListener("change", () => change(option));
    return input;
  });
  const parts = inputs.map((input, m) => node("span", {}, input, node("i", { "aria-hidden": "true" }, options[m][1])));
  const element = node("fieldset", {}, node("legend", {}, label), node("div", {}, parts));
  element.put = (chosen) => inputs.forEach((input) => (input.checked = input.value === chosen));
  return element;
}

export function button(words, click, attributes = {}) {
  return node("button", { type: "button", onclick: click, ...attributes }, words);
}

/** The numbers, for those who read rather than look: `.put(rows)` fills in. */
export function table(summary, caption, head) {
  const body = node("tbody");
  const heads = node("tr", {}, head.map((words) => node("th", { scope: "col" }, words)));
  const grid = node("table", {}, node("caption", {}, caption), node("thead", {}, heads), body);
  const scroll = node("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, grid);
  const element = node("details", {}, node("summary", {}, summary), scroll);
  element.put = (rows) =>
    body.replaceChildren(
      ...rows.map(([first, ...cells]) =>
        node("tr", {}, node("th", { scope: "row" }, first), cells.map((cell) => node("td", {}, cell))),
      ),
    );
  return element;
}

/** A button that copies the page's address with the present state, where the page can do that. */
export function linkButton(model, view) {
  if (!model.link) return null;
  const element = button("Copy link", async () => {
    const address = model.link();
    try {
      await navigator.clipboard.writeText(address);
      element.textContent = "Copied";
    } catch {
      history.replaceState(null, "", address); // no clipboard here: the address bar has it
      element.textContent = "In the address bar";
    }
    view.say("The link to this state is copied.");
    setTimeout(() => (element.textContent = "Copy link"), 2000);
  });
  return element;
}

/** A map from numbers to places, linear or logarithmic. */
export function scale([from, to], [start, end], logarithmic = false) {
  const f = logarithmic ? Math.log10 : (x) => x;
  const map = (x) => start + ((f(x) - f(from)) / (f(to) - f(from))) * (end - start);
  map.back = (place) => {
    const x = f(from) + ((place - start) / (end - start)) * (f(to) - f(from));
    return logarithmic ? 10 ** x : x;
  };
  return map;
}

/** Where round numbers lie between two, about `count` of them. */
export function ticks(from, to, count = 5) {
  const rough = (to - from) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough);
  const result = [];
  for (let m = Math.ceil(from / step - 1e-9); m * step <= to + 1e-9 * step; m++) result.push(Number((m * step).toPrecision(12)));
  return result;
}

/** A line through points [x, y], as the `d` of a path. */
export const path = (points) => points.map(([x, y], m) => `${m ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");

/** A power of ten in words: 10³. */
export const power = (m) => `10${[...String(m)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("")}`;

/** A number with so many significant digits. */
export function digits(x, count = 5) {
  const size = Math.abs(x);
  if (x === 0) return "0";
  return size >= 1e-4 && size < 10 ** count ? x.toPrecision(count) : x.toExponential(Math.min(2, count - 1));
}

// Where in a picture a pointer is.
function placeOf(event, picture) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
  return [at.x, at.y];
}

/**
 * Let a thing in an SVG be moved, by mouse, touch and arrow keys. `move(x, y)` gets places in the picture; `nudge(dx,
 * dy)` gets ±1 from arrow keys (Shift: ±5); `grab` and `drop` come before and after; `press` is Enter or Space.
 */
export function movable(thing, picture, { grab = () => {}, move, drop = () => {}, nudge, press = () => {} }) {
  let held = false;
  thing.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false }); // the page stays in place
  thing.addEventListener("pointerdown", (event) => {
    held = true;
    thing.setPointerCapture(event.pointerId);
    grab();
    event.preventDefault();
    thing.focus({ preventScroll: true });
  });
  thing.addEventListener("pointermove", (event) => held && move(...placeOf(event, picture)));
  for (const end of ["pointerup", "pointercancel"])
    thing.addEventListener(end, () => {
      if (held) drop();
      held = false;
    });
  thing.addEventListener("keydown", (event) => {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in arrows) nudge(...arrows[event.key].map((x) => x * (event.shiftKey ? 5 : 1)));
    else if (event.key === "Enter" || event.key === " ") press();
    else return;
    event.preventDefault();
  });
}

/**
 * A point to choose a place on a map with: it is moved, or the map (`ground`) is clicked; both lie in the picture.
 * The rest is as for `movable`.
 */
export function marker(picture, ground, label, { move, ...others }) {
  const thing = svg("g",
    { class: "movable", tabindex: 0, role: "slider", "aria-label": label, "aria-valuemin": 1 },
    svg("circle", { r: 16, fill: "transparent" }),
    svg("circle", { r: 6.5, fill: "var(--student)", stroke: "var(--paper)", "stroke-width": 2 }),
    svg("circle", { r: 11, class: "ring" }));
  ground.addEventListener("click", (event) => {
    move(...placeOf(event, picture));
    thing.focus({ preventScroll: true });
  });
  movable(thing, picture, { move, ...others });
  return thing;
}
