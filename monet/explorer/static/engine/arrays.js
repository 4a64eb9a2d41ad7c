// Decodes base64 from the server to typed arrays.

/** @param {string} base64 @returns {ArrayBuffer} */
export function bytes(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;
}

/** @param {string | Float32Array} values base64, or an array, returned unchanged @returns {Float32Array} */
export const float32 = (values) => (typeof values === "string" ? new Float32Array(bytes(values)) : values);

/** @param {string} base64 @returns {Uint8Array} */
export const uint8 = (base64) => new Uint8Array(bytes(base64));

/** Decodes half-precision numbers (IEEE 754: 1 sign, 5 exponent and 10 fraction bits). @param {string} base64 */
export function float16(base64) {
  return Float32Array.from(new Uint16Array(bytes(base64)), (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}
