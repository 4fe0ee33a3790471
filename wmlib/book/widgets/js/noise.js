// Random numbers that depend on (seed, step) alone: the same as wmlib's noise, bit for bit, so that
// one seed dreams the same dream here and in Python.

const GOLDEN = 0x9e3779b97f4a7c15n, MIX_1 = 0xbf58476d1ce4e5b9n, MIX_2 = 0x94d049bb133111ebn;

/** What the numbers of one step are for; each use has its own stream. */
export const STREAMS = { z: 0, choice: 1, end: 2, start: 3 };

/** @param {bigint} x the finaliser of SplitMix64 */
function mix(x) {
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * MIX_1);
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * MIX_2);
  return x ^ (x >> 31n);
}

/**
 * Independent uniforms in (0, 1), two arrays of `count`: the halves of one 64-bit number each.
 * @param {number} seed
 * @param {number} step
 * @param {number} count
 * @param {number} stream
 * @returns {[Float32Array, Float32Array]}
 */
function twoUniforms(seed, step, count, stream) {
  const start = mix(BigInt.asUintN(64, BigInt(seed) * GOLDEN + BigInt(stream)));
  let counter = mix(BigInt.asUintN(64, start + BigInt(step) * GOLDEN));
  const high = new Float32Array(count), low = new Float32Array(count), top = 1 - 2 ** -24;
  for (let i = 0; i < count; i++) {
    counter = BigInt.asUintN(64, counter + GOLDEN);
    const bits = mix(counter);
    high[i] = Math.min((Number(bits >> 40n) + 0.5) * 2 ** -24, top);
    low[i] = Math.min((Number((bits >> 8n) & 0xffffffn) + 0.5) * 2 ** -24, top);
  }
  return [high, low];
}

/**
 * `count` uniforms in (0, 1).
 * @param {number} seed
 * @param {number} step
 * @param {number} count
 * @param {number} stream
 * @returns {Float32Array}
 */
export function uniforms(seed, step, count, stream) {
  const [one, two] = twoUniforms(seed, step, Math.ceil(count / 2), stream);
  const all = new Float32Array(one.length * 2);
  all.set(one);
  all.set(two, one.length);
  return all.subarray(0, count);
}

/**
 * `count` standard normals (Box and Muller).
 * @param {number} seed
 * @param {number} step
 * @param {number} count
 * @param {number} stream
 * @returns {Float32Array}
 */
export function normals(seed, step, count, stream) {
  const half = Math.ceil(count / 2), [one, two] = twoUniforms(seed, step, half, stream);
  const all = new Float32Array(half * 2);
  for (let i = 0; i < half; i++) {
    const radius = Math.sqrt(-2 * Math.log(one[i])), angle = 2 * Math.PI * two[i];
    all[i] = radius * Math.cos(angle);
    all[half + i] = radius * Math.sin(angle);
  }
  return all.subarray(0, count);
}
