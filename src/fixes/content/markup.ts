import type { Tool } from "../../core/delta.ts";
import { skipSpace } from "./literal.ts";
import { PARAMETERS, readHead, readNameElement, WRAPPERS, type MarkupStyle } from "./markup-head.ts";
import { callReading, type Offer } from "./offer.ts";
import { PROSE, refused, type Reading, type Verdict } from "./rule.ts";
import { declaredKeys, isNotString, jsonValue, literalText } from "./schema.ts";
import { cutTagAt, END_TOKENS, nameOf, tagAt, type Tag } from "./tags.ts";

/**
 * Calls written as tags: `<function=NAME><parameter=KEY>VALUE</parameter></function>` and
 * `<invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>`, with what models leave
 * out or swap. A value may itself hold markup (a file about this very format), so a closing tag
 * counts only where a tag of the call follows it, and tags opened inside a value are counted.
 */

/** Wrappers around the parameters, in the markup of models that mix dialects. */
const LISTS: ReadonlySet<string> = new Set(["parameters", "arguments", "args", "params"]);

interface Body {
  readonly tool: Tool;
  readonly declared: ReadonlySet<string>;
  readonly style: MarkupStyle;
  /** Closing tags that end the call: the tool's own name is one of them. */
  readonly closers: ReadonlySet<string>;
  readonly members: Map<string, string>;
}

/** Reads one call at `at`; wrappers in front of it are skipped. */
export function readMarkup(text: string, at: number, offer: Offer, style: MarkupStyle): Reading {
  const head = readHead(text, at, style);
  if (head === undefined || head === "cut") return PROSE;
  const tool = offer.find(head.name);
  if (!tool) return PROSE;
  const body: Body = {
    tool,
    declared: declaredKeys(tool.parameters),
    style,
    closers: new Set([style.callTag, "function", "invoke", head.name, ...WRAPPERS]),
    members: new Map(),
  };
  let pos = skipSpace(text, head.end);
  for (;;) {
    const step = readMember(text, pos, body);
    if (step.kind === "end") return finish(body, step.at, step.closed);
    if (step.kind === "prose" || step.kind === "refused") return step;
    // The first value wins: the second is the echo of a template that repeats itself.
    if (step.kind === "member" && !body.members.has(step.key)) body.members.set(step.key, step.value);
    pos = skipSpace(text, step.end);
  }
}

/** Judges the beginning: "yes" once an offered name stands there. */
export function headOfMarkup(text: string, offer: Offer, style: MarkupStyle): Verdict {
  const head = readHead(text, 0, style);
  if (head === "cut") return "maybe";
  return head && offer.find(head.name) ? "yes" : "no";
}

type Step =
  | { readonly kind: "member"; readonly key: string; readonly value: string; readonly end: number }
  | { readonly kind: "skip"; readonly end: number }
  | { readonly kind: "end"; readonly at: number; readonly closed: boolean }
  | Extract<Reading, { kind: "prose" | "refused" }>;

function readMember(text: string, at: number, body: Body): Step {
  if (at >= text.length || cutTagAt(text, at)) return { kind: "end", at: text.length, closed: false };
  const token = END_TOKENS.find((mark) => text.startsWith(mark, at));
  if (token) return { kind: "end", at, closed: false };
  const tag = tagAt(text, at);
  if (!tag) return { kind: "prose" };
  if (LISTS.has(tag.name) && !body.declared.has(tag.name)) return { kind: "skip", end: tag.end };
  if (tag.close) return body.closers.has(tag.name) ? endOfCall(text, tag, body) : { kind: "prose" };
  if (tag.name === body.style.callTag || WRAPPERS.has(tag.name)) return { kind: "end", at, closed: false };
  if (PARAMETERS.has(tag.name)) {
    const key = nameOf(tag);
    if (key !== undefined) return /^[\p{L}\p{N}_.$:-]+$/u.test(key) ? readValue(text, tag, key, body) : { kind: "prose" };
    // `<parameter>KEY</parameter>` and the value behind it.
    const element = readNameElement(text, tag);
    return element === undefined || element === "cut"
      ? { kind: "prose" }
      : readValue(text, { ...tag, end: element.end }, element.name, body, true);
  }
  return body.declared.has(tag.name) ? readValue(text, tag, tag.name, body) : { kind: "prose" };
}

/** Takes the wrapper's closing tag along. */
function endOfCall(text: string, tag: Tag, body: Body): Step {
  if (WRAPPERS.has(tag.name)) return { kind: "end", at: tag.end, closed: true };
  const next = tagAt(text, skipSpace(text, tag.end));
  const wrapper = next?.close === true && (WRAPPERS.has(next.name) || body.closers.has(next.name));
  return { kind: "end", at: wrapper ? next.end : tag.end, closed: true };
}

