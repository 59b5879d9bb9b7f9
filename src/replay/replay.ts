/**
 * A recording through today's fixes, offline: what came, what was sent then, what would be sent now.
 * The sidecar's own functions on recorded bytes; no clock, no I/O.
 */
import { createHash } from "node:crypto";
import type { RequestView } from "../core/delta.ts";
import type { FixNote, Outcome } from "../core/exchange.ts";
import type { RecordedPiece, Recording } from "../core/recording.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { DIALECTS } from "../dialects/index.ts";
import { fixDocument } from "../fixes/document.ts";
import type { FixPlan } from "../fixes/fix.ts";
import { createStreamPipeline, DEFAULT_PIPELINE_LIMITS } from "../fixes/pipeline.ts";
import { fixRequest } from "../fixes/request.ts";
import { isResumable, planForRequest, treatmentOf, type Treatment } from "../fixes/treatment.ts";
import { parseOrUndefined } from "../wire/json.ts";
import { answerOf, sameAnswer, type Answer } from "./answer.ts";
import { recut, type Recut } from "./recut.ts";

export interface ReplayOptions {
  /** Absent: the recorded cuts. */
  readonly recut?: Recut | undefined;
  /** A frame above this passes unread, as `server.max_frame_bytes` has it. */
  readonly frameBytes?: number;
  /** A whole reply above this passes unread, as `server.max_reply_bytes` has it. */
  readonly replyBytes?: number;
}

export interface ReplayedFrame {
  readonly seq: number;
  /** Since the exchange began; undefined for what the end of the reply released. */
  readonly atMs: number | undefined;
  readonly upstream: Uint8Array;
  /** Undefined where today's frames are not those that were recorded. */
  readonly sentThen: Uint8Array | undefined;
  readonly sentNow: Uint8Array;
}

export interface ReplayReport {
  readonly id: string;
  readonly dialect: string | undefined;
  /** `none`: there is no reply to replay. */
  readonly treatment: Treatment | "none";
  readonly frames: readonly ReplayedFrame[];
  /** Request forwarded and reply sent are, byte for byte, what they were. */
  readonly sameAsThen: boolean;
  /** Nothing of the reply would be changed. */
  readonly sameAsUpstream: boolean;
  /** Frames that would be sent otherwise than they came. */
  readonly changedFrames: readonly number[];
  /** Frames that would be sent otherwise than they were. */
  readonly differingFrames: readonly number[];
  readonly upstreamSha256: string;
  /** Of what the fixes made then; an error frame of the sidecar's own behind it does not count. */
  readonly thenSha256: string;
  readonly nowSha256: string;
  readonly request: {
    /** Undefined where the request body was not kept. */
    readonly sameAsThen: boolean | undefined;
    readonly changed: boolean;
    readonly forward: Uint8Array;
  };
  /** What the reply said and what it would say now, where that differs. */
  readonly said: { readonly came: Answer; readonly now: Answer } | undefined;
  readonly notes: readonly FixNote[];
  /** What a reader of the report has to know: a recording that is incomplete, a reply cut short. */
  readonly remarks: readonly string[];
}

const DEFAULT_REPLY_BYTES = 64 * 1024 * 1024;
const NOTHING = new Uint8Array(0);

