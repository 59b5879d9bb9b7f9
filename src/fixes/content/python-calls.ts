import { readLiteral, skipSpace } from "./literal.ts";
import { block, callReading, type Offer } from "./offer.ts";
import { PROSE, refused, type Piece, type Reading, type Verdict } from "./rule.ts";

/** Calls as Python writes them: `[f(a='x', b=True), g()]`, keyword arguments only. */
const CALL = /((?:[A-Za-z_][\w-]{0,63}\.){0,3}[A-Za-z_][\w-]{0,127})\s{0,4}\(/uy;
const CALL_SO_FAR = /^[A-Za-z_][\w.-]{0,128}\s{0,4}$/u;
const KEYWORD = /([A-Za-z_]\w{0,127})\s{0,4}=(?!=)/uy;

export function headOfPython(text: string, from: number, offer: Offer): Verdict {
  let at = skipSpace(text, from);
  if (text[at] === "[") at = skipSpace(text, at + 1);
  if (at >= text.length) return "maybe";
  CALL.lastIndex = at;
  const name = CALL.exec(text)?.[1];
  if (name === "print") return headOfPython(text, CALL.lastIndex, offer);
  if (name !== undefined) return findTool(name, offer) ? "yes" : "no";
  return CALL_SO_FAR.test(text.slice(at)) ? "maybe" : "no";
}

export function readPython(text: string, from: number, offer: Offer): Reading {
  const start = skipSpace(text, from);
  const listed = text[start] === "[";
  let at = listed ? skipSpace(text, start + 1) : start;
  const pieces: Piece[] = [];
  for (;;) {
    const one = readCall(text, at, offer);
    if (one.kind !== "block") return one.kind === "prose" && pieces.length > 0 && !listed ? block(pieces, at) : one;
    pieces.push(...one.pieces);
    at = skipSpace(text, one.end);
    if (text[at] === "," || text[at] === ";") at = skipSpace(text, at + 1);
    if (listed && text[at] === "]") return block(pieces, at + 1);
    if (at >= text.length) return block(pieces, at);
    if (listed && text[at] === "<") return block(pieces, at);
    if (!listed && !/[A-Za-z_]/u.test(text.charAt(at))) return block(pieces, at);
  }
}

function readCall(text: string, at: number, offer: Offer): Reading {
  CALL.lastIndex = at;
  const name = CALL.exec(text)?.[1];
  if (name === undefined) return PROSE;
  if (name === "print") {
    const inner = readCall(text, skipSpace(text, CALL.lastIndex), offer);
    if (inner.kind !== "block") return inner;
    const close = skipSpace(text, inner.end);
    return text[close] === ")" ? { ...inner, end: close + 1 } : PROSE;
  }
  const tool = findTool(name, offer);
  if (!tool) return PROSE;
  const members = new Map<string, string>();
  let pos = skipSpace(text, CALL.lastIndex);
  while (text[pos] !== ")") {
    KEYWORD.lastIndex = pos;
    const key = KEYWORD.exec(text)?.[1];
    if (key === undefined) return pos >= text.length ? refused("the text ends inside the call") : PROSE;
    const value = readLiteral(text, KEYWORD.lastIndex);
    if (!value) return refused(`the value of ${JSON.stringify(key)} cannot be read`);
    if (!members.has(key)) members.set(key, value.json);
    pos = skipSpace(text, value.end);
    if (text[pos] === ",") pos = skipSpace(text, pos + 1);
    else if (text[pos] !== ")") return refused("the text ends inside the call");
  }
  const json = [...members].map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(", ");
  return callReading(tool, `{${json}}`, pos + 1);
}

/** `default_api.get_weather`, `get_weather.call` and `get_weather` are one tool. */
function findTool(name: string, offer: Offer): ReturnType<Offer["find"]> {
  return offer.find(name) ?? offer.find(name.replace(/\.call$/u, "")) ?? undefined;
}
