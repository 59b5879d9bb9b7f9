/**
 * Real exchanges (test/streams/recordings) as the recorder would have kept them, without a sidecar in
 * between: what came on the socket, cut into frames, with the times at which they were complete.
 */
import type { RequestView } from "../../src/core/delta.ts";
import type { Recording, RecordedPiece } from "../../src/core/recording.ts";
import { loadRecordings, type RecordedCall } from "../../src/demo/recorded.ts";
import { dialectFor } from "../../src/dialects/index.ts";
import { fixDocument } from "../../src/fixes/document.ts";
import type { FixPlan } from "../../src/fixes/fix.ts";
import { createStreamPipeline } from "../../src/fixes/pipeline.ts";
import { fixRequest } from "../../src/fixes/request.ts";
import { treatmentOf } from "../../src/fixes/treatment.ts";
import { headerOf } from "../../src/wire/headers.ts";
import { parseOrUndefined } from "../../src/wire/json.ts";

export const CALLS = loadRecordings(new URL("../streams/recordings/", import.meta.url));

export function callOf(name: string): RecordedCall {
  const call = CALLS.get(name)?.[0];
  if (!call) throw new Error(`no recording ${name}`);
  return call;
}

let count = 0;

/** `plan`: the fixes of the day; none where absent. */
export function recordingOf(call: RecordedCall, plan: FixPlan = [], id = `r${String((count += 1)).padStart(8, "0")}`): Recording {
  const { status, headers, headMs, body } = readReply(call);
  const path = call.path.split("?", 1)[0] ?? "";
  const dialect = dialectFor(call.method, path);
  const parsed = parseOrUndefined(call.body.toString());
  const view = dialect?.readRequest(parsed);
  const head = { status, headers };
  const treatment = treatmentOf(head, dialect, view);
  const framed = (headerOf(headers, "content-type") ?? "").startsWith("text/event-stream");
  const pieces =
    framed && dialect && view
      ? streamed(body, treatment === "stream" ? plan : [], dialect, view, call.complete)
      : whole(body, treatment === "whole" && dialect && view ? (bytes) => fixDocument(plan, dialect, view, bytes).sent : (bytes) => bytes);
  const forwarded = dialect && parsed !== undefined ? fixRequest(plan, dialect, call.body, parsed).forward : call.body;
  const endMs = body.at(-1)?.t ?? headMs;
  return {
    id,
    startedAt: 1_795_000_000_000 + count * 1000,
    method: call.method,
    path: call.path,
    route: path,
    dialect: dialect?.name,
    session: undefined,
    outcome: call.complete ? "completed" : "upstream-broke",
    reason: undefined,
    errorType: undefined,
    traceId: undefined,
    spanId: undefined,
    truncated: false,
    metrics: { durationMs: endMs, streaming: framed, fixes: [], status, ...(view?.model === undefined ? {} : { model: view.model }) },
    request: { headers: call.headers.flat(), body: call.body, forwarded },
    response: { status, headers, framed, pieces },
    details: { headMs, upstreamEndMs: endMs },
    notes: [],
  };
}

interface Timed {
  readonly t: number;
  readonly data: Buffer;
}

function streamed(
  body: readonly Timed[],
  plan: FixPlan,
  dialect: NonNullable<ReturnType<typeof dialectFor>>,
  view: RequestView,
  complete: boolean,
): RecordedPiece[] {
  const pipeline = createStreamPipeline(plan, dialect, view);
  const pieces: RecordedPiece[] = [];
  const keep = (t: number, steps: ReturnType<typeof pipeline.push>): void => {
    for (const step of steps) {
      const same = step.sent.length === 1 && step.sent[0] === step.frame.raw;
      pieces.push({ seq: pieces.length, atMs: t, upstream: step.frame.raw, sent: same ? step.frame.raw : Buffer.concat(step.sent) });
    }
  };
  for (const { t, data } of body) keep(t, pipeline.push(data));
  keep(body.at(-1)?.t ?? 0, pipeline.end(!complete));
  return pieces;
}

function whole(body: readonly Timed[], mend: (bytes: Uint8Array) => Uint8Array): RecordedPiece[] {
  if (body.length === 0) return [];
  const upstream = Buffer.concat(body.map(({ data }) => data));
  return [{ seq: 0, atMs: body.at(-1)?.t ?? 0, upstream, sent: mend(upstream) }];
}

interface Reply {
  readonly status: number;
  readonly headers: string[];
  readonly headMs: number;
  /** The body, chunk framing taken off, by time of arrival. */
  readonly body: readonly Timed[];
}

export function readReply(call: RecordedCall): Reply {
  let bytes: Buffer = Buffer.alloc(0);
  const ends: { readonly end: number; readonly t: number }[] = [];
  for (const { t, data } of call.reads) {
    bytes = Buffer.concat([bytes, data]);
    ends.push({ end: bytes.length, t });
  }
  const timeOf = (offset: number): number => ends.find(({ end }) => end >= offset)?.t ?? 0;
  const headEnd = bytes.indexOf("\r\n\r\n") + 4;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, Math.max(0, headEnd - 4)).split("\r\n");
  const headers = lines.flatMap((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
  const body: Timed[] = [];
  if (headerOf(headers, "transfer-encoding") !== "chunked") {
    if (bytes.length > headEnd) body.push({ t: timeOf(bytes.length), data: bytes.subarray(headEnd) });
  } else {
    for (let at = headEnd; ;) {
      const lineEnd = bytes.indexOf("\r\n", at);
      const size = Number.parseInt(bytes.toString("latin1", at, Math.max(at, lineEnd)), 16);
      if (lineEnd < 0 || !(size > 0)) break;
      const end = Math.min(bytes.length, lineEnd + 2 + size);
      body.push({ t: timeOf(end), data: bytes.subarray(lineEnd + 2, end) });
      at = end + 2;
    }
  }
  return { status: Number(statusLine.split(" ")[1]), headers, headMs: timeOf(headEnd), body };
}