export function replay(recording: Recording, plan: FixPlan, options: ReplayOptions = {}): ReplayReport {
  const dialect = DIALECTS.find((each) => each.name === recording.dialect);
  const request = replayRequest(recording, plan, dialect);
  const remarks = remarksOf(recording, dialect, request);
  const reply = replayReply(recording, planFor(recording, plan, request.view), dialect, request.view, options);
  remarks.push(...reply.remarks);

  const upstream = reply.frames.map((frame) => frame.upstream);
  const now = reply.frames.map((frame) => frame.sentNow);
  const hashes = { upstream: sha256(upstream), sentThen: sha256(reply.sentThen), now: sha256(now) };
  return {
    id: recording.id,
    dialect: recording.dialect,
    treatment: reply.treatment,
    frames: reply.frames,
    sameAsThen: hashes.now === hashes.sentThen && request.sameAsThen !== false,
    sameAsUpstream: hashes.now === hashes.upstream,
    changedFrames: reply.frames.filter((frame) => !sameBytes(frame.sentNow, frame.upstream)).map((frame) => frame.seq),
    differingFrames: reply.frames.filter((frame) => frame.sentThen && !sameBytes(frame.sentNow, frame.sentThen)).map((frame) => frame.seq),
    upstreamSha256: hashes.upstream,
    thenSha256: hashes.sentThen,
    nowSha256: hashes.now,
    request: { sameAsThen: request.sameAsThen, changed: request.changed, forward: request.forward },
    said:
      hashes.now === hashes.upstream || !dialect || !request.view
        ? undefined
        : saidOf(dialect, request.view, reply.treatment, upstream, now),
    notes: [...request.notes, ...reply.notes],
    remarks,
  };
}

function saidOf(
  dialect: Dialect,
  view: RequestView,
  treatment: Treatment | "none",
  upstream: readonly Uint8Array[],
  now: readonly Uint8Array[],
): ReplayReport["said"] {
  const came = answerOf(dialect, view, treatment, Buffer.concat(upstream));
  const made = answerOf(dialect, view, treatment, Buffer.concat(now));
  return sameAnswer(came, made) ? undefined : { came, now: made };
}

interface ReplayedRequest {
  readonly view: RequestView | undefined;
  readonly sameAsThen: boolean | undefined;
  readonly changed: boolean;
  readonly forward: Uint8Array;
  readonly notes: readonly FixNote[];
}

function replayRequest(recording: Recording, plan: FixPlan, dialect: Dialect | undefined): ReplayedRequest {
  const { body, forwarded } = recording.request;
  const parsed = dialect && body.length > 0 ? parseOrUndefined(new TextDecoder().decode(body)) : undefined;
  if (!dialect || parsed === undefined) return { view: undefined, sameAsThen: undefined, changed: false, forward: body, notes: [] };
  const { forward, notes } = fixRequest(plan, dialect, body, parsed);
  return {
    view: dialect.readRequest(parsed),
    sameAsThen: sameBytes(forward, forwarded),
    changed: !sameBytes(forward, body),
    forward,
    notes,
  };
}

function planFor(recording: Recording, plan: FixPlan, view: RequestView | undefined): FixPlan {
  return view ? planForRequest(plan, view, recording.request.headers) : plan;
}

interface ReplayedReply {
  readonly treatment: Treatment | "none";
  readonly frames: readonly ReplayedFrame[];
  /** What the fixes made then. */
  readonly sentThen: readonly Uint8Array[];
  readonly notes: readonly FixNote[];
  readonly remarks: readonly string[];
}

function replayReply(
  recording: Recording,
  plan: FixPlan,
  dialect: Dialect | undefined,
  view: RequestView | undefined,
  options: ReplayOptions,
): ReplayedReply {
  const { response } = recording;
  if (!response) return { treatment: "none", frames: [], sentThen: [], notes: [], remarks: [] };
  const treatment = treatmentOf(response, dialect, view);
  if (dialect && view && treatment === "stream") return replayStream(recording, response.pieces, plan, dialect, view, options);
  if (dialect && view && treatment === "whole") {
    const reply = replayWhole(recording, response.pieces, plan, dialect, view, options.replyBytes ?? DEFAULT_REPLY_BYTES);
    if (reply) return reply;
  }
  const frames = response.pieces.map(({ seq, atMs, upstream, sent }) => ({ seq, atMs, upstream, sentThen: sent, sentNow: upstream }));
  return { treatment: "raw", frames, sentThen: response.pieces.map((piece) => piece.sent), notes: [], remarks: [] };
}

/** Ends after which the sidecar adds an error frame of its own to a stream. */
const OWN_WORDS: ReadonlySet<string> = new Set<Outcome>(["upstream-broke", "upstream-timeout", "shutdown", "internal"]);

