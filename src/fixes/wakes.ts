/**
 * Which characters of a text a stage must see at once. Text with none of them passes the stage
 * unchanged whatever came before, so its bytes may go out first and be read later (express.ts).
 *
 * By UTF-8 byte of the character (the first, where it has several): `SLEEPS`, `WAKES`, `ESCAPE`, or the
 * byte that must follow for it to matter; such a character also wakes at the end of the text.
 */
export type Wakes = Uint8Array;

export const SLEEPS = 0;
export const WAKES = 1;
/** Wakes, unless one of the characters follows that JSON allows behind a backslash: then both sleep, whatever the other is. */
export const ESCAPE = 2;

/** For stages that let every text pass. */
export const NEVER: Wakes = new Uint8Array(256);

const encoder = new TextEncoder();

/** Wakes where one of the marks may begin. */
export function wakesAt(marks: Iterable<string>): Wakes {
  const wakes = new Uint8Array(256);
  for (const mark of marks) {
    const [first = 0, second] = encoder.encode(mark);
    const wanted = first < 0x80 && second !== undefined && second < 0x80 ? second : WAKES;
    wakes[first] = wakes[first] === SLEEPS || wakes[first] === wanted ? wanted : WAKES;
  }
  return wakes;
}

/** Wakes where either does. */
export function either(a: Wakes, b: Wakes): Wakes {
  if (a === NEVER || a === b) return b;
  if (b === NEVER) return a;
  return a.map((one, byte) => {
    const other = b[byte] ?? SLEEPS;
    if (one === other) return one;
    // Of the character behind it, only one of the two has said that it sleeps.
    if (one === ESCAPE || other === ESCAPE) return WAKES;
    return one === SLEEPS ? other : other === SLEEPS ? one : WAKES;
  });
}
