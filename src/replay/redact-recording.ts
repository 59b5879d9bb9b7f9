/** A recording fit to be handed on: what looks like a secret or names a person is cut out, consistently everywhere. */
import type { Recording } from "../core/recording.ts";
import { createRedactor, type BodyRule } from "../recorder/redact.ts";
import { REDACTED, redactHeaders, withoutHeaders, withoutHopByHop } from "../wire/headers.ts";
import { answerIn } from "./answer.ts";

/** Written so that none matches inside a hash or a word. */
const LOOKS_SECRET: readonly BodyRule[] = [
  { pattern: String.raw`\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}` },
  { pattern: String.raw`\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}` },
  { pattern: String.raw`\bxox[abprs]-[A-Za-z0-9-]{10,}` },
  { pattern: String.raw`\bAKIA[0-9A-Z]{16}\b` },
  { pattern: String.raw`\bAIza[0-9A-Za-z_-]{35}` },
  { pattern: String.raw`\bhf_[A-Za-z0-9]{20,}` },
  { pattern: String.raw`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}` },
  { pattern: String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----` },
  { pattern: String.raw`\b[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}=*` },
  { pattern: String.raw`\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b` },
  { pattern: String.raw`(?<=/(?:home|Users)/)[A-Za-z0-9._-]+` },
];

/** Headers that say who asked and from where, and nothing about how to answer. */
const PERSONAL: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "user-agent",
  "origin",
  "referer",
  "traceparent",
  "tracestate",
  "baggage",
  "x-forwarded-for",
  "x-real-ip",
  "x-claude-code-session-id",
  "x-session-id",
  "x-session-affinity",
  "session-id",
  "thread-id",
  "x-codex-turn-metadata",
  "x-codex-window-id",
]);

export interface RedactedRecording {
  readonly recording: Recording;
  readonly changed: boolean;
  /** True when the reply, put together, still spells what looks like a secret: it is spread over several frames. */
  readonly leaks: boolean;
}

/** `extra` patterns are JavaScript regular expressions. Throws SyntaxError for a bad one. */
export function redactRecording(recording: Recording, extra: readonly string[] = []): RedactedRecording {
  const redactor = createRedactor([...LOOKS_SECRET, ...extra.map((pattern) => ({ pattern }))]);
  const { request, response } = recording;
  let changed = false;
  function clean(bytes: Uint8Array): Uint8Array {
    const out = redactor.frame(bytes);
    if (out !== bytes) changed = true;
    return out;
  }
  const body = clean(request.body);
  const headers = redactHeaders(withoutHeaders(withoutHopByHop(request.headers), PERSONAL));
  const redacted: Recording = {
    ...recording,
    session: undefined,
    traceId: undefined,
    spanId: undefined,
    request: {
      headers: headers
        .filter((_, i) => headers[i - (i % 2) + 1] !== REDACTED)
        .map((field, i) => (i % 2 === 0 ? field : redactor.text(field))),
      body,
      forwarded: request.forwarded === request.body ? body : clean(request.forwarded),
    },
    response: response && {
      ...response,
      headers: withoutHeaders(response.headers, new Set(["set-cookie"])),
      pieces: response.pieces.map((piece) => {
        const upstream = clean(piece.upstream);
        return { ...piece, upstream, sent: piece.sent === piece.upstream ? upstream : clean(piece.sent) };
      }),
    },
  };
  const answer = answerIn(redacted);
  const said = answer ? [answer.text, answer.reasoning, ...answer.tools.flatMap((tool) => [tool.name, tool.arguments])].join("\n") : "";
  return { recording: redacted, changed, leaks: redactor.text(said) !== said };
}
