// The loss against time, down to the plateaus and the levels at which a path may end.

import { digits, path, power, scale, svg, ticks } from "./drawing.mjs";

const [WEST, EAST, NORTH] = [46, 290, 18]; // in a picture 380 wide; right of it stand the names of the levels
const MOST = 500; // points of a path: a long one is thinned

/**
 * Draw `paths`, each { states: [{ time, loss }, …], colour, faint }, the last with a point at its end of colour `dot`.
 * `best` are the losses of the best points of 1, 2, … neurons, `nCopy` that of n-copy or null; `from` is the loss at
 * the start, and `latest` the time that must be seen.
 */
export function drawStairs(chart, bottom, { best, nCopy, from, latest, paths, dot }) {
  const lowest = Math.min(best.at(-1), nCopy ?? Infinity);
  const x = scale([1e-2, Math.max(1e4, 2 * latest)], [WEST, EAST], true);
  const y = scale([0.8 * lowest, Math.min(1.15 * from, 2.2 * best[0])], [bottom, NORTH], true);
  const frame = svg("rect", { x: WEST, width: EAST - WEST + 6, y: NORTH, height: bottom - NORTH });
  const parts = [svg("clipPath", { id: "frame" }, frame)];
  const text = (words, attributes) => parts.push(svg("text", attributes, words));
  const decades = Math.log10(x.back(EAST));
  for (let m = -2; m <= decades; m += decades > 7 ? 3 : 2) {
    const at = x(10 ** m);
    parts.push(svg("line", { x1: at, x2: at, y1: NORTH, y2: bottom, stroke: "var(--line)", "stroke-width": 0.7 }));
    text(power(m), { x: at, y: bottom + 18, "text-anchor": "middle" });
  }
  for (const value of marks(y.back(bottom - 8), y.back(NORTH)))
    text(digits(value, 2), { x: WEST - 6, y: y(value) + 4, "text-anchor": "end" });
  text("time t", { x: (WEST + EAST) / 2, y: bottom + 34, "text-anchor": "middle" });
  text(y(from) < NORTH ? `loss, from ${from < 100 ? digits(from, 2) : Math.round(from)}` : "loss", { x: 8, y: NORTH - 4 });
  levelsAt(y, best, nCopy, parts, text);
  const spot = ({ time, loss }) => [Math.min(EAST, x(Math.max(time, 1e-2))), y(loss)];
  const line = ({ states, colour, faint }) => {
    const look = faint ? { "stroke-width": 1.1, "stroke-opacity": 0.45 } : { "stroke-width": 2.2 };
    const every = Math.ceil(states.length / (faint ? MOST / 4 : MOST));
    const some = states.filter((_, m) => (states.length - 1 - m) % every === 0);
    return svg("path", { d: path(some.map(spot)), fill: "none", stroke: `var(--${colour})`, "stroke-linejoin": "round", ...look });
  };
  const [cx, cy] = spot(paths.at(-1).states.at(-1));
  const end = svg("circle", { cx, cy, r: 4.5, fill: `var(--${dot})`, stroke: "var(--paper)" });
  parts.push(svg("g", { "clip-path": "url(#frame)" }, paths.map(line), end));
  chart.replaceChildren(...parts);
}

// The levels, and their names where there is room for them: first those of the two points.
function levelsAt(y, best, nCopy, parts, text) {
  const levels = [[best.at(-1), "copy-average", "copy-average", "6 3"]];
  if (nCopy !== null) levels.push([nCopy, "n-copy", "n-copy", "6 3"]);
  best.slice(0, -1).forEach((value, m) => levels.push([value, m ? `${m + 1} neurons` : "1 neuron", "muted", "1 4"]));
  const taken = [];
  for (const [value, words, colour, dashes] of levels) {
    const at = y(value);
    parts.push(svg("line", { x1: WEST, x2: EAST, y1: at, y2: at, stroke: `var(--${colour})`, "stroke-width": 1.2, "stroke-dasharray": dashes }));
    const shifts = colour === "muted" ? [0] : [0, 7, -7, 13, -13];
    const free = shifts.map((shift) => at + shift).find((place) => taken.every((other) => Math.abs(place - other) > 13));
    if (free === undefined) continue;
    taken.push(free);
    text(words, { x: EAST + 5, y: free + 4, style: colour === "muted" ? "" : `fill: var(--${colour}-ink)` });
  }
}

// 1, 2, 5 times powers of ten between two numbers, or the powers alone where those are too many.
function marks(from, to) {
  const powers = ticks(Math.floor(Math.log10(from)), Math.ceil(Math.log10(to)), 20).filter(Number.isInteger);
  const fine = powers.flatMap((m) => [1, 2, 5].map((factor) => factor * 10 ** m)).filter((value) => value >= from && value <= to);
  return fine.length < 8 ? fine : fine.filter((_, m) => m % 3 === 0);
}
