/**
 * Whether arguments come cut as llama-server cuts the JSON it writes itself: `{` alone, each
 * top-level key with its comma, colon and opening quote in one delta, each closing quote alone.
 *
 * What it writes so is well formed: it escapes the model's text, and JSON values passed its parser
 * (recordings: tool-types-stream, anthropic-duplicate-param-stream). So a quote need not be held
 * until the next delta shows that it closes the string, and nothing is held on a clean stream.
 * Model tokens passed on as they come (hermes-single-stream) are cut otherwise.
 */
import type { Machine } from "./machine.ts";
import { endOfString } from "./scan.ts";

/** Tokens are hardly ever longer; a delta that is brings a value from elsewhere. */
const MAX_TOKEN = 32;

/** Whether `delta`, the next one, still looks so. */
export function isServerCut(machine: Machine, delta: string): boolean {
  const depth = machine.stack.length;
  if (machine.state === "start") return delta === "{";
  // A raw value inside the top-level object: the model's tokens, already read by the server's parser.
  if (depth > 1 || machine.state === "number") return delta.length <= MAX_TOKEN;
  if (machine.pending > 0) return false;
  switch (machine.state) {
    case "member":
      return isKey(delta, false) || delta === "}";
    case "after":
      return isKey(delta, true) || delta === "}";
    case "value":
      return delta[0] !== '"' && delta.length <= MAX_TOKEN;
    case "string":
      return delta === '"' || isEscaped(delta);
    default:
      return false;
  }
}

/** `,"key":` or `,"key":"`, nothing else. */
function isKey(delta: string, comma: boolean): boolean {
  const from = comma ? 1 : 0;
  if ((comma && delta[0] !== ",") || delta[from] !== '"') return false;
  const end = endOfString(delta, from);
  if (end === -1 || delta[end] !== ":") return false;
  return end + 1 === delta.length || (delta[end + 1] === '"' && end + 2 === delta.length);
}

/** Text inside a string with every quote, backslash and control character escaped, no escape cut. */
export function isEscaped(delta: string): boolean {
  for (let at = 0; at < delta.length; at++) {
    const c = delta.charCodeAt(at);
    if (c === 34 || c < 32) return false;
    if (c !== 92) continue;
    at += 1;
    if (at >= delta.length || !'"\\/bfnrtu'.includes(delta[at] ?? "")) return false;
  }
  return true;
}
