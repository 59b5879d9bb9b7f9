import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Container, Hook } from "./rule.ts";
import { membersAhead, skipSpace } from "./scan.ts";
import { declares } from "./schema.ts";

/** Names that models exchange for one another. Compared without case and separators. */
const ALIASES: readonly (readonly string[])[] = [
  ["path", "file", "filename", "filepath", "absolutepath", "targetfile", "targetpath"],
  ["path", "dir", "directory", "folder", "dirpath", "directorypath"],
  ["cmd", "command", "commandline", "shellcommand", "bashcommand"],
  ["content", "contents", "text", "body", "filecontent", "filetext", "data"],
  ["oldstring", "oldstr", "oldtext", "oldcontent", "search"],
  ["newstring", "newstr", "newtext", "newcontent", "replace", "replacement"],
  ["query", "q", "search", "searchquery", "searchterm", "keyword", "keywords"],
  ["pattern", "regex", "regexp", "glob"],
  ["url", "uri", "link", "href"],
  ["code", "script", "source"],
  ["workdir", "cwd", "workingdirectory", "workingdir"],
];

/**
 * An undeclared key takes the name of the one declared key it must mean. Where the schema lets other
 * keys stand, that is only so when the declared one is required and does not come at all.
 */
export const toolcallMisnamedKey = defineArgumentFix({
  name: "toolcall_misnamed_key",
  summary: "A key spelled otherwise than declared (filePath, file_path, path) is renamed where just one can be meant",
  defaultMode: "fix",
  holds: "one member",
  example: { before: '{"filePath":"a.md","content":"x"}', after: '{"file_path":"a.md","content":"x"}' },
  source: "pi: GLM read with filePath, LM Studio + qwen-code: oldString, Cogtrix aliases",
  options: z.strictObject({}),
  rule: () => ({ key: rename }),
});

const rename: Hook = ({ text, container, key, ended }) => {
  if (!container || container.shape.keys.length === 0 || declares(container.shape, key)) return undefined;
  const meant = candidateFor(container, key);
  if (meant === undefined) return undefined;
  const quote = text.indexOf('"');
  const colon = text.indexOf(":", quote + JSON.stringify(key).length - 1);
  if (!container.shape.closed) {
    const ahead = membersAhead(text, colon);
    // An optional key only with company: without it, the arguments may be just what the schema allows.
    const same = bare(meant) === bare(key);
    const company = container.renamed === true || (same && ahead.keys.some((other) => isMisspelt(container, other)));
    if (!container.shape.required.includes(meant) && !(same && company)) {
      return same && !company && ahead.end === -1 && !ended && owes(container) ? "wait" : undefined;
    }
    if (ahead.keys.includes(meant)) return undefined;
    if (ahead.end === -1 && !ended) return "wait";
  }
  container.renamed = true;
  const comma = skipSpace(text);
  const from = text[comma] === "," ? skipSpace(text, comma + 1) : comma;
  return { take: colon, put: `${text.slice(0, from)}${JSON.stringify(meant)}`, after: JSON.stringify(meant) };
};

/** Whether `key` is a required one that has not come, in another spelling. */
function isMisspelt(container: Container, key: string): boolean {
  return container.shape.required.some((each) => each !== key && bare(each) === bare(key) && !container.seen.has(each));
}

/** Whether something required has not come yet. */
function owes(container: Container): boolean {
  return container.shape.required.some((each) => !container.seen.has(each));
}

function candidateFor(container: Container, key: string): string | undefined {
  if (!/^[\w .$-]+$/.test(key)) return undefined;
  const name = bare(key);
  const free = container.shape.keys.filter((each) => !container.seen.has(each));
  const same = free.filter((each) => bare(each) === name);
  if (same.length > 0) return same.length === 1 ? same[0] : undefined;
  const groups = ALIASES.filter((group) => group.includes(name));
  const alias = free.filter((each) => groups.some((group) => group.includes(bare(each))));
  if (alias.length > 0) return onlyOne(alias, container);
  const near = free.filter((each) => contains(bare(each), name) || contains(name, bare(each)));
  return onlyOne(near, container);
}

/** Of several, the one that is required. */
function onlyOne(keys: readonly string[], container: Container): string | undefined {
  const required = keys.filter((key) => container.shape.required.includes(key));
  const from = keys.length > 1 ? required : keys;
  return from.length === 1 ? from[0] : undefined;
}

function contains(long: string, short: string): boolean {
  return short.length >= 3 && long.includes(short);
}

function bare(key: string): string {
  return key.toLowerCase().replace(/[^a-z0-9]/g, "");
}
