// Copy or average, at every size: a map of which of the two points is better, and which is a minimum, up to k = 10⁶.

import { Branch } from "./branch.mjs";
import { choice, digits, linkButton, marker, node, path, power, scale, set, slider, stage, svg, table } from "./drawing.mjs";
import { averageLoss, bestIsSaddle } from "./landscape.mjs";
import TABLE from "./every-size.json";

const ROWS = TABLE.thresholds; // [k, from which n on n-copy is a minimum, is better, copy-average is a saddle]
const KS = ROWS.map(([k]) => k);
const REGIONS = [
  ["copy-average", 44, "only copy-average is a minimum"],
  ["copy-average", 17, "both are minima, copy-average is better"],
  ["n-copy", 17, "both are minima, n-copy is better"],
  ["n-copy", 44, "only n-copy is a minimum"],
];
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 374, 20, 404];

const defaults = { k: 50, n: 25, copy_average_loss: 0, n_copy_loss: null, better: "" };
const settings = ["k", "n"];

function render({ model, el }) {
  const view = stage(el, "Copy or average, at every size: a map over n and k");
  const get = (key) => model.get(key);
  let axis = AXES.share;
  let branch = null;
  let ours = false; // whether a change of k and n is the page's own
  let kept = null; // n/k, while the reader changes k alone

  const controls = {
    k: slider({ label: "teacher neurons k", min: 0, max: KS.length - 1, value: 0, shown: () => whole(get("k")), change: toRow }),
    n: slider({ label: "student neurons n", min: 1, max: 9, value: 1, shown: whole, change: (n) => change({ n }) }),
    axis: choice({
      label: "horizontal axis", options: [["share", "n/k"], ["odds", "n/(k − n)"]], value: "share",
      change: (name) => {
        axis = AXES[name];
        build();
        restart();
      },
    }),
  };
  const picture = svg("svg", { viewBox: "0 0 380 446", role: "group", "aria-label": "Map over n and k" });
  const map = svg("g", { style: "cursor: pointer" });
  const row = svg("line", { x1: LEFT, x2: RIGHT, stroke: "var(--ink)", "stroke-width": 0.8, "stroke-dasharray": "2 3" });
  const point = marker(picture, map, "Student and teacher", {
    move: moveTo,
    nudge: (dx, dy) => (dy ? toRow(rowOf(get("k")) - dy) : aside(dx)),
  });
  picture.append(map, row, point);
  const legend = REGIONS.map(([name, strength, words]) =>
    node("div", { class: "quiet", style: "display: flex; gap: 8px; align-items: center; padding: 1px 0" },
      node("span", { style: `width: 22px; height: 14px; border-radius: 3px; background: ${mixed(name, strength)}` }), words));
  const cards = Object.fromEntries(["copy-average", "n-copy"].map((name) => {
    const [head, drawing] = [node("span", { style: "font-size: 14px" }), svg("svg", { viewBox: "0 0 380 108", role: "img" })];
    return [name, { head, drawing, box: node("div", {}, node("strong", { class: name }, name), head, drawing) }];
  }));
  const says = node("p", { class: "says" });
  const turns = node("p", { class: "quiet" });
  const numbers = table("Numbers", "Loss and weights of the two points", ["number", "copy-average", "n-copy"]);
  view.add(
    node("div", { class: "row" }, controls.k, controls.n, controls.axis, linkButton(model, view)),
    node("div", { class: "columns" },
      node("div", {}, picture, legend),
      node("div", { style: "display: grid; gap: 12px" }, cards["copy-average"].box, cards["n-copy"].box, says, turns,
        node("p", { class: "quiet" },
          "Drag the point, move it with the arrow keys, or click on the map: a row is a teacher of k neurons, a place in it a student of n. Strips: where starts of gradient flow ended, from ",
          node("strong", { class: "copy-average" }, "always at copy-average"), " (colourless: half and half) to ",
          node("strong", { class: "n-copy" }, "always at n-copy"), ". A line in a network is as wide as the share of a teacher neuron in w, and broken where that is negative.")),
    ),
    numbers,
  );

  // State: k and n, and what follows from them.
  const put = (values) => Object.entries(values).forEach(([key, value]) => model.set(key, value));

  function change(values, keep = null) {
    kept = keep;
    ours = true;
    put(values);
    restart();
    ours = false;
  }

  function toRow(m) {
    const k = KS[Math.min(KS.length - 1, Math.max(0, m))];
    const share = kept ?? get("n") / get("k");
    change({ k, n: within(share * k, k) }, share);
  }

  function aside(by) {
    const [n, k] = [get("n"), get("k")];
    change({ n: within(n + by * Math.max(1, Math.round(Math.min(n, k - n) / 25)), k) });
  }

  function moveTo(x, y) {
    const k = KS[rowOf(UP.back(y))];
    change({ k, n: within(k * axis.share(axis.x.back(x)), k) });
  }

  function restart() {
    const k = Math.min(KS.at(-1), Math.max(2, Math.round(get("k")) || 2));
    const n = within(get("n") || 1, k);
    if (k !== branch?.k) branch = new Branch(k);
    const average = averageLoss(k - n + 1);
    const copy = branch.at(n);
    const facts = judge(n, k, average, copy);
    put({ k, n, copy_average_loss: average, n_copy_loss: copy && copy.loss, better: facts.better ? "n-copy" : "copy-average" });
    controls.k.put(rowOf(k));
    controls.n.put(n, { max: k - 1 });
    set(point, {
      transform: `translate(${place(n, k).toFixed(2)} ${UP(k).toFixed(2)})`,
      "aria-valuenow": n, "aria-valuemax": k - 1, "aria-valuetext": `n = ${whole(n)}, k = ${whole(k)}`,
    });
    set(row, { y1: UP(k), y2: UP(k) });
    show({ n, k, average, copy, ...facts });
    tell({ n, k, average, copy, ...facts });
    model.save_changes();
  }

  // Drawing.
  const place = (n, k) => axis.x(axis.of(n, k));

  function build() {
    const parts = [svg("rect", { x: LEFT, width: RIGHT - LEFT, y: TOP, height: BOTTOM - TOP, fill: "transparent" })];
    const add = (tag, attributes, ...words) => parts.push(svg(tag, attributes, ...words));
    const text = (words, x, y, anchor = "middle") => add("text", { x, y, "text-anchor": anchor }, words);
    const edges = [1.63, ...KS.slice(1).map((k, m) => Math.sqrt(k * KS[m])), 1.05 * KS.at(-1)].map(UP);
    const border = (b) => ROWS.flatMap(([k, ...thresholds], m) => {
      const x = place([1, ...thresholds, k][b] - 0.5, k);
      return [[x, edges[m]], [x, edges[m + 1]]];
    });
    REGIONS.forEach(([name, strength], r) =>
      add("path", { d: `${path([...border(r), ...border(r + 1).reverse()])}Z`, fill: mixed(name, strength) }));
    for (const b of [1, 2, 3])
      add("path", { d: path(border(b)), fill: "none", stroke: "var(--ink)", "stroke-width": 0.8, "stroke-opacity": 0.55 });
    for (const [k, [seeds, sizes, counts]] of Object.entries(TABLE.flow)) {
      const half = (sizes[1] - sizes[0]) / 2;
      const strip = (from, to, rim, fill) => {
        const [x, end] = [place(from - half, k) - rim, place(to + half, k) + rim];
        add("rect", { x: x.toFixed(2), width: (end - x).toFixed(2), y: UP(k) - 4 - rim, height: 8 + 2 * rim, fill });
      };
      strip(sizes[0], sizes.at(-1), 1, "var(--paper)");
      sizes.forEach((n, m) => {
        const lean = counts[m] / seeds - 0.5;
        strip(n, n, 0.07, mixed(lean < 0 ? "copy-average" : "n-copy", Math.round(200 * Math.abs(lean))));
      });
    }
    for (const k of [2, 10, 100, 1e3, 1e4, 1e5, 1e6])
      text(k < 1000 ? String(k) : power(Math.log10(k)), LEFT - 6, UP(k) + 4, "end");
    text("k", 10, UP(10 ** 2.5) + 4);
    text("n/k = 0.766", place(0.766, 1), TOP - 6);
    for (const [value, words] of axis.ticks) {
      const x = axis.x(value);
      add("line", { x1: x, x2: x, y1: BOTTOM, y2: BOTTOM + 4, stroke: "var(--muted)" });
      text(words, x, BOTTOM + 18);
    }
    text(axis.title, (LEFT + RIGHT) / 2, BOTTOM + 36);
    map.replaceChildren(...parts);
  }

  function show({ n, k, average, copy, minimum, better, saddle, region }) {
    legend.forEach(({ style }, r) => {
      style.color = r === region ? "var(--ink)" : "";
      style.fontWeight = r === region ? 650 : "";
    });
    const kind = { true: ", a minimum", false: ", a saddle", null: "" };
    const m = k - n + 1;
    for (const [name, words, best] of [
      ["copy-average", `loss ${digits(average, 7)}${kind[!saddle]}`, !better],
      ["n-copy", copy ? `loss ${digits(copy.loss, 7)}${kind[minimum]}` : `– ${n > 1 ? "none was found this small" : "one neuron averages"}`, better],
    ]) {
      cards[name].head.textContent = ` ${words}`;
      cards[name].box.style = `border-left: 4px solid ${best ? `var(--${name})` : "var(--line)"}; padding-left: 10px`;
    }
    draw("copy-average", n - 1, m, [1, 0, 0, m ** -0.5]);
    draw("n-copy", n, k - n, copy ? copy.weights.map((x) => x / copy.norm) : [0, 0, 0]);
    const names = ["copy: own, α", "another’s, β", "left over, γ", "outgoing, a"];
    numbers.put([
      ["loss", digits(average, 9), copy ? digits(copy.loss, 9) : "–"],
      ...names.map((name, e) => [name, n > 1 ? [1, 0, 0, 1][e] : "–", copy ? digits([...copy.weights, copy.outgoing][e], 7) : "–"]),
      ["average: each", digits(1 / Math.sqrt(m * (2 * m - 1)), 7), "–"],
      ["outgoing", whole(m), "–"],
    ]);
  }

  // A network: teacher neurons of which one neuron each copies, and those left over, which one more may average. The
  // shares are a copying neuron's own one, another's, that of one left over, and that in the average.
  function draw(name, copied, rest, [own, other, beyond, average]) {
    const all = copied + rest <= 12;
    const slots = [...few(copied, all ? 12 : 4, 0), ...few(rest, all ? 12 : 5, copied)];
    const first = slots.findIndex((j) => j >= copied && j !== null); // left over
    const gap = first ? 0.8 : 0;
    const wide = Math.min(38, 336 / (slots.length - 1 + gap || 1));
    const xs = slots.map((_, s) => 190 + (s + (s >= first ? gap : 0) - (slots.length - 1 + gap) / 2) * wide);
    const middle = (xs[first] + xs.at(-1)) / 2;
    const students = slots.slice(0, first).map((j, s) => [j, xs[s]]);
    if (average) students.push([copied, middle]);
    const parts = [];
    const text = (words, x, y) => parts.push(svg("text", { x, y, "text-anchor": "middle" }, words));
    for (const [i, x] of students)
      slots.forEach((j, s) => {
        if (i === null || j === null) return;
        const part = i === copied ? (j < copied ? 0 : average) : i === j ? own : j < copied ? other : beyond;
        if (part === 0 || Math.abs(part + 0.025) < 0.025) return; // too little for a broken line
        parts.push(svg("line", {
          x1: x, y1: 94, x2: xs[s], y2: 34, stroke: `var(--${name})`, "stroke-width": Math.max(0.8, 7 * Math.abs(part)).toFixed(2),
          "stroke-opacity": (0.3 + 0.5 * Math.abs(part)).toFixed(2), "stroke-dasharray": part < 0 ? "3 5" : "none",
        }));
      });
    const disc = (j, x, y, fill) => {
      if (j === null) text("…", x, y + 3);
      else parts.push(svg("circle", { cx: x, cy: y, r: 9, fill, stroke: "var(--paper)" }));
    };
    slots.forEach((j, s) => disc(j, xs[s], 34, "var(--teacher)"));
    for (const [i, x] of students) disc(i, x, 94, `var(--${name})`);
    const words = [`${whole(copied)} copied`, `${whole(rest)} ${average ? "averaged" : "left over"}`];
    if (copied) text(words[0], (xs[0] + xs[first - 1]) / 2, 16);
    text(words[1], Math.min(middle, 344), 16);
    set(cards[name].drawing, { "aria-label": `${name}: ${words.join(", ")}` });
    cards[name].drawing.replaceChildren(...parts);
  }

  function tell({ n, k, average, copy, minimum, better, saddle }) {
    const apart = copy && Math.abs(copy.loss - average);
    const [seeds, sizes, counts] = TABLE.flow[k] ?? [0, []];
    const at = sizes.indexOf(n);
    const state = copy && (saddle ? " Copy-average is a saddle." : { true: " Both are minima.", false: " n-copy is a saddle." }[minimum]);
    says.replaceChildren(
      node("strong", { class: better ? "n-copy" : "copy-average" }, better ? "n-copy is better" : "Copy-average is better"),
      copy ? `, by ${apart < 4e-15 * k ? `less than ${digits(4e-15 * k, 1)}` : digits(apart, 3)}.` : ".", state || "",
      at < 0 ? "" : ` Of ${seeds} starts of gradient flow ${counts[at] || "none"} ended at n-copy.`);
    const from = (which) => {
      const [low, high] = between(k, which);
      return low === k ? "for no n" : `from ${low < high ? "about " : ""}n = ${whole(high)} on`;
    };
    turns.textContent = `At k = ${whole(k)} n-copy is a minimum ${from(1)}, and better ${from(2)}; copy-average is a saddle ${from(3)}.`;
    view.say(`n = ${whole(n)}, k = ${whole(k)}. ${says.textContent}`);
  }

  for (const key of settings) model.on(`change:${key}`, heard);
  function heard() {
    if (!ours && `${get("k")} ${get("n")}` !== heard.last) restart();
    heard.last = `${get("k")} ${get("n")}`;
  }
  build();
  restart();
  return () => {
    for (const key of settings) model.off(`change:${key}`, heard);
    view.leave();
  };
}

