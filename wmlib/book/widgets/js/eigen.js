/**
 * Eigenvectors of a symmetric matrix by Jacobi's method (1846): turn two axes at a time until no
 * product of two of them is left. Slow for large matrices, short, and it can go on from an earlier
 * basis: a matrix that has changed a little needs one or two rounds.
 *
 * Matrices are flat, row after row: entry (i, j) of an n × n matrix is at i * n + j.
 */

/**
 * @param {number} n
 * @returns {Float64Array} the n × n identity matrix
 */
export function identityMatrix(n) {
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++) matrix[i * n + i] = 1;
  return matrix;
}

/**
 * Eigenvalues d (n) and eigenvectors B (n × n, one a column) of a symmetric matrix C = B diag(d) Bᵀ.
 * @param {Float64Array} matrix
 * @param {number} n
 * @param {Float64Array} [basis] orthogonal, near the eigenvectors: a first guess
 * @returns {{ values: Float64Array, vectors: Float64Array }}
 */
export function symmetricEigen(matrix, n, basis = identityMatrix(n)) {
  const a = inBasis(matrix, basis, n);
  const rows = transposed(basis, n); // eigenvectors as rows while we turn: they lie together
  for (let round = 0; round < 30 && offDiagonal(a, n) > 1e-20 * diagonal(a, n); round++) {
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) turnAxes(a, rows, n, p, q);
    }
  }
  const values = Float64Array.from({ length: n }, (_, i) => a[i * n + i]);
  return { values, vectors: transposed(rows, n) };
}

/**
 * Turn axes p and q so that entry (p, q) of `a` becomes 0.
 * @param {Float64Array} a
 * @param {Float64Array} rows
 * @param {number} n
 * @param {number} p
 * @param {number} q
 */
function turnAxes(a, rows, n, p, q) {
  const apq = a[p * n + q], app = a[p * n + p], aqq = a[q * n + q];
  if (apq * apq < 1e-24 * Math.abs(app * aqq)) return;
  const theta = (aqq - app) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1), s = t * c;
  for (let k = 0; k < n; k++) {
    const kp = a[p * n + k], kq = a[q * n + k];
    a[p * n + k] = c * kp - s * kq;
    a[q * n + k] = s * kp + c * kq;
    const vp = rows[p * n + k], vq = rows[q * n + k];
    rows[p * n + k] = c * vp - s * vq;
    rows[q * n + k] = s * vp + c * vq;
  }
  for (let k = 0; k < n; k++) {
    const kp = a[k * n + p], kq = a[k * n + q];
    a[k * n + p] = c * kp - s * kq;
    a[k * n + q] = s * kp + c * kq;
  }
}

/** Bᵀ C B: the matrix as seen in the basis B. */
function inBasis(/** @type {Float64Array} */ matrix, /** @type {Float64Array} */ basis, /** @type {number} */ n) {
  const turned = matrixProduct(transposed(basis, n), matrix, n);
  return matrixProduct(turned, basis, n);
}

/**
 * @param {Float64Array} a
 * @param {Float64Array} b
 * @param {number} n
 * @returns {Float64Array} the product of two n × n matrices
 */
export function matrixProduct(a, b, n) {
  const product = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const aik = a[i * n + k];
      if (aik !== 0) for (let j = 0; j < n; j++) product[i * n + j] += aik * b[k * n + j];
    }
  }
  return product;
}

/**
 * @param {Float64Array} a
 * @param {number} n
 * @returns {Float64Array}
 */
function transposed(a, n) {
  const turned = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) turned[j * n + i] = a[i * n + j];
  return turned;
}

/** Sum of the squares beside the diagonal. */
function offDiagonal(/** @type {Float64Array} */ a, /** @type {number} */ n) {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) if (i !== j) sum += a[i * n + j] ** 2;
  return sum;
}

/** Sum of the squares on the diagonal. */
function diagonal(/** @type {Float64Array} */ a, /** @type {number} */ n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[i * n + i] ** 2;
  return sum;
}