function replayStream(
  recording: Recording,
  pieces: readonly RecordedPiece[],
  plan: FixPlan,
  dialect: Dialect,
  view: RequestView,
  options: ReplayOptions,
): ReplayedReply {
  const pipeline = createStreamPipeline(plan, dialect, view, { frameBytes: options.frameBytes ?? DEFAULT_PIPELINE_LIMITS.frameBytes });
  const upstream = pieces.map((piece) => piece.upstream);
  const steps = [];
  for (const chunk of options.recut ? recut(upstream, options.recut) : upstream) if (chunk.length > 0) steps.push(...pipeline.push(chunk));
  // An interrupted sidecar ended nothing, not even the pipeline.
  if (recording.outcome !== "interrupted" && recording.outcome !== "running")
    steps.push(...pipeline.end(recording.outcome !== "completed"));
  const made = steps.map((step) => ({ upstream: step.frame.raw, sent: Buffer.concat(step.sent) }));

  // Pieces without upstream bytes stand at the end: what the fixes released there, and then perhaps an error frame.
  const released = made.filter((step) => step.upstream.length === 0).length;
  const tail = pieces.filter((piece) => piece.upstream.length === 0).length;
  const own = OWN_WORDS.has(recording.outcome) && tail > released;
  const then = own ? pieces.slice(0, -1) : pieces;

  const aligned = made.length === then.length && made.every((step, i) => sameBytes(step.upstream, then[i]?.upstream ?? NOTHING));
  const frames = made.map((step, i) => ({
    seq: aligned ? (then[i]?.seq ?? i) : i,
    atMs: aligned ? then[i]?.atMs : undefined,
    upstream: step.upstream,
    sentThen: aligned ? then[i]?.sent : undefined,
    sentNow: step.sent,
  }));
  return {
    treatment: "stream",
    frames,
    sentThen: then.map((piece) => piece.sent),
    notes: pipeline.notes(),
    remarks: own ? [`the last frame then was the sidecar's own error (${recording.outcome}); it is not compared`] : [],
  };
}

/** Undefined: above the limit, so it passes raw. */
function replayWhole(
  recording: Recording,
  pieces: readonly RecordedPiece[],
  plan: FixPlan,
  dialect: Dialect,
  view: RequestView,
  limit: number,
): ReplayedReply | undefined {
  const upstream = Buffer.concat(pieces.map((piece) => piece.upstream));
  if (upstream.length > limit) return undefined;
  const sentThen = Buffer.concat(pieces.map((piece) => piece.sent));
  const { seq, atMs } = pieces.at(-1) ?? { seq: 0, atMs: undefined };
  if (recording.outcome !== "completed" && sentThen.length === 0) {
    const frames = pieces.length === 0 ? [] : [{ seq, atMs, upstream, sentThen, sentNow: NOTHING }];
    return { treatment: "whole", frames, sentThen: [], notes: [], remarks: ["the reply never came whole, so nothing of it was sent"] };
  }
  const fixed = fixDocument(plan, dialect, view, upstream);
  const frames = pieces.length === 0 ? [] : [{ seq, atMs, upstream, sentThen, sentNow: fixed.sent }];
  return { treatment: "whole", frames, sentThen: [sentThen], notes: fixed.notes, remarks: [] };
}

function remarksOf(recording: Recording, dialect: Dialect | undefined, request: ReplayedRequest): string[] {
  const remarks: string[] = [];
  if (recording.truncated) remarks.push("the recording is incomplete: bytes were dropped or never kept; what is there was compared");
  if (recording.dialect !== undefined && !dialect)
    remarks.push(`this llama-proxy does not know the dialect ${recording.dialect}: passed as it came`);
  if (recording.dialect === undefined) remarks.push("a pass-through route: no fix looks at it");
  if (!recording.response) remarks.push(`no reply was recorded (${recording.outcome})`);
  if (request.sameAsThen === false)
    remarks.push("the request itself would be forwarded otherwise today; the recorded reply answers the old one");
  if (request.view && isResumable(request.view, recording.request.headers))
    remarks.push("X-Conversation-Id: fixes only observe a stream that may be resumed");
  return remarks;
}

function sha256(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || Buffer.compare(a, b) === 0;
}
