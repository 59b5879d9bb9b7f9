import type { TextContext } from "./context.ts";
import { skipSpace } from "./literal.ts";
import type { Verdict } from "./rule.ts";

/** "maybe" while the text is nothing but end tokens and white space, the last one perhaps cut; else "no". */
export function judgeTail(text: string, tokens: readonly string[], context: TextContext): Verdict {
  if (mentions(text, context)) return "no";
  let at = 0;
  while (at < text.length) {
    const token = tokens.find((mark) => text.startsWith(mark, at));
    if (token === undefined) return tokens.some((mark) => mark.startsWith(text.slice(at))) ? "maybe" : "no";
    at = skipSpace(text, at + token.length);
  }
  return "maybe";
}

/** A token that a sentence speaks of: in code, in quotes, or a word among words. `</s>` may close a tag of the text. */
function mentions(text: string, context: TextContext): boolean {
  const { line } = context;
  if (context.inCode || /["'“‘«(]$|[\p{L}\p{N},:] $/u.test(line)) return true;
  return text.startsWith("</s>") && line.includes("<s>");
}
