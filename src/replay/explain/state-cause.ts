/** Why a prompt that did go on was not found in the cache: what happened to the slot in between. */
import type { RecordedExchange, Recording } from "../../core/recording.ts";
import { answerIn } from "../answer.ts";
import type { Finding } from "./finding.ts";
import type { Reuse } from "./reuse.ts";

const IDLE_MS = 10 * 60_000;
const FULL_PERCENT = 97;

/** Most telling first; undefined: nothing in the recording explains it. */
export function stateCause(recording: Recording, reuse: Reuse, around: readonly RecordedExchange[]): Finding | undefined {
  const earlier = around.filter((other) => other.startedAt < recording.startedAt);
  return (
    restarted(reuse, earlier) ??
    swapped(recording, earlier) ??
    replyNotReused(reuse) ??
    shifted(reuse.previous) ??
    busy(recording, reuse.previous, earlier) ??
    taken(recording, earlier) ??
    idled(recording, reuse.previous)
  );
}

function restarted({ numbers, previousNumbers }: Reuse, earlier: readonly RecordedExchange[]): Finding | undefined {
  const other =
    numbers.fingerprint !== undefined && previousNumbers.fingerprint !== undefined && numbers.fingerprint !== previousNumbers.fingerprint;
  const down = earlier.find(
    ({ outcome, metrics }) => outcome === "upstream-refused" || outcome === "upstream-broke" || metrics.status === 503,
  );
  if (!other && !down) return undefined;
  const sign = other
    ? `its build changed from ${previousNumbers.fingerprint} to ${numbers.fingerprint}`
    : `it was down or loading at ${down?.id}`;
  return {
    code: "restarted",
    text: `llama-server was restarted in between (${sign}): the cache began empty`,
    cure: "expected after a restart; --slot-save-path keeps slots across restarts",
  };
}

function swapped(recording: Recording, earlier: readonly RecordedExchange[]): Finding | undefined {
  const { model } = recording.metrics;
  const other = model === undefined ? undefined : earlier.find(({ metrics }) => metrics.model !== undefined && metrics.model !== model);
  return (
    other && {
      code: "model-swapped",
      text: `another model (${other.metrics.model}) was asked in between, at ${other.id}: this one may have been unloaded for it`,
      cure: "run both side by side (router: --models-max), or on two servers",
    }
  );
}

/** The cache held the prompt of the turn before, and not the answer behind it: the history tells the answer otherwise. */
function replyNotReused({ previous, now, before, cachedTokens, previousNumbers, difference }: Reuse): Finding | undefined {
  const prompt = previousNumbers.promptTokens;
  const answer = now[before.length];
  if (prompt === undefined || difference?.change !== "extended" || answer?.role !== "assistant") return undefined;
  const end = prompt + Math.max(32, (previousNumbers.completionTokens ?? 0) * 0.5);
  if (cachedTokens < prompt * 0.9 || cachedTokens > end) return undefined;
  const where = `${answer.name} is not what the model wrote at ${previous.id}`;
  const mended = previous.metrics.fixes.length > 0;
  if (mended) {
    return {
      code: "mended-history",
      text: `${where}: ${previous.metrics.fixes.join(", ")} mended it, so the cached tokens behind the prompt no longer fit`,
      cure: "the price of a mended call, once per call; a model or template that writes it right saves it",
    };
  }
  if (answerIn(previous, "upstream")?.reasoning && !answer.text.includes("<think>")) {
    return {
      code: "reasoning-dropped",
      text: `${where}: the client does not send the reasoning back`,
      cure: "usual for most templates and clients; --reasoning-format and preserving reasoning_content in the history avoid it where the model wants it",
    };
  }
  return {
    code: "reply-retold",
    text: `${where}: the client sends the answer back in other words or another form`,
    cure: "let the client send answers back as they came",
  };
}

function shifted(previous: Recording): Finding | undefined {
  const { contextPercent } = previous.metrics;
  if (contextPercent === undefined || contextPercent < FULL_PERCENT) return undefined;
  return {
    code: "context-shift",
    text: `the context was full at ${previous.id} (${Math.round(contextPercent)} %): its beginning was shifted out`,
    cure: "a larger context (llama-server -c), or a client that compacts earlier",
  };
}

/** The slot with the prompt was at work: the request went to another one. */
function busy(recording: Recording, previous: Recording, earlier: readonly RecordedExchange[]): Finding | undefined {
  const own = endOf(previous) > recording.startedAt ? previous : undefined;
  const sibling = earlier.find(
    (other) => other.session !== undefined && other.session === recording.session && endOf(other) > recording.startedAt,
  );
  const holder = own ?? sibling;
  return (
    holder && {
      code: "other-slot",
      text: `${holder.id} was still running when this one came, so it was given another slot, which did not have the prompt`,
      cure: "send the requests of one conversation one after the other, or let a title or summary request wait",
    }
  );
}

function endOf(exchange: RecordedExchange): number {
  return exchange.startedAt + exchange.metrics.durationMs;
}

function taken(recording: Recording, earlier: readonly RecordedExchange[]): Finding | undefined {
  const others = earlier.filter(
    (other) => other.dialect !== undefined && other.session !== recording.session && (other.metrics.promptTokens ?? 1) > 0,
  );
  const last = others.at(-1);
  return (
    last && {
      code: "other-conversation",
      text: `${others.length === 1 ? "another conversation" : `${others.length} requests of other conversations`} ran in between (last ${last.id}) and took the slot`,
      cure: "more slots (llama-server --parallel N), a larger --cache-ram, or fewer conversations at once",
    }
  );
}

function idled(recording: Recording, previous: Recording): Finding | undefined {
  const pause = recording.startedAt - previous.startedAt - previous.metrics.durationMs;
  if (pause < IDLE_MS) return undefined;
  return {
    code: "idle",
    text: `${Math.round(pause / 60_000)} minutes passed since ${previous.id}: llama-server may have put the model to sleep`,
    cure: "raise --sleep-idle-seconds, if it is set",
  };
}
