// Two neurons: how two of them interact, and what one does that stands for two.

import { button, choice, linkButton, movable, node, path, scale, set, stage, still, svg, table, ticks } from "./drawing.mjs";
import { ACTIVATIONS, gradient, hessian } from "./landscape.mjs";

const UNIT = 66; // a norm of 1 in the plane of w and p
const EDGE = 1.5; // of the map
const BOUNDS = { w: [2.7, 1.5], p: [2.7, 1.5], student: [EDGE, EDGE] };
const [LEFT, TOP, SIDE] = [44, 8, 324]; // where the map is drawn
const px = scale([-EDGE, EDGE], [LEFT, LEFT + SIDE]);
const py = scale([-EDGE, EDGE], [TOP + SIDE, TOP]);
const FLAT = 0.002; // ‖∇L‖ below which a point counts as critical
const STRIDE = 0.005; // of the flow
const STRIDES = 0.15; // a millisecond
const NORM = 1 / Math.sqrt(3); // of the average, with erf
const LEVELS = { erf: [0.025, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], relu: ticks(0.2, 1.3, 11) };
const NAMED = { erf: "erf", relu: "ReLU" };

const defaults = {
  activation: "erf", w: [1.7, 0.5], p: [0.5, 1.2], student: [1.2, -0.6],
  correlation: 0, interaction: 0, outgoing: 0, loss: 0, slope: 0,
};
const settings = ["activation", "w", "p", "student"];

// A number with so many decimals, and the sign of print.
const plain = (x) => String(x).replace("-", "−");
const decimal = (x, count = 3) => plain((Math.abs(x) < 0.5 * 10 ** -count ? 0 : x).toFixed(count));
const text = (words, x, y, anchor = "middle", style = null) => svg("text", { x, y, "text-anchor": anchor, style }, words);
const line = (colour, width, more = {}) =>
  svg("path", { fill: "none", stroke: `var(--${colour})`, "stroke-width": width, "stroke-linejoin": "round", "stroke-linecap": "round", ...more });
const circle = (r, fill, more = {}) => svg("circle", { r, fill, ...more });
const RIM = { stroke: "var(--paper)", "stroke-width": 1.5 };
const bold = (colour) => `fill: var(--${colour}); font-weight: 650`;
const strong = (words, kind = "student") => node("strong", { class: kind }, words);
const spot = (w) => w.map((x) => decimal(x, 2)).join(", ");
const moved = ([x, y]) => `translate(${x.toFixed(2)} ${y.toFixed(2)})`;

