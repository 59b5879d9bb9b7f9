/**
 * The files that recordings leave the database in: portable recordings (`export`, `import`) and test
 * cases (`make-test`). The schemas are the contract; docs/*.schema.json are made from them.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { FixNote } from "../core/exchange.ts";
import type { Recording } from "../core/recording.ts";
import type { RawHeaders } from "../wire/headers.ts";

/** Thirty years: microseconds of it are still whole numbers. */
const DURATION_MS = z.number().min(0).max(1e12);
/** Text where the bytes are UTF-8. */
const BYTES = z
  .union([z.string(), z.strictObject({ base64: z.string() })])
  .meta({ description: "bytes: text where they are UTF-8, else base64" });
const HEADERS = z.array(z.tuple([z.string(), z.string()])).meta({ description: "name and value, in the order and case they came" });
const SHA256 = z.string().regex(/^[0-9a-f]{64}$/);

const REQUEST = z.strictObject({
  headers: HEADERS,
  body: BYTES,
  forwarded: BYTES.optional().meta({ description: "what went to the backend, where a request fix changed it" }),
});
const PIECE = z.strictObject({
  at_ms: DURATION_MS.meta({ description: "milliseconds since the exchange began" }),
  upstream: BYTES.meta({ description: "as the backend sent it" }),
  sent: BYTES.optional().meta({ description: "what the client got for it, where that differs; empty when it was held back" }),
});
const RESPONSE = z.strictObject({
  status: z.int(),
  headers: HEADERS,
  framed: z.boolean().meta({ description: "whether the pieces are server-sent events" }),
  pieces: z.array(PIECE),
});

/** What becomes a column must be of its kind: a file from elsewhere is refused before anything of it is written. */
const COUNT = z.int().min(0).optional();
const TEXT = z.string().optional();
/** As far as a Date reaches. */
const DATE_MS = z.number().min(0).max(8.64e15);
const METRICS = z.looseObject({
  model: TEXT,
  client: TEXT,
  promptTokens: COUNT,
  completionTokens: COUNT,
  cachedTokens: COUNT,
  reasoningTokens: COUNT,
  promptTps: z.number().optional(),
  generationTps: z.number().optional(),
  promptMs: z.number().optional(),
  generationMs: z.number().optional(),
  ttftMs: z.number().optional(),
  durationMs: DURATION_MS,
  contextTotal: COUNT,
  draftTokens: COUNT,
  draftAccepted: COUNT,
  finishReason: TEXT,
  streaming: z.boolean(),
  status: COUNT,
  fixes: z.array(z.string()),
});
const DETAILS = z.looseObject({ headMs: DURATION_MS.optional(), requestBytes: COUNT, responseBytes: COUNT, toolCalls: COUNT });
const NOTE = z.looseObject({
  fix: z.string(),
  action: z.enum(["fixed", "refused", "skipped"]),
  rule: TEXT,
  target: z.enum(["content", "tool_call.name", "tool_call.arguments", "reasoning", "finish_reason", "frame", "request"]),
  choice: COUNT,
  tool: COUNT,
  toolName: TEXT,
  pointer: TEXT,
  before: TEXT,
  after: TEXT,
  reason: TEXT,
  bytesHeldMax: COUNT,
});

export const PORTABLE_RECORDING = z.strictObject({
  id: z.string(),
  started_ms: DATE_MS.meta({ description: "Unix time in milliseconds" }),
  method: z.string(),
  path: z.string(),
  route: z.string(),
  dialect: z.string().optional(),
  session: z.string().optional(),
  outcome: z.string(),
  reason: z.string().optional(),
  error_type: z.string().optional(),
  trace_id: z.string().optional(),
  span_id: z.string().optional(),
  truncated: z.boolean(),
  metrics: METRICS,
  request: REQUEST,
  response: RESPONSE.optional(),
  details: DETAILS,
  notes: z.array(NOTE),
});
export type PortableRecording = z.output<typeof PORTABLE_RECORDING>;

