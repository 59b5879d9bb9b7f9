import { z } from "zod";
import { asArray, isObject } from "../../wire/json.ts";
import { defineRequestFix, snippet } from "../fix.ts";
import { applyEdits, cutOut, JsonSource, type Edit, type Path } from "./source.ts";

const LINE = "x-anthropic-billing-header:";

/**
 * Claude Code puts a line into the system text that changes with every request (`cch=…`), and with it
 * every prompt looks new to the prompt cache. Taking it out changes what the client said: off unless
 * asked for. Newer llama-server builds overwrite the stamp themselves.
 */
export const attributionLine = defineRequestFix({
  name: "strip_attribution_line",
  summary: "The attribution line that changes on every request, and so empties the prompt cache, is taken out of the system text",
  defaultMode: "off",
  holds: "nothing",
  example: { before: '"system":[{"type":"text","text":"x-anthropic-billing-header: …; cch=fa690;"},{…}]', after: '"system":[{…}]' },
  source: "ggml-org/llama.cpp#20623, musistudio/claude-code-router#1220, ollama/ollama#14918",
  options: z.strictObject({}),
  mend({ dialect, text, body, note }) {
    if (!dialect.tools || !isObject(body) || !text.includes(LINE)) return undefined;
    const source = new JsonSource(text);
    const edits = systemTexts(body).flatMap((path) => stripAt(source, path));
    for (const edit of edits) note({ action: "fixed", target: "request", before: snippet(text.slice(edit.from, edit.to)), after: "" });
    return edits.length === 0 ? undefined : applyEdits(text, edits);
  },
});

/** Where system text stands: Messages' `system`, Responses' `instructions`, and messages of that role. */
function systemTexts(body: Record<string, unknown>): Path[] {
  const paths: Path[] = [["system"], ["instructions"]];
  for (const list of ["messages", "input"]) {
    asArray(body[list]).forEach((message, i) => {
      if (isObject(message) && (message["role"] === "system" || message["role"] === "developer")) paths.push([list, i, "content"]);
    });
  }
  return paths;
}

/** Edits that take the line out of a string, or out of a list of text parts: a part that is nothing else goes whole. */
function stripAt(source: JsonSource, path: Path): Edit[] {
  const span = source.at(path);
  if (!span) return [];
  const own = lineIn(source.text, span.from, span.to);
  if (own) return [own];
  const parts = source.items(span);
  const lines = parts.map((part) => {
    const text = source.members(part).findLast(({ key }) => key === "text")?.value;
    return text ? lineIn(source.text, text.from, text.to) : undefined;
  });
  const isAll = (i: number): boolean => {
    const text = source.members(parts[i] ?? span).findLast(({ key }) => key === "text")?.value;
    return lines[i] !== undefined && text !== undefined && lines[i].to === text.to - 1;
  };
  return [...cutOut(parts, isAll), ...lines.filter((line, i) => line !== undefined && !isAll(i)).filter((line) => line !== undefined)];
}

/** The line at the start of a string literal, its line end included, as it is spelled there. */
function lineIn(text: string, from: number, to: number): Edit | undefined {
  if (text[from] !== '"' || !text.startsWith(LINE, from + 1)) return undefined;
  let end = text.indexOf("\\n", from);
  if (end < 0 || end >= to) return { from: from + 1, to: to - 1, text: "" };
  while (text.startsWith("\\n", end)) end += 2;
  return { from: from + 1, to: end, text: "" };
}
