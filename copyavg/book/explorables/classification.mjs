// Which configuration is this student? By its structure, as in copyavg/classification.

import { inputs } from "./landscape.mjs";

const CLOSE = 1e-2; // the residual up to which a student has a configuration
const APART = 0.1; // a neuron that singles out a teacher neuron weighs it this much more than anything else there
const MERGED = 0.98; // correlation from which neurons count as one

const norm = (row) => Math.hypot(...row);
const inner = (x, y) => x.reduce((sum, value, e) => sum + value * y[e], 0);

/** The rows of θ: for every neuron its incoming weights w and its outgoing weight a. */
export function neuronsOf(theta, n) {
  const d = inputs(theta, n);
  return Array.from({ length: n }, (_, i) => ({
    w: Array.from(theta.subarray(i * d, (i + 1) * d)),
    a: theta[n * d + i],
  }));
}

/** The same function, with a ≥ 0 if σ is odd, and ‖w‖ = |a| if it has a gauge. */
export function inOneForm(neuron, activation) {
  let { w, a } = neuron;
  if (activation.odd && a < 0) [w, a] = [w.map((x) => -x), -a];
  const r = norm(w);
  if (activation.gauge && r > 0 && a !== 0) {
    const size = Math.sqrt(r * Math.abs(a));
    [w, a] = [w.map((x) => (x * size) / r), Math.sign(a) * size];
  }
  return { w, a };
}

const outputSize = (r, activation) => Math.sqrt(activation.alone(r * r)[0]);

/**
 * The label of a student ("copy-average", "n-copy", "reduced" or "other"), the teacher neurons of every neuron
 * (`groups`), what each does (`roles`), how far it is from the nearest student of that kind, and for a reduced one
 * what the smaller one is.
 */
export function classify(theta, n, k, activation) {
  const neurons = neuronsOf(theta, n).map((neuron) => inOneForm(neuron, activation));
  const teacherSize = outputSize(1, activation);
  const idle = neurons.map(({ w, a }) => Math.abs(a) * outputSize(norm(w), activation) <= CLOSE * teacherSize);
  const whole = bestFit(neurons, k, activation);
  if (whole && whole.residual <= CLOSE && !idle.includes(true))
    return { ...whole, roles: whole.groups.map(roleOf), reducedTo: null };
  const number = numberOfEach(neurons, idle, activation);
  const count = Math.max(-1, ...number) + 1;
  if (count > 0 && count < n) {
    const fewer = Array.from({ length: count }, (_, m) => {
      const same = neurons.filter((_, i) => number[i] === m);
      const sized = activation.gauge ? same.map(({ w, a }) => asDirection(w, a)) : same;
      const a = sized.reduce((sum, neuron) => sum + neuron.a, 0);
      return inOneForm({ w: sized[0].w.map((_, e) => sized.reduce((s, x) => s + x.a * x.w[e], 0) / a), a }, activation);
    });
    const fit = bestFit(fewer, k, activation);
    if (fit && fit.residual <= CLOSE) {
      const groups = number.map((m) => (m < 0 ? [] : fit.groups[m]));
      const roles = number.map((m, i) =>
        m < 0 ? "idle" : number.filter((other) => other === m).length > 1 ? "merged" : roleOf(groups[i]),
      );
      return { ...fit, label: "reduced", groups, roles, reducedTo: fit.label };
    }
  }
  return {
    label: "other",
    groups: neurons.map(() => []),
    roles: idle.map((x) => (x ? "idle" : "mixed")),
    residual: whole ? whole.residual : Infinity,
    reducedTo: null,
  };
}

const roleOf = (group) => (group.length === 1 ? "copy" : "average");

const asDirection = (w, a) => ({ w: w.map((x) => x / norm(w)), a: a * norm(w) });

// Number the neurons so that those that do the same share a number; idle ones get −1.
function numberOfEach(neurons, idle, activation) {
  const forms = neurons.map(({ w, a }, i) => (activation.gauge && !idle[i] ? asDirection(w, a) : { w, a }));
  const number = new Array(neurons.length).fill(-1);
  let count = 0;
  forms.forEach((first, i) => {
    if (idle[i] || number[i] >= 0) return;
    number[i] = count++;
    const waiting = [first];
    while (waiting.length) {
      const one = waiting.pop();
      forms.forEach((other, j) => {
        if (idle[j] || number[j] >= 0 || !doTheSame(one, other, activation)) return;
        number[j] = number[i];
        waiting.push(other);
      });
    }
  });
  return number;
}

