// NumPy's random numbers from a seed, to the last bit: so that a seed typed into the page gives the
// track that Python gives. NumPy mixes the seed into 128 bits of state (SeedSequence, after
// O'Neill's randutils) and lets the generator PCG64 (O'Neill, 2014) run from there.

const POOL = 4; // words of 32 bits
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const PCG_MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

/**
 * A function that scrambles 32-bit words, each one with another constant.
 * @param {number} constant
 * @param {number} multiplier
 * @returns {(word: number) => number}
 */
function scrambler(constant, multiplier) {
  return (word) => {
    word ^= constant;
    constant = Math.imul(constant, multiplier);
    word = Math.imul(word, constant);
    return (word ^ (word >>> 16)) >>> 0;
  };
}

/**
 * NumPy's `SeedSequence(seed).generate_state(count)`.
 * @param {number} seed a whole number from 0 to 2 ** 53
 * @param {number} count
 * @returns {Uint32Array}
 */
export function seedWords(seed, count) {
  const entropy = [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
  const enter = scrambler(0x43b0d7e5, 0x931e8875);
  const pool = Uint32Array.from({ length: POOL }, (_, i) => enter(entropy[i] ?? 0));
  for (let source = 0; source < POOL; source++)
    for (let target = 0; target < POOL; target++)
      if (source !== target) {
        const word = Math.imul(0xca01f9dd, pool[target]) - Math.imul(0x4973f715, enter(pool[source]));
        pool[target] = word ^ ((word >>> 0) >>> 16);
      }
  const leave = scrambler(0x8b51f9dd, 0x58f38ded);
  return Uint32Array.from({ length: count }, (_, i) => leave(pool[i % POOL]));
}

/**
 * NumPy's `Generator(PCG64(seed)).random`: the next uniform number in [0, 1) at each call.
 * @param {number} seed a whole number from 0 to 2 ** 53
 * @returns {() => number}
 */
export function uniformNumbers(seed) {
  const words = Array.from(seedWords(seed, 8), BigInt);
  const [a, b, c, d] = [0, 2, 4, 6].map((i) => words[i] | (words[i + 1] << 32n));
  const increment = (((c << 64n) | d) << 1n) | 1n;
  let state = (((increment + ((a << 64n) | b)) & MASK_128) * PCG_MULTIPLIER + increment) & MASK_128;
  return () => {
    state = (state * PCG_MULTIPLIER + increment) & MASK_128;
    const mixed = (state >> 64n) ^ (state & MASK_64);
    const turn = state >> 122n;
    const word = ((mixed >> turn) | (mixed << (64n - turn))) & MASK_64;
    return Number(word >> 11n) * 2 ** -53;
  };
}
