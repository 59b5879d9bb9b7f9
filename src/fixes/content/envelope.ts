import { parseOrUndefined } from "../../wire/json.ts";
import { literalToJson, skipSpace } from "./literal.ts";
import { checkCall, type Offer } from "./offer.ts";
import { PROSE, refused, type Piece, type Reading, type Verdict } from "./rule.ts";
import { escapeQuotes, skimObject, type Member, type Members } from "./skim.ts";

/**
 * Calls that models write as JSON: `{"name": …, "arguments": {…}}` and its cousins, one or a list.
 * The arguments are cut out as they stand, so that numbers, escapes and order stay as they were.
 */
const NAME_KEYS: ReadonlySet<string> = new Set(["name", "tool", "tool_name", "function_name", "action"]);
const ARGUMENT_KEYS: ReadonlySet<string> = new Set([
  "arguments",
  "parameters",
  "args",
  "params",
  "input",
  "tool_input",
  "action_input",
  "kwargs",
]);
const WRAPPER_KEYS: ReadonlySet<string> = new Set(["function", "function_call", "tool_call"]);
const LIST_KEYS: ReadonlySet<string> = new Set(["tool_calls", "calls"]);
/** Beside a call these say nothing that would make it anything else. */
const IDLE_KEYS: ReadonlySet<string> = new Set(["id", "type", "tool_call_id", "call_id", "index"]);

interface EnvelopeStyle {
  /** A name alone is a call too: where a marker already says that this is a call. */
  readonly bareName: boolean;
}

/** Reads one envelope or several, in a list or behind one another, at `from`. */
export function readEnvelopes(text: string, from: number, offer: Offer, style: EnvelopeStyle): Reading {
  const start = skipSpace(text, from);
  const listed = text[start] === "[";
  const pieces: Piece[] = [];
  let pos = listed ? skipSpace(text, start + 1) : start;
  let end = pos;
  while (text[pos] === "{") {
    const one = readEnvelope(text, pos, offer, style, 0);
    if (one.kind !== "block") {
      if (one.kind === "prose" && pieces.length > 0 && !listed) break;
      return one;
    }
    pieces.push(...one.pieces);
    end = one.end;
    pos = skipSpace(text, end);
    if (text[pos] === "," || text[pos] === ";") pos = skipSpace(text, pos + 1);
  }
  if (pieces.length === 0) return PROSE;
  if (!listed) return { kind: "block", pieces, end };
  if (text[pos] === "]") return { kind: "block", pieces, end: pos + 1 };
  return pos >= text.length || text[pos] === "<" ? { kind: "block", pieces, end: pos } : PROSE;
}

function readEnvelope(text: string, at: number, offer: Offer, style: EnvelopeStyle, depth: number): Reading {
  const strict = skimObject(text, at, false);
  // Only the strict way can tell that a text ends inside a string: the lenient one may have lost its place.
  const members = strict === undefined ? skimObject(text, at, true) : strict;
  if (members === undefined) return PROSE;
  if (members === "cut") return refused("the text ends inside the call");
  return fromMembers(text, members, offer, style, depth);
}

function fromMembers(text: string, members: Members, offer: Offer, style: EnvelopeStyle, depth: number): Reading {
  let name: string | undefined;
  let args: Member | undefined;
  for (const member of members.list) {
    const first = text.charAt(member.start);
    const quoted = first === '"' || first === "'";
    if ((NAME_KEYS.has(member.key) || member.key === "function") && quoted) name ??= text.slice(member.start + 1, member.end - 1);
    else if (WRAPPER_KEYS.has(member.key) && first === "{" && depth < 2 && members.closed) {
      const inner = readEnvelope(text, member.start, offer, style, depth + 1);
      return inner.kind === "block" ? { ...inner, end: skipBraces(text, members.end) } : inner;
    } else if (LIST_KEYS.has(member.key) && first === "[" && members.closed) {
      const inner = readEnvelopes(text, member.start, offer, style);
      return inner.kind === "block" ? { ...inner, end: members.end } : inner;
    } else if (ARGUMENT_KEYS.has(member.key)) args ??= member;
    else if (!IDLE_KEYS.has(member.key)) return PROSE;
  }
  const tool = name === undefined ? undefined : offer.find(name);
  if (!tool) return PROSE;
  if (!args && !style.bareName) return PROSE;
  const json = args ? argumentsText(text.slice(args.start, args.end)) : "{}";
  if (json === undefined) return PROSE;
  const call = checkCall(tool, json);
  if (typeof call === "string") return refused(call);
  if (!call) return PROSE;
  return { kind: "block", pieces: [{ kind: "call", call }], end: members.closed ? skipBraces(text, members.end) : members.end };
}