export const TEST_CASE = z.strictObject({
  format: z.literal("llama-proxy-case"),
  version: z.literal(1),
  name: z.string(),
  recording: z.string().meta({ description: "id of the recording it was made from" }),
  dialect: z.string().optional(),
  request: REQUEST.extend({ method: z.string(), path: z.string() }),
  response: RESPONSE,
  expected: z.strictObject({
    upstream_sha256: SHA256.meta({ description: "of all upstream bytes" }),
    sent_sha256: SHA256.meta({ description: "of all bytes the client gets" }),
    text: z.string(),
    reasoning: z.string(),
    tools: z.array(z.strictObject({ name: z.string(), arguments: z.string() })),
    finish: z.array(z.string()),
    fixes: z.array(z.string()).meta({ description: "names of the fixes that change the reply" }),
  }),
});
export type TestCase = z.output<typeof TEST_CASE>;

type Bytes = z.output<typeof BYTES>;

export function bytesJson(bytes: Uint8Array): Bytes {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

export function bytesFrom(value: Bytes): Uint8Array {
  return typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value.base64, "base64");
}

export function headersJson(headers: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) pairs.push([headers[i] ?? "", headers[i + 1] ?? ""]);
  return pairs;
}

export function responseJson(response: NonNullable<Recording["response"]>): z.output<typeof RESPONSE> {
  return {
    status: response.status,
    headers: headersJson(response.headers),
    framed: response.framed,
    pieces: response.pieces.map(({ atMs, upstream, sent }) => ({
      at_ms: atMs,
      upstream: bytesJson(upstream),
      ...(sameBytes(upstream, sent) ? {} : { sent: bytesJson(sent) }),
    })),
  };
}

export function portableOf(recording: Recording): PortableRecording {
  const { request, response } = recording;
  const forwarded = sameBytes(request.forwarded, request.body) ? undefined : bytesJson(request.forwarded);
  return defined({
    id: recording.id,
    started_ms: recording.startedAt,
    method: recording.method,
    path: recording.path,
    route: recording.route,
    dialect: recording.dialect,
    session: recording.session,
    outcome: recording.outcome,
    reason: recording.reason,
    error_type: recording.errorType,
    trace_id: recording.traceId,
    span_id: recording.spanId,
    truncated: recording.truncated,
    metrics: { ...recording.metrics },
    request: defined({ headers: headersJson(request.headers), body: bytesJson(request.body), forwarded }),
    response: response && responseJson(response),
    details: recording.details,
    notes: recording.notes.map((note) => ({ ...note })),
  }) as PortableRecording;
}

export function recordingFrom(portable: PortableRecording): Recording {
  const { request, response } = portable;
  const body = bytesFrom(request.body);
  return {
    id: portable.id,
    startedAt: portable.started_ms,
    method: portable.method,
    path: portable.path,
    route: portable.route,
    dialect: portable.dialect,
    session: portable.session,
    outcome: portable.outcome,
    reason: portable.reason,
    errorType: portable.error_type,
    traceId: portable.trace_id,
    spanId: portable.span_id,
    truncated: portable.truncated,
    metrics: portable.metrics as unknown as Recording["metrics"],
    request: {
      headers: request.headers.flat(),
      body,
      forwarded: request.forwarded === undefined ? body : bytesFrom(request.forwarded),
    },
    response: response && {
      status: response.status,
      headers: response.headers.flat(),
      framed: response.framed,
      pieces: response.pieces.map(({ at_ms, upstream, sent }, seq) => {
        const bytes = bytesFrom(upstream);
        return { seq, atMs: at_ms, upstream: bytes, sent: sent === undefined ? bytes : bytesFrom(sent) };
      }),
    },
    details: portable.details,
    notes: portable.notes as unknown as readonly FixNote[],
  };
}

/** SHA-256 of a value's JSON with sorted keys: the same whoever wrote the file. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(sorted(value)).digest("hex");
}

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => sorted(item ?? null)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${sorted(member)}`).join(",")}}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || Buffer.compare(a, b) === 0;
}

/** Members that are undefined are left out, as JSON does. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