function render({ model, el }) {
  const view = stage(el, "Two neurons interact, and one stands for two");
  const get = (key) => model.get(key);
  const step = (key, dx, dy) => [get(key)[0] + dx, get(key)[1] - dy];
  let busy = false; // while this figure itself sets the model
  let way = []; // what the student has flowed along
  let frame = null;

  // What is on the stage.
  const kind = choice({ label: "activation", options: Object.entries(NAMED), value: "erf", change: (activation) => change({ activation }) });
  const handle = (look, letter) =>
    svg("g", { class: "movable", tabindex: 0, role: "button", "aria-roledescription": "movable neuron" },
      circle(20, "transparent"), circle(11, ...look), svg("circle", { r: 15, class: "ring" }), letter);
  const plane = svg("svg", { viewBox: "-190 -114 380 228", role: "group", "aria-label": "The weight vectors w and p" });
  const angle = line("muted", 1.3);
  plane.append(
    ...[0.5, 1, 1.5].map((r) => circle(r * UNIT, "none", { stroke: "var(--line)", "stroke-width": r === 1 ? 1.4 : 0.6 })),
    line("line", 1, { d: "M-190 0H190M0 -112V112" }),
    text("norm 1", 5, UNIT + 15, "start"),
    angle,
  );
  const vectors = { w: vector("w", "p", "student"), p: vector("p", "w", "teacher") };
  const chart = svg("svg", { viewBox: "0 0 380 182", role: "img", "aria-label": "g against the correlation u, of erf and ReLU" });

  const map = svg("svg", { viewBox: "0 0 380 408", role: "group", "aria-label": "The loss of one student neuron by its w" });
  const lands = {};
  const land = svg("g");
  const trail = line("student", 2, { "stroke-dasharray": "2 4" });
  const pull = line("ink", 2.4);
  const length = text("", 0, 0, "middle", "fill: var(--ink); stroke: var(--paper); stroke-width: 3.5; paint-order: stroke; stroke-linejoin: round");
  const disc = handle(["var(--student)", RIM], text("w", 0, 4, "middle", bold("on-disc")));
  map.append(
    svg("clipPath", { id: "map" }, svg("rect", { x: LEFT, y: TOP, width: SIDE, height: SIDE })), land,
    ...[-1, 0, 1].flatMap((x) => [text(plain(x), px(x), py(-EDGE) + 17), text(plain(x), LEFT - 7, py(x) + 4, "end")]),
    text("w·v₁", px(EDGE), py(-EDGE) + 17, "end"), text("w·v₂", LEFT - 7, TOP + 10, "end"),
    ...[[1, 0, "v₁"], [0, 1, "v₂"]].map(([x, y, name]) =>
      svg("g", { transform: moved([px(x), py(y)]) },
        circle(14, "var(--teacher)", RIM), text(name, 0, 4, "middle", "fill: var(--paper)"))),
    trail, pull, disc, length,
  );
  const toggle = () => (frame ? pause() : flow());
  const flowing = button("Let it flow", toggle, { class: "main" });
  const style = "min-height: 6em; margin-bottom: 8px";
  const saysPair = node("p", { class: "says", style });
  const saysOne = node("p", { class: "says", style });
  const numbers = table("Numbers", "Both panels, with both activations", ["quantity", "erf", "ReLU"]);
  const panel = (title, pictures, act, says, quiet) =>
    node("div", {},
      node("p", { style: "margin: 0 0 6px" }, node("strong", {}, title)), pictures,
      node("div", { style: "margin: 10px 0" }, act), says, node("p", { class: "quiet" }, quiet));
  view.add(
    node("div", { class: "row" }, kind, linkButton(model, view)),
    node("div", { class: "columns" },
      panel("Two neurons interact", [plane, chart], button("Make them orthogonal", () => turn("w", "p")), saysPair,
        "Drag the tips of w and p, or use the arrow keys. r₁ and r₂ are their norms, u is the cosine of their angle, and g(r₁, r₂, u) = E[σ(w·x) σ(p·x)] over normal inputs x."),
      panel("One neuron stands for two", map, flowing, saysOne,
        "v₁ and v₂ are the teacher’s neurons. Drag the student’s neuron w. Its outgoing weight a is always the best for this w; the shade is the loss L then. The arrow is −∂L/∂w, drawn at most 1 long; the number is its length. The flow follows it, while a stays the best.")),
    numbers,
  );
  movable(disc, map, {
    grab: pause,
    move: (x, y) => change({ student: nearby([px.back(x), py.back(y)], 0.04) }),
    nudge: (dx, dy) => change({ student: nearby(step("student", 0.02 * dx, 0.02 * dy), 0.0145) }),
    press: toggle,
  });

  function vector(name, other, colour) {
    const shaft = line(colour, 3);
    const letter = text(name, 0, 0, "middle", `${bold(colour)}; font-size: 16px`);
    const tip = handle([`var(--${colour})`, { "fill-opacity": 0.17 }]);
    plane.append(shaft, letter, tip);
    movable(tip, plane, {
      move(x, y) {
        const to = [x / UNIT, -y / UNIT]; // it falls into the right angle when that is near
        if (Math.abs(cosine(to, get(other))) < 0.04) turn(name, other, to);
        else change({ [name]: to });
      },
      nudge: (dx, dy) => change({ [name]: step(name, 0.05 * dx, 0.05 * dy) }),
      press: () => turn(name, other),
    });
    return { shaft, letter, tip };
  }

  // Turn one to a right angle with the other.
  function turn(name, other, [s, t] = get(name)) {
    const [x, y] = get(other);
    const factor = ((y * s < x * t ? -1 : 1) * Math.hypot(s, t)) / (Math.hypot(x, y) || 1);
    change({ [name]: [factor * y, -factor * x] });
  }

  // The student falls into the critical point when that is near.
  function nearby([x, y], reach) {
    const erf = get("activation") === "erf";
    const middle = erf ? Math.sign(x + y) * NORM * Math.SQRT1_2 : Math.max(0, x + y) / 2;
    return Math.hypot(x - middle, y - middle) < reach ? [middle, middle] : [x, y];
  }

  function change(values, flows = false) {
    const pair = values.w || values.p;
    if (!flows && !pair) {
      pause();
      way = [];
    }
    busy = true;
    put(values);
    draw();
    if (frame === null) {
      if (pair || values.student) view.say((pair ? saysPair : saysOne).textContent);
      else if (values.activation) view.say(saysPair.textContent + saysOne.textContent);
      model.save_changes();
    }
    busy = false;
  }

  function put(values) {
    for (const [key, value] of Object.entries(values)) model.set(key, value);
  }

  const heard = () => busy || change({});

  // What is given, or what can be drawn of it.
  function tidy() {
    if (!(get("activation") in ACTIVATIONS)) model.set("activation", "erf");
    for (const [key, bounds] of Object.entries(BOUNDS)) {
      const given = get(key);
      const kept = given?.length === 2 && given.every?.(Number.isFinite) ? given : defaults[key];
      const factor = Math.min(1, ...kept.map((x, m) => bounds[m] / Math.abs(x)));
      model.set(key, kept.map((x) => Number((factor * x).toFixed(6))));
    }
  }

  function draw() {
    tidy();
    const name = get("activation");
    kind.put(name);
    const { r1, r2, u, g } = drawPair(name);
    const one = { erf: best(get("student"), "erf"), relu: best(get("student"), "relu") };
    drawOne(name, one[name]);
    numbers.put([
      ["r₁ = ‖w‖", 4, () => r1], ["r₂ = ‖p‖", 4, () => r2], ["correlation u", 4, () => u],
      ["g(r₁, r₂, u)", 5, (key) => g(key, u)],
      ["student: best a", 5, (key) => one[key].a], ["loss L", 7, (key) => one[key].loss], ["‖∇L‖", 5, (key) => one[key].slope],
    ].map(([words, count, f]) => [words, decimal(f("erf"), count), decimal(f("relu"), count)]));
    const { a, loss, slope } = one[name];
    put({ correlation: u, interaction: g(name, u), outgoing: a, loss, slope });
  }

  function drawPair(name) {
    const [w, p] = [get("w"), get("p")];
    const [r1, r2] = [Math.hypot(...w), Math.hypot(...p)];
    const u = cosine(w, p);
    const g = (key, x) => ACTIVATIONS[key].value(r1 * r1, r2 * r2, r1 * r2 * x, (r1 * r2) ** 2 * (1 - x) * (1 + x));
    const [along, across] = [[w, r1, "w", "p"], [p, r2, "p", "w"]].map(([[x, y], r, key, other]) => {
      const [dx, dy] = r ? [x / r, -y / r] : [-1, 0];
      const [tx, ty] = [x * UNIT, -y * UNIT];
      set(vectors[key].shaft, { d: arrow([0, 0], [tx, ty]) });
      set(vectors[key].letter, { x: tx + 22 * dx, y: ty + 22 * dy + 5 });
      set(vectors[key].tip, {
        transform: moved([tx, ty]),
        "aria-label": `Tip of ${key} at ${spot([x, y])}. Arrow keys move it, Enter turns it to a right angle with ${other}.`,
      });
      return [18 * dx, 18 * dy];
    });
    // Their angle: an arc, or the corner of a square.
    const [[a, b], [c, d]] = [along, across];
    const sweep = a * d > b * c ? 1 : 0;
    set(angle, { d: r1 * r2 === 0 ? "" : Math.abs(u) < 0.002 ? path([along, [a + c, b + d], across]) : `M${a} ${b}A18 18 0 0 ${sweep} ${c} ${d}` });
    drawChart(name, g, u);
    saysPair.replaceChildren(...(r1 * r2 === 0 ? [`${r1 ? "p" : "w"} = 0 has no direction, and g = 0.`] : [
      `g = ${decimal(g(name, u))} at norms ${decimal(r1, 2)} and ${decimal(r2, 2)} and correlation u = ${decimal(u, 2)}, an angle of ${decimal((Math.acos(u) * 180) / Math.PI, 0)}°. `,
      ...(Math.abs(u) > 0.02 ? [] : name === "erf" ? [strong("Orthogonal erf neurons do not interact.")] : [strong("Orthogonal ReLU neurons interact:"), " at u = 0, g is r₁r₂/(2π)."]),
    ]));
    return { r1, r2, u, g };
  }

  function drawChart(name, g, u) {
    const [left, right, top, bottom] = [44, 368, 10, 145];
    const x = scale([-1, 1], [left, right]);
    const low = Math.min(g("erf", -1), -1e-3);
    const high = Math.max(g("relu", 1), g("erf", 1), 1e-3);
    const y = scale([1.15 * low, high], [bottom, top]);
    chart.replaceChildren(
      line("line", 1.2, { d: `M${left} ${y(0)}H${right}` }),
      line("muted", 1, { d: `M${x(0)} ${top}V${bottom}`, "stroke-dasharray": "1 4" }),
      ...[-1, -0.5, 0, 0.5, 1].map((value) => text(plain(value), x(value), bottom + 18)),
      ...ticks(y.back(bottom), high, 4).map((value) => text(plain(value), left - 8, y(value) + 4, "end")),
      text("correlation u", x(0), bottom + 33), text("orthogonal", x(0) - 6, top + 6, "end"), text("g", left + 6, top + 6),
      ...[name === "erf" ? "relu" : "erf", name].flatMap((key) => {
        const chosen = key === name;
        const colour = chosen ? "student" : "muted";
        const curve = Array.from({ length: 81 }, (_, m) => [x(m / 40 - 1), y(g(key, m / 40 - 1))]);
        return [
          line(colour, chosen ? 2.4 : 1, { d: path(curve) }),
          circle(3, "var(--paper)", { cx: x(0), cy: y(g(key, 0)), stroke: `var(--${colour})` }),
          text(NAMED[key], x(key === "erf" ? -0.78 : -0.97), y(g(key, -0.9)) + (key === "erf" ? 10 : -9), "start", chosen ? bold("student-ink") : null),
        ];
      }),
      circle(6, "var(--student)", { cx: x(u), cy: y(g(name, u)), ...RIM }),
    );
  }

  function drawOne(name, now) {
    const { a, loss, slope, turn: [s, t] } = now;
    const student = get("student");
    const [x, y] = [px(student[0]), py(student[1])];
    lands[name] ??= landOf(name);
    if (land.firstChild !== lands[name]) land.replaceChildren(lands[name]);
    set(disc, {
      transform: moved([x, y]),
      "aria-label": `Student neuron w at ${spot(student)}: loss ${decimal(loss, 4)}. Arrow keys move it, Enter lets it flow.`,
    });
    set(trail, { d: path(way.map(([x, y]) => [px(x), py(y)])) });
    const [dx, dy] = slope > FLAT ? [-s / slope, t / slope] : [0, 0];
    const far = (Math.min(1, slope) * SIDE) / (2 * EDGE);
    set(pull, { d: arrow([x, y], [x + far * dx, y + far * dy]) });
    set(length, { x: Math.min(px(1.36), x + (far + 20) * dx), y: y + (far + 14) * dy + 4 });
    length.textContent = slope > FLAT ? decimal(slope, 2) : "";
    const found = verdict(student, now, name === "erf");
    set(disc.children[1], { fill: `var(--${found[0].className || "student"})` });
    saysOne.replaceChildren(
      `Loss L = ${decimal(loss, 4)} at the best outgoing weight a = ${decimal(a)}; ‖∇L‖ = ${decimal(slope)}. `, ...found);
  }

  // In words: where the gradient vanishes, or could seem to.
  function verdict([x, y], { a, slope }, erf) {
    const r = Math.hypot(x, y);
    if (r === 0) return [strong("w = 0:"), " the neuron says nothing, whatever a is."];
    if (slope < FLAT) {
      const average = strong("Here the gradient vanishes: the average of the two.", "copy-average");
      if (!erf && x + y > 0) return [average, " At any length of w: (cw, a/c) is the same neuron for every c > 0."];
      const too = strong("The gradient vanishes here too:");
      if (!erf) return [too, " opposite to the average is the worst of all directions."];
      if (Math.abs(a) < 0.05) return [too, " the best a is 0, and the neuron is off. So it is on this whole line, a ridge."];
      if (Math.abs(r - NORM) < 0.1) return [average, a > 0 ? " ‖w‖ = 1/√3 and a = 2." : " w and a have both changed sign: the same neuron, as erf is odd."];
    }
    const [most, least, names] = x > y ? [x, y, "₁₂"] : [y, x, "₂₁"];
    if (erf ? Math.hypot(most - 1, least) < 0.06 : most > 0.998 * r) return [strong(`Nearly a copy of v${names[0]}.`), ` The gradient does not vanish: v${names[1]} pulls.`];
    return [slope > FLAT ? "The arrow shows where w would go." : "The loss still falls along this line."];
  }

  function flow() {
    const points = flowFrom(get("student"), get("activation"));
    const last = points.length - 1;
    let start = null;
    const tick = (now) => {
      start ??= now;
      const shown = still() ? last : Math.min(last, Math.floor((now - start) * STRIDES));
      way = points.slice(0, shown + 1);
      change({ student: points[shown] }, true);
      if (shown < last) frame = requestAnimationFrame(tick);
      else pause();
    };
    flowing.textContent = "Stop";
    frame = requestAnimationFrame(tick);
  }

  function pause() {
    if (frame === null) return;
    cancelAnimationFrame(frame);
    frame = null;
    flowing.textContent = "Let it flow";
    change({ student: get("student") }, true);
  }

  for (const key of settings) model.on(`change:${key}`, heard);
  heard();
  return () => {
    cancelAnimationFrame(frame);
    for (const key of settings) model.off(`change:${key}`, heard);
    view.leave();
  };
}

