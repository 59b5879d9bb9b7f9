/** Streams in the image of the corpus families, small enough to be read, and what comes out for them. */
import { dialectFor } from "../../../src/dialects/index.ts";
import { fixDocument } from "../../../src/fixes/document.ts";
import { FRAME_FIXES } from "../../../src/fixes/frame/index.ts";
import { planFixes } from "../../../src/fixes/index.ts";
import { createStreamPipeline } from "../../../src/fixes/pipeline.ts";
import { parseExact } from "../../../src/wire/json.ts";

/** One chat chunk of choice 0. */
export function chunk(delta: object, finish: string | null = null, rest: object = {}): string {
  return `data: ${JSON.stringify({ id: "c-1", model: "m", choices: [{ index: 0, delta, finish_reason: finish }], ...rest })}\n\n`;
}

/** A chunk with one entry of `tool_calls`. */
export function call(entry: object): string {
  return chunk({ tool_calls: [entry] });
}

/** A Messages event. */
export function event(type: string, members: object = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}

export const ROLE = chunk({ role: "assistant", content: null });
export const DONE = "data: [DONE]\n\n";

const PATHS = { chat: "/v1/chat/completions", messages: "/v1/messages", responses: "/v1/responses", completions: "/v1/completions" };

const plan = planFixes({ enabled: true, modules: {} }, FRAME_FIXES);

/** The stream through every frame fix, in pieces of `cut` bytes. */
export function mended(frames: readonly (string | Uint8Array)[], api: keyof typeof PATHS = "chat", request: object = {}, cut = Infinity) {
  const dialect = dialectFor("POST", PATHS[api]);
  if (!dialect) throw new Error("no dialect");
  const pipeline = createStreamPipeline(plan, dialect, dialect.readRequest({ stream: true, ...request }));
  const body = Buffer.concat(frames.map((frame) => Buffer.from(frame as string)));
  const steps = [];
  for (let at = 0; at < body.length; at += cut) steps.push(...pipeline.push(body.subarray(at, Math.min(body.length, at + cut))));
  steps.push(...pipeline.end());
  const sent = Buffer.concat(steps.flatMap((step) => step.sent));
  return {
    sent,
    body,
    notes: pipeline.notes(),
    out: steps.flatMap((step) => step.out),
    deltas: steps.flatMap((step) => step.deltas),
    untouched: sent.equals(body),
  };
}

/** A whole body through every frame fix. */
export function mendedBody(body: object | string, api: keyof typeof PATHS = "chat", request: object = {}) {
  const dialect = dialectFor("POST", PATHS[api]);
  if (!dialect) throw new Error("no dialect");
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const { sent, notes, out, deltas } = fixDocument(plan, dialect, dialect.readRequest(request), bytes);
  return {
    text: Buffer.from(sent).toString(),
    body: parseExact(Buffer.from(sent).toString()) as any,
    notes,
    out,
    deltas,
    untouched: sent === bytes,
  };
}
