// Share out the teacher: every grouping of its neurons is a copy-average point. One average is best.

import { button, linkButton, movable, node, scale, set, slider, stage, still, svg, table, ticks } from "./drawing.mjs";
import { ACTIVATIONS, averageLoss, copyAverageIndex, index } from "./landscape.mjs";
import { nCopy } from "./points.mjs";

const LETTERS = "abcdefghijk";
const WIDTH = 380;
const COLUMNS = [0, 1, 2, 3, 2, 3, 3, 4, 4, 3, 4, 4]; // of boxes, by their number
const HEIGHTS = [0, 250, 350, 420]; // of the picture, by its rows of boxes
const GAP = 8;
const CENTRED = { "text-anchor": "middle", dy: "0.35em" };

const defaults = { n: 3, k: 6, groups: [], met: false, partition: [], loss: 0, index: 0 };
const settings = ["n", "k", "groups", "met"];

function render({ model, el }) {
  const view = stage(el, "Share out the teacher: groupings of its neurons, and their losses");
  const memory = new Map(); // of each n and k: what there is to find, and what was found
  let state;
  let here; // of these, the present one
  let [boxes, students, discs, bodies, height] = []; // bodies: students and discs
  let held = null; // the teacher neuron in hand, and over which box
  let frame, last;

  const forN = slider({ label: "student neurons n", min: 1, max: 5, value: 3, change: (n) => share(n, state.k) });
  const forK = slider({ label: "teacher neurons k", min: 2, max: 12, value: 6, change: (k) => share(Math.min(state.n, k - 1), k) });
  const meet = button("Meet n-copy", () => change({ met: !state.met }), { class: "main", hidden: true });
  const grounds = svg("g");
  const picture = svg("svg", { role: "group", "aria-label": "The teacher's neurons among the student's" });
  const chart = svg("svg", { role: "img", "aria-label": "The losses of the groupings; numbers below" });
  const says = node("p", { class: "says", style: "min-height: 5.8em" });
  const legend = node("p", { class: "quiet" });
  const numbers = table("Numbers of this student", "The student, neuron by neuron", ["neuron", "does", "‖w‖", "a", "loss", "index"]);
  const found = table("Numbers of the chart", "What was found", ["sizes of groups", "loss", "index", "kind"]);
  view.add(
    node("div", { class: "row" }, forN, forK, button("Share out evenly", () => share(state.n, state.k)), linkButton(model, view)),
    node("div", { class: "columns" }, picture, node("div", { style: "display: grid; gap: 10px; justify-items: start" }, says, meet, chart)),
    legend, numbers, found,
  );

  // State: what is chosen, and what follows from it.
  const share = (n, k) => change({ n, k, groups: evenly(n, k), met: false });

  function change(values) {
    Object.assign(state, values);
    heard.deaf = true; // widgets tell of each at once
    for (const name of settings) model.set(name, state[name]);
    heard.deaf = false;
    update();
    model.save_changes();
  }

  function read() {
    const whole = (name, least, most) => Math.min(most, Math.max(least, Math.round(model.get(name)) || least));
    const k = whole("k", 2, 12);
    const n = whole("n", 1, k - 1);
    const given = [model.get("groups")].flat();
    const fits = given.length === k && given.every((i) => Number.isInteger(i) && i >= 0 && i < n);
    state = { n, k, groups: fits ? given : evenly(n, k), met: !!model.get("met") };
  }

  function update() {
    heard.last = signature();
    const { n, k } = state;
    const key = `${n} ${k}`;
    if (!memory.has(key)) {
      const point = nCopy(n, k, ACTIVATIONS.erf);
      const list = partitions(k, n).map(summary).sort((one, other) => one.loss - other.loss);
      memory.set(key, { list, point: point && { ...point, index: index(point.theta, n, k, ACTIVATIONS.erf) }, tried: new Set() });
    }
    const same = here === memory.get(key);
    here = memory.get(key);
    if (!same) build(n, k);
    state.met &&= !!here.point;
    const groups = boxes.map((_, i) => [...discs.keys()].filter((j) => state.groups[j] === i));
    const sizes = groups.map((group) => group.length);
    const partition = sizes.slice().sort((x, y) => x - y);
    const firsts = groups.map(([j]) => j);
    const others = [...discs.keys()].filter((j) => !firsts.includes(j));
    const now = {
      ...summary(partition.filter((m) => m)), groups, sizes,
      idle: [...LETTERS.slice(0, n)].filter((_, i) => !sizes[i]),
      kept: firsts.map((j) => j ?? others.pop()), // on the way to n-copy
    };
    // All averages turn uneven, each adding its size less one to the index, except the largest where it is steady.
    now.steady = k - n + now.idle.length - now.index;
    now.uneven = sizes.map((m) => m > 1 && m - 1 !== now.steady);
    here.tried.add(now.name);
    here.met ||= state.met;
    here.all ||= state.met || now.name === here.list[0].name;
    meet.hidden = !here.all || !here.point;
    meet.textContent = state.met ? "Back to the groups" : "Meet n-copy";
    forK.put(k);
    forN.put(n, { max: k - 1 });
    (state.met ? drawPoint : drawGroups)(now);
    drawChart(now);
    tell(now);
    go(same);
    model.set("partition", partition);
    model.set("loss", now.loss);
    model.set("index", now.index);
  }

  function build(n, k) {
    held = null;
    const columns = COLUMNS[n];
    const rows = Math.ceil(n / columns);
    height = HEIGHTS[rows];
    const [w, h] = [Math.min(200, (WIDTH + GAP) / columns - GAP), (height + GAP) / rows - GAP];
    set(picture, { viewBox: `0 0 ${WIDTH} ${height}` });
    boxes = Array.from({ length: n }, (_, i) => {
      const row = Math.floor(i / columns);
      const inRow = Math.min(columns, n - row * columns);
      const x = (WIDTH + GAP - inRow * (w + GAP)) / 2 + (i % columns) * (w + GAP);
      const y = row * (h + GAP);
      const text = (dx, dy, anchor) => svg("text", { x: x + dx, y: y + dy, "text-anchor": anchor, style: `font-size: ${w > 100 ? 12 : 11}px` });
      const ground = svg("rect", { x, y, width: w, height: h, rx: 9, fill: "var(--surface)" });
      const texts = [text(w / 2, 17, "middle"), text(5, h - 8, "start"), text(w - 5, h - 8, "end")];
      if (h > 140) texts.push(text(w / 2, h - 25, "middle"));
      return { x, y, w, h, ground, texts };
    });
    grounds.replaceChildren(...boxes.flatMap(({ ground, texts }) => [ground, ...texts]));
    students = boxes.map((_, i) => {
      const lines = state.groups.map(() => svg("line"));
      const [disc, letter] = [svg("circle", { "stroke-width": 2.5 }), svg("text", CENTRED, LETTERS[i])];
      return { lines, disc, letter, thing: svg("g", {}, disc, letter), x: 0, y: 0 };
    });
    discs = state.groups.map((_, j) => {
      const [disc, ring, number] = [svg("circle", { fill: "var(--teacher)" }), svg("circle", { class: "ring" }), svg("text", CENTRED, j + 1)];
      const thing = svg("g", { class: "movable", tabindex: 0, role: "button", "aria-roledescription": "movable neuron" }, disc, ring, number);
      movable(thing, picture, {
        grab: () => (held = { j }),
        move: (x, y) => held && carry(x, y),
        drop: () => held && drop(),
        nudge: (dx, dy) => put(j, state.groups[j] + dx + dy * columns),
        press: () => put(j, (state.groups[j] + 1) % n),
      });
      return { disc, ring, number, thing, x: 0, y: 0 };
    });
    bodies = [...students, ...discs];
    picture.replaceChildren(grounds, ...students.flatMap(({ lines }) => lines), ...bodies.map(({ thing }) => thing));
  }

  // A teacher neuron is carried, and put into a box.
  function carry(x, y) {
    if (state.met) change({ met: false });
    Object.assign(discs[held.j], { x, y });
    const off = boxes.map((box) => Math.hypot(Math.max(box.x - x, x - box.x - box.w, 0), Math.max(box.y - y, y - box.y - box.h, 0)));
    held.over = off.indexOf(Math.min(...off));
    place();
  }

  function drop() {
    const { j, over } = held;
    held = null;
    put(j, over);
  }

  function put(j, box) {
    if (state.met && box !== undefined) change({ met: false });
    else if (box >= 0 && box < state.n && box !== state.groups[j]) change({ groups: state.groups.map((other, l) => (l === j ? box : other)) });
    else go(true);
  }

  // Drawing: how things look, where they go, and the way there.
  function drawGroups({ groups, uneven }) {
    set(grounds, { display: "inline" });
    groups.forEach((group, i) => {
      const m = group.length;
      const { x, y, w, h, texts } = boxes[i];
      const free = h - 48 - 16 * (texts.length - 3);
      const [cx, cy, half] = [x + w / 2, y + 24 + free / 2, Math.min(w / 2 - 3, free / 2)];
      const size = Math.min(13, (Math.PI * half) / (m + Math.PI) - 0.3);
      const far = m > 1 ? Math.min(half - size, 28 + 4 * m) : 17;
      [
        ["nothing to do", "copy"][m] ?? `average of ${m}`,
        ["", "‖w‖ 1"][m] ?? `‖w‖ ${normOf(m).toFixed(w > 100 ? 3 : 2)}`,
        m ? `a ${m}` : "",
        ["", "loss 0"][m] ?? `loss ${averageLoss(m).toFixed(4)}`,
      ].forEach((words, e) => texts[e]?.replaceChildren(words));
      const colour = m ? "var(--copy-average)" : "var(--muted)";
      dress(students[i], m ? studentSize(m, normOf(m)) : 9, colour, uneven[i] || !m);
      students[i].to = [cx, cy + (m === 1 ? far : 0)];
      students[i].lines.forEach((line, j) => wire(line, group.includes(j) ? 1 / m : 0, colour));
      group.forEach((j, l) => {
        const angle = 2 * Math.PI * (l / m) - (m === 2 ? Math.PI : Math.PI / 2);
        dressTeacher(discs[j], size, `in box ${LETTERS[i]} with ${m - 1} others. Arrow keys move it.`);
        discs[j].to = [cx + far * Math.cos(angle), cy + far * Math.sin(angle)];
      });
    });
  }

  function drawPoint({ kept }) {
    const { own, other, rest, outgoing } = here.point.parameters;
    const ring = Math.min(170, height / 2) - 18;
    const middle = [WIDTH / 2, height / 2];
    const way = (j) => [ring * Math.sin((2 * Math.PI * j) / state.k), -ring * Math.cos((2 * Math.PI * j) / state.k)];
    set(grounds, { display: "none" });
    discs.forEach((disc, j) => {
      disc.to = middle.map((x, e) => x + way(j)[e]);
      dressTeacher(disc, 13, "not in a box. Enter goes back to the groups.");
    });
    students.forEach((student, i) => {
      const w = discs.map((_, j) => (j === kept[i] ? own : kept.includes(j) ? other : rest));
      const r = Math.hypot(...w);
      const shares = w.map((x) => (x * Math.abs(x)) / r ** 2);
      student.to = middle.map((x, e) => shares.reduce((sum, share, j) => sum + 0.74 * share * way(j)[e], x));
      dress(student, studentSize(outgoing, r), "var(--n-copy)");
      student.lines.forEach((line, j) => wire(line, shares[j], "var(--n-copy)"));
    });
  }

  function dress({ disc, letter }, r, colour, open) {
    set(disc, { r, fill: open ? "var(--paper)" : colour, stroke: open ? colour : "var(--paper)" });
    set(letter, { style: `fill: ${open ? "var(--ink)" : "var(--on-disc)"}; font-weight: 650` });
  }

  function dressTeacher({ disc, ring, number, thing }, size, words) {
    set(disc, { r: size });
    set(ring, { r: size + 3 });
    set(number, { style: `fill: var(--paper); font-size: ${size < 11 ? 11 : 13}px` });
    set(thing, { "aria-label": `Teacher neuron ${number.textContent}, ${words}` });
  }

  function wire(line, share, stroke) {
    const root = Math.sqrt(Math.abs(share));
    set(line, { stroke, "stroke-width": 7 * root, "stroke-opacity": root < 0.05 ? 0 : 0.2 + 0.55 * root, "stroke-dasharray": share < 0 ? "3 7" : "none" });
  }

  function go(gently) {
    cancelAnimationFrame(frame);
    last = performance.now();
    if (gently && !still()) frame = requestAnimationFrame(step);
    else step(Infinity);
  }

  function step(now) {
    const part = 1 - Math.exp(-Math.max(now - last, 1) / 80);
    last = now;
    let far = 0;
    for (const thing of bodies) {
      if (held?.over >= 0 && thing === discs[held.j]) continue;
      const [dx, dy] = [thing.to[0] - thing.x, thing.to[1] - thing.y];
      const left = Math.hypot(dx, dy) * (1 - part);
      far = Math.max(far, left);
      [thing.x, thing.y] = left < 0.2 ? thing.to : [thing.x + part * dx, thing.y + part * dy];
    }
    place();
    if (far >= 0.2) frame = requestAnimationFrame(step);
  }

  function place() {
    boxes.forEach(({ ground }, i) => set(ground, { stroke: i === held?.over ? "var(--ink)" : "var(--line)" }));
    for (const { thing, x, y } of bodies) set(thing, { transform: `translate(${x} ${y})` });
    for (const { lines, x, y } of students) lines.forEach((line, j) => set(line, { x1: x, y1: y, x2: discs[j].x, y2: discs[j].y }));
  }

  // The chart: a row for each grouping, the best on top.
  function drawChart(now) {
    const { list, point, all, met, tried } = here;
    const high = list.length > 9 ? 19 : 24;
    const [left, right, top, bottom] = [112, 366, 26, 30 + high * list.length];
    const values = [...list, ...(point ? [point] : [])].map(({ loss }) => loss);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const room = Math.max(0.12 * (most - least), 0.02 * most);
    const x = scale([least - room, most + room], [left, right]);
    const parts = [];
    const line = (at, from, attributes) => parts.push(svg("line", { x1: at, x2: at, y1: from, y2: bottom, ...attributes }));
    const text = (words, at, y, anchor = "start", style = "") => parts.push(svg("text", { x: at, y, "text-anchor": anchor, style }, words));
    const beside = (words, at, y, gap, style) => text(words, at < 235 ? at + gap : at - gap, y, at < 235 ? "start" : "end", style);
    const marked = ticks(least - room, most + room, 4);
    const places = Math.max(...marked.map((value) => String(value).split(".")[1].length));
    for (const value of marked) {
      line(x(value), top, { stroke: "var(--line)" });
      text(value.toFixed(places), x(value), bottom + 17, "middle");
    }
    text("loss", (left + right) / 2, bottom + 33, "middle");
    text("sizes of groups", 6, 12);
    if (met) {
      const at = x(point.loss);
      line(at, top - 8, { stroke: "var(--n-copy)", "stroke-width": state.met ? 2.6 : 1.5, "stroke-dasharray": "6 3" });
      beside(`n-copy ${point.loss.toFixed(6)}`, at, 12, -4, "fill: var(--n-copy-ink); font-weight: 650");
    }
    const bold = "fill: var(--ink); font-weight: 650; paint-order: stroke; stroke: var(--paper); stroke-width: 4px";
    list.forEach(({ name, loss, index }, m) => {
      const [at, y] = [x(loss), top + high * (m + 0.5) + 2];
      const present = !state.met && name === now.name;
      if (present) parts.push(svg("rect", { x: 0, y: y - high / 2, width: WIDTH, height: high, rx: 6, fill: "none", stroke: "var(--muted)" }));
      const seen = all || tried.has(name);
      const colour = seen ? "var(--copy-average)" : "var(--muted)";
      text(seen ? name : "?", 6, y + 4.5, "start", present ? bold : "");
      parts.push(svg("circle", { cx: at, cy: y, r: present ? 6.5 : seen ? 4.5 : 2, fill: seen && index ? "var(--paper)" : colour, stroke: colour, "stroke-width": 2 }));
      if (present || (seen && !m)) beside(`${loss.toFixed(6)}${m ? "" : ", best"}`, at, y + 4.5, 12, bold);
    });
    set(chart, { viewBox: `0 0 ${WIDTH} ${bottom + 38}` });
    chart.replaceChildren(...parts);
  }

  // In words and numbers.
  function tell({ groups, kept, sizes, loss, index, name, idle, uneven, steady }) {
    const { n, k, met } = state;
    const { list, point, all } = here;
    const shown = list.filter((other) => all || here.tried.has(other.name));
    const strong = (words, kind = "") => node("strong", { class: kind }, `${words} `);
    const lost = `Loss ${loss.toFixed(6)}`;
    const turn = sizes.filter((_, i) => uneven[i]);
    const turning = turn.length === 1 ? `the average of ${turn[0]} turns uneven` : `${steady ? "the smaller" : "all"} averages turn uneven`;
    const down = `Index ${index}: the loss falls in ${index === 1 ? "one direction" : `${index} directions`}, in which ${turning}.`;
    let parts;
    if (met)
      parts = [
        strong("n-copy.", "n-copy"),
        `Each neuron keeps one teacher neuron; all share the other ${k - n > 1 ? k - n : "one"}. Loss ${point.loss.toFixed(6)}: ${point.loss < list[0].loss ? "better" : "worse"} than ${list[0].loss.toFixed(6)}, the best grouping. `,
        point.index ? `A saddle (index ${point.index}).` : "A minimum (index 0).",
      ];
    else if (idle.length)
      parts = [
        strong(`Nothing to do for ${idle.join(", ")}.`),
        `${lost} is that of ${n - idle.length === 1 ? "one neuron" : `${n - idle.length} neurons`}. Move a teacher neuron into every empty box.`,
      ];
    else if (name === list[0].name) {
      const copies = ["", "1 copy and "][n - 1] ?? `${n - 1} copies and `;
      parts = [
        strong(`The ${list.length > 1 ? "best" : "only"} grouping:`, "copy-average"),
        `${copies}one average of ${k - n + 1}. ${lost}. `,
        index ? `Even this is a saddle. ${down} ` : `A minimum (index 0)${list.length > 1 ? "; every other grouping is a saddle" : ""}. `,
        point ? "A student can do without groups: meet n‑copy." : "",
      ];
    } else
      parts = [strong("A saddle."), `${lost}. ${down} `, all ? "The best grouping has less loss." : `Which grouping has the least loss? ${list.length - shown.length} of ${list.length} not found yet.`];
    says.replaceChildren(...parts);
    view.say(says.textContent);
    const drawn = met
      ? "near what they lean to; a line is as wide as the share of a teacher neuron in w, and broken where that share is negative."
      : "open where an average turns uneven: its shares do not stay equal. ‖w‖: length of the incoming weights; a: outgoing weight. Drag a teacher neuron to another box, or move it with the arrow keys.";
    legend.textContent = `Numbered: the teacher's neurons. Lettered: the student's, ${drawn} In the chart, filled: a minimum; open: a saddle${all ? "" : "; grey: not found yet"}.`;
    numbers.put(groups.map((group, i) => {
      const m = group.length;
      if (met) return [LETTERS[i], `copies ${kept[i] + 1}, shares the rest`, Math.hypot(...point.theta.slice(0, k)).toFixed(4), point.theta.at(-1).toFixed(4), "–", "–"];
      const does = `${["nothing", "copies"][m] ?? "averages"} ${group.map((j) => j + 1).join(", ")}`;
      return [LETTERS[i], does, m ? normOf(m).toFixed(4) : "0", String(m), summary([m]).loss.toFixed(6), String(uneven[i] ? m - 1 : 0)];
    }));
    if (here.met) shown.push({ name: "n-copy (no groups)", ...point });
    shown.sort((one, other) => one.loss - other.loss);
    found.put(shown.map(({ name, loss, index }) => [name, loss.toFixed(6), String(index), index ? "saddle" : "minimum"]));
  }

  const signature = () => settings.map((name) => JSON.stringify(model.get(name))).join();
  function heard() {
    if (heard.deaf || signature() === heard.last) return;
    read();
    update();
    model.save_changes();
  }
  for (const name of settings) model.on(`change:${name}`, heard);
  read();
  change({});
  return () => {
    cancelAnimationFrame(frame);
    for (const name of settings) model.off(`change:${name}`, heard);
    view.leave();
  };
}

const evenly = (n, k) => Array.from({ length: k }, (_, j) => Math.floor((j * n) / k));

// All partitions of k into n parts, each ascending.
function partitions(k, n, least = 1) {
  if (n === 1) return [[k]];
  const all = [];
  for (let m = least; m * n <= k; m++) for (const rest of partitions(k - m, n - 1, m)) all.push([m, ...rest]);
  return all;
}

function summary(sizes) {
  const runs = [...new Set(sizes)].map((m) => [m, sizes.filter((other) => other === m).length]);
  return {
    name: runs.map(([m, count]) => (count > 2 && sizes.length > 3 ? `${count}×${m}` : Array(count).fill(m).join("+"))).join("+"),
    loss: sizes.reduce((sum, m) => sum + (m > 1 ? averageLoss(m) : 0), 0),
    index: copyAverageIndex(sizes),
  };
}

const normOf = (m) => 1 / Math.sqrt(2 * m - 1);
const studentSize = (a, r) => 5.5 + 5.5 * Math.sqrt(a * Math.sqrt(3 * ACTIVATIONS.erf.alone(r * r)[0])); // by its effect

export default { render, defaults, settings };
