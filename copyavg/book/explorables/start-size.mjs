// The size of the start: where gradient flow ended in the sweeps, and paths from starts of that size, computed here.

import { classify } from "./classification.mjs";
import { button, choice, digits, linkButton, marker, node, path, scale, set, slider, stage, still, svg, table } from "./drawing.mjs";
import { Flow, glorot } from "./flow.mjs";
import { ACTIVATIONS, averageLoss } from "./landscape.mjs";
import { drawStairs } from "./stairs.mjs";
import TABLE from "./start-size.json";

const KS = Object.keys(TABLE.sweeps).map(Number);
const FACTORS = Object.keys(TABLE.sweeps[KS[0]].ends).map(Number).sort((x, y) => x - y);
const LIVE = 10; // teacher neurons of the paths: those of more take too long here
const WORK = 7; // milliseconds of flow in a frame
const REPLAY = 4000; // milliseconds
const KEPT = 30; // paths of a kind, beside the last
const [LEFT, RIGHT, TOP, FOOT] = [58, 374, 42, 204]; // the bars; below them a row of 16 for each size
const rowOf = (size) => FOOT + 16 + 16 * (FACTORS.length - 1 - FACTORS.indexOf(size));
const END = rowOf(FACTORS[0]) + 10;
const ENDS = { "n-copy": "n-copy", other: "muted", "copy-average": "copy-average" };

const defaults = { k: 10, n: 7, size: 1, seed: 1, share: 0, label: "", loss: 0 };
const settings = ["k", "n", "size", "seed"];

