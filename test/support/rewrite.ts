/** Runs a stream through a dialect's codec with every message written anew. */
import type { Delta } from "../../src/core/delta.ts";
import type { Dialect, Message } from "../../src/dialects/dialect.ts";
import { createFramer } from "../../src/wire/framer.ts";
import { createFrameReader } from "../../src/wire/frame.ts";
import { parseExact, parseOrUndefined } from "../../src/wire/json.ts";

/** What the stream says, delta by delta. */
export function readStream(dialect: Dialect, body: Uint8Array, request: unknown = {}): Delta[] {
  const deltas: Delta[] = [];
  rewriteStream(dialect, body, (read) => (deltas.push(...read), read), request);
  return deltas;
}

/** `change` gives the deltas to write in place of those read; the very same array stands for "unchanged". */
export function rewriteStream(
  dialect: Dialect,
  body: Uint8Array,
  change: (deltas: readonly Delta[]) => readonly Delta[],
  request: unknown = {},
): Uint8Array {
  const codec = dialect.codec(dialect.readRequest(request));
  const reader = createFrameReader();
  const sent: Uint8Array[] = [];
  for (const raw of createFramer().push(body)) {
    const frame = reader.read(raw);
    if (frame.data === undefined) {
      sent.push(raw);
      continue;
    }
    const message: Message = { frame, payload: parseOrUndefined(frame.data) };
    const deltas = codec.read(message);
    const out = change(deltas);
    if (out === deltas && !codec.dirty) {
      sent.push(raw);
      continue;
    }
    const exact = message.payload === undefined ? undefined : parseExact(frame.data);
    sent.push(...codec.write({ frame, payload: exact }, out).map((written) => written.raw));
  }
  return Buffer.concat(sent);
}

/** Pieces of one text joined: how a reply is cut into deltas is not part of what it says. */
export function joined(deltas: readonly Delta[]): Delta[] {
  const out: Delta[] = [];
  for (const delta of deltas) {
    const last = out.at(-1);
    if (delta.kind === "text" && last?.kind === "text" && last.choice === delta.choice) {
      out[out.length - 1] = { ...last, text: last.text + delta.text };
    } else if (delta.kind === "reasoning" && last?.kind === "reasoning" && last.choice === delta.choice) {
      out[out.length - 1] = { ...last, text: last.text + delta.text };
    } else if (delta.kind === "tool-args" && last?.kind === "tool-args" && last.tool === delta.tool && last.choice === delta.choice) {
      out[out.length - 1] = { ...last, text: last.text + delta.text };
    } else out.push(delta);
  }
  return out;
}
