// Share out the teacher: every way to put k teacher neurons into n groups is a copy-average point. One average is best.

import { button, linkButton, movable, node, scale, set, slider, stage, still, svg, table, ticks } from "./drawing.mjs";
import { ACTIVATIONS, averageLoss, copyAverageIndex, index } from "./landscape.mjs";
import { nCopy } from "./points.mjs";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const WIDTH = 380;
const COLUMNS = [0, 1, 2, 3, 2, 3, 3, 4, 4, 3, 4, 4]; // of boxes, by their number
const HEIGHTS = [0, 250, 350, 420]; // of the picture, by its rows of boxes
const GAP = 8;

const defaults = { n: 3, k: 6, groups: [], met: false, partition: [], loss: 0, index: 0 };
const settings = ["n", "k", "groups", "met"];

function render({ model, el }) {
  const view = stage(el, "Share out the teacher. Groupings of the teacher's neurons and their losses");
  const state = {};
  let levels; // what there is to find at this n and k
  let discs = [];
  let students = [];
  let boxes = [];
  let held = null; // the teacher neuron in the reader's hand
  let frame = null;
  let last = 0;
  const memory = new Map(); // what was found at each n and k

  // What is on the stage.
  const controls = {
    n: slider({ label: "student neurons n", min: 1, max: 5, value: 3, change: (n) => change({ n, groups: evenly(n, state.k), met: false }) }),
    k: slider({
      label: "teacher neurons k", min: 2, max: 12, value: 6,
      change: (k) => {
        const n = Math.min(state.n, k - 1);
        change({ k, n, groups: evenly(n, k), met: false });
      },
    }),
  };
  const meet = button("Meet n-copy", () => change({ met: !state.met }), { class: "main", hidden: true });
  const picture = svg("svg", { role: "group" });
  const grounds = svg("g");
  const edges = svg("g");
  const things = svg("g");
  picture.append(grounds, edges, things);
  const chart = svg("svg", { role: "img" });
  const says = node("p", { class: "says" });
  const legend = node("p", { class: "quiet" });
  const key = node("p", { class: "quiet" });
  const numbers = table("Numbers of this student", "The student, neuron by neuron", ["neuron", "does", "‖w‖", "a", "loss", "index"]);
  const list = table("Numbers of the groupings found", "Groupings found so far, by their loss", ["sizes of the groups", "loss", "index", "kind"]);
  view.add(
    node("div", { class: "row" },
      controls.n, controls.k,
      button("Share out evenly", () => change({ groups: evenly(state.n, state.k), met: false })),
      linkButton(model, view), meet,
    ),
    node("div", { class: "columns" }, picture, node("div", {}, says, chart, key)),
    legend, numbers, list,
  );

  // State: what is chosen, and what follows from it.
  function change(values) {
    const before = `${state.n} ${state.k}`;
    Object.assign(state, values);
    for (const name of settings) model.set(name, state[name]);
    heard.last = signature();
    update(before === `${state.n} ${state.k}`);
    model.save_changes();
  }

  function read() {
    const whole = (x, least, most) => Math.min(most, Math.max(least, Math.round(Number(x)) || least));
    state.k = whole(model.get("k"), 2, 12);
    state.n = whole(model.get("n"), 1, state.k - 1);
    const given = model.get("groups");
    const fits = Array.isArray(given) && given.length === state.k && given.every((i) => Number.isInteger(i) && i >= 0 && i < state.n);
    state.groups = fits ? given.slice() : evenly(state.n, state.k);
    state.met = Boolean(model.get("met"));
  }

  function update(same) {
    const { n, k } = state;
    if (!same || !levels) build();
    const groups = Array.from({ length: n }, (_, i) => state.groups.flatMap((box, j) => (box === i ? [j] : [])));
    const sizes = groups.map((group) => group.length);
    const partition = sizes.slice().sort((x, y) => x - y);
    const found = summary(partition.filter((m) => m));
    const best = found.name === levels.list[0].name;
    const known = memory.get(`${n} ${k}`);
    state.met = state.met && levels.point !== null;
    known.tried.add(found.name);
    known.met ||= state.met;
    known.all ||= best || state.met;
    meet.hidden = !known.all || !levels.point;
    meet.textContent = state.met ? "Back to the groups" : "Meet n-copy";
    const now = { groups, sizes, found, best, known, idle: sizes.indexOf(0), uneven: unevenOf(sizes) };
    controls.k.put(k);
    controls.n.put(n, { max: k - 1 });
    if (state.met) drawPoint(now);
    else drawGroups(now);
    drawChart(now);
    tell(now);
    fillTables(now);
    move(same);
    model.set("partition", partition);
    model.set("loss", found.loss);
    model.set("index", found.index);
  }

  function build() {
    const { n, k } = state;
    const point = nCopy(n, k, ACTIVATIONS.erf);
    levels = {
      point,
      pointIndex: point && index(point.theta, n, k, ACTIVATIONS.erf),
      list: partitions(k, n).map(summary).sort((one, other) => one.loss - other.loss),
    };
    if (!memory.has(`${n} ${k}`)) memory.set(`${n} ${k}`, { tried: new Set(), all: false, met: false });
    const columns = COLUMNS[n];
    const rows = Math.ceil(n / columns);
    const height = HEIGHTS[rows];
    const w = Math.min(200, (WIDTH - GAP * (columns - 1)) / columns);
    const h = (height - GAP * (rows - 1)) / rows;
    set(picture, { viewBox: `0 0 ${WIDTH} ${height}` });
    boxes = Array.from({ length: n }, (_, i) => {
      const row = Math.floor(i / columns);
      const inRow = Math.min(columns, n - row * columns);
      const x = (WIDTH - inRow * w - (inRow - 1) * GAP) / 2 + (i % columns) * (w + GAP);
      const y = row * (h + GAP);
      const at = (dx, dy, anchor) => svg("text", { x: x + dx, y: y + dy, "text-anchor": anchor, style: "font-size: 12px" });
      const parts = { ground: svg("rect", { x, y, width: w, height: h, rx: 9 }), head: at(w / 2, 17, "middle"), norm: at(7, h - 8, "start"), outgoing: at(w - 7, h - 8, "end"), loss: w > 100 ? at(w / 2, h - 25, "middle") : null };
      return { x, y, w, h, columns, ...parts, all: svg("g", {}, Object.values(parts)) };
    });
    grounds.replaceChildren(...boxes.map((box) => box.all));
    students = boxes.map((_, i) => {
      const lines = Array.from({ length: k }, () => svg("line", { "stroke-linecap": "round" }));
      const disc = svg("circle", { "stroke-width": 2.5 });
      const letter = svg("text", { "text-anchor": "middle", dy: "0.35em" }, LETTERS[i]);
      return { lines, disc, letter, thing: svg("g", {}, disc, letter), x: 0, y: 0, to: [0, 0] };
    });
    edges.replaceChildren(...students.flatMap(({ lines }) => lines));
    discs = Array.from({ length: k }, (_, j) => {
      const disc = svg("circle", { fill: "var(--teacher)" });
      const ring = svg("circle", { class: "ring" });
      const number = svg("text", { "text-anchor": "middle", dy: "0.35em" }, j + 1);
      const thing = svg("g", {}, disc, ring, number);
      const teacher = { disc, ring, number, thing, x: 0, y: 0, to: [0, 0] };
      movable(thing, picture, {
        grab: () => { if (!state.met) held = j; },
        move: (x, y) => { if (held === j) carry(j, x, y); },
        drop: () => { if (held === j) drop(j); },
        nudge: (dx, dy) => put(j, state.groups[j] + Math.sign(dx) + Math.sign(dy) * columns),
        press: () => put(j, (state.groups[j] + 1) % n),
      });
      return teacher;
    });
    things.replaceChildren(...students.map(({ thing }) => thing), ...discs.map(({ thing }) => thing));
  }

  // A teacher neuron in the reader's hand, and into which box it goes.
  const boxAt = (x, y) => {
    const off = boxes.map((box) => Math.hypot(Math.max(box.x - x, x - box.x - box.w, 0), Math.max(box.y - y, y - box.y - box.h, 0)));
    return off.indexOf(Math.min(...off));
  };

  function carry(j, x, y) {
    const over = boxAt(x, y);
    Object.assign(discs[j], { x, y, moved: true });
    boxes.forEach(({ ground }, i) => set(ground, { stroke: i === over ? "var(--ink)" : "var(--line)" }));
    place();
  }

  function drop(j) {
    held = null;
    const { x, y, moved } = discs[j];
    boxes.forEach(({ ground }) => set(ground, { stroke: "var(--line)" }));
    discs[j].moved = false;
    const box = boxAt(x, y);
    if (moved && box !== state.groups[j]) put(j, box);
    else move(true);
  }

  function put(j, box) {
    if (state.met || box < 0 || box >= state.n || box === state.groups[j]) return;
    change({ groups: state.groups.map((other, l) => (l === j ? box : other)) });
  }

  // Drawing: where things go, and the way there.
  function drawGroups({ groups, sizes, uneven }) {
    set(picture, { "aria-label": "The teacher's neurons in boxes, one box for each student neuron" });
    groups.forEach((group, i) => {
      const m = group.length;
      const { x, y, w, h, head, norm, outgoing, loss, all } = boxes[i];
      const bottom = loss ? 40 : 24;
      const half = Math.min(w / 2 - 3, (h - 24 - bottom) / 2);
      const [cx, cy] = [x + w / 2, y + 24 + half + Math.max(0, (h - 24 - bottom) / 2 - half)];
      const size = Math.min(13, (Math.PI * half) / (m + Math.PI) - 0.3);
      const radius = Math.min(half - size, 28 + 4 * m);
      all.removeAttribute("display");
      set(boxes[i].ground, { fill: "var(--surface)", stroke: "var(--line)" });
      head.textContent = m > 1 ? `average of ${m}` : m ? "copy" : "nothing to do";
      norm.textContent = m ? `‖w‖ ${normOf(m).toFixed(w > 100 ? 3 : 2)}` : "";
      outgoing.textContent = `a ${m}`;
      if (loss) loss.textContent = m ? `loss ${short(lossOf([m]))}` : "";
      const shift = m === 1 ? 17 : 0; // a copy stands below its teacher neuron
      dress(students[i], { m, size: Math.min(half - 2 * size - 2, studentSize(m, normOf(m))) , open: uneven[i] || !m, colour: m ? "var(--copy-average)" : "var(--muted)" });
      students[i].to = [cx, cy + shift];
      students[i].lines.forEach((line, j) => wire(line, group.includes(j) ? 1 / m : 0, false, "var(--copy-average)"));
      group.forEach((j, l) => {
        const angle = 2 * Math.PI * (l / m) - (m === 2 ? Math.PI : Math.PI / 2);
        const far = m === 1 ? 17 : radius;
        discs[j].to = [cx + far * Math.cos(angle), cy + far * Math.sin(angle)];
        dressTeacher(j, size, `Teacher neuron ${j + 1}, with student neuron ${LETTERS[i]}, of ${sizes[i]}. Arrow keys move it to another box.`);
      });
    });
  }

  function drawPoint({ groups }) {
    const { n, k } = state;
    const { parameters, theta } = levels.point;
    const height = HEIGHTS[Math.ceil(n / COLUMNS[n])];
    const ring = Math.min(170, height / 2) - 16;
    const dock = 0.74 * ring;
    const spot = (j, radius) => {
      const angle = (2 * Math.PI * j) / k - Math.PI / 2;
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    };
    set(picture, { "aria-label": `n-copy: ${n} student neurons, each near a teacher neuron of its own, all joined to the other ${k - n}` });
    const own = ownOf(groups, k);
    const weights = own.map((mine) => Array.from({ length: k }, (_, j) => (j === mine ? parameters.own : own.includes(j) ? parameters.other : parameters.rest)));
    boxes.forEach(({ all }) => set(all, { display: "none" }));
    const r = Math.hypot(...theta.subarray(0, k));
    weights.forEach((w, i) => {
      const shares = w.map((x) => (x * Math.abs(x)) / r ** 2);
      const [x, y] = shares.reduce(([x, y], share, j) => [x + share * spot(j, dock)[0], y + share * spot(j, dock)[1]], [0, 0]);
      students[i].to = [WIDTH / 2 + x, height / 2 + y];
      dress(students[i], { size: studentSize(parameters.outgoing, r), colour: "var(--n-copy)" });
      students[i].lines.forEach((line, j) => wire(line, Math.abs(shares[j]), shares[j] < 0, "var(--n-copy)"));
    });
    discs.forEach((disc, j) => {
      const [x, y] = spot(j, ring);
      disc.to = [WIDTH / 2 + x, height / 2 + y];
      dressTeacher(j, 13, null);
    });
  }

  function dress({ disc, letter }, { size, open, colour }) {
    set(disc, { r: Math.max(size, 8).toFixed(1), fill: open ? "var(--paper)" : colour, stroke: open ? colour : "var(--paper)" });
    set(letter, { style: `fill: ${open ? "var(--ink)" : "var(--on-disc)"}; font-weight: 650` });
  }

  function dressTeacher(j, size, words) {
    const { disc, ring, number, thing } = discs[j];
    set(disc, { r: size.toFixed(1) });
    set(ring, { r: (size + 3).toFixed(1) });
    set(number, { style: `fill: var(--paper); font-size: ${size < 11 ? 10 : 13}px` });
    if (words) set(thing, { class: "movable", tabindex: 0, role: "button", "aria-roledescription": "movable neuron", "aria-label": words });
    else for (const name of ["class", "tabindex", "role", "aria-roledescription", "aria-label"]) thing.removeAttribute(name);
  }

  function wire(line, share, negative, colour) {
    set(line, {
      stroke: colour, "stroke-width": (7 * Math.sqrt(share)).toFixed(2), "stroke-dasharray": negative ? "3 7" : "none",
      "stroke-opacity": share < 0.002 ? 0 : (0.15 + 0.6 * Math.sqrt(share)).toFixed(3),
    });
  }

  function move(gently) {
    cancelAnimationFrame(frame);
    if (gently && !still()) {
      last = performance.now();
      frame = requestAnimationFrame(step);
    } else step(Infinity);
  }

  function step(now) {
    const part = now === Infinity ? 1 : 1 - Math.exp(-Math.min(Math.max(now - last, 1), 60) / 80);
    last = now;
    let far = 0;
    [...students, ...discs].forEach((thing) => {
      if (thing === discs[held]) return;
      const way = thing.to.map((x, e) => x - [thing.x, thing.y][e]);
      const left = Math.hypot(...way) * (1 - part);
      far = Math.max(far, left);
      [thing.x, thing.y] = left < 0.2 ? thing.to : [thing.x + part * way[0], thing.y + part * way[1]];
    });
    place();
    if (far >= 0.2) frame = requestAnimationFrame(step);
  }

  function place() {
    for (const { thing, x, y } of [...students, ...discs]) set(thing, { transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})` });
    for (const { lines, x, y } of students)
      lines.forEach((line, j) => set(line, { x1: x.toFixed(1), y1: y.toFixed(1), x2: discs[j].x.toFixed(1), y2: discs[j].y.toFixed(1) }));
  }

  // The chart: one row for each grouping, the best on top.
  function drawChart({ found, known, best, idle }) {
    const { list, point } = levels;
    const height = list.length > 9 ? 19 : 24;
    const [left, right, top] = [112, 366, 26];
    const bottom = top + height * (list.length + (idle >= 0 ? 1 : 0)) + 4;
    const values = [...list.map(({ loss }) => loss), ...(point ? [point.loss] : [])];
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const room = most - least > 0.02 * most ? 0.12 * (most - least) : 0.1 * most;
    const x = scale([least - room, most + room], [left, right]);
    const parts = [];
    const add = (...things) => parts.push(...things);
    const marks = ticks(least - room, most + room, 4);
    const places = Math.max(...marks.map((value) => (String(value).split(".")[1] ?? "").length));
    for (const value of marks)
      add(
        svg("line", { x1: x(value), x2: x(value), y1: top, y2: bottom, stroke: "var(--line)", "stroke-width": 0.7 }),
        svg("text", { x: x(value), y: bottom + 17, "text-anchor": "middle" }, value.toFixed(places)),
      );
    add(svg("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, "loss"), svg("text", { x: 0, y: 12 }, "sizes of groups"));
    if (known.met) {
      const at = x(point.loss);
      const side = at < (left + right) / 2 ? ["start", -4] : ["end", 4];
      add(
        svg("line", { x1: at, x2: at, y1: top - 8, y2: bottom, stroke: "var(--n-copy)", "stroke-width": state.met ? 2.4 : 1.4, "stroke-dasharray": "6 3" }),
        svg("text", { x: at + side[1], y: 12, "text-anchor": side[0], style: `fill: var(--n-copy-ink); font-weight: ${state.met ? 650 : 400}` }, `n-copy ${point.loss.toFixed(6)}`),
      );
    }
    const rows = idle >= 0 ? [...list, { ...found, name: "one idle" }] : list;
    rows.forEach((row, m) => {
      const here = row.name === found.name || m >= list.length;
      const seen = known.all || known.tried.has(row.name) || here;
      const y = top + height * (m + 0.5) + 2;
      const at = Math.min(x(row.loss), right);
      const open = row.index > 0 || m >= list.length;
      const beyond = x(row.loss) > right ? " →" : "";
      if (here && !state.met) add(svg("rect", { x: -6, y: y - height / 2, width: WIDTH + 6, height, rx: 6, fill: "var(--surface)", stroke: "var(--line)" }));
      add(svg("text", { x: 0, y: y + 4.5, style: here && !state.met ? "fill: var(--ink); font-weight: 650" : "" }, seen ? row.name : "?"));
      if (!seen) return add(svg("circle", { cx: at, cy: y, r: 3, fill: "var(--muted)" }));
      add(svg("circle", { cx: at, cy: y, r: here ? 6.5 : 4.5, fill: open ? "var(--paper)" : "var(--copy-average)", stroke: "var(--copy-average)", "stroke-width": 2 }));
      const words = here ? row.loss.toFixed(6) + beyond : m === 0 ? "best" : "";
      const after = at < 250 ? ["start", 12] : ["end", -12];
      add(svg("text", { x: at + after[1], y: y + 4.5, "text-anchor": after[0], style: here ? "fill: var(--ink); font-weight: 650" : "fill: var(--copy-average-ink)" }, here && m === 0 && best ? `${words}, best` : words));
    });
    set(chart, { viewBox: `0 0 ${WIDTH} ${bottom + 40}`, "aria-label": `Losses of the ${list.length} groupings of ${state.k} teacher neurons into ${state.n}; this one has ${found.loss.toFixed(6)}` });
    chart.replaceChildren(...parts);
  }

  // In words.
  function tell({ sizes, found, best, known, idle, uneven }) {
    const { n, k } = state;
    const { list, point, pointIndex } = levels;
    const loss = `Loss ${found.loss.toFixed(6)}`;
    const strong = (words, kind = "") => node("strong", { class: kind }, `${words} `);
    const turns = turning(sizes.filter((_, i) => uneven[i]));
    const down = `Index ${found.index}: the loss falls in ${found.index === 1 ? "one direction" : `${found.index} directions`}, where ${turns} and others make up for it.`;
    let parts;
    if (state.met) {
      const lower = point.loss < list[0].loss;
      parts = [
        strong("n-copy.", "n-copy"),
        `Each neuron keeps one teacher neuron, and all share the other ${k - n === 1 ? "one" : k - n}. Loss ${point.loss.toFixed(6)}: ${lower ? "better" : "worse"} than ${list[0].loss.toFixed(6)}, the best grouping. `,
        pointIndex ? `It is a saddle of index ${pointIndex}.` : "It is a minimum.",
      ];
    } else if (idle >= 0) {
      const count = sizes.filter((m) => m).length;
      parts = [strong(`${LETTERS[idle]} has nothing to do.`), `${loss} is that of ${count === 1 ? "1 neuron" : `${count} neurons`}. Move a teacher neuron into the empty box.`];
    } else if (best) {
      const m = k - n + 1;
      const copies = n === 1 ? "" : n === 2 ? "1 copy and " : `${n - 1} copies and `;
      parts = [
        strong(list.length > 1 ? "The best grouping:" : "The only grouping:", "copy-average"),
        `${copies}one average of ${m}. ${loss}. `,
        found.index ? `Yet it is a saddle. ${down} ` : `A minimum (index 0)${list.length > 1 ? ": every other grouping is a saddle" : ""}. `,
        point ? "A student can also do without groups: meet n-copy." : "",
      ];
    } else {
      const left = list.filter(({ name }) => !known.tried.has(name)).length;
      const next = known.all ? "The best grouping has less loss." : left === 1 ? "One grouping is left to find, with less loss." : "Which grouping has the least loss?";
      parts = [strong("A saddle."), `${loss}. ${down} `, next];
    }
    says.replaceChildren(...parts);
    view.say(says.textContent);
    key.textContent = `${known.all ? "" : "Grey: not found yet. "}Filled: a minimum. Open: a saddle.`;
    legend.textContent = state.met
      ? "Dark: the teacher's neurons. Lettered: the student's, near what they lean to; a line is as wide as the share of a teacher neuron in w, and broken where that share is negative."
      : "Dark: the teacher's neurons. Lettered: the student's, an open disc if its average turns uneven, that is, gives up equal shares. ‖w‖ is the length of its incoming weights, a its outgoing weight; its loss is what it leaves of its teacher neurons. Move a teacher neuron to another box by dragging it or with the arrow keys.";
  }

  function fillTables({ groups, known, uneven }) {
    const { list, point, pointIndex } = levels;
    if (state.met) {
      const own = ownOf(groups, state.k);
      const shared = discs.flatMap((_, j) => (own.includes(j) ? [] : [j + 1])).join(", ");
      const r = Math.hypot(...point.theta.subarray(0, state.k));
      numbers.put(own.map((j, i) => [LETTERS[i], `keeps ${j + 1}, shares ${shared}`, r.toFixed(4), point.parameters.outgoing.toFixed(4), "–", "–"]));
    } else
      numbers.put(groups.map((group, i) => {
        const m = group.length;
        const does = `${m > 1 ? "averages" : m ? "copies" : "nothing"} ${group.map((j) => j + 1).join(", ")}`;
        return [LETTERS[i], does, m ? normOf(m).toFixed(4) : "0", String(m), m ? lossOf([m]).toFixed(6) : "0", String(uneven[i] ? m - 1 : 0)];
      }));
    const rows = list.filter(({ name }) => known.all || known.tried.has(name)).map(({ name, loss, index }) => [name, loss, index]);
    if (known.met) rows.push(["n-copy (no groups)", point.loss, pointIndex]);
    list_(rows.sort((one, other) => one[1] - other[1]));
  }

  const list_ = (rows) => list.put(rows.map(([name, loss, number]) => [name, loss.toFixed(6), String(number), number ? "saddle" : "minimum"]));

  const signature = () => settings.map((name) => JSON.stringify(model.get(name))).join();
  function heard() {
    if (signature() === heard.last) return;
    heard.last = signature();
    const before = `${state.n} ${state.k}`;
    held = null;
    read();
    update(before === `${state.n} ${state.k}`);
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

/** Teacher neurons shared out to n boxes as evenly as may be. */
const evenly = (n, k) => Array.from({ length: k }, (_, j) => Math.floor((j * n) / k));

/** All partitions of k into n parts, each ascending. */
function partitions(k, n, least = 1) {
  if (n === 1) return [[k]];
  const all = [];
  for (let m = least; m * n <= k; m++) for (const rest of partitions(k - m, n - 1, m)) all.push([m, ...rest]);
  return all;
}

const lossOf = (sizes) => sizes.reduce((sum, m) => sum + (m > 1 ? averageLoss(m) : 0), 0);
const normOf = (m) => 1 / Math.sqrt(2 * m - 1);
const short = (x) => (x ? x.toFixed(4) : "0");
const studentSize = (a, r) => 5.5 + 5.5 * Math.sqrt(a * Math.sqrt(ACTIVATIONS.erf.alone(r * r)[0] * 3));

function summary(sizes) {
  const runs = [...new Set(sizes)].map((m) => [m, sizes.filter((other) => other === m).length]);
  const name = runs.map(([m, count]) => (count > 2 && sizes.length > 3 ? `${count}×${m}` : Array(count).fill(m).join("+"))).join("+");
  return { name, loss: lossOf(sizes), index: copyAverageIndex(sizes) };
}

/** Which groups turn uneven, as in copyAverageIndex: each adds its size less one to the index. */
function unevenOf(sizes) {
  const rest = sizes.map((m) => (m ? 1 / ((1 - 1 / (4 * m * m)) ** -0.5 - 1) : 0));
  const all = rest.reduce((x, y) => x + y, 0);
  return sizes.map((m, i) => {
    const square = 1 / (4 * m * m);
    return m > 1 && (1 - (1 - 2 * square) * (1 - square) ** -1.5) * (1 + all - rest[i]) > 1;
  });
}

/** Of the averages that turn uneven, in words. */
function turning(sizes) {
  const [m, ...others] = sizes.sort((x, y) => x - y);
  if (!others.length) return `the average of ${m} turns uneven`;
  if (others.every((other) => other === m)) return `the ${sizes.length} averages of ${m} turn uneven`;
  return `the averages of ${sizes.slice(0, -1).join(", ")} and ${sizes.at(-1)} turn uneven`;
}

/** The teacher neuron that each student neuron keeps as it goes from its group to n-copy. */
function ownOf(groups, k) {
  const free = Array.from({ length: k }, (_, j) => j).filter((j) => !groups.some((group) => group[0] === j));
  return groups.map((group) => group[0] ?? free.pop());
}

export default { render, defaults, settings };
