import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** 32 to the 7th: what the seven characters of chance can say. */
const SPREAD = 2 ** 35;
/** Random bytes are fetched for so many ids at a time. */
const POOL = 64;

/**
 * Request ids: 9 characters of time in milliseconds and 7 of chance, Crockford base 32. They sort
 * by time, also within one millisecond of one process, and hold nothing that needs quoting.
 */
export function createIds(now: () => number): () => string {
  const random = new Uint32Array(2 * POOL);
  let used = random.length;
  let last = 0;
  let low = 0;
  return () => {
    const time = Math.max(Math.floor(now()), last);
    if (time === last) {
      low += 1;
    } else {
      last = time;
      if (used === random.length) {
        randomFillSync(random);
        used = 0;
      }
      // 34 bits: the top one stays free, so that counting up within the millisecond cannot overflow.
      low = ((random[used] ?? 0) & 3) * 2 ** 32 + (random[used + 1] ?? 0);
      used += 2;
    }
    return encode(time, 9) + encode(low % SPREAD, 7);
  };
}

function encode(value: number, length: number): string {
  let text = "";
  let rest = value;
  for (let i = 0; i < length; i++) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}
