import { sha256 } from "./bytes.ts";
import type { Store } from "./store.ts";

/** So many trailing messages may be new in a request that goes on with a conversation. */
const NEW_MESSAGES = 64;

/**
 * A name for every beginning of a conversation: the nth number stands for the first n messages.
 * 52 bits, so that it is a plain number to SQLite and to JavaScript.
 */
export function chainOf(messages: readonly Uint8Array[]): readonly number[] {
  let last: Uint8Array = new Uint8Array(0);
  return messages.map((hash) => {
    last = sha256(Buffer.concat([last, hash]));
    return Buffer.from(last.buffer, last.byteOffset).readUIntBE(0, 6) * 16 + ((last[6] ?? 0) & 15);
  });
}

export interface Session {
  readonly name: string;
  readonly source: "header" | "body" | "lineage";
  readonly lineage: number | undefined;
}

/**
 * The session of an exchange without one of its own: that of the request which its messages extend,
 * or else a new one, named after the exchange. Undefined for a request without messages.
 */
export function sessionOfLineage(store: Store, id: string, messages: readonly Uint8Array[]): Session | undefined {
  const chain = chainOf(messages);
  const whole = chain.at(-1);
  if (whole === undefined) return undefined;
  for (const link of chain.slice(-NEW_MESSAGES).toReversed()) {
    const name = store.sessionOf(link);
    if (name !== undefined) return { name, source: "lineage", lineage: whole };
  }
  return { name: id, source: "lineage", lineage: whole };
}
