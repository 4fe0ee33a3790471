/**
 * Random numbers that can be had again: the same seed gives the same numbers in every browser.
 * Uniforms by Tommy Ettinger's mulberry32, normals by the method of Box and Muller (1958).
 */

export class Chance {
  /** @param {number} seed a whole number */
  constructor(seed) {
    this.state = seed >>> 0;
    /** @type {number | null} the second normal of a pair, kept for the next call */
    this.spare = null;
  }

  /** A number in [0, 1), with 32 random bits. */
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let bits = this.state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  }

  /** A standard normal number. */
  normal() {
    if (this.spare !== null) {
      const kept = this.spare;
      this.spare = null;
      return kept;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * @param {number} count
   * @returns {Float64Array} so many standard normal numbers
   */
  normals(count) {
    return Float64Array.from({ length: count }, () => this.normal());
  }
}