// A vector of length 0 counts as orthogonal.
function cosine([x, y], [s, t]) {
  const both = Math.hypot(x, y) * Math.hypot(s, t);
  return both ? Math.min(1, Math.max(-1, (x * s + y * t) / both)) : 0;
}

function arrow([x, y], [s, t]) {
  const long = Math.hypot(s - x, t - y);
  if (long < 1) return "";
  const [dx, dy] = [s - x, t - y].map((part) => (part / long) * Math.min(10, long));
  return path([[x, y], [s, t], [s - dx + 0.55 * dy, t - dy - 0.55 * dx], [s, t], [s - dx - 0.55 * dy, t - dy + 0.55 * dx]]);
}

// One student neuron's best outgoing weight, and its loss.
function fit([x, y], name) {
  const { alone, value, teacher } = ACTIVATIONS[name];
  const q = x * x + y * y;
  const own = alone(q)[0];
  const shared = value(q, 1, x, y * y) + value(q, 1, y, x * x);
  const a = own > 0 ? shared / own : 0;
  return { a, loss: teacher(2) - a * shared };
}

function best(w, name) {
  const now = fit(w, name);
  const theta = Float64Array.of(...w, now.a);
  const turn = new Float64Array(3);
  gradient(theta, 1, 2, ACTIVATIONS[name], turn);
  return { ...now, theta, turn, slope: Math.hypot(...turn) };
}

