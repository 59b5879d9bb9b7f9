import { skipSpace } from "./literal.ts";

/** A tag of the markups that models write calls in, its namespace taken off. */
export interface Tag {
  readonly close: boolean;
  readonly name: string;
  /** `NAME` of `<function=NAME>`. */
  readonly value: string | undefined;
  readonly attributes: ReadonlyMap<string, string>;
  /** Written as `<name/>`. */
  readonly empty: boolean;
  readonly start: number;
  readonly end: number;
}

// Every repetition is bounded and excludes `<` and `>`: a tag is read in one go or not at all.
const TAG =
  /<(\/?)[ \t]{0,4}(?:[|｜‖]{1,2}DSML[|｜‖]{1,2}[ \t]{0,4}|[A-Za-z]{1,16}:)?([A-Za-z_][\w.-]{0,127})([ \t]{0,4}=[^<>]{1,256}|\s[^<>]{0,512}|\/)?>/uy;
const ATTRIBUTE = /([A-Za-z_][\w-]{0,63})\s{0,4}=\s{0,4}(?:"([^"]{0,256})"|'([^']{0,256})'|([^\s"']{1,256}))/gu;
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/** The tag that begins exactly at `at`. */
export function tagAt(text: string, at: number): Tag | undefined {
  if (text[at] !== "<") return undefined;
  TAG.lastIndex = at;
  const match = TAG.exec(text);
  if (!match) return undefined;
  const rest = match[3] ?? "";
  const equals = rest.trimStart().startsWith("=");
  return {
    close: match[1] === "/",
    name: match[2] ?? "",
    value: equals ? unquote(rest.trimStart().slice(1)) : undefined,
    attributes: equals || rest === "" ? NO_ATTRIBUTES : attributesOf(rest),
    empty: rest.trimEnd().endsWith("/") && !equals,
    start: at,
    end: TAG.lastIndex,
  };
}

function attributesOf(rest: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const match of rest.matchAll(ATTRIBUTE)) attributes.set(match[1] ?? "", match[2] ?? match[3] ?? match[4] ?? "");
  return attributes;
}

/** `"NAME"` and `NAME` are the same name; so is `name="NAME"` behind the equals sign. */
function unquote(value: string): string {
  const trimmed = value.trim();
  const named = /^name\s{0,4}=\s{0,4}["']?([^"']{1,128})["']?$/u.exec(trimmed);
  return (named?.[1] ?? trimmed).replaceAll(/^["']|["']$/gu, "");
}

/** The name a `<function …>` or `<parameter …>` tag gives. */
export function nameOf(tag: Tag): string | undefined {
  return tag.value ?? tag.attributes.get("name");
}

/** Whether the text ends in the middle of a tag at `at`. */
export function cutTagAt(text: string, at: number): boolean {
  return text[at] === "<" && text.length - at <= 32 && !text.includes(">", at) && /^<\/?[\w:｜|‖]*$/u.test(text.slice(at));
}

/** Tokens of chat templates that end a turn. They mean nothing where a message is over. */
export const END_TOKENS: readonly string[] = [
  "<|im_end|>",
  "<|endoftext|>",
  "<|end_of_text|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|eos|>",
  "<|end_of_turn|>",
  "<|END_OF_TURN_TOKEN|>",
  "<|end_of_sentence|>",
  "<｜end▁of▁sentence｜>",
  "<end_of_turn>",
  "<turn|>",
  "<|im_start|>",
  "<|user|>",
  "<|observation|>",
  "<|eot|>",
  "<|eom|>",
  "<eos>",
  "</s>",
];

/** Closing tags that may stand between and behind calls without being said to anybody. */
const CLOSING_TAGS: ReadonlySet<string> = new Set([
  "tool_call",
  "tool_calls",
  "tools",
  "function_call",
  "function_calls",
  "function",
  "invoke",
  "arg_value",
]);

const CLOSERS: readonly string[] = [
  "[END_TOOL_REQUEST]",
  "[/TOOL_CALLS]",
  "<tool_call|>",
  "<|/tool_call|>",
  "<|tool_call_end|>",
  "<|tool_calls_section_end|>",
  "<|tool_response>",
  "<|python_end|>",
  "<｜tool▁call▁end｜>",
  "<｜tool▁calls▁end｜>",
  ...END_TOKENS,
];

/** What the end of the text may have cut off. */
const CUT_CLOSERS: readonly string[] = [
  ...CLOSERS,
  ...[...CLOSING_TAGS].map((name) => `</${name}>`),
  "</minimax:tool_call>",
  "</｜DSML｜tool_calls>",
];

/**
 * Skips white space, closing tags without a partner, end tokens and separators; a closing tag that
 * the end of the text cut off counts too.
 */
export function skipClosers(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = skipSpace(text, at);
    if (at >= text.length) return at;
    const tag = tagAt(text, at);
    const closer = CLOSERS.find((mark) => text.startsWith(mark, at));
    if (tag?.close === true && CLOSING_TAGS.has(tag.name)) at = tag.end;
    // An opening tag in place of the closing one, with nothing to open.
    else if (tag && CLOSING_TAGS.has(tag.name) && tag.value === undefined && skipSpace(text, tag.end) >= text.length) at = text.length;
    else if (closer !== undefined) at += closer.length;
    else if (text[at] === ";" || text[at] === ",") at += 1;
    else {
      const rest = text.slice(at, at + 40);
      const cut = rest.length >= 2 && at + rest.length === text.length && CUT_CLOSERS.some((mark) => mark.startsWith(rest));
      return cut ? text.length : at;
    }
  }
}
