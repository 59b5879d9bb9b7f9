/**
 * A llama-server made of recordings in the database: decides what each request is answered with, and
 * says so in the reply's head. The socket work is the playing server's (src/demo).
 */
import type { Recording } from "../core/recording.ts";
import type { Playback } from "../demo/playing-server.ts";
import { dialectFor } from "../dialects/index.ts";
import { openaiErrorBody } from "../dialects/openai.ts";
import type { RawHeaders } from "../wire/headers.ts";
import { createMatcher, type Asked, type Match } from "./match.ts";
import { jsonPlayback, playbackOf, type Faults } from "./playback.ts";

export interface StandInOptions extends Faults {
  /** Answer completions with this status instead: all of them, or the first `times`. */
  readonly fail?: { readonly status: number; readonly times: number } | undefined;
  /** Called for every request, before its reply goes out. */
  readonly onAnswer?: (answered: Answered) => void;
}

export interface Answered {
  readonly method: string;
  readonly path: string;
  /** `made-up`: health, props, slots and models that nobody recorded; `failed`: on demand. */
  readonly kind: Match["kind"] | "made-up" | "failed";
  readonly id: string | undefined;
  /** What was looked past, how often it was served, why there is none. */
  readonly remark: string;
}

export interface StandIn {
  /** Never throws. */
  answer(asked: Asked): Playback;
  readonly counts: Readonly<Record<Answered["kind"], number>>;
  readonly size: number;
}

/** Reads `recordings` once; `load` gives one of them back by id when it is asked for. */
export function createStandIn(
  recordings: Iterable<Recording>,
  load: (id: string) => Recording | undefined,
  options: StandInOptions = {},
): StandIn {
  const facts = { contextTotal: 0 };
  const matcher = createMatcher(noting(recordings, facts), load);
  const counts = { exact: 0, reused: 0, unmatched: 0, "made-up": 0, failed: 0 };

  function tell(asked: Asked, kind: Answered["kind"], id: string | undefined, remark: string): RawHeaders {
    counts[kind] += 1;
    options.onAnswer?.({ method: asked.method, path: asked.path, kind, id, remark });
    return [
      "x-llama-proxy-match",
      kind,
      ...(id === undefined ? [] : ["x-llama-proxy-recording", id]),
      ...(remark === "" ? [] : ["x-llama-proxy-remark", headerText(remark)]),
    ];
  }

  function answer(asked: Asked): Playback {
    const path = asked.path.split("?", 1)[0] ?? "";
    const dialect = dialectFor(asked.method, path);
    const { fail } = options;
    if (fail && dialect && counts.failed < fail.times) {
      const message = `serve-recording --fail ${fail.status}`;
      const type = fail.status === 503 ? "unavailable_error" : fail.status < 500 ? "invalid_request_error" : "server_error";
      return jsonPlayback(fail.status, dialect.errorBody(fail.status, message, type), tell(asked, "failed", undefined, message));
    }
    const match = matcher.match(asked);
    if (match.kind !== "unmatched") {
      const recording = load(match.id);
      const remark = match.kind === "exact" ? "" : reusedText(match);
      if (recording) return playbackOf(recording, tell(asked, match.kind, match.id, remark), dialect ? options : {});
    }
    const known = madeUp(asked.method, path, matcher.models, facts.contextTotal);
    if (known !== undefined) return jsonPlayback(200, known, tell(asked, "made-up", undefined, "no recording of this route"));
    const why = match.kind === "unmatched" ? match.why : `recording ${match.id} has just been removed`;
    const message = `llama-proxy serve-recording: no recording answers this request; ${why}`;
    const body = dialect ? dialect.errorBody(404, message, "not_found_error") : openaiErrorBody(404, message, "not_found_error");
    return jsonPlayback(404, body, tell(asked, "unmatched", undefined, why));
  }

  return { answer, counts, size: matcher.size };
}

/** The context size that the recorded exchanges were told of: what `/props` is asked for. */
function* noting(recordings: Iterable<Recording>, facts: { contextTotal: number }): Generator<Recording> {
  for (const recording of recordings) {
    facts.contextTotal = Math.max(facts.contextTotal, recording.metrics.contextTotal ?? 0);
    yield recording;
  }
}

function reusedText({ again, ignored }: Extract<Match, { kind: "reused" }>): string {
  const parts = [
    ...(ignored.length === 0 ? [] : [`ignoring ${ignored.join(", ")}`]),
    ...(again === 0 ? [] : [`served ${again + 1} times`]),
  ];
  return parts.join("; ");
}

/** What clients and the sidecar ask a llama-server beside completions, in its own shapes. */
function madeUp(method: string, path: string, models: readonly string[], contextTotal: number): unknown {
  if (method !== "GET") return undefined;
  const slot = { id: 0, n_ctx: contextTotal, speculative: false, is_processing: false };
  switch (path) {
    case "/health":
    case "/v1/health":
      return { status: "ok" };
    case "/props":
      return {
        default_generation_settings: { n_ctx: contextTotal },
        total_slots: 1,
        model_alias: models[0] ?? "",
        build_info: "recording",
      };
    case "/slots":
      return [slot];
    case "/models":
    case "/v1/models":
      return { object: "list", data: models.map((id) => ({ id, object: "model", created: 0, owned_by: "llamacpp" })) };
    default:
      return undefined;
  }
}

/** Header values are one line of latin1. */
function headerText(text: string): string {
  return text.replace(/[^\u0020-\u007E]/g, "?").slice(0, 500);
}