// The way of w along −∂L/∂w with a at its best, in linearly implicit steps, which end as Newton's.
function flowFrom([x, y], name) {
  const norm = Math.hypot(x, y);
  const points = [[x, y]];
  for (let h = 1; points.length < 4000; ) {
    const { theta, turn: [s, t], slope } = best([x, y], name);
    if (slope < 1e-8) break;
    const H = hessian(theta, 1, 2, ACTIVATIONS[name]);
    const bend = (i, j) => H[3 * i + j] - (H[3 * i + 2] * H[3 * j + 2]) / H[8]; // as a follows w
    const most = Math.min(STRIDE, 0.2 * Math.hypot(x, y));
    for (h *= 3; h > 0; h *= 0.6) {
      const [A, B, C] = [bend(0, 0) + 1 / h, bend(0, 1), bend(1, 1) + 1 / h];
      const whole = A * C - B * B;
      const [dx, dy] = [(B * t - C * s) / whole, (B * s - A * t) / whole];
      if (!(A > 0 && whole > 0 && Math.hypot(dx, dy) < most)) continue;
      [x, y] = [x + dx, y + dy];
      break;
    }
    const back = name === "relu" ? norm / Math.hypot(x, y) : 1; // L of ReLU depends on directions only
    points.push(([x, y] = [x * back, y * back]));
  }
  return points;
}

