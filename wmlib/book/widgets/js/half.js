// Numbers of 16 bits (IEEE 754 half precision), in which weights are stored.

/**
 * @param {string} base64 little-endian halves
 * @returns {Float32Array}
 */
export function floatsOfHalves(base64) {
  const text = atob(base64), numbers = new Float32Array(text.length / 2);
  for (let i = 0; i < numbers.length; i++)
    numbers[i] = floatOfHalf(text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8));
  return numbers;
}

/** 1 bit for the sign, 5 for the exponent, 10 for the fraction; weights are never infinite. */
function floatOfHalf(/** @type {number} */ bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
