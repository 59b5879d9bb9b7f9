import { skipSpace } from "./literal.ts";
import { MAX_NAME } from "./offer.ts";
import { nameOf, tagAt, type Tag } from "./tags.ts";

/** How a family of tags names calls. */
export interface MarkupStyle {
  /** The tag that names the tool: `function` or `invoke`. */
  readonly callTag: string;
  /** Whether `<parameter=…>` or `</function>` may stand for a missing `</parameter>`. */
  readonly implied: boolean;
}

export const WRAPPERS: ReadonlySet<string> = new Set(["tool_call", "tool_calls", "function_call", "function_calls"]);
export const PARAMETERS: ReadonlySet<string> = new Set(["parameter", "param"]);
/** Elements that hold the name of the tool. */
const NAMES: ReadonlySet<string> = new Set(["name", "tool_name", "function_name"]);

/** A call's head: the tool and where its parameters begin. */
export interface Head {
  readonly name: string;
  readonly end: number;
}

/** Reads up to the name; "cut" where the text ends before it is whole. */
export function readHead(text: string, from: number, style: MarkupStyle): Head | undefined | "cut" {
  let at = from;
  let wrapped = false;
  for (let depth = 0; depth < 3; depth++) {
    const tag = tagAt(text, at);
    if (!tag || tag.close || !WRAPPERS.has(tag.name)) break;
    wrapped = true;
    at = skipSpace(text, tag.end);
    const name = nameOf(tag);
    if (name !== undefined) return { name, end: at };
  }
  if (at >= text.length) return "cut";
  const tag = tagAt(text, at);
  if (tag && !tag.close && tag.name === style.callTag) {
    const name = nameOf(tag);
    if (name !== undefined) return { name, end: tag.end };
    return tag.value === undefined && tag.attributes.size === 0 ? readNameElement(text, tag) : undefined;
  }
  if (tag && !tag.close && wrapped && NAMES.has(tag.name)) return readNameElement(text, tag);
  if (tag && !tag.close && wrapped && !PARAMETERS.has(tag.name)) return { name: tag.name, end: tag.end };
  const unclosed = /<function=([\w.:-]{1,128})[ \t]{0,4}\n/uy;
  unclosed.lastIndex = at;
  const name = unclosed.exec(text)?.[1];
  if (name !== undefined && style.callTag === "function") return { name, end: unclosed.lastIndex };
  if (text[at] === "<") return text.indexOf(">", at) < 0 && text.length - at <= MAX_NAME + 16 ? "cut" : undefined;
  return wrapped ? readNakedHead(text, at, style) : undefined;
}

/** `<function>NAME</function>`. */
export function readNameElement(text: string, tag: Tag): Head | undefined | "cut" {
  const close = text.indexOf("<", tag.end);
  if (close < 0) return text.length - tag.end <= MAX_NAME ? "cut" : undefined;
  const name = text.slice(tag.end, close).trim();
  const end = tagAt(text, close);
  if (!end) return text.length - close <= 16 ? "cut" : undefined;
  return end.close && end.name === tag.name && /^[\w.:-]{1,128}$/u.test(name) ? { name, end: end.end } : undefined;
}

/** Behind `<tool_call>`: `function=NAME>`, or `NAME` and then a tag. */
function readNakedHead(text: string, at: number, style: MarkupStyle): Head | undefined | "cut" {
  const keyed = `${style.callTag}=`;
  if (keyed.startsWith(text.slice(at))) return "cut";
  const from = text.startsWith(keyed, at) ? at + keyed.length : at;
  const word = /["']?([\w.:-]{1,128})["']?[ \t]{0,4}/uy;
  word.lastIndex = from;
  const name = word.exec(text)?.[1];
  if (name === undefined) return from >= text.length ? "cut" : undefined;
  const end = word.lastIndex;
  if (end >= text.length) return "cut";
  if (from > at) return text[end] === ">" ? { name, end: end + 1 } : text[end] === "\n" ? { name, end } : undefined;
  const next = skipSpace(text, end);
  if (next >= text.length) return "cut";
  return text[next] === "<" ? { name, end } : undefined;
}
