// The exact landscape of a student of n neurons under a unit-orthonormal teacher of k, as in copyavg/landscape.py.
//
// A student is one array θ of N = n(d + 1) numbers: incoming weights row by row, then outgoing weights. The teacher's
// neurons are the first k axes. The interaction G of two neurons w and p is a function of q = ‖w‖², s = ‖p‖², c = w·p,
// and v = qs − c², which is given beside them because it is known without cancellation.

import { Spectrum } from "./linear.mjs";

const TWO_OVER_PI = 2 / Math.PI;

// What an activation says of a pair: `value` gives G; `slopes` gives [own, cross], ∂G/∂w = own w + cross p; `bends`
// gives their derivatives [2 ∂own/∂q, ∂own/∂c, ∂cross/∂c, 2 ∂own/∂s, 2 ∂cross/∂s]. `alone` gives [G(w, w), its
// derivatives by q, once and twice]. `idle(a)` is how much a neuron with w = 0 still counts.
const erf = {
  name: "erf",
  odd: true,
  gauge: false,
  teacher: (k) => k / 3,
  value: (q, s, c, v) => TWO_OVER_PI * Math.atan2(c, Math.sqrt(1 + q + s + v)),
  slopes(q, s, c, v, out) {
    out[1] = TWO_OVER_PI / Math.sqrt(1 + q + s + v);
    out[0] = (-out[1] * c) / (1 + q);
  },
  bends(q, s, c, v, out) {
    const square = 1 + q + s + v;
    const cross = TWO_OVER_PI / Math.sqrt(square);
    const bend = cross / square;
    out[0] = c * (2 * cross / (1 + q) ** 2 + (bend * (1 + s)) / (1 + q));
    out[1] = -bend * (1 + s);
    out[2] = bend * c;
    out[3] = bend * c;
    out[4] = -bend * (1 + q);
  },
  alone(q) {
    const root = Math.sqrt(1 + 2 * q);
    const slope = TWO_OVER_PI / ((1 + q) * root);
    return [TWO_OVER_PI * Math.atan2(q, root), slope, -slope * (1 / (1 + q) + 1 / (1 + 2 * q))];
  },
};

const relu = {
  name: "relu",
  odd: false,
  gauge: true,
  teacher: (k) => k / 2 + (k * (k - 1)) / (2 * Math.PI),
  value(q, s, c, v) {
    const sine = Math.sqrt(v);
    const outside = Math.atan2(sine, -c); // π − θ, of which sin x − x cos x = x³/3 − x⁵/30 + … where it is small
    if (outside > 0.3 || c >= 0) return (sine + outside * c) / (2 * Math.PI);
    const x = outside * outside;
    const series = 1 / 3 - x * (1 / 30 - x * (1 / 840 - x * (1 / 45360 - x * (1 / 3991680 - x / 518918400))));
    return (Math.sqrt(q * s) * outside * x * series) / (2 * Math.PI);
  },
  slopes(q, s, c, v, out) {
    const sine = Math.sqrt(v);
    out[1] = q * s > 0 ? Math.atan2(sine, -c) / (2 * Math.PI) : 0.25;
    out[0] = q > 0 ? sine / q / (2 * Math.PI) : 0;
  },
  bends(q, s, c, v, out) {
    out.fill(0);
    if (!(v > 1e-14 * q * s)) return; // parallel: what grows without bound here cancels, and vanishes
    const sine = Math.sqrt(v);
    const unit = 1 / (2 * Math.PI * sine);
    out[0] = unit * (s / q - (2 * v) / (q * q));
    out[1] = (-unit * c) / q;
    out[2] = unit;
    out[3] = unit;
    out[4] = (-unit * c) / s;
  },
  alone: (q) => [q / 2, 0.5, 0],
};

export const ACTIVATIONS = { erf, relu };

const at = new Float64Array(5);

// ‖w‖²‖p‖² − (w·p)², without cancellation (Lagrange).
function across(theta, i, j, d) {
  let total = 0;
  for (let e = 1; e < d; e++) {
    const w = theta[i + e];
    const p = theta[j + e];
    for (let f = 0; f < e; f++) {
      const minor = w * theta[j + f] - p * theta[i + f];
      total += minor * minor;
    }
  }
  return total;
}

function dot(theta, i, j, d) {
  let total = 0;
  for (let e = 0; e < d; e++) total += theta[i + e] * theta[j + e];
  return total;
}

