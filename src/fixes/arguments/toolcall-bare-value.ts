import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook } from "./rule.ts";
import { endOfString, skipSpace } from "./scan.ts";
import { allows, declares } from "./schema.ts";

/** The value ends before the next declared key, or where the arguments end. */
export const toolcallBareValue = defineArgumentFix({
  name: "toolcall_bare_value",
  summary: "A value that stands without quotes where a string is declared gets them",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '{"command": git status | head}', after: '{"command": "git status | head"}' },
  source: "cline execute_command captures",
  options: z.strictObject({}),
  rule: () => ({ value }),
});

const value: Hook = ({ text, container, shape, stack, ended }) => {
  if (container?.kind !== "object" || !declares(container.shape, container.key)) return undefined;
  if (!allows(shape, "string") || '"{['.includes(text[0] ?? '"')) return undefined;
  // A JSON literal of the wrong type is no bare text.
  const literal = /^(?:true|false|null|-?[0-9][-+.0-9eE]*)(?!\S)|^(?:true|false|null|-?[0-9][-+.0-9eE]*)(?=[,}\]])/.exec(text)?.[0];
  if (literal !== undefined) {
    const next = text[skipSpace(text, literal.length)];
    if (next === undefined && !ended) return "wait";
    if (next === undefined || ",}]".includes(next)) return undefined;
  }
  const comma = nextMember(
    text,
    container.shape.keys.filter((key) => !container.seen.has(key)),
  );
  if (comma === "wait" && !ended) return "wait";
  if (typeof comma === "number") return { take: comma, put: quoted(text.slice(0, comma)) };
  if (!ended) return "wait";
  let end = text.trimEnd().length;
  for (let open = stack.length; open > 0; open--) {
    if (text[end - 1] !== (stack[stack.length - open]?.kind === "object" ? "}" : "]"))
      return { refuse: "where the value ends cannot be known" };
    end -= 1;
    if (open > 1) end = text.slice(0, end).trimEnd().length;
  }
  const body = text.slice(0, end);
  return body.trim() === "" ? undefined : { take: end, put: quoted(body) };
};

/** The comma before the next of `keys`; -1: there is none, "wait": there may be. */
function nextMember(text: string, keys: readonly string[]): number | "wait" | undefined {
  for (let at = text.indexOf(","); at !== -1; at = text.indexOf(",", at + 1)) {
    const from = skipSpace(text, at + 1);
    if (from === text.length) return "wait";
    if (text[from] !== '"') continue;
    const end = endOfString(text, from);
    if (end === -1) {
      if (keys.some((key) => `${key}"`.startsWith(text.slice(from + 1)))) return "wait";
      continue;
    }
    const colon = text[skipSpace(text, end)];
    if (colon === undefined) return "wait";
    if (colon === ":" && keys.includes(text.slice(from + 1, end - 1))) return at;
  }
  return undefined;
}

/** A lone quote at the end is what is left of a pair. */
function quoted(body: string): string {
  const text = body.trim();
  const quotes = text.split('"').length - 1;
  return JSON.stringify(quotes % 2 === 1 && text.endsWith('"') ? text.slice(0, -1) : text);
}