function doTheSame(one, other, activation) {
  const alike = inner(one.w, other.w) > (MERGED / 2) * (inner(one.w, one.w) + inner(other.w, other.w));
  if (!alike) return false;
  if (Math.sign(one.a) === Math.sign(other.a)) return true;
  const left = Math.min(Math.abs(one.a), Math.abs(other.a)) * norm(one.w.map((x, e) => x - other.w[e]));
  return activation.gauge && left <= CLOSE * Math.abs(one.a + other.a);
}

function bestFit(neurons, k, activation) {
  const fits = [copyAverageFit(neurons, k, activation), nCopyFit(neurons, k)].filter(Boolean);
  return fits.length ? fits.reduce((x, y) => (y.residual < x.residual ? y : x)) : null;
}

const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

function copyAverageFit(neurons, k, activation) {
  const owner = Array.from({ length: k }, (_, j) => argmax(neurons.map(({ w }) => w[j])));
  const groups = neurons.map((_, i) => owner.flatMap((o, j) => (o === i ? [j] : [])));
  if (groups.some((group) => group.length === 0)) return null;
  let target;
  if (activation.odd || neurons.length === k)
    target = groups.map(({ length: m }, i) => ({
      w: owner.map((o) => (o === i ? 1 / Math.sqrt(m * (2 * m - 1)) : 0)),
      a: m,
    }));
  else {
    const sizes = groups.map((group) => group.length);
    target = meanOverPermutations(neurons, owner, sizes, owner.map((o) => sizes[o]));
    if (!singledOut(target, owner)) return null;
  }
  return { label: "copy-average", residual: distance(neurons, target, k), groups };
}

function nCopyFit(neurons, k) {
  const n = neurons.length;
  if (!(n > 1 && n < k)) return null;
  const spread = Array.from({ length: k }, (_, j) => {
    const column = neurons.map(({ w }) => w[j]);
    return Math.max(...column) - Math.min(...column);
  });
  const copied = [...spread.keys()].sort((x, y) => spread[y] - spread[x]).slice(0, n);
  const owner = new Array(k).fill(-1);
  for (const j of copied) owner[j] = argmax(neurons.map(({ w }) => w[j]));
  if (new Set(copied.map((j) => owner[j])).size < n) return null;
  const target = meanOverPermutations(neurons, owner, new Array(n).fill(0), owner.map((o) => (o < 0 ? 1 : 0)));
  if (!singledOut(target, owner)) return null;
  return { label: "n-copy", residual: distance(neurons, target, k), groups: neurons.map((_, i) => [owner.indexOf(i)]) };
}

// The nearest student whose weights depend only on the kinds of row and column, and on whether it is its own.
function meanOverPermutations(neurons, owner, rows, columns) {
  const kind = (i, j) => `${rows[i]},${columns[j]},${owner[j] === i}`;
  const means = (entries) => {
    const sums = new Map();
    for (const [key, value] of entries) {
      const [total, count] = sums.get(key) ?? [0, 0];
      sums.set(key, [total + value, count + 1]);
    }
    return (key) => sums.get(key)[0] / sums.get(key)[1];
  };
  const incoming = means(neurons.flatMap(({ w }, i) => owner.map((_, j) => [kind(i, j), w[j]])));
  const outgoing = means(neurons.map(({ a }, i) => [rows[i], a]));
  return neurons.map((_, i) => ({ w: owner.map((_, j) => incoming(kind(i, j))), a: outgoing(rows[i]) }));
}

// Whether its own teacher neurons stand out in every neuron's row, and in their columns.
function singledOut(target, owner) {
  return target.every(({ w, a }, i) => {
    const own = Math.min(...w.filter((_, j) => owner[j] === i)) * (1 - APART);
    const others = Math.max(-Infinity, ...w.filter((_, j) => owner[j] !== i));
    const columns = owner.every((o, j) => o !== i || target.every((other, m) => m === i || w[j] * (1 - APART) >= other.w[j]));
    return a > 0 && own > 0 && own >= others && columns;
  });
}

// The largest change of any neuron's incoming or outgoing weights, relative to them.
function distance(neurons, target, k) {
  return Math.max(
    ...neurons.map(({ w, a }, i) => {
      const change = w.map((x, j) => x - (j < k ? target[i].w[j] : 0));
      return Math.max(norm(change) / norm(target[i].w), Math.abs(a - target[i].a) / target[i].a);
    }),
  );
}