// ‖w‖² without its e-th coordinate: v of a student neuron and the e-th teacher neuron.
function without(theta, i, e, d) {
  let total = 0;
  for (let f = 0; f < d; f++) if (f !== e) total += theta[i + f] * theta[i + f];
  return total;
}

export const inputs = (theta, n) => theta.length / n - 1;

/** The population loss L = E[(f − f*)²], no factor ½. */
export function loss(theta, n, k, activation) {
  return gradient(theta, n, k, activation, null);
}

/** Write ∂L/∂θ to `out`, unless it is null, and return L. */
export function gradient(theta, n, k, activation, out) {
  const d = inputs(theta, n);
  const a = n * d;
  let value = activation.teacher(k);
  if (out) out.fill(0);
  for (let i = 0; i < n; i++) {
    const w = i * d;
    const outgoing = theta[a + i];
    const q = dot(theta, w, w, d);
    const [own, first] = activation.alone(q);
    value += outgoing * outgoing * own;
    let along = 0; // of w itself
    if (out) {
      out[a + i] += 2 * outgoing * own;
      along = outgoing * outgoing * 2 * first;
    }
    for (let e = 0; e < k; e++) {
      const c = theta[w + e];
      const v = without(theta, w, e, d);
      const shared = activation.value(q, 1, c, v);
      value -= 2 * outgoing * shared;
      if (!out) continue;
      out[a + i] -= 2 * shared;
      activation.slopes(q, 1, c, v, at);
      along -= 2 * outgoing * at[0];
      out[w + e] -= 2 * outgoing * at[1];
    }
    for (let j = 0; j < i; j++) {
      const p = j * d;
      const s = dot(theta, p, p, d);
      const c = dot(theta, w, p, d);
      const v = across(theta, w, p, d);
      const both = 2 * outgoing * theta[a + j];
      const shared = activation.value(q, s, c, v);
      value += both * shared;
      if (!out) continue;
      out[a + i] += 2 * theta[a + j] * shared;
      out[a + j] += 2 * outgoing * shared;
      activation.slopes(q, s, c, v, at);
      along += both * at[0];
      const cross = both * at[1];
      activation.slopes(s, q, c, v, at);
      const back = both * at[0];
      for (let e = 0; e < d; e++) {
        out[w + e] += cross * theta[p + e];
        out[p + e] += back * theta[p + e] + cross * theta[w + e];
      }
    }
    if (out) for (let e = 0; e < d; e++) out[w + e] += along * theta[w + e];
  }
  return value;
}

