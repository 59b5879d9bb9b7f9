import { skipSpace, skipString, skipValue } from "./cut.ts";

export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Where in a JSON body the values lie that a pointer names, `*` standing for every member or
 * element. In order, without overlap. Nothing for a body that is not JSON as far as the way leads.
 */
export function findPointer(body: Uint8Array, pointer: string): readonly Span[] {
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const found: Span[] = [];
  walk(body, skipSpace(body, 0), steps, found);
  return found;
}

/** Index behind the value at `from`, or -1. */
function walk(body: Uint8Array, from: number, steps: readonly string[], found: Span[]): number {
  const [step, ...rest] = steps;
  const end = skipValue(body, from);
  if (end < 0) return -1;
  if (step === undefined) {
    found.push({ from, to: end });
    return end;
  }
  const open = body[from];
  const isObject = open === 0x7b;
  if (!isObject && open !== 0x5b) return end;
  let at = skipSpace(body, from + 1);
  for (let index = 0; at < end - 1; index++) {
    let name = String(index);
    if (isObject) {
      const keyEnd = body[at] === 0x22 ? skipString(body, at) : -1;
      if (keyEnd < 0) return end;
      name = keyOf(body.subarray(at, keyEnd));
      at = skipSpace(body, keyEnd);
      if (body[at] !== 0x3a) return end;
      at = skipSpace(body, at + 1);
    }
    const next = step === "*" || step === name ? walk(body, at, rest, found) : skipValue(body, at);
    if (next < 0) return end;
    at = skipSpace(body, next);
    if (body[at] !== 0x2c) return end;
    at = skipSpace(body, at + 1);
  }
  return end;
}

function keyOf(quoted: Uint8Array): string {
  const text = Buffer.from(quoted.buffer, quoted.byteOffset, quoted.length).toString("utf8");
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}
