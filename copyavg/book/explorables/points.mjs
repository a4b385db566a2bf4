// Critical points of the two families at any activation: the least loss among students that share a symmetry.

import { averageLoss, copyAverage, gradient, hessian } from "./landscape.mjs";
import { factor, solve } from "./linear.mjs";

// The student whose weights are those of `kinds`: kinds[m] is the place in p of weight m, or −1 for a weight of zero.
function minimise(kinds, p, n, k, activation) {
  const size = kinds.length;
  const theta = new Float64Array(size);
  const force = new Float64Array(size);
  const at = (p) => {
    for (let m = 0; m < size; m++) theta[m] = kinds[m] < 0 ? 0 : p[kinds[m]];
    return gradient(theta, n, k, activation, force);
  };
  let value = at(p);
  let damping = 1e-3;
  for (let iteration = 0; iteration < 200; iteration++) {
    const H = hessian(theta, n, k, activation);
    const g = p.map(() => 0);
    const M = p.map(() => p.map(() => 0));
    for (let i = 0; i < size; i++) {
      if (kinds[i] < 0) continue;
      g[kinds[i]] += force[i];
      for (let j = 0; j < size; j++) if (kinds[j] >= 0) M[kinds[i]][kinds[j]] += H[i * size + j];
    }
    const most = Math.max(...g.map(Math.abs));
    if (most < 1e-14 * size) break;
    const [before, last] = [p, value];
    for (; damping < 1e12; damping *= 8) {
      const step = solveSmall(M, g, damping);
      if (!step) continue;
      p = before.map((x, m) => x - step[m]);
      value = at(p);
      if (value <= last + 1e-15) break;
    }
    damping = Math.max(damping / 30, 1e-14);
    if (!(value <= last + 1e-15) || Math.max(...p.map((x, m) => Math.abs(x - before[m]))) < 1e-15) break;
  }
  return { p, theta, loss: value };
}

// Solve (M + damping diag) x = g, if that matrix is positive definite.
function solveSmall(M, g, damping) {
  const L = M.flatMap((row, i) => row.map((x, j) => (i === j ? x + damping * (1 + Math.abs(x)) : x)));
  if (!factor(L, g.length)) return null;
  const x = g.slice();
  solve(L, g.length, x);
  return x;
}

/** The n-copy point: wᵢ = α vᵢ + β Σ other copied + γ Σ rest, aᵢ = a; null where flow from a guess does not find it. */
export function nCopy(n, k, activation) {
  if (!(n > 1 && n < k)) return null;
  const d = k;
  const kinds = new Array(n * (d + 1)).fill(3);
  for (let i = 0; i < n; i++) for (let j = 0; j < k; j++) kinds[i * d + j] = i === j ? 0 : j < n ? 1 : 2;
  const found = minimise(kinds, [0.85, -0.02, 0.1, 1.3], n, k, activation);
  const [own, other, rest, outgoing] = found.p;
  return own > other + 0.1 && own > rest + 0.02 && outgoing > 0 ? { ...found, parameters: { own, other, rest, outgoing } } : null;
}

/** The point of n − 1 copies and one average of the rest: exact for erf, displaced for others. */
export function bestCopyAverage(n, k, activation) {
  const m = k - n + 1;
  const groups = Array.from({ length: n }, (_, i) => (i < n - 1 ? [i] : Array.from({ length: m }, (_, j) => n - 1 + j)));
  const start = copyAverage(groups, k);
  if (activation.odd) return { theta: start, loss: averageLoss(m) };
  const d = k;
  const kinds = new Array(n * (d + 1)).fill(-1);
  const last = n - 1;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < k; j++)
      kinds[i * d + j] = i === last ? (j < last ? 3 : 4) : i === j ? 0 : j < last ? 1 : 2;
    kinds[n * d + i] = i === last ? 6 : 5;
  }
  const strength = Math.sqrt(m);
  const guess = [1, 0, 0, 0, 1 / Math.sqrt(m), 1, strength];
  return minimise(kinds, guess, n, k, activation);
}
