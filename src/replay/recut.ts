/** Other places to cut the same bytes at: the network's cuts must make no difference to what is sent. */
export type Recut = { readonly kind: "bytes"; readonly size: number } | { readonly kind: "random"; readonly seed: number };

/** `bytes:1` or `random:42`; undefined when it is neither. */
export function parseRecut(text: string): Recut | undefined {
  const match = /^(bytes|random):(\d{1,9})$/.exec(text.trim());
  const number = Number(match?.[2]);
  if (match?.[1] === "bytes" && number > 0) return { kind: "bytes", size: number };
  return match?.[1] === "random" ? { kind: "random", seed: number } : undefined;
}

const LONGEST = 97;

/** The bytes of `pieces` in order, cut anew. Views of one copy. */
export function* recut(pieces: readonly Uint8Array[], how: Recut): Generator<Uint8Array> {
  const body = Buffer.concat(pieces);
  const next = how.kind === "bytes" ? () => how.size : randomSizes(how.seed);
  let at = 0;
  while (at < body.length) {
    const end = Math.min(body.length, at + next());
    yield body.subarray(at, end);
    at = end;
  }
}

/** Sizes from 1 to LONGEST, always the same for a seed (mulberry32). */
function randomSizes(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return 1 + (((mixed ^ (mixed >>> 14)) >>> 0) % LONGEST);
  };
}
