import { asArray, asString, isObject } from "../../wire/json.ts";

/** Shorter texts come again by chance. */
const MIN_ECHO = 16;
const MAX_DEPTH = 8;

/**
 * Whether a call stands, letter by letter, in what others put into the conversation: a tool's
 * result, a user's message. A model that repeats it reports what it read, it does not call.
 */
export function isEcho(block: string, body: unknown): boolean {
  const text = block.trim();
  if (text.length < MIN_ECHO || !isObject(body)) return false;
  const wanted = [text, JSON.stringify(text).slice(1, -1)];
  const spoken = [...asArray(body["messages"]), ...asArray(body["input"])];
  return spoken.some(
    (message) => isObject(message) && message["role"] !== "assistant" && message["role"] !== "system" && holds(message, wanted, 0),
  );
}

function holds(value: unknown, wanted: readonly string[], depth: number): boolean {
  const text = asString(value);
  if (text !== undefined) return wanted.some((want) => text.includes(want));
  if (depth > MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.some((item) => holds(item, wanted, depth + 1));
  return isObject(value) && Object.values(value).some((item) => holds(item, wanted, depth + 1));
}
