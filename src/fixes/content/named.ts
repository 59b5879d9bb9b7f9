import { argumentsText } from "./envelope.ts";
import { skipSpace } from "./literal.ts";
import { callReading, type Offer } from "./offer.ts";
import { PROSE, refused, type Reading } from "./rule.ts";
import { skimObject } from "./skim.ts";

/** The arguments object of a call whose name stood before it, in a fence or not. */
export function readArguments(text: string, from: number, name: string, offer: Offer): Reading {
  const tool = offer.find(name);
  if (!tool) return PROSE;
  const fence = /\s{0,8}```[a-z]{0,12}\s{0,4}/uy;
  fence.lastIndex = from;
  const fenced = fence.test(text);
  const at = skipSpace(text, fenced ? fence.lastIndex : from);
  if (at >= text.length) return refused("the text ends before the arguments");
  const members = text.startsWith("{}", at) ? { end: at + 2, closed: true } : (skimObject(text, at, false) ?? skimObject(text, at, true));
  if (members === undefined) return isEmptyObject(text, at) ? callReading(tool, "{}", text.indexOf("}", at) + 1) : PROSE;
  if (members === "cut" || !members.closed) return refused("the text ends inside the arguments");
  const args = argumentsText(text.slice(at, members.end));
  if (args === undefined) return PROSE;
  const close = skipSpace(text, members.end);
  return callReading(tool, args, fenced && text.startsWith("```", close) ? close + 3 : members.end);
}

function isEmptyObject(text: string, at: number): boolean {
  return text[at] === "{" && text[skipSpace(text, at + 1)] === "}";
}
