const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * An id for a call that we made, in llama-server's form: 32 alphanumerics. The same seed gives the
 * same id, so that a replay tells the same story as the live reply.
 */
export function callId(seed: string): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < seed.length; i++) {
    const code = seed.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193) >>> 0;
    b = Math.imul(b ^ (code + i), 0x85ebca6b) >>> 0;
  }
  let id = "";
  for (let i = 0; i < 32; i++) {
    a = Math.imul(a ^ (a >>> 15), 0x2c1b3c6d) >>> 0;
    b = Math.imul(b ^ (b >>> 13), 0x297a2d39) >>> 0;
    const mixed = (a ^ (b >>> 3) ^ Math.imul(i + 1, 0x27d4eb2f)) >>> 0;
    id += ALPHABET.charAt((mixed >>> 8) % ALPHABET.length);
  }
  return id;
}
