// The branch of n-copy points at any k, for erf, as copyavg.points.continuation follows it: from n = k − 1 downward.

// With wᵢ = α vᵢ + β Σ other copied + γ Σ rest, and its best a = S/D, L = k/3 − (2/π) n S²/D. This returns S and D, and
// puts into `out` the derivatives of log(S²/D) by α, β, γ: all 0 at the n-copy point. Here n need not be whole.
function profile(n, k, own, other, rest, out) {
  const [others, left] = [n - 1, k - n];
  const q = own * own + others * other * other + left * rest * rest;
  const c = 2 * own * other + (n - 2) * other * other + left * rest * rest;
  const Q = 1 + q;
  const width = Math.sqrt(2 * Q);
  const S = Math.asin(own / width) + others * Math.asin(other / width) + left * Math.asin(rest / width);
  const D = Math.asin(q / Q) + others * Math.asin(c / Q);
  const [A, B, C] = [1 / Math.sqrt(2 * Q - own * own), others / Math.sqrt(2 * Q - other * other), left / Math.sqrt(2 * Q - rest * rest)];
  const along = (A * own + B * other + C * rest) / Q;
  const alone = 1 / (Q * Math.sqrt(1 + 2 * q));
  const both = others / Math.sqrt(Q * Q - c * c);
  const bent = alone - (both * c) / Q;
  const slope = (steep, dq, dc) => (2 * steep - along * dq) / S - (bent * dq + both * dc) / D;
  out[0] = slope(A, 2 * own, 2 * other);
  out[1] = slope(B, 2 * others * other, 2 * own + 2 * (n - 2) * other);
  out[2] = slope(C, 2 * left * rest, 2 * left * rest);
  return [S, D];
}

const size = (n, k, [own, other, rest]) => Math.sqrt(own ** 2 + (n - 1) * other ** 2 + (k - n) * rest ** 2);
const volume = (a, b, c) => a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0]);

// Newton's method from x; null if it does not arrive where a neuron tells its own teacher neuron from the others'.
const [F, G, X, Y, Z] = Array.from({ length: 5 }, () => new Float64Array(3));
function newton(n, k, x) {
  let [u, v, w] = x;
  for (let iteration = 0; iteration < 20; iteration++) {
    const [S] = profile(n, k, u, v, w, F);
    [X, Y, Z].forEach((column, e) => {
      const h = 1e-6 / [1, n - 1, k - n][e];
      const [p, q, r] = [e === 0 ? h : 0, e === 1 ? h : 0, e === 2 ? h : 0];
      profile(n, k, u + p, v + q, w + r, column);
      profile(n, k, u - p, v - q, w - r, G);
      for (let m = 0; m < 3; m++) column[m] = (column[m] - G[m]) / (2 * h);
    });
    const whole = volume(X, Y, Z);
    const step = [volume(F, Y, Z) / whole, volume(X, F, Z) / whole, volume(X, Y, F) / whole];
    [u, v, w] = [u - step[0], v - step[1], w - step[2]];
    const far = size(n, k, step) / size(n, k, [u, v, w]);
    if (!(far < 1e3)) return null;
    if (far < 1e-8) return S > 0 && u - v > 0.1 * Math.abs(u) ? [u, v, w] : null;
  }
  return null;
}

/** The n-copy points of one k: `at(n)` gives loss, `weights` [α, β, γ], their `norm` ‖wᵢ‖, and the outgoing weight, or null. */
export class Branch {
  constructor(k) {
    const first = k > 2 ? newton(k - 1, k, [1, 0, 1 / (k - 1)]) : null;
    Object.assign(this, { k, points: [[k - 1, first]], end: first ? 1 : k }); // [n, [α, β, γ]], n falling
  }

  at(n) {
    const { k, points } = this;
    if (!(n > this.end && n < k)) return null;
    const place = (m) => Math.log(m / (k - m)); // the branch is nearly straight in it
    let m = points.length - 1;
    while (points[m][0] < n) m--;
    let [at, x] = points[m];
    for (let step = at - n; at > n; ) {
      const to = Math.max(n, at - step);
      const [last, before] = points[m - 1] ?? [];
      const guess = before ? x.map((y, e) => y + ((y - before[e]) * (place(to) - place(at))) / (place(at) - place(last))) : x;
      const ahead = newton(to, k, guess);
      if (ahead && size(to, k, ahead.map((y, e) => y - x[e])) < 0.1 * size(to, k, x)) {
        step = 2 * (at - to);
        [at, x] = [to, ahead];
        points.splice(++m, 0, [at, x]);
      } else if ((step = (at - to) / 2) < 1e-4) {
        this.end = n;
        return null;
      }
    }
    const [S, D] = profile(n, k, ...x, F);
    return { weights: x, norm: size(n, k, x), outgoing: S / D, loss: k / 3 - ((2 / Math.PI) * n * S * S) / D };
  }
}
