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

/**
 * Gives an exchange without a session of its own the session of the request that its messages
 * extend, or else a new one, named after itself. Nothing for a request without messages.
 */
export function joinSession(store: Store, seq: number, id: string, messages: readonly Uint8Array[]): void {
  const chain = chainOf(messages);
  const whole = chain.at(-1);
  if (whole === undefined) return;
  for (const link of chain.slice(-NEW_MESSAGES).toReversed()) {
    const session = store.sessionOf(link);
    if (session !== undefined) {
      store.setSession(seq, session, "lineage", whole);
      return;
    }
  }
  store.setSession(seq, id, "lineage", whole);
}
