import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook, Place, Verdict } from "./rule.ts";
import { decodeString, endOfContainer, type Member, membersAhead, membersOf, skipSpace } from "./scan.ts";
import { ANY, declares, fits, type Shape } from "./schema.ts";

const ENVELOPES: ReadonlySet<string> = new Set([
  "arguments",
  "args",
  "input",
  "parameters",
  "params",
  "properties",
  "kwargs",
  "tool_input",
  "toolinput",
  "function_args",
  "arguments_json",
  "payload",
  "function",
  "tool_call",
  "value",
  "data",
  "json",
  "object",
  "request",
]);
/** What stands beside an envelope and says nothing. */
const NOISE: ReadonlySet<string> = new Set([
  "type",
  "required",
  "$schema",
  "title",
  "description",
  "additionalProperties",
  "name",
  "id",
  "tool",
  "tool_name",
  "function",
  "function_name",
  "call_id",
]);

/**
 * The arguments lie inside an envelope: the call's own (`arguments`, `input`), the schema's
 * (`properties`), the tool's name, or a list of one. Only where the tool declares no such key and
 * what is required is missing outside.
 */
export const toolcallWrappedArguments = defineArgumentFix({
  name: "toolcall_wrapped_arguments",
  summary: "Arguments inside an envelope (arguments, input, properties, a list of one) are taken out of it",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '{"arguments":{"path":"README.md"}}', after: '{"path":"README.md"}' },
  source: "openclaw (127 occurrences), DashScope anthropic gateway, Camelid, kilo",
  options: z.strictObject({}),
  rule: () => ({ key: unwrap, start: unlist }),
});

const unwrap: Hook = (place) => {
  const { text, stack, key, tool, ended, container } = place;
  if (place.nested || stack.length !== 1 || !container || tool.shape.keys.length === 0 || declares(tool.shape, key)) return undefined;
  if (!ENVELOPES.has(key.toLowerCase()) && !NOISE.has(key) && key !== tool.name && tool.shape.required.length === 0) return undefined;
  const missing = tool.shape.required.filter((each) => !container.seen.has(each));
  if (missing.length === 0 && tool.shape.required.length > 0) return undefined;
  const { end } = membersAhead(text);
  if (end === -1) return ended ? undefined : "wait";
  const comma = skipSpace(text);
  const from = text[comma] === "," ? comma + 1 : comma;
  const clean = place.mend(`{${text.slice(from, end)}}`, ANY);
  if (clean === undefined) return undefined;
  const members = membersOf(clean);
  const opened = members.map((member) => (declares(tool.shape, member.key) ? undefined : contentOf(place, member)));
  if (opened.every((inner) => inner === undefined)) return undefined;
  const outside = members.filter((member) => declares(tool.shape, member.key)).map((member) => member.key);
  if (tool.shape.required.length === 0 ? outside.length + container.count > 0 : missing.every((each) => outside.includes(each)))
    return undefined;
  const kept = members.flatMap(
    (member, i) => opened[i] ?? (NOISE.has(member.key) && !declares(tool.shape, member.key) ? [] : [member.text]),
  );
  const put = kept.filter((each) => each.trim() !== "").join(", ");
  // Nothing of its own left: the comma before it goes too.
  const comma1 = put === "" ? "" : text.slice(0, from);
  return { take: end, put: comma1 + put, rule: "envelope" };
};

/** The members inside an envelope, as text; undefined when the member is none. */
function contentOf(place: Place, member: Member): string | undefined {
  const text = member.value.startsWith('"') ? place.mend((decodeString(member.value) ?? "").trim(), ANY) : member.value;
  if (text === undefined || !text.startsWith("{")) return undefined;
  const inner = membersOf(text);
  const { shape, name } = place.tool;
  const named = ENVELOPES.has(member.key.toLowerCase());
  const content = text.slice(1, text.lastIndexOf("}"));
  if (named && inner.length === 0) return shape.required.length === 0 ? "" : undefined;
  if (named && inner.some((each) => belongs(shape, each.key) || ENVELOPES.has(each.key.toLowerCase()))) return content;
  // Any other name: only what fits as it is.
  const whole = member.key === name || !NOISE.has(member.key) ? place.mend(text, shape) : undefined;
  return whole !== undefined && inner.length > 0 && inner.every((each) => declares(shape, each.key)) && fits(JSON.parse(whole), shape)
    ? content
    : undefined;
}

function belongs(shape: Shape, key: string): boolean {
  return shape.keys.some((each) => bare(each) === bare(key));
}

function bare(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** `[{…}]` around the one object. */
const unlist: Hook = ({ text, tool, ended }): Verdict => {
  const from = skipSpace(text);
  if (text[from] !== "[" || !tool.known) return undefined;
  const open = skipSpace(text, from + 1);
  if (text[open] === undefined) return ended ? undefined : "wait";
  if (text[open] !== "{") return undefined;
  const end = endOfContainer(text, open);
  if (end === -1) return ended ? undefined : "wait";
  const close = skipSpace(text, end);
  if (text[close] === undefined) return ended ? undefined : "wait";
  return text[close] === "]" ? { take: close + 1, put: text.slice(open, end), rule: "list_of_one" } : undefined;
};
