// Copy or average? Student neurons move under gradient flow among the teacher's, until they copy or average.

import { classify, inOneForm, neuronsOf } from "./classification.mjs";
import { button, choice, digits, linkButton, movable, node, set, slider, stage, still, svg, table } from "./drawing.mjs";
import { Flow, glorot } from "./flow.mjs";
import { ACTIVATIONS, averageLoss } from "./landscape.mjs";
import { bestCopyAverage, nCopy } from "./points.mjs";
import { drawStairs } from "./stairs.mjs";

const NAMES = "abcdefghijklmnopqrstuvwxyz";
const RING = 158; // where the teacher neurons stand
const DOCK = 120; // where a student neuron that copies one comes to stand
const STEPS_A_SECOND = 24;
const WORK = 12; // milliseconds of flow in a frame

const defaults = {
  n: 5, k: 10, activation: "erf", size: 1, seed: 1, weights: null,
  incoming: [], outgoing: [], loss: 0, time: 0, label: "", reason: "", playing: false,
};
const settings = ["n", "k", "activation", "size", "seed", "weights"];

function render({ model, el }) {
  const view = stage(el, "Copy or average? Gradient flow of a small student network");
  const get = (key) => model.get(key);
  let { flow, states, levels, started } = {};
  let shown = 0; // the state on show, and by its fraction the way to the next
  let frame = null;
  let last = 0;
  let dragged = false;
  let deaf = false; // while the page itself changes what is chosen
  let neurons = []; // what is drawn of the student's

  // What is on the stage.
  const controls = {
    n: slider({ label: "student neurons n", min: 1, max: 9, value: 5, change: (n) => change({ n }) }),
    k: slider({ label: "teacher neurons k", min: 2, max: 12, value: 10, change: (k) => change({ k, n: Math.min(get("n"), k - 1) }) }),
    size: slider({
      label: "size of the start", min: -10, max: 10, value: 0, shown: (x) => `× ${digits(10 ** (x / 10), 2)}`,
      change: (x) => change({ size: Number((10 ** (x / 10)).toPrecision(3)) }),
    }),
    activation: choice({
      label: "activation", options: [["erf", "erf"], ["relu", "ReLU"]], value: "erf",
      change: (activation) => change({ activation }),
    }),
  };
  const play = button("Play", () => toggle(), { class: "main" });
  const picture = svg("svg", { viewBox: "-190 -190 380 380", role: "group", "aria-label": "The student's neurons among the teacher's" });
  const edges = svg("g");
  const discs = svg("g");
  picture.append(svg("circle", { r: DOCK, fill: "none", stroke: "var(--line)" }), edges, discs);
  const chart = svg("svg", { viewBox: "0 0 380 270", role: "img", "aria-label": "The loss against time" });
  const back = node("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Step of the flow on show" });
  back.addEventListener("input", () => {
    pause();
    show(Number(back.value));
  });
  const says = node("p", { class: "says" });
  const numbers = table("Numbers", "The student, neuron by neuron", ["neuron", "does", "‖w‖", "a", "teacher neuron it leans to most", "cosine"]);
  view.add(
    node("div", { class: "row" }, controls.n, controls.k, controls.size, controls.activation),
    node("div", { class: "row" },
      play,
      button("Step", () => { pause(); advance(1); show(Math.floor(shown + 1e-9)); }),
      button("Replay", () => { show(0); if (!get("playing")) toggle(); }),
      button("New start", () => change({ seed: get("seed") + 1 })),
      linkButton(model, view),
    ),
    node("div", { class: "columns" },
      picture,
      node("div", {}, chart, back, says),
    ),
    node("p", { class: "quiet" }, "Numbered: the teacher's neurons. Lettered: the student's, as large as their effect, near what they lean to; a line is as wide as the share of a teacher neuron in w, and broken where that share is negative. Drag one, or move it with the arrow keys, and let go: it flows on."),
    numbers,
  );

  // State: what is chosen, the flow so far, and which of its states is on show.
  function change(values) {
    deaf = true; // a widget's model tells of every value that is set
    for (const [key, value] of Object.entries({ weights: null, ...values })) model.set(key, value);
    restart();
    model.save_changes();
    deaf = false;
  }

  function restart() {
    const k = Math.min(12, Math.max(2, get("k")));
    const n = Math.min(k - 1, Math.max(1, get("n")));
    model.set("k", k);
    model.set("n", n);
    const given = get("weights");
    const fits = given && given.length === n * (k + 2);
    begin(fits ? Float64Array.from(given) : glorot(n, k + 1, get("seed"), get("size")));
    controls.k.put(k);
    controls.n.put(n, { max: k - 1 });
    controls.size.put(Math.round(10 * Math.log10(get("size"))));
    controls.activation.put(get("activation"));
  }

  function begin(theta) {
    const [n, k, name] = [get("n"), get("k"), get("activation")];
    const key = `${n} ${k} ${name}`;
    if (levels?.key !== key) levels = levelsOf(n, k, name, key);
    flow = new Flow(theta, n, k, ACTIVATIONS[name]);
    states = [record()];
    started = false;
    if (neurons.length !== n || discs.childElementCount !== n + k) build(n, k);
    show(0);
  }

  const record = () => ({ theta: flow.theta, time: flow.time, loss: flow.loss, norm: flow.norm });

  // Losses to compare with: of the best copy-average points of 1 … n neurons, and of n-copy.
  function levelsOf(n, k, name, key) {
    const activation = ACTIVATIONS[name];
    const best = Array.from({ length: n }, (_, m) => (name === "erf" ? averageLoss(k - m) : bestCopyAverage(m + 1, k, activation).loss));
    return { key, best, nCopy: nCopy(n, k, activation)?.loss ?? null };
  }

  function advance(steps) {
    while (shown + steps > states.length - 1 && !flow.done) {
      flow.step();
      if (!flow.done || flow.theta !== states.at(-1).theta) states.push(record());
    }
    shown = Math.min(shown + steps, states.length - 1);
  }

  function toggle() {
    if (get("playing")) return pause();
    if (flow.done && shown >= states.length - 1) shown = 0;
    play.textContent = "Pause";
    last = performance.now();
    frame = requestAnimationFrame(tick);
    model.set("playing", true);
    model.save_changes();
  }

  function pause() {
    cancelAnimationFrame(frame);
    frame = null;
    play.textContent = "Play";
    if (!get("playing")) return;
    model.set("playing", false);
    model.save_changes();
  }

  function tick(now) {
    const steps = (Math.min(Math.max(now - last, 0), 100) / 1000) * STEPS_A_SECOND;
    last = now;
    if (still()) {
      const until = performance.now() + 4 * WORK; // less motion: only the end is shown
      while (!flow.done && performance.now() < until) advance(states.length - shown);
      if (flow.done) shown = states.length - 1;
    } else advance(steps);
    if (!still() || flow.done) show(shown);
    if (flow.done && shown >= states.length - 1) return pause();
    frame = requestAnimationFrame(tick);
  }

  // Drawing.
  const spot = (j, k, radius) => {
    const angle = (2 * Math.PI * j) / k - Math.PI / 2;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  };

  function build(n, k) {
    edges.replaceChildren();
    discs.replaceChildren(
      ...Array.from({ length: k }, (_, j) => {
        const [x, y] = spot(j, k, RING);
        return svg("g", { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` },
          svg("circle", { r: 14, fill: "var(--teacher)" }),
          svg("text", { "text-anchor": "middle", dy: "0.35em", style: "fill: var(--paper)" }, j + 1));
      }),
    );
    neurons = Array.from({ length: n }, (_, i) => {
      const lines = Array.from({ length: k }, () => edges.appendChild(svg("line", { "stroke-linecap": "round" })));
      const ring = svg("circle", { class: "ring" });
      const disc = svg("circle", { stroke: "var(--paper)", "stroke-width": 1.5 });
      const letter = svg("text", { "text-anchor": "middle", dy: "0.35em", style: "fill: var(--on-disc); font-weight: 650" }, NAMES[i]);
      const thing = discs.appendChild(svg("g", { class: "movable", tabindex: 0, role: "button", "aria-roledescription": "movable neuron" }, disc, ring, letter));
      const neuron = { lines, ring, disc, thing, x: 0, y: 0 };
      movable(thing, picture, {
        grab: () => { pause(); dragged = false; },
        move: (x, y) => point(i, x, y),
        drop: () => { if (dragged) release(); },
        nudge: (dx, dy) => { pause(); point(i, neuron.x + 6 * dx, neuron.y + 6 * dy); },
        press: () => (dragged ? release() : toggle()),
      });
      return neuron;
    });
  }

  // Turn neuron i to where the reader points: the nearer a teacher neuron, the larger its share.
  function point(i, x, y) {
    const [n, k] = [get("n"), get("k")];
    const reach = Math.min(1, DOCK / Math.max(Math.hypot(x, y), 1e-9));
    const [px, py] = [(x * reach) / DOCK, (y * reach) / DOCK];
    const shares = Array.from({ length: k }, (_, j) => {
      const [tx, ty] = spot(j, k, 1);
      return Math.exp(-((px - tx) ** 2 + (py - ty) ** 2) / 0.18);
    });
    const whole = Math.hypot(...shares);
    const theta = currentTheta().slice();
    const d = k + 1;
    const r = Math.hypot(...theta.subarray(i * d, (i + 1) * d)) || 0.5;
    const sign = get("activation") === "erf" && theta[n * d + i] < 0 ? -1 : 1;
    for (let e = 0; e < d; e++) theta[i * d + e] = Number(((sign * r * (shares[e] ?? 0)) / whole).toPrecision(6));
    dragged = true;
    begin(theta);
    neurons[i].x = px * DOCK; // keys go on from here
    neurons[i].y = py * DOCK;
    place(neurons[i]);
  }

  const currentTheta = () => states[Math.min(Math.round(shown), states.length - 1)].theta;

  function release() {
    dragged = false;
    const theta = Float64Array.from(currentTheta(), (x) => Number(x.toPrecision(6)));
    deaf = true;
    model.set("weights", Array.from(theta));
    deaf = false;
    begin(theta);
    view.say("Released. The flow goes on from here.");
    toggle();
  }

  const place = ({ thing, x, y }) => set(thing, { transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})` });

  function show(position) {
    shown = position;
    const before = states[Math.floor(position)];
    const after = states[Math.min(Math.ceil(position), states.length - 1)];
    const part = position - Math.floor(position);
    const theta = part ? before.theta.map((x, m) => (1 - part) * x + part * after.theta[m]) : before.theta;
    const [n, k] = [get("n"), get("k")];
    const activation = ACTIVATIONS[get("activation")];
    const arrived = flow.done && position >= states.length - 1;
    const found = arrived ? classify(theta, n, k, activation) : null;
    const colour = { "copy-average": "var(--copy-average)", "n-copy": "var(--n-copy)" }[found?.reducedTo ?? found?.label] ?? "var(--student)";
    const rows = neuronsOf(theta, n).map((neuron) => inOneForm(neuron, activation));
    rows.forEach(({ w, a }, i) => {
      const drawn = neurons[i];
      const r = Math.hypot(...w) || 1e-300;
      const shares = w.slice(0, k).map((x) => (x / r) * Math.abs(x / r));
      [drawn.x, drawn.y] = shares.reduce(([x, y], share, j) => [x + share * spot(j, k, DOCK)[0], y + share * spot(j, k, DOCK)[1]], [0, 0]);
      const effect = Math.abs(a) * Math.sqrt(activation.alone(r * r)[0] / activation.alone(1)[0]);
      const size = Math.min(24, 5.5 + 6.5 * Math.sqrt(effect));
      set(drawn.disc, { r: size.toFixed(2), fill: a < 0 ? "var(--against)" : colour });
      set(drawn.ring, { r: (size + 4).toFixed(2) });
      set(drawn.thing, { "aria-label": `Student neuron ${NAMES[i]}: ${leaning(shares, found?.roles[i])}. Arrow keys move it, Enter lets it flow.` });
      place(drawn);
      drawn.lines.forEach((line, j) => {
        const [x, y] = spot(j, k, RING);
        const share = Math.abs(shares[j]);
        set(line, {
          x1: drawn.x.toFixed(1), y1: drawn.y.toFixed(1), x2: x.toFixed(1), y2: y.toFixed(1),
          stroke: a < 0 ? "var(--against)" : colour, "stroke-width": (7 * Math.sqrt(share)).toFixed(2),
          "stroke-opacity": share < 0.004 ? 0 : (0.15 + 0.6 * Math.sqrt(share)).toFixed(3),
          "stroke-dasharray": shares[j] < 0 ? "3 7" : "none",
        });
      });
    });
    draw(position);
    tell(before, arrived, found);
    set(back, { max: states.length - 1, "aria-valuetext": `step ${Math.floor(position)} of ${states.length - 1}` });
    back.value = position;
    numbers.put(rows.map(({ w, a }, i) => {
      const r = Math.hypot(...w);
      const most = w.slice(0, k).reduce((best, x, j) => (x > w[best] ? j : best), 0);
      return [NAMES[i], found?.roles[i] ?? "moves", digits(r, 4), digits(a, 4), String(most + 1), digits(r ? w[most] / r : 0, 3)];
    }));
    const d = k + 1;
    model.set("incoming", Array.from({ length: n }, (_, i) => Array.from(theta.subarray(i * d, (i + 1) * d))));
    model.set("outgoing", Array.from(theta.subarray(n * d)));
    model.set("loss", before.loss);
    model.set("time", before.time);
    model.set("label", found?.label ?? "");
    model.set("reason", arrived ? flow.reason : "");
    if (!get("playing") || arrived) model.save_changes();
  }

  function leaning(shares, role) {
    const order = shares.map((share, j) => [share, j + 1]).sort((x, y) => y[0] - x[0]);
    const most = order.filter(([share]) => share > 0.5 * order[0][0] && share > 0).map(([, j]) => j);
    return `${role ? `${role}, ` : ""}leans to ${most.length > 4 ? "many" : most.join(", ") || "none"}`;
  }

  function draw(position) {
    const seen = states.slice(0, Math.floor(position) + 1);
    const [from, latest] = [states[0].loss, states.at(-1).time];
    drawStairs(chart, 232, { ...levels, from, latest, paths: [{ states: seen, colour: "student" }], dot: "student" });
  }

  // In words: what is on show, and at which level a plateau lies.
  function tell(state, arrived, found) {
    const [n, k] = [get("n"), get("k")];
    const parts = [];
    if (arrived) parts.push(...verdict(state, found, n, k));
    else {
      parts.push(`t = ${digits(state.time, 3)}, loss ${digits(state.loss, 5)}. `);
      const slope = (state.time * state.norm ** 2) / state.loss; // how fast the loss falls, a factor e of time
      const near = levels.best.findIndex((value) => Math.abs(state.loss / value - 1) < 0.05);
      if (state.time > 0 && slope < 0.05 && near >= 0 && near < n - 1)
        parts.push(node("strong", { class: "student" }, near ? `A plateau at the level of ${near + 1} neurons.` : "The symmetric plateau: "), near ? "" : `all ${n} neurons together do what one could.`);
      else if (!started && !state.time) parts.push(`${n} neurons stand for ${k}. Where will gradient flow take them?`);
    }
    says.replaceChildren(...parts);
    if (arrived || !get("playing")) view.say(says.textContent);
    if (state.time) started = true;
  }

  function verdict(state, found, n, k) {
    const words = { "copy-average": "copy-average", "n-copy": "n-copy", reduced: "a smaller student", other: "none of the two" }[found.label];
    const name = node("strong", { class: found.label }, `${words[0].toUpperCase()}${words.slice(1)}. `);
    const count = found.groups.length;
    const averages = found.groups.filter((group) => group.length > 1).map((group) => group.length);
    const erf = get("activation") === "erf";
    const told = {
      "copy-average": `${count - averages.length} ${count - averages.length === 1 ? "copy" : "copies"} and ${averages.length === 1 ? `an average of ${averages[0]}` : `averages of ${averages.join(" and ")}`}. `,
      "n-copy": `Each neuron ${erf ? "nearly " : ""}copies a teacher neuron of its own, and all share the other ${k - n}. `,
      reduced: `Two neurons have become one, or one is idle: the loss is that of fewer than ${n}. `,
      other: "No minimum of a known kind was reached. ",
    }[found.label];
    const value = found.label === "n-copy" ? levels.nCopy : levels.best.at(-1);
    const loss = `Loss ${digits(state.loss, 7)}`;
    if (found.label === "copy-average" || found.label === "n-copy") {
      const off = value === null ? Infinity : Math.abs(state.loss - value);
      const other = found.label === "n-copy" ? levels.best.at(-1) : levels.nCopy;
      const compared = other === null ? "" : ` ${found.label === "n-copy" ? "Copy-average" : "n-copy"} would have ${digits(other, 7)}${other < state.loss ? ": better." : "."}`;
      return [name, told, `${loss}${off < 1e-10 ? ", that of the exact point" : ""} (‖∇L‖∞ ≤ ${state.norm <= 1e-13 ? "10⁻¹³" : digits(state.norm, 1)}).${compared}`];
    }
    return [name, told, `${loss}; how it ended: ${flow.reason}.`];
  }

  for (const key of settings) model.on(`change:${key}`, heard);
  model.on("change:playing", follow);
  function heard() {
    const now = settings.map((key) => JSON.stringify(get(key))).join();
    if (deaf || now === heard.last) return;
    heard.last = now;
    if (!dragged) restart();
  }
  function follow() {
    if (get("playing") === (frame !== null)) return;
    if (get("playing")) {
      model.set("playing", false);
      toggle();
    } else pause();
  }
  restart();
  heard.last = settings.map((key) => JSON.stringify(get(key))).join();
  return () => {
    cancelAnimationFrame(frame);
    for (const key of settings) model.off(`change:${key}`, heard);
    model.off("change:playing", follow);
    view.leave();
  };
}

export default { render, defaults, settings };