function readValue(text: string, open: Tag, key: string, body: Body, keyed = false): Step {
  if (open.empty) {
    const value = open.attributes.get("value");
    return value === undefined ? { kind: "prose" } : member(body, open, key, value, open.end);
  }
  const parameter = PARAMETERS.has(open.name);
  const names = parameter ? new Set([...PARAMETERS, key]) : new Set([open.name]);
  let inside = 0;
  let nested = false;
  let lastClose: number | undefined;
  for (let at = text.indexOf("<", open.end); at >= 0; at = text.indexOf("<", at + 1)) {
    const tag = tagAt(text, at);
    if (!tag) continue;
    if (tag.name === body.style.callTag && !keyed) {
      if (!tag.close && nameOf(tag) !== undefined && tag.end < (lastClose ??= text.lastIndexOf(`</${tag.name}>`))) inside += 1;
      else if (tag.close && inside > 0) {
        inside -= 1;
        continue;
      }
    }
    if (inside > 0) continue;
    const lineStart = startsLine(text, at, open.end);
    if (!tag.close && PARAMETERS.has(tag.name) && parameter) {
      const next = keyed ? elementName(text, tag) : nameOf(tag);
      const sibling =
        next !== undefined && (body.declared.has(next) || body.declared.size === 0) && next !== key && !body.members.has(next);
      if (sibling && lineStart && (body.style.implied || keyed)) return member(body, open, key, text.slice(open.end, at), at);
      nested ||= sibling;
    }
    if (!tag.close) continue;
    if (names.has(tag.name) && !keyed && structural(text, tag.end, body)) {
      if (nested) return refused(`the value of ${JSON.stringify(key)} may hold another parameter`);
      return member(body, open, key, text.slice(open.end, at), tag.end);
    }
    const ends = body.closers.has(tag.name) && (lineStart || body.style.implied) && structural(text, tag.end, body);
    if (ends && (body.style.implied || keyed) && !hasLaterClose(text, tag.end, names, body))
      return member(body, open, key, text.slice(open.end, at), at);
  }
  return refused(`the value of ${JSON.stringify(key)} has no end`);
}

/** Whether only white space, and not much, stands before `at` on its line. */
function startsLine(text: string, at: number, from: number): boolean {
  let start = at;
  while (start > from && at - start < 32 && (text[start - 1] === " " || text[start - 1] === "\t")) start -= 1;
  return start > from && text[start - 1] === "\n";
}

/** A closing tag in a value is the value's own text when the value is properly closed further on. */
function hasLaterClose(text: string, from: number, names: ReadonlySet<string>, body: Body): boolean {
  for (const name of names) {
    const next = text.indexOf(`</${name}>`, from);
    if (next < 0) continue;
    const opened = text.indexOf(`<${name}`, from);
    if (opened < 0 || opened > next) return structural(text, next + name.length + 3, body);
  }
  return false;
}

function elementName(text: string, tag: Tag): string | undefined {
  const element = readNameElement(text, tag);
  return element === undefined || element === "cut" ? undefined : element.name;
}

/** Whether what follows a closing tag is again part of the call, or its end. */
function structural(text: string, from: number, body: Body): boolean {
  const at = skipSpace(text, from);
  if (at >= text.length || cutTagAt(text, at)) return true;
  if (END_TOKENS.some((mark) => text.startsWith(mark, at))) return true;
  const tag = tagAt(text, at);
  if (!tag) return false;
  if (body.closers.has(tag.name)) return true;
  return LISTS.has(tag.name) || (!tag.close && (PARAMETERS.has(tag.name) || body.declared.has(tag.name)));
}

function member(body: Body, open: Tag, key: string, raw: string, end: number): Step {
  return { kind: "member", key, value: valueText(body, open, key, raw), end };
}

function valueText(body: Body, open: Tag, key: string, raw: string): string {
  const text = trimLines(raw);
  // DSML says itself whether a value is a string.
  const said = open.attributes.get("string");
  if (said === "true") return JSON.stringify(text);
  if (said === "false") return literalText(text) ?? JSON.stringify(text);
  const wrapped = /^\s*<value>([^<]*)<\/value>\s*$/u.exec(text);
  return jsonValue(body.tool.parameters, key, wrapped && isNotString(body.tool.parameters, key) ? (wrapped[1] ?? "") : text);
}

/** Templates put a value on lines of its own: one line break on each side is theirs. */
function trimLines(text: string): string {
  const start = text.startsWith("\r\n") ? 2 : text.startsWith("\n") ? 1 : 0;
  const end = text.endsWith("\r\n") ? 2 : text.endsWith("\n") ? 1 : 0;
  return text.length >= start + end ? text.slice(start, text.length - end) : "";
}

function finish(body: Body, end: number, closed: boolean): Reading {
  if (body.members.size === 0 && !closed) return PROSE;
  const members = [...body.members].map(([key, value]) => `${JSON.stringify(key)}: ${value}`);
  return callReading(body.tool, `{${members.join(", ")}}`, end);
}