// The map. The places of less than some loss lie around the direction between v₁ and v₂, and of erf opposite to it too;
// the loss of erf is least at ‖w‖ = 1/√3.
function landOf(name) {
  const levels = LEVELS[name];
  const [count, odd] = [levels.length, name === "erf"];
  const around = ([r, turned]) => [r * Math.cos(Math.PI / 4 + turned), r * Math.sin(Math.PI / 4 + turned)];
  const shade = (m) => `fill: color-mix(in oklab, var(--ink) ${(3 + (42 * m) / count).toFixed(1)}%, var(--paper))`;
  const box = (x, y, width, height, m) => svg("rect", { x, y, width, height, style: shade(m) });
  const until = (low, high, level, place) => {
    for (let halving = 0; halving < 26; halving++) {
      const middle = (low + high) / 2;
      if (fit(around(place(middle)), name).loss < level) low = middle;
      else high = middle;
    }
    return low;
  };
  const shades = svg("g", { "clip-path": "url(#map)" }, box(LEFT, TOP, SIDE, SIDE, count));
  for (let m = count - 1; m >= 0; m--) {
    const [from, to] = [1e-4, 2.4].map((end) => until(NORM, end, levels[m], (r) => [r, 0]));
    const side = Array.from({ length: 81 }, (_, part) => {
      const r = from + ((to - from) * (1 - Math.cos((Math.PI * part) / 80))) / 2;
      return [r, until(0, odd ? Math.PI / 2 : Math.PI, levels[m], (turned) => [r, turned])];
    });
    if (to > 2.3) for (let part = 11; part > 0; part--) side.push([to * 1.1, (side[80][1] * part) / 12]); // around the map
    const edge = [...side, ...side.map(([r, turned]) => [r, -turned]).reverse()].map(around);
    const lobe = (sign) => `${path(edge.map(([x, y]) => [px(sign * x), py(sign * y)]))}Z`;
    shades.append(svg("path", { d: lobe(1) + (odd ? lobe(-1) : ""), style: shade(m), stroke: "var(--ink)", "stroke-opacity": 0.3, "stroke-width": 0.8 }));
  }
  const [width, top, each] = [SIDE / (count + 1), TOP + SIDE + 34, odd ? 2 : 3];
  return svg("g", {}, shades, text("loss", LEFT - 7, top + 11, "end"),
    Array.from({ length: count + 1 }, (_, m) => box(LEFT + m * width, top, width, 13, m)),
    levels.map((level, m) => (m % each === 1 ? text(level, LEFT + (m + 1) * width, top + 28) : null)));
}

export default { render, defaults, settings };