function render({ model, el }) {
  const view = stage(el, "The size of the start, and where gradient flow ends");
  const get = (key) => model.get(key);
  const past = new Map(); // the paths so far, by n and size
  let { flow, states, seen } = {};
  let shown = 0; // the state on show, in a replay also between two
  let more = 0; // starts still to come
  let eager = false; // whether a replay is to follow the computation
  let frame = null;
  let last = null; // when a replay drew last; null while a path is computed
  let ours = false; // whether a change is the page's own
  let drawn = "";

  // What is on the stage.
  const controls = {
    k: choice({
      label: "teacher neurons k", options: KS.map((k) => [String(k), String(k)]), value: "10",
      change: (k) => change({ k: Number(k), n: Math.round((get("n") / get("k")) * k) }),
    }),
    n: slider({ label: "student neurons n", min: 1, max: 9, value: 7, change: (n) => change({ n }) }),
    size: slider({
      label: "size of the start", min: 0, max: FACTORS.length - 1, value: 0, shown: (m) => `× ${FACTORS[m]}`,
      change: (m) => change({ size: FACTORS[m] }),
    }),
  };
  const play = button("Play", toggle, { class: "main" });
  const counted = svg("svg", { viewBox: `0 0 380 ${END + 40}`, role: "group", "aria-label": "Where starts ended" });
  const bars = svg("g", { style: "cursor: pointer" });
  const column = svg("rect", { fill: "none", stroke: "var(--ink)", "stroke-width": 1.6 });
  const sizeAt = (m) => FACTORS[Math.min(FACTORS.length - 1, Math.max(0, m))];
  const point = marker(counted, bars, "Student neurons, and size of the start", {
    move: moveTo,
    nudge: (dx, dy) => change({ n: get("n") + dx, size: sizeAt(FACTORS.indexOf(get("size")) - dy) }),
    press: () => another(1),
  });
  counted.append(bars, column, point);
  const chart = svg("svg", { viewBox: "0 0 380 330", role: "img", "aria-label": "The loss against time, along paths of gradient flow" });
  const told = node("p", { class: "says" });
  const says = node("p", { class: "says" });
  const note = node("p", { class: "quiet" });
  const numbers = table("Numbers", "Where starts ended", ["n", "n-copy", "copy-average", "smaller student", "other", "share of n-copy"]);
  const swatch = (colour, words) => {
    const look = `display: inline-block; width: 12px; height: 12px; border-radius: 3px; background: var(--${colour})`;
    return node("span", {}, node("span", { style: look }), ` ${words}`);
  };
  view.add(
    node("div", { class: "row" }, controls.k, controls.n, controls.size),
    node("div", { class: "row" },
      play, button("Another start", () => another(1)), button("Ten more", () => another(10)), linkButton(model, view)),
    node("div", { class: "columns" },
      node("div", { style: "display: grid; gap: 8px" }, counted,
        node("div", { class: "row quiet", style: "gap: 2px 14px" },
          swatch("n-copy", "n-copy"), swatch("copy-average", "copy-average"), swatch("muted", "another end")),
        told,
        node("p", { class: "quiet" }, "Above, the size that is chosen; below, all of them, by the share of n-copy: colourless at a half. Click on a place, drag the point, or move it with the arrow keys; Enter draws another start.")),
      node("div", { style: "display: grid; gap: 8px" }, chart, says, note),
    ),
    numbers,
  );

  // State: what is chosen, the path from that start, and which of its states is on show.
  function change(values) {
    if (Object.entries(values).every(([key, value]) => get(key) === value)) return;
    ours = true;
    for (const [key, value] of Object.entries(values)) model.set(key, value);
    more = 0;
    restart();
    model.save_changes();
    ours = false;
  }

  function moveTo(x, y) {
    const n = Math.round(across(get("k")).back(x));
    change(y < FOOT + 8 ? { n } : { n, size: sizeAt(FACTORS.length - 1 - Math.round((y - FOOT - 16) / 16)) });
  }

  function another(number) {
    change({ seed: Math.max(get("seed"), ...kept().map(({ seed }) => seed)) + 1 });
    more = number - 1;
    name();
  }

  const kept = () => past.get(here()) ?? [];
  const here = () => `${live()} ${get("size")}`;
  const live = () => Math.min(LIVE - 1, Math.max(1, Math.round((get("n") / get("k")) * LIVE)));

  function restart() {
    const k = nearest(KS, get("k"));
    const n = Math.min(k - 1, Math.max(1, Math.round(get("n")) || 1));
    const size = nearest(FACTORS, get("size"));
    const seed = Math.max(0, Math.round(get("seed")) || 0);
    const cell = TABLE.sweeps[k].ends[size][n - 1];
    const values = { k, n, size, seed, share: cell[0] / TABLE.sweeps[k].seeds, label: "", loss: 0 };
    for (const [key, value] of Object.entries(values)) model.set(key, value);
    controls.k.put(String(k));
    controls.n.put(n, { max: k - 1 });
    controls.size.put(FACTORS.indexOf(size));
    count(k, n, size);
    cancelAnimationFrame(frame);
    last = null;
    eager = false;
    name();
    flow = new Flow(glorot(live(), LIVE + 1, seed, size), live(), LIVE, ACTIVATIONS.erf);
    states = [];
    record();
    seen = null;
    frame = requestAnimationFrame(tick);
  }

  const record = () => states.push({ time: flow.time, loss: flow.loss });

  function tick(now) {
    if (last === null) {
      const until = performance.now() + WORK;
      while (!flow.done && performance.now() < until) {
        flow.step();
        record();
      }
      shown = states.length - 1;
      if (flow.done) return arrive();
      if (!still()) show();
    } else {
      shown = still() ? Infinity : shown + (Math.min(now - last, 100) / REPLAY) * states.length;
      last = now;
      if (shown >= states.length - 1) return rest(states.length - 1);
      show();
    }
    frame = requestAnimationFrame(tick);
  }

  // The path is there: say where it ends, keep it beside the others, and go on to the next start, if there is one.
  function arrive() {
    const { label } = classify(flow.theta, live(), LIVE, ACTIVATIONS.erf);
    seen = { label, seed: get("seed"), states };
    past.set(here(), [...kept().filter(({ seed }) => seed !== seen.seed), seen].slice(-KEPT));
    model.set("label", label);
    model.set("loss", flow.loss);
    show();
    model.save_changes();
    if (more) another(more);
    else if (eager) toggle();
  }

  const name = () => (play.textContent = last !== null ? "Pause" : more ? "Stop" : "Play");

  function toggle() {
    if (last !== null) return rest();
    if (more) more = 0;
    else if (!seen) eager = true;
    else {
      if (shown >= states.length - 1) shown = 0;
      last = performance.now();
      frame = requestAnimationFrame(tick);
    }
    name();
  }

  function rest(at = shown) {
    cancelAnimationFrame(frame);
    last = null;
    shown = at;
    name();
    show();
  }

  // Drawing.
  const across = (k) => scale([0.5, k - 0.5], [LEFT, RIGHT]);

  function count(k, n, size) {
    const { seeds, ends, thresholds } = TABLE.sweeps[k];
    const x = across(k);
    const y = scale([0, seeds], [FOOT, TOP]);
    if (drawn !== `${k} ${size}`) {
      drawn = `${k} ${size}`;
      const parts = [svg("rect", { x: LEFT, width: RIGHT - LEFT, y: TOP, height: END - TOP, fill: "transparent" })];
      const text = (words, at, height, anchor = "middle") => parts.push(svg("text", { x: at, y: height, "text-anchor": anchor }, words));
      const gap = k < 30 ? 1 : 0.5;
      const wide = (x(1) - x(0) - gap).toFixed(2);
      const add = (tag, attributes) => parts.push(svg(tag, attributes));
      const box = (m, y, height, fill) =>
        add("rect", { x: (x(m + 0.5) + gap / 2).toFixed(2), width: wide, y: y.toFixed(2), height: height.toFixed(2), fill });
      ends[size].forEach(([copy, smaller, other], m) => {
        let from = 0;
        for (const [number, colour] of [[copy, "n-copy"], [smaller + other, "muted"], [seeds - copy - smaller - other, "copy-average"]]) {
          if (number) box(m, y(from + number), y(from) - y(from + number), `var(--${colour})`);
          from += number;
        }
      });
      for (const factor of FACTORS) {
        ends[factor].forEach(([copy], m) => box(m, rowOf(factor) - 7, 14, ramp(copy / seeds)));
        text(`× ${factor}`, LEFT - 8, rowOf(factor) + 4, "end");
      }
      const ink = { fill: "none", stroke: "var(--ink)", "stroke-width": 1.2 };
      add("rect", { x: LEFT - 2, width: RIGHT - LEFT + 4, y: rowOf(size) - 8.5, height: 17, ...ink });
      for (const [m, words, height] of [[0, "n-copy a minimum →", TOP - 10], [2, "copy-average a saddle →", TOP - 27]]) {
        const at = x(thresholds[m] - 0.5);
        add("path", { d: path([[at, height - 3], [at, END - 2]]), "stroke-dasharray": "4 3", ...ink });
        text(words, at - 5, height, "end");
      }
      for (const share of [0, 50, 100]) text(`${share} %`, LEFT - 8, y((share / 100) * seeds) + (share ? 4 : -1), "end");
      for (let m = k < 20 ? 1 : k / 10; m < k; m += k < 20 ? 1 : k / 10) text(String(m), x(m), END + 16);
      text("student neurons n", (LEFT + RIGHT) / 2, END + 33);
      bars.replaceChildren(...parts);
      numbers.put(ends[size].map(([copy, smaller, other], m) =>
        [m + 1, copy, seeds - copy - smaller - other, smaller, other, `${digits(copy / seeds, 2)}`].map(String)));
    }
    set(column, { x: x(n - 0.5), width: x(1) - x(0), y: TOP - 1, height: FOOT - TOP + 2 });
    set(point, {
      transform: `translate(${x(n).toFixed(2)} ${rowOf(size)})`, "aria-valuenow": n, "aria-valuemax": k - 1,
      "aria-valuetext": `n = ${n} of k = ${k}, size × ${size}`,
    });
    const [copy, smaller, other] = ends[size][n - 1];
    const average = seeds - copy - smaller - other;
    told.replaceChildren(`In the sweep, with n = ${n}, k = ${k} and Glorot’s start × ${size}, of ${seeds} starts `,
      ...tally([[copy, "n-copy"], [average, "copy-average"], [smaller + other, "other"]]), ".");
    const same = "The path is computed here, from a start that the page draws: none of those of the sweep.";
    const instead = `The path has k = ${LIVE}, as more takes too long in a page, and n = ${live()}, the nearest to n/k = ${digits(n / k, 2)}. It may end otherwise than the bars say: the n/k from which starts end at n-copy falls as k grows.`;
    note.textContent = `${k === LIVE ? same : instead} Dotted: the plateaus, at the best losses of fewer neurons.`;
  }

  function show() {
    const n = live();
    const best = Array.from({ length: n }, (_, m) => averageLoss(LIVE - m));
    const nCopy = TABLE.levels[n - 2] ?? null;
    const others = kept().filter((other) => other !== seen);
    const latest = Math.min(5e6, Math.max(5e4, ...[{ states }, ...others].map((one) => one.states.at(-1).time)));
    const way = states.slice(0, Math.floor(shown) + 1);
    const ended = seen && way.length === states.length;
    const faint = others.map(({ states, label }) => ({ states, colour: ENDS[label] ?? "muted", faint: true }));
    const paths = [...faint, { states: way, colour: "student" }];
    const dot = ended ? ENDS[seen.label] ?? "muted" : "student";
    drawStairs(chart, 292, { best, nCopy, from: states[0].loss, latest, paths, dot });
    tell(ended, way.at(-1), best.at(-1), nCopy);
  }

  function tell(ended, { time, loss }, average, copy) {
    if (!ended) return says.replaceChildren(`t = ${digits(time, 3)}, loss ${digits(loss, 5)}.`);
    const found = ENDS[seen.label] ? seen.label : "other";
    const level = { "n-copy": copy, "copy-average": average }[found];
    const all = kept();
    const number = (name) => all.filter(({ label }) => (ENDS[label] ? label : "other") === name).length;
    const name = { "n-copy": "n-copy. ", "copy-average": "Copy-average. ", reduced: "A smaller student. ", other: "Another end. " };
    const exact = Math.abs(loss - level) < 1e-10 ? ", that of the exact point" : "";
    says.replaceChildren(
      node("strong", { class: found }, name[seen.label]),
      `Loss ${digits(loss, 7)}${found === "other" ? `; how it ended: ${flow.reason}` : exact}. `,
      ...(all.length > 1 ? [`Of your ${all.length} starts here `, ...tally(Object.keys(ENDS).map((name) => [number(name), name])), "."] : []));
    view.say(`${says.textContent} ${told.textContent}`);
  }

  for (const key of settings) model.on(`change:${key}`, heard);
  function heard() {
    const now = settings.map(get).join();
    if (!ours && now !== heard.last) {
      more = 0;
      restart();
      model.save_changes();
    }
    heard.last = settings.map(get).join();
  }
  restart();
  heard.last = settings.map(get).join();
  return () => {
    cancelAnimationFrame(frame);
    for (const key of settings) model.off(`change:${key}`, heard);
    view.leave();
  };
}

// The member of a list that is nearest to x on a logarithmic axis.
const nearest = (all, x) => all.reduce((best, y) => (Math.abs(Math.log(y / x)) < Math.abs(Math.log(best / x)) ? y : best));

const ramp = (share) => {
  const lean = share - 0.5;
  return `color-mix(in srgb, var(--${lean < 0 ? "copy-average" : "n-copy"}) ${Math.round(200 * Math.abs(lean))}%, var(--paper))`;
};

// How many ended where: "34 ended at n-copy, 16 at copy-average".
function tally(counts) {
  return counts.filter(([number]) => number).flatMap(([number, name], m) =>
    [m ? ", " : "", node("strong", { class: name }, String(number)), `${m ? "" : " ended"} ${name === "other" ? "elsewhere" : `at ${name}`}`]);
}

export default { render, defaults, settings };
