import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import { type Hook, type Place, type Verdict } from "./rule.ts";
import { skipSpace } from "./scan.ts";
import { allows, kindOf } from "./schema.ts";

const WORDS: Readonly<Record<string, string>> = { true: "true", false: "false", none: "null", null: "null", undefined: "null" };

export const toolcallPythonLiterals = defineArgumentFix({
  name: "toolcall_python_literals",
  summary: "Python and JavaScript spellings become JSON: single quotes, True, False, None",
  defaultMode: "fix",
  holds: "one member",
  example: { before: "{'flag': True, 'value': None}", after: '{"flag": true, "value": null}' },
  source: "cline parse tests, langchain: str(dict) sent as arguments",
  options: z.strictObject({}),
  rule: () => ({ member: key, value, start, quote }),
});

const value: Hook = (place) => (place.text[0] === "'" ? quoted(place) : word(place));

function word({ text, shape, ended }: Place): Verdict {
  const [found = ""] = /^[A-Za-z]{0,10}/.exec(text) ?? [];
  const literal = WORDS[found.toLowerCase()];
  if (found.length === text.length && !ended) {
    return Object.keys(WORDS).some((each) => each.startsWith(found.toLowerCase())) ? "wait" : undefined;
  }
  if (literal === undefined || found === literal) return undefined;
  const next = text[skipSpace(text, found.length)];
  if (next === undefined && !ended) return "wait";
  if (next !== undefined && !",}]/#".includes(next)) return undefined;
  // A string is declared and the literal is not allowed: it is a bare word.
  if (!allows(shape, kindOf(JSON.parse(literal))) && allows(shape, "string")) return undefined;
  return { take: found.length, put: literal, rule: "literal" };
}

function quoted({ text, container, ended }: Place): Verdict {
  for (let at = 1; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "'") {
      const closes = isClosing(text, at, container?.kind === "array", ended !== undefined);
      if (closes === "wait") return "wait";
      if (closes) return { take: at + 1, put: `"${toJson(text.slice(1, at))}"`, rule: "single_quotes" };
    }
  }
  return "wait";
}

/** Whether the apostrophe at `at` ends its string: what follows must go on like JSON. */
function isClosing(text: string, at: number, inArray: boolean, over: boolean): boolean | "wait" {
  const next = skipSpace(text, at + 1);
  const c = text[next];
  if (c === undefined) return over ? true : "wait";
  if (c === "}" || c === "]") return true;
  if (c !== ",") return false;
  const after = text[skipSpace(text, next + 1)];
  if (after === undefined) return over ? true : "wait";
  return "'\"}]".includes(after) || (inArray && "{[-0123456789TFNtfn".includes(after));
}

/** The text between single quotes as it stands between double ones. */
function toJson(body: string): string {
  return body.replace(/\\[^]|"/g, (found) => (found === "\\'" ? "'" : found === '"' ? '\\"' : found));
}

const key: Hook = ({ text, container }) => {
  const comma = skipSpace(text);
  const at = text[comma] === "," ? skipSpace(text, comma + 1) : comma;
  if (text[at] !== "'" || container?.kind !== "object") return undefined;
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === "\\") end += 1;
    else if (text[end] === "'") {
      const next = text[skipSpace(text, end + 1)];
      if (next === undefined) return "wait";
      if (next === ":") return { take: end + 1, put: `${text.slice(0, at)}"${toJson(text.slice(at + 1, end))}"`, rule: "single_quotes" };
    }
  }
  return "wait";
};

/** `dict(...)` is not read; a whole object between single quotes is one text. */
const start: Hook = ({ text, ended }) => {
  const from = skipSpace(text);
  if (text[from] !== "'") return undefined;
  const open = text[skipSpace(text, from + 1)];
  if (open === undefined) return "wait";
  if (open !== "{") return undefined;
  if (!ended) return "wait";
  const end = text.trimEnd();
  return end.endsWith("}'") ? { take: text.length, put: end.slice(from + 1, -1), rule: "single_quotes" } : undefined;
};

/** `"""text"""`: two of the three are left out on either side. Four are a string that begins with a docstring. */
const quote: Hook = ({ text, string, closed }) => {
  if (string.before === "" && !string.triple) {
    if (text[1] !== '"') return undefined;
    if (text[2] === undefined && !closed) return "wait";
    if (text[2] === '"' || text[2] === undefined) return undefined;
    string.triple = true;
    return { take: 2, put: "", rule: "triple_quotes" };
  }
  if (!string.triple || text[1] !== '"') return undefined;
  if (text[2] === undefined && !closed) return "wait";
  if (text[2] !== '"') return undefined;
  const next = text[skipSpace(text, 3)];
  if (next === undefined && !closed) return "wait";
  return next === undefined || ",}]".includes(next) ? { take: 2, put: "", rule: "triple_quotes" } : undefined;
};
