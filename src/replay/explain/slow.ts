/** Where the time of an exchange went. */
import type { RecordedExchange, Recording } from "../../core/recording.ts";
import type { Finding } from "./finding.ts";
import { numbersOf, type Numbers } from "./numbers.ts";

export type PhaseName = "sidecar" | "queue" | "prefill" | "generation" | "stalls" | "client" | "backend";

export interface Phase {
  readonly name: PhaseName;
  readonly ms: number;
}

export interface Stall {
  /** The frame that was long in coming. */
  readonly frame: number;
  readonly atMs: number;
  readonly ms: number;
  /** Exchange that began on the same backend during the silence. */
  readonly during: string | undefined;
}

export interface Slowness {
  /** In order of time; what could not be told apart is `backend`. */
  readonly phases: readonly Phase[];
  readonly slowest: Finding;
  readonly stalls: readonly Stall[];
}

const STALL_MS = 1000;
/** A silence this many times the usual gap is no ordinary gap. */
const STALL_FACTOR = 20;

export function explainSlow(recording: Recording, around: readonly RecordedExchange[]): Slowness {
  const numbers = numbersOf(recording);
  const stalls = stallsOf(recording, numbers, around);
  const phases = phasesOf(recording, numbers, stalls).filter(({ ms }) => ms > 0);
  const longest = phases.reduce<Phase | undefined>((most, phase) => (most === undefined || phase.ms > most.ms ? phase : most), undefined);
  return {
    phases,
    stalls,
    slowest: longest ? findingOf(longest.name, recording, numbers, stalls, around) : { code: "unknown", text: "no times were recorded" },
  };
}

function phasesOf(recording: Recording, numbers: Numbers, stalls: readonly Stall[]): Phase[] {
  const { durationMs, upstreamSentMs = 0, upstreamEndMs = durationMs, overheadMs = 0 } = numbers;
  const client: Phase = { name: "client", ms: durationMs - upstreamEndMs };
  const sidecar: Phase = { name: "sidecar", ms: Math.max(overheadMs, upstreamSentMs) };
  const { headMs, firstTokenMs, lastTokenMs, promptMs, generationMs } = numbers;
  if (recording.metrics.streaming && headMs !== undefined && firstTokenMs !== undefined) {
    const stalled = stalls.reduce((sum, { ms }) => sum + ms, 0);
    const wall = (lastTokenMs ?? upstreamEndMs) - firstTokenMs;
    // predicted_ms is llama-server's own clock: what the wire took beyond it was spent on our side of the socket.
    const held = generationMs === undefined ? 0 : Math.max(0, wall - generationMs);
    const onClient = held > 0.3 * wall && held > STALL_MS ? held : 0;
    const silence = Math.max(0, stalled - onClient);
    return [
      sidecar,
      { name: "queue", ms: headMs - upstreamSentMs },
      { name: "prefill", ms: firstTokenMs - headMs },
      { name: "generation", ms: wall - silence - onClient },
      { name: "stalls", ms: silence },
      { name: "client", ms: client.ms + onClient },
    ];
  }
  const backend = upstreamEndMs - upstreamSentMs;
  if (promptMs === undefined || generationMs === undefined) return [sidecar, { name: "backend", ms: backend }, client];
  return [
    sidecar,
    { name: "queue", ms: backend - promptMs - generationMs },
    { name: "prefill", ms: promptMs },
    { name: "generation", ms: generationMs },
    client,
  ];
}

function stallsOf(recording: Recording, numbers: Numbers, around: readonly RecordedExchange[]): Stall[] {
  const { response, startedAt } = recording;
  const { firstTokenMs } = numbers;
  if (!response?.framed || firstTokenMs === undefined) return [];
  const pieces = response.pieces.filter((piece) => piece.atMs >= firstTokenMs && piece.upstream.length > 0);
  const gaps = pieces
    .slice(1)
    .map((piece, i) => ({ frame: piece.seq, atMs: pieces[i]?.atMs ?? 0, ms: piece.atMs - (pieces[i]?.atMs ?? 0) }));
  const usual = gaps.map(({ ms }) => ms).sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  return gaps
    .filter(({ ms }) => ms >= Math.max(STALL_MS, usual * STALL_FACTOR))
    .map((gap) => {
      const from = startedAt + gap.atMs;
      return { ...gap, during: around.find((other) => other.startedAt >= from - 50 && other.startedAt < from + gap.ms)?.id };
    });
}

