import { headerOf, type RawHeaders } from "../wire/headers.ts";

/** Headers that name a session, most telling first (seen on the wire of Claude Code, opencode, Codex). */
const SESSION_HEADERS = [
  "x-claude-code-session-id",
  "x-session-id",
  "x-session-affinity",
  "session-id",
  "session_id",
  "thread-id",
  "x-conversation-id",
];

const MAX_NAME = 64;

/**
 * A short name for the program that asks: `originator` (Codex), else the first product of the
 * user agent without its version (`claude-cli/2.1 (…)` → `claude-cli`).
 */
export function clientOf(headers: RawHeaders): string | undefined {
  const named = headerOf(headers, "originator");
  if (named) return named.slice(0, MAX_NAME);
  const agent = headerOf(headers, "user-agent");
  const product = agent?.split(/[\s;(]/, 1)[0];
  if (!product) return undefined;
  // `OpenAI/JS 6.49.0` and `Anthropic/JS 1.10.0` name the SDK in both halves.
  const name = product.endsWith("/JS") ? product : product.split("/", 1)[0];
  return name ? name.slice(0, MAX_NAME) : undefined;
}

export function sessionOf(headers: RawHeaders): string | undefined {
  for (const name of SESSION_HEADERS) {
    const value = headerOf(headers, name);
    if (value) return value.slice(0, 200);
  }
  return undefined;
}