/** The arguments as JSON text; text that does not parse is left to the argument rules. Undefined: no arguments. */
export function argumentsText(raw: string): string | undefined {
  const trimmed = raw.trim();
  if (trimmed === "" || trimmed === "null" || trimmed === "None" || trimmed === '""' || trimmed === "[]") return "{}";
  if (trimmed.startsWith("{"))
    return parseOrUndefined(trimmed) === undefined ? (literalToJson(trimmed) ?? escapeQuotes(trimmed) ?? trimmed) : trimmed;
  const inner = trimmed.startsWith('"') ? parseOrUndefined(trimmed) : undefined;
  return typeof inner === "string" && inner.trim().startsWith("{") ? inner : undefined;
}

/** A closing brace too many is no reason to doubt a call. */
function skipBraces(text: string, from: number): number {
  let at = from;
  while (text[skipSpace(text, at)] === "}") at = skipSpace(text, at) + 1;
  return at;
}

/**
 * Judges the beginning of an envelope: "yes" once an offered name and the arguments' key stand
 * there, "no" at the first key or name that no call has.
 */
export function headOfEnvelope(text: string, from: number, offer: Offer, style: EnvelopeStyle): Verdict {
  let at = skipSpace(text, from);
  if (at >= text.length) return "maybe";
  if (text[at] === "[") at = skipSpace(text, at + 1);
  let named = false;
  for (let depth = 0; depth < 4;) {
    if (at >= text.length) return "maybe";
    if (text[at] !== "{") return "no";
    at = skipSpace(text, at + 1);
    for (;;) {
      if (at >= text.length) return "maybe";
      const key = headString(text, at);
      if (key === undefined) return "no";
      if (key === "cut") return "maybe";
      at = skipSpace(text, key.end);
      if (at >= text.length) return "maybe";
      if (text[at] !== ":") return "no";
      at = skipSpace(text, at + 1);
      if (at >= text.length) return "maybe";
      const first = text.charAt(at);
      if (ARGUMENT_KEYS.has(key.value)) {
        if (named) return "yes";
        return "maybe";
      }
      if (WRAPPER_KEYS.has(key.value) && first === "{") break;
      if (LIST_KEYS.has(key.value) && first === "[") {
        at = skipSpace(text, at + 1);
        break;
      }
      const names = NAME_KEYS.has(key.value) || key.value === "function";
      if (!names && !IDLE_KEYS.has(key.value)) return "no";
      const value = headString(text, at);
      if (value === "cut") return "maybe";
      if (value === undefined) {
        if (names || !/[\dn]/u.test(first)) return "no";
        while (at < text.length && /[\w.]/u.test(text.charAt(at))) at += 1;
      } else {
        if (names && !offer.find(value.value)) return "no";
        named ||= names;
        at = value.end;
      }
      at = skipSpace(text, at);
      if (named && style.bareName && text[at] === "}") return "yes";
      if (at < text.length && text[at] !== ",") return "no";
      at = skipSpace(text, at + 1);
    }
    depth += 1;
  }
  return "no";
}

/** A short quoted word. */
function headString(text: string, at: number): { value: string; end: number } | undefined | "cut" {
  const quote = text.charAt(at);
  if (quote !== '"' && quote !== "'") return undefined;
  const end = text.indexOf(quote, at + 1);
  if (end < 0) return text.length - at > 140 ? undefined : "cut";
  return end - at > 140 ? undefined : { value: text.slice(at + 1, end), end: end + 1 };
}
