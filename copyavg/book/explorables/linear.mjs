// Symmetric matrices, row by row: Cholesky's factor and solves with it, eigenvalues.

/** Replace the lower half of a symmetric matrix by its Cholesky factor; false if it is not positive definite. */
export function factor(A, size) {
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j <= i; j++) {
      const other = j * size;
      let total = A[row + j];
      for (let m = 0; m < j; m++) total -= A[row + m] * A[other + m];
      if (i === j) {
        if (!(total > 0)) return false;
        A[row + j] = Math.sqrt(total);
      } else A[row + j] = total / A[other + j];
    }
  }
  return true;
}

/** Solve with that factor, in place. */
export function solve(L, size, x) {
  for (let i = 0; i < size; i++) {
    let total = x[i];
    for (let j = 0; j < i; j++) total -= L[i * size + j] * x[j];
    x[i] = total / L[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    x[i] /= L[i * size + i];
    for (let j = 0; j < i; j++) x[j] -= L[i * size + j] * x[i];
  }
}

/** The eigenvalues of a symmetric matrix of `size` rows, ascending: Householder's reduction, then bisection. */
export class Spectrum {
  constructor(matrix, size) {
    const A = matrix.slice();
    this.size = size;
    this.diagonal = new Float64Array(size);
    this.beside = new Float64Array(size); // squares of the entries beside the diagonal
    const u = new Float64Array(size);
    const image = new Float64Array(size);
    for (let m = 0; m < size; m++) {
      this.diagonal[m] = A[m * size + m];
      let norm = 0;
      for (let i = m + 1; i < size; i++) norm += A[i * size + m] ** 2;
      this.beside[m] = norm;
      if (m + 2 >= size || !(norm > 0)) continue;
      const head = A[(m + 1) * size + m];
      const reflected = head > 0 ? -Math.sqrt(norm) : Math.sqrt(norm);
      for (let i = m + 1; i < size; i++) u[i] = A[i * size + m];
      u[m + 1] -= reflected;
      const factor = 2 / (norm - head * head + u[m + 1] ** 2);
      let along = 0;
      for (let i = m + 1; i < size; i++) {
        let total = 0;
        for (let j = m + 1; j < size; j++) total += A[i * size + j] * u[j];
        image[i] = factor * total;
        along += u[i] * image[i];
      }
      for (let i = m + 1; i < size; i++) image[i] -= 0.5 * factor * along * u[i];
      for (let i = m + 1; i < size; i++)
        for (let j = m + 1; j < size; j++) A[i * size + j] -= u[i] * image[j] + image[i] * u[j];
    }
    this.radius = 0;
    for (let m = 0; m < size; m++)
      this.radius = Math.max(
        this.radius,
        Math.abs(this.diagonal[m]) + Math.sqrt(this.beside[m]) + (m ? Math.sqrt(this.beside[m - 1]) : 0),
      );
  }

  /** How many eigenvalues lie below x. */
  below(x) {
    let count = 0;
    let pivot = 1;
    for (let m = 0; m < this.size; m++) {
      pivot = this.diagonal[m] - x - (m ? this.beside[m - 1] / pivot : 0);
      if (pivot === 0) pivot = -1e-300;
      if (pivot < 0) count++;
    }
    return count;
  }

  /** The m-th eigenvalue, from 0. */
  eigenvalue(m) {
    let low = -this.radius;
    let high = this.radius;
    for (let bisection = 0; bisection < 100 && high - low > 1e-15 * this.radius; bisection++) {
      const middle = (low + high) / 2;
      if (this.below(middle) > m) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  }
}
