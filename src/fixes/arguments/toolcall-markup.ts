import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook, Place } from "./rule.ts";
import { skipSpace } from "./scan.ts";
import { allows, ANY, declares } from "./schema.ts";

const OPENERS = ["<parameter", "<arg_key>", "<function", "<tool_call>", "<invoke"];

/** Qwen's and GLM's own markup where JSON belongs. Only declared parameters, and only all that is required. */
export const toolcallMarkup = defineArgumentFix({
  name: "toolcall_markup",
  summary: "Arguments written as <parameter=…> or <arg_key> markup become JSON",
  defaultMode: "fix",
  holds: "a markup block",
  example: { before: "<parameter=pattern>**</parameter>", after: '{"pattern":"**"}' },
  source: "LM Studio Qwen3 Coder 30B MLX, exo GLM",
  options: z.strictObject({}),
  rule: () => ({ start }),
});

const start: Hook = (place) => {
  const { text, tool, ended } = place;
  const from = skipSpace(text);
  const head = text.slice(from, from + 12);
  if (head[0] !== "<") return undefined;
  if (!OPENERS.some((opener) => opener.startsWith(head) || head.startsWith(opener))) return undefined;
  // JSON behind the tag: the tag is all that is wrong.
  const tag = /^<[^<>]{1,160}>\s*/.exec(text.slice(from))?.[0].length ?? 0;
  if (tag > 0 && text[from + tag] === "{") return undefined;
  if (!ended) return "wait";
  const members = parameters(text);
  if (!tool.known || members.length === 0 || !members.every(([key]) => declares(tool.shape, key)))
    return { refuse: "markup that cannot be read" };
  if (!tool.shape.required.every((key) => members.some(([name]) => name === key))) return { refuse: "a required key is missing" };
  const written = members.map(([key, value]) => [key, valueOf(place, key, value)] as const);
  if (written.some(([, value]) => value === undefined)) return { refuse: "a value that the schema does not allow" };
  return { take: text.length, put: `{${written.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(",")}}` };
};

function parameters(text: string): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (let at = 0; ;) {
    const qwen = text.indexOf("<parameter", at);
    const glm = text.indexOf("<arg_key>", at);
    if (qwen === -1 && glm === -1) return found;
    if (qwen !== -1 && (glm === -1 || qwen < glm)) {
      const open = text.indexOf(">", qwen);
      const close = text.indexOf("</parameter>", open);
      if (open === -1 || close === -1) return [];
      const key = text
        .slice(qwen + 10, open)
        .replace(/^\s*(?:=|name=)\s*/, "")
        .replace(/^["']|["']$/g, "");
      found.push([key.trim(), text.slice(open + 1, close)]);
      at = close;
    } else {
      const keyEnd = text.indexOf("</arg_key>", glm);
      const open = text.indexOf("<arg_value>", keyEnd);
      const close = text.indexOf("</arg_value>", open);
      if (keyEnd === -1 || open === -1 || close === -1) return [];
      found.push([text.slice(glm + 9, keyEnd).trim(), text.slice(open + 11, close)]);
      at = close;
    }
  }
}

/** One line break on either side is layout. */
function valueOf(place: Place, key: string, value: string): string | undefined {
  const shape = place.tool.shape.property(key);
  const text = value.replace(/^\r?\n/, "").replace(/\r?\n$/, "");
  if (allows(shape, "string")) return JSON.stringify(text);
  return place.mend(text.trim(), shape) ?? place.mend(JSON.stringify(text.trim()), shape === ANY ? ANY : shape);
}
