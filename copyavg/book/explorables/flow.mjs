// Gradient flow θ̇ = −∇L of one student to its limit, step by step, as in copyavg/flow/batched.py.
//
// Linearly implicit Rosenbrock steps (Rodas, of order 4) with the whole Hessian; near the limit, Newton's method.
// A ReLU neuron may come to w = 0, where L has a kink: there it stays dead until the loss falls along some direction.

import { gradient, hessian, inputs } from "./landscape.mjs";
import { factor, solve } from "./linear.mjs";

const GAMMA = 0.25; // the method's coefficients: Hairer and Wanner, Solving Ordinary Differential Equations II, IV.7
const STATE = [
  [],
  [1.544],
  [0.9466785280815826, 0.2557011698983284],
  [3.314825187068521, 2.896124015972201, 0.9986419139977817],
  [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895],
  [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895, 1],
];
const FORCE = [
  [],
  [-5.6688],
  [-2.430093356833875, -0.2063599157091915],
  [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
  [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616],
  [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
];

export const TOLERANCE = 1e-13; // ‖∇L‖∞ at a limit
const NEAR = 1e-8; // ‖∇L‖∞ from which Newton's method is tried
const LATEST = 1e12; // no limit is waited for any longer
const MOST_STEPS = 4000;

/** Numbers that look random, the same for a seed everywhere: standard normal ones. */
export function normals(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return (((x ^ (x >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Glorot's start, all weights times `size`: wᵢ ~ N(0, 2/(n + d)), aᵢ ~ N(0, 2/(n + 1)). */
export function glorot(n, d, seed, size = 1) {
  const normal = normals(seed);
  const theta = new Float64Array(n * (d + 1));
  for (let m = 0; m < theta.length; m++) theta[m] = size * Math.sqrt(m < n * d ? 2 / (n + d) : 2 / (n + 1)) * normal();
  return theta;
}

const largest = (x) => x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const length = (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));

export class Flow {
  constructor(theta, n, k, activation, accuracy = 1e-6) {
    Object.assign(this, { n, k, activation, accuracy, d: inputs(theta, n) });
    this.dead = new Array(n).fill(false);
    this.time = 0;
    this.steps = 0;
    this.reason = null; // while it goes on
    this.converged = false;
    this.force = new Float64Array(theta.length);
    this.put(theta.slice());
    this.h = (0.1 * Math.sqrt(accuracy)) / Math.max(length(this.force) / Math.sqrt(theta.length), 1e-300);
    this.next = NEAR;
  }

  get done() {
    return this.reason !== null;
  }

  // Whether a weight belongs to a dead neuron, and does not move.
  held(m) {
    return this.dead[m < this.n * this.d ? Math.floor(m / this.d) : m - this.n * this.d];
  }

  pull(theta, out) {
    const value = gradient(theta, this.n, this.k, this.activation, out);
    for (let m = 0; m < out.length; m++) out[m] = this.held(m) ? 0 : -out[m];
    return value;
  }

  put(theta) {
    this.theta = theta;
    this.loss = this.pull(theta, this.force);
    this.norm = largest(this.force);
  }

  // The Hessian, with nothing in rows and columns of weights that are held.
  curvature(theta) {
    const size = theta.length;
    const H = hessian(theta, this.n, this.k, this.activation);
    if (this.dead.includes(true))
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) if (this.held(i) || this.held(j)) H[i * size + j] = 0;
    return H;
  }

  /** Take one step, as long as the accuracy allows, or come to an end. */
  step() {
    if (this.done) return;
    const size = this.theta.length;
    if (this.norm <= this.next && this.newton()) return;
    if (this.time >= LATEST || this.norm <= TOLERANCE || this.steps >= MOST_STEPS) {
      this.reason = this.why();
      return;
    }
    const H = this.curvature(this.theta);
    let shrunk = false;
    for (;;) {
      this.steps++;
      if (!(this.h > 1e-13 * (1e-3 + this.time)) || this.steps >= MOST_STEPS) {
        this.reason = this.why();
        return;
      }
      const shift = 1 / (GAMMA * this.h);
      const L = H.slice();
      for (let i = 0; i < size; i++) L[i * size + i] += shift;
      if (!factor(L, size)) {
        this.h *= 0.3; // a step that long could stay at a saddle
        shrunk = true;
        continue;
      }
      const [ahead, error] = this.rosenbrock(L);
      const force = new Float64Array(size);
      const value = this.pull(ahead, force);
      let badness = 0;
      for (let i = 0; i < size; i++)
        badness += (error[i] / (1 + Math.max(Math.abs(this.theta[i]), Math.abs(ahead[i])))) ** 2;
      badness = Math.sqrt(badness / size) / this.accuracy;
      const grow = 0.9 * Math.max(badness, 1e-8) ** -0.25;
      if (!(badness <= 1) || !(value <= this.loss + 1e-13 * (1 + this.loss))) {
        this.h *= Math.min(0.5, Math.max(0.1, Number.isFinite(grow) ? grow : 0));
        shrunk = true;
        continue;
      }
      this.time += this.h;
      this.h *= Math.min(shrunk ? 1 : 6, Math.max(0.2, grow));
      Object.assign(this, { theta: ahead, force, loss: value, norm: largest(force) });
      if (this.activation.gauge) this.settle();
      return;
    }
  }

  rosenbrock(L) {
    const size = this.theta.length;
    const stages = [];
    const slope = new Float64Array(size);
    let ahead = this.theta;
    for (let stage = 0; stage < 6; stage++) {
      const right = new Float64Array(size);
      if (stage === 0) right.set(this.force);
      else {
        ahead = this.theta.slice();
        for (let j = 0; j < stage; j++)
          for (let i = 0; i < size; i++) {
            ahead[i] += STATE[stage][j] * stages[j][i];
            right[i] += (FORCE[stage][j] / this.h) * stages[j][i];
          }
        this.pull(ahead, slope);
        for (let i = 0; i < size; i++) right[i] += slope[i];
      }
      solve(L, size, right);
      stages.push(right);
    }
    for (let i = 0; i < size; i++) ahead[i] += stages[5][i];
    return [ahead, stages[5]];
  }

  // Go to the minimum nearby, modulo the gauge; whether there is one.
  newton() {
    const { n, d } = this;
    const size = this.theta.length;
    const theta = this.theta.slice();
    const force = this.force.slice();
    this.next = 0.1 * this.norm;
    let before = Infinity;
    for (let iteration = 0; iteration < 12; iteration++) {
      const H = this.curvature(theta);
      for (let i = 0; i < size; i++) if (this.held(i)) H[i * size + i] = 1;
      if (this.activation.gauge) this.fix(H, theta);
      if (!factor(H, size)) return false;
      const step = force.slice();
      solve(H, size, step);
      for (let i = 0; i < size; i++) theta[i] += step[i];
      const value = this.pull(theta, force);
      const norm = largest(force);
      const far = length(step);
      if (!(far <= 0.5 * before || far <= 1e-9)) return false;
      before = far;
      if (norm > TOLERANCE) continue;
      if (!(value <= this.loss + 1e-12)) return false;
      const dead = this.dead.includes(true);
      Object.assign(this, { theta, force, loss: value, norm });
      this.converged = !dead;
      this.reason = dead ? "idle neuron" : "converged";
      return true;
    }
    return false;
  }

  // Add the directions (w, −a), along which L does not change, so that H is positive definite at a minimum.
  fix(H, theta) {
    const { n, d } = this;
    const size = theta.length;
    for (let i = 0; i < n; i++) {
      const places = [...Array(d).keys()].map((e) => i * d + e).concat(n * d + i);
      const along = places.map((m) => (m < n * d ? theta[m] : -theta[m]));
      const square = along.reduce((sum, x) => sum + x * x, 0);
      if (!(square > 0) || this.dead[i]) continue;
      places.forEach((p, x) => places.forEach((q, y) => (H[p * size + q] += (along[x] * along[y]) / square)));
    }
  }

  // Let neurons die that have come to w = 0, and leave that may.
  settle() {
    const { n, d, accuracy } = this;
    let changed = false;
    const theta = this.theta.slice();
    const now = this.dead.slice();
    for (let i = 0; i < n; i++) {
      let square = 0;
      let radial = 0;
      for (let e = i * d; e < (i + 1) * d; e++) {
        square += theta[e] * theta[e];
        radial += theta[e] * this.force[e];
      }
      if (now[i] || !(radial < 0) || Math.sqrt(square) > accuracy * Math.abs(theta[n * d + i])) continue;
      now[i] = changed = true;
      theta.fill(0, i * d, (i + 1) * d);
    }
    for (let i = 0; i < n; i++) {
      if (!now[i]) continue;
      const [slope, direction] = this.leastSlope(theta, i);
      if (!(slope < -accuracy)) continue;
      now[i] = false;
      changed = true;
      for (let e = 0; e < d; e++) theta[i * d + e] = 2 * accuracy * Math.abs(theta[n * d + i]) * direction[e];
    }
    if (!changed) return;
    this.dead = now;
    this.put(theta);
  }

  // The least slope of L where neuron i leaves w = 0, and the direction: descent on the sphere from the best of
  // ±wⱼ, ±vⱼ and the mean of the teacher.
  leastSlope(theta, i) {
    const { n, d, k } = this;
    const a = theta[n * d + i];
    const trial = theta.slice();
    const out = new Float64Array(theta.length);
    const slopeAt = (direction) => {
      trial.set(direction, i * d);
      trial[n * d + i] = 1;
      gradient(trial, n, k, this.activation, out);
      const turning = Array.from(out.subarray(i * d, (i + 1) * d), (x) => a * x);
      const along = turning.reduce((sum, x, e) => sum + x * direction[e], 0);
      return [a * (out[n * d + i] - 2 * this.activation.alone(1)[0]), turning.map((x, e) => x - along * direction[e])];
    };
    const unit = (x) => x.map((value) => value / length(x));
    const rows = [];
    for (let j = 0; j < n; j++) rows.push(Array.from(theta.subarray(j * d, (j + 1) * d)));
    for (let j = 0; j < k; j++) rows.push(Array.from({ length: d }, (_, e) => (e === j ? 1 : 0)));
    rows.push(Array.from({ length: d }, (_, e) => (e < k ? 1 : 0)));
    const candidates = rows
      .filter((row) => length(row) > 0)
      .flatMap((row) => [unit(row), unit(row).map((x) => -x)])
      .map((direction) => ({ direction, at: slopeAt(direction) }))
      .sort((x, y) => x.at[0] - y.at[0])
      .slice(0, 3);
    for (const candidate of candidates) {
      let step = 1 / Math.max(Math.abs(a), 1e-300);
      for (let descent = 0; descent < 12; descent++) {
        const direction = unit(candidate.direction.map((x, e) => x - step * candidate.at[1][e]));
        const at = slopeAt(direction);
        const lower = at[0] < candidate.at[0];
        if (lower) Object.assign(candidate, { direction, at });
        step *= lower ? 1.5 : 0.4;
      }
    }
    const best = candidates.reduce((x, y) => (y.at[0] < x.at[0] ? y : x));
    return [best.at[0], best.direction];
  }

  // Why there is no minimum here.
  why() {
    const { n, d, theta } = this;
    if (this.dead.includes(true)) return "idle neuron";
    const outgoing = Array.from(theta.subarray(n * d), Math.abs);
    if (n > 1 && Math.min(...outgoing) <= 1e-6 * Math.max(...outgoing)) return "idle neuron";
    for (let i = 0; i < n; i++)
      for (let j = 0; j < i; j++) {
        let [product, left, right] = [0, 1e-300, 1e-300];
        for (let e = 0; e < d; e++) {
          product += theta[i * d + e] * theta[j * d + e];
          left += theta[i * d + e] ** 2;
          right += theta[j * d + e] ** 2;
        }
        const correlation = product / Math.sqrt(left * right);
        const same = theta[n * d + i] * theta[n * d + j] * (this.activation.odd ? correlation : 1) > 0;
        const parallel = this.activation.odd ? Math.abs(correlation) : correlation;
        if (parallel > (same ? 0.98 : 0.95)) return same || this.activation.gauge ? "merged pair" : "dipole";
      }
    return this.norm <= TOLERANCE ? "not a minimum" : "stalled";
  }
}