const whole = (x) => x.toLocaleString("en");
const within = (n, k) => Math.min(k - 1, Math.max(1, Math.round(n)));
const mixed = (name, strength) => `color-mix(in srgb, var(--${name}) ${strength}%, var(--paper))`;

// Up the map goes k; across it n/k, or n/(k − n) on a logarithmic axis, where both ends have room.
const UP = scale([1.55, 1.1e6], [BOTTOM, TOP], true);
const AXES = {
  share: {
    x: scale([0, 1], [LEFT, RIGHT]),
    of: (n, k) => n / k,
    share: (x) => x,
    ticks: [0, 0.2, 0.4, 0.6, 0.8, 1].map((x) => [x, String(x)]),
    title: "n/k, the student’s neurons to the teacher’s",
  },
  odds: {
    x: scale([4e-7, 2.5e6], [LEFT, RIGHT], true),
    of: (n, k) => n / (k - n),
    share: (x) => x / (1 + x),
    ticks: [-6, -4, -2, 0, 2, 4, 6].map((m) => [10 ** m, m ? power(m) : "1"]),
    title: "n/(k − n), the student’s neurons to those it lacks",
  },
};

// The rows before and after k, both that of k if there is one; and the nearer, on a logarithmic axis.
function around(k) {
  const after = KS.findIndex((other) => other >= k);
  return after < 0 ? [KS.length - 1, KS.length - 1] : [KS[after] === k || !after ? after : after - 1, after];
}
function rowOf(k) {
  const [before, after] = around(k);
  return k * k < KS[before] * KS[after] ? before : after;
}

// Numbers from `start` on, at most `most`, with null for those that are left out.
function few(number, most, start) {
  const all = Array.from({ length: Math.min(number, most) }, (_, m) => start + m);
  return number > most ? [...all.slice(0, -2), null, start + number - 1] : all;
}

// Between which n a threshold of k lies: as thresholds grow with k, the rows before and after tell.
const between = (k, which) => around(k).map((m) => ROWS[m][which]);

// Whether n-copy is a minimum (null: not known) and is better, whether copy-average is a saddle; and the map's region.
function judge(n, k, average, copy) {
  const [low, high] = between(k, 1);
  const minimum = n >= high || (n < low ? false : null);
  const better = copy !== null && copy.loss < average;
  const saddle = bestIsSaddle(n, k - n + 1);
  return { minimum, better, saddle, region: saddle ? 3 : better ? 2 : minimum === null ? null : Number(minimum) };
}

export default { render, defaults, settings };