function findingOf(
  name: PhaseName,
  recording: Recording,
  numbers: Numbers,
  stalls: readonly Stall[],
  around: readonly RecordedExchange[],
): Finding {
  switch (name) {
    case "queue": {
      const busy = around.filter(
        (other) => other.startedAt < recording.startedAt && other.startedAt + other.metrics.durationMs > recording.startedAt,
      );
      const named = busy.slice(0, 3).map(({ id }) => id);
      return {
        code: "queue",
        text: `it waited for a free slot${named.length === 0 ? "" : ` behind ${named.join(", ")}${busy.length > 3 ? ` and ${busy.length - 3} more` : ""}`}`,
        cure: "more slots (llama-server --parallel N, each then has c/N of the context), or fewer clients at once",
      };
    }
    case "prefill": {
      const { processedTokens, cachedTokens } = numbers;
      const tokens =
        processedTokens === undefined
          ? "the prompt"
          : `${processedTokens} prompt tokens${cachedTokens ? ` (${cachedTokens} more were cached)` : ""}`;
      return {
        code: "prefill",
        text: `${tokens} had to be processed before the first token${speed(processedTokens, numbers.promptMs)}`,
        cure: "look at the prompt cache first (below); else a larger -ub, more layers on the GPU, or a shorter prompt",
      };
    }
    case "generation":
      return {
        code: "generation",
        text: `${numbers.completionTokens ?? "its"} tokens of output${speed(numbers.completionTokens, numbers.generationMs)}`,
        cure: "a shorter answer (max_tokens, less reasoning), a draft model, a smaller quantisation, or fewer requests at once",
      };
    case "stalls": {
      const worst = stalls.reduce((most, stall) => (stall.ms > most.ms ? stall : most));
      return worst.during === undefined
        ? {
            code: "stalls",
            text: `silence in the middle, the longest of ${Math.round(worst.ms)} ms before frame ${worst.frame}`,
            cure: "the backend itself was held up: look for swapping, power saving, or a request that did not come through this proxy",
          }
        : {
            code: "stalls",
            text: `silence of ${Math.round(worst.ms)} ms before frame ${worst.frame}, while llama-server processed the prompt of ${worst.during}`,
            cure: "a smaller -ub makes prompts give way sooner; fewer requests at once",
          };
    }
    case "client":
      return {
        code: "slow-client",
        text: "the client (or the network to it) took the reply more slowly than llama-server made it",
        cure: "look at the client: it reads slowly, or works while it reads",
      };
    case "sidecar":
      return {
        code: numbers.attempts > 1 ? "reconnected" : "request-upload",
        text:
          numbers.attempts > 1
            ? `the connection to llama-server had to be made ${numbers.attempts} times`
            : "it took long until the request was with llama-server",
        cure:
          numbers.attempts > 1
            ? "llama-server closes idle connections; nothing to do unless it is down"
            : "a large body over a slow network, or a busy machine",
      };
    default:
      return recording.metrics.streaming
        ? { code: "backend", text: "llama-server took that long, and no token ever came", cure: "why it failed says more" }
        : {
            code: "backend",
            text: "llama-server took that long; it told no times that would tell queue, prompt and generation apart",
            cure: "ask for a stream: its frames tell them apart",
          };
  }
}

function speed(tokens: number | undefined, ms: number | undefined): string {
  return tokens === undefined || ms === undefined || ms <= 0 ? "" : `, at ${((tokens / ms) * 1000).toFixed(1)} tokens/s`;
}
