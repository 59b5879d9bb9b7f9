import { z } from "zod";
import { defineContentFix } from "../fix.ts";
import { readLiteral, skipSpace } from "./literal.ts";
import { callReading, type Offer } from "./offer.ts";
import { PROSE, refused, type Reading, type Verdict } from "./rule.ts";
import { declaredKeys, isNotString, jsonValue } from "./schema.ts";

const HEADER = /(?:<\|tool_call>|<\|tool_call\|>|<tool_call>)?\s{0,4}call:\s{0,4}([\w.:-]{1,128})\s{0,4}(?=\{)/uy;
const HEADER_SO_FAR = /^(?:<\|tool_call\|?>|<tool_call>)?\s{0,4}(?:c|ca|cal|call|call:\s{0,4}[\w.:-]{0,128}\s{0,4})?$/u;
const END = "<tool_call|>";
const QUOTE = '<|"|>';
const MAX_DEPTH = 64;

/** `<|tool_call>call:NAME{key:<|"|>text<|"|>}<tool_call|>`. */
export const gemma = defineContentFix({
  name: "content_gemma",
  summary: "Gemma 4 calls left in the text (<|tool_call>call:NAME{…}) become tool calls",
  defaultMode: "fix",
  holds: "a markup block",
  example: {
    before: '<|tool_call>call:bash{command:<|"|>ls<|"|>}<tool_call|>',
    after: 'tool call bash {"command": "ls"}',
  },
  source: "ollama#15315",
  options: z.strictObject({}),
  rule: () => ({
    kind: "call",
    markers: ["<|tool_call>", "<|tool_call|>", "<tool_call>"],
    openings: ["call:"],
    needsTools: true,
    stable: false,
    head,
    read,
  }),
});

function head(text: string, offer: Offer): Verdict {
  HEADER.lastIndex = 0;
  const name = HEADER.exec(text)?.[1];
  if (name !== undefined) return offer.find(name) ? "yes" : "no";
  return HEADER_SO_FAR.test(text) ? "maybe" : "no";
}

function read(text: string, from: number, offer: Offer): Reading {
  HEADER.lastIndex = from;
  const name = HEADER.exec(text)?.[1];
  const tool = name === undefined ? undefined : offer.find(name);
  if (!tool) return PROSE;
  const value = readObject({ text, parameters: tool.parameters }, HEADER.lastIndex, 0, true);
  if (value === "cut") return refused("the text ends inside the call");
  return value ? callReading(tool, value.json, value.end) : PROSE;
}

interface Source {
  readonly text: string;
  readonly parameters: unknown;
}

type Value = { readonly json: string; readonly end: number } | undefined | "cut";

function readObject(source: Source, from: number, depth: number, top: boolean): Value {
  const { text } = source;
  const members = new Map<string, string>();
  let at = skipSpace(text, from + 1);
  while (text[at] !== "}") {
    if (members.size > 0 && text.startsWith(END, at)) return { json: objectOf(members), end: at };
    const key = readKey(text, at);
    if (key === undefined || key === "cut") return key;
    const colon = skipSpace(text, key.end);
    if (colon >= text.length) return "cut";
    if (text[colon] !== ":") return undefined;
    const value = readValue(source, skipSpace(text, colon + 1), depth, top ? key.json : undefined);
    if (value === undefined || value === "cut") return value;
    const name = JSON.stringify(key.json);
    if (!members.has(name)) members.set(name, value.json);
    at = skipSpace(text, value.end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
    else if (at >= text.length) return "cut";
    else if (text[at] !== "}" && !text.startsWith(END, at)) return undefined;
  }
  return { json: objectOf(members), end: at + 1 };
}

function objectOf(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([key, value]) => `${key}: ${value}`).join(", ")}}`;
}

/** `json` holds the key itself here. */
function readKey(text: string, at: number): Value {
  for (const quote of [QUOTE, '"', "'"]) {
    if (!text.startsWith(quote, at)) continue;
    const end = text.indexOf(quote, at + quote.length);
    return end < 0 ? "cut" : { json: text.slice(at + quote.length, end), end: end + quote.length };
  }
  const word = /[\w.$-]{1,128}/uy;
  word.lastIndex = at;
  const name = word.exec(text)?.[0];
  return name === undefined ? (at >= text.length ? "cut" : undefined) : { json: name, end: word.lastIndex };
}

function readValue(source: Source, at: number, depth: number, key: string | undefined): Value {
  const { text } = source;
  if (at >= text.length || depth > MAX_DEPTH) return depth > MAX_DEPTH ? undefined : "cut";
  if (text.startsWith(QUOTE, at)) return readQuoted(text, at + QUOTE.length);
  const first = text.charAt(at);
  if (first === "'") return readLiteral(text, at) ?? "cut";
  if (first === "{") return readObject(source, at, depth + 1, false);
  if (first === "[") return readList(source, at, depth);
  if (first === '"') {
    const string = /"(?:[^"\\]|\\[\s\S])*"/uy;
    string.lastIndex = at;
    const match = string.exec(text)?.[0];
    return match === undefined ? "cut" : { json: match, end: string.lastIndex };
  }
  const bare = /[^,{}[\]<]+/uy;
  bare.lastIndex = at;
  const raw = key !== undefined && !isNotString(source.parameters, key) ? rawEnd(source, at) : -1;
  if (raw >= 0) return { json: JSON.stringify(text.slice(at, raw).trim()), end: raw };
  const word = bare.exec(text)?.[0].trim();
  if (word === undefined) return undefined;
  if (bare.lastIndex >= text.length) return "cut";
  return { json: bareJson(source.parameters, key, word), end: bare.lastIndex };
}

/** Where a string without quotes ends: before another declared key, else before the brace that ends the call. */
function rawEnd(source: Source, at: number): number {
  const { text } = source;
  const close = text.indexOf(`}${END}`, at);
  if (close < 0) return -1;
  const keys = /,\s{0,4}([\w.$-]{1,128})\s{0,4}:/gu;
  keys.lastIndex = at;
  const declared = declaredKeys(source.parameters);
  for (let next = keys.exec(text); next && next.index < close; next = keys.exec(text)) {
    if (declared.has(next[1] ?? "")) return next.index;
  }
  return close;
}

function bareJson(parameters: unknown, key: string | undefined, word: string): string {
  if (key !== undefined) return jsonValue(parameters, key, word);
  return /^(?:true|false|null|-?(?:0|[1-9]\d{0,18})(?:\.\d{1,18})?)$/u.test(word) ? word : JSON.stringify(word);
}

/**
 * A string between `<|"|>` marks has no escapes. One that is never closed ends before the brace
 * that ends the call, if nothing but the call's end follows.
 */
function readQuoted(text: string, from: number): Value {
  const end = text.indexOf(QUOTE, from);
  if (end >= 0) return { json: JSON.stringify(text.slice(from, end)), end: end + QUOTE.length };
  const close = text.indexOf(`}${END}`, from);
  return close < 0 ? "cut" : { json: JSON.stringify(text.slice(from, close)), end: close };
}

function readList(source: Source, from: number, depth: number): Value {
  const { text } = source;
  const items: string[] = [];
  let at = skipSpace(text, from + 1);
  while (text[at] !== "]") {
    const item = readValue(source, at, depth + 1, undefined);
    if (item === undefined || item === "cut") return item;
    items.push(item.json);
    at = skipSpace(text, item.end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
    else if (at >= text.length) return "cut";
    else if (text[at] !== "]") return undefined;
  }
  return { json: `[${items.join(", ")}]`, end: at + 1 };
}