/** The Hessian of L, N × N row by row. */
export function hessian(theta, n, k, activation) {
  const size = theta.length;
  const d = inputs(theta, n);
  const a = n * d;
  const H = new Float64Array(size * size);
  const w = new Float64Array(d);
  const p = new Float64Array(d);
  const square = (factor, x, y, i, j) => {
    if (factor === 0) return;
    for (let e = 0; e < d; e++) for (let f = 0; f < d; f++) H[(i * d + e) * size + j * d + f] += factor * x[e] * y[f];
  };
  const diagonal = (factor, i, j) => {
    for (let e = 0; e < d; e++) H[(i * d + e) * size + j * d + e] += factor;
  };
  // The second derivatives of factor · G in w, with the neuron's own part of ∂L/∂a∂w: slope by a_i is `rate`.
  const seenFrom = (factor, rate, q, s, c, v, x, y, i) => {
    activation.slopes(q, s, c, v, at);
    const [own, cross] = at;
    activation.bends(q, s, c, v, at);
    const [own2, mixed, bend] = at;
    diagonal(factor * own, i, i);
    square(factor * own2, x, x, i, i);
    square(factor * mixed, x, y, i, i);
    square(factor * mixed, y, x, i, i);
    square(factor * bend, y, y, i, i);
    for (let e = 0; e < d; e++) H[(a + i) * size + i * d + e] += rate * (own * x[e] + cross * y[e]);
  };
  for (let i = 0; i < n; i++) {
    for (let e = 0; e < d; e++) w[e] = theta[i * d + e];
    const outgoing = theta[a + i];
    const q = dot(theta, i * d, i * d, d);
    const [alone, first, second] = activation.alone(q);
    H[(a + i) * size + a + i] += 2 * alone;
    diagonal(2 * outgoing * outgoing * first, i, i);
    square(4 * outgoing * outgoing * second, w, w, i, i);
    for (let e = 0; e < d; e++) H[(a + i) * size + i * d + e] += 4 * outgoing * first * w[e];
    p.fill(0);
    for (let e = 0; e < k; e++) {
      p[e] = 1;
      seenFrom(-2 * outgoing, -2, q, 1, w[e], without(theta, i * d, e, d), w, p, i);
      p[e] = 0;
    }
    for (let j = 0; j < i; j++) {
      for (let e = 0; e < d; e++) p[e] = theta[j * d + e];
      const other = theta[a + j];
      const s = dot(theta, j * d, j * d, d);
      const c = dot(theta, i * d, j * d, d);
      const v = across(theta, i * d, j * d, d);
      const both = 2 * outgoing * other;
      seenFrom(both, 2 * other, q, s, c, v, w, p, i);
      seenFrom(both, 2 * outgoing, s, q, c, v, p, w, j);
      // What couples the two neurons, in rows of i and columns of j.
      activation.slopes(s, q, c, v, at);
      const back = at[0];
      activation.slopes(q, s, c, v, at);
      const [own, cross] = at;
      activation.bends(q, s, c, v, at);
      const [, mixed, bend, apart, turn] = at;
      diagonal(both * cross, i, j);
      square(both * mixed, w, w, i, j);
      square(both * apart, w, p, i, j);
      square(both * bend, p, w, i, j);
      square(both * turn, p, p, i, j);
      H[(a + i) * size + a + j] += 2 * activation.value(q, s, c, v);
      for (let e = 0; e < d; e++) {
        H[(a + j) * size + i * d + e] += 2 * outgoing * (own * w[e] + cross * p[e]);
        H[(a + i) * size + j * d + e] += 2 * other * (back * p[e] + cross * w[e]);
      }
    }
  }
  // Fill in the other half: blocks (i, j) stand for j < i, and outgoing against incoming weights.
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      H[(a + j) * size + a + i] = H[(a + i) * size + a + j];
      for (let e = 0; e < d; e++)
        for (let f = 0; f < d; f++) H[(j * d + f) * size + i * d + e] = H[(i * d + e) * size + j * d + f];
    }
  for (let i = 0; i < n; i++) for (let e = 0; e < a; e++) H[e * size + a + i] = H[(a + i) * size + e];
  return H;
}

/** How many eigenvalues of the Hessian are negative, leaving those out that rounding cannot tell from zero. */
export function index(theta, n, k, activation) {
  const spectrum = new Spectrum(hessian(theta, n, k, activation), theta.length);
  return spectrum.below(-1e-11 * spectrum.radius);
}

/** The loss of one neuron that averages m teacher neurons: m/3 − (2m²/π) arcsin(1/(2m)), of erf. */
export const averageLoss = (m) => m / 3 - 2 * m * m * (Math.asin(1 / (2 * m)) / Math.PI);

/** The student in which neuron i averages the teacher neurons of groups[i]: a critical point of erf. */
export function copyAverage(groups, d) {
  const theta = new Float64Array(groups.length * (d + 1));
  groups.forEach((group, i) => {
    const m = group.length;
    for (const j of group) theta[i * d + j] = 1 / Math.sqrt(m * (2 * m - 1));
    theta[groups.length * d + i] = m;
  });
  return theta;
}

// Of an average of m: what its other directions cost (c), and how far its own bend down (e); see chapter 3's theorem.
const cost = (m) => (1 - 1 / (4 * m * m)) ** -0.5 - 1;
const bend = (m) => 1 - (1 - 1 / (2 * m * m)) * (1 - 1 / (4 * m * m)) ** -1.5;

/** The index of a copy-average point of erf, by the theorem of chapter 3, from the sizes of its groups. */
export function copyAverageIndex(sizes) {
  const all = sizes.reduce((sum, m) => sum + 1 / cost(m), 0);
  return sizes.reduce((sum, m) => sum + (m > 1 && bend(m) * (1 + all - 1 / cost(m)) > 1 ? m - 1 : 0), 0);
}

/** Whether n − 1 copies and an average of m are a saddle, by the same theorem, at any size. */
export const bestIsSaddle = (n, m) => m > 1 && bend(m) * (1 + (n - 1) / cost(1)) > 1;
