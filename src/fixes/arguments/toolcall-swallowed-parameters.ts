import { z } from "zod";
import { defineArgumentFix } from "../fix.ts";
import type { Hook, Place } from "./rule.ts";
import { decodeString, endOfString, membersAhead, skipLoose } from "./scan.ts";
import { allows, declares } from "./schema.ts";

/**
 * A value that ends in its own closing tag and the parameters that should have followed. Such
 * arguments are valid JSON and may satisfy the schema, and a text about this very markup looks the
 * same: so this is off until a person turns it on.
 */
export const toolcallSwallowedParameters = defineArgumentFix({
  name: "toolcall_swallowed_parameters",
  summary: "Parameters swallowed as markup at the end of another's value are taken out; edits valid arguments, so off by default",
  defaultMode: "off",
  holds: "one member",
  example: {
    before: '{"content":"x</content>\\n<parameter name=\\"mode\\">w"}',
    after: '{"content":"x","mode":"w"}',
  },
  source: "anthropics/claude-code#84362 (27 in 21,682 calls), agent-sdk",
  options: z.strictObject({}),
  rule: () => ({ mark }),
});

const mark: Hook = (place) => {
  const { text, container, ended } = place;
  if (container?.kind !== "object") return undefined;
  const closer = [`</${container.key}>`, "</parameter>", "</invoke>"].find((each) => text.startsWith(each) || each.startsWith(text));
  if (closer === undefined) return undefined;
  if (text.length < closer.length) return ended ? undefined : "wait";
  const opener = skipLoose(text, closer.length);
  const head = text.slice(opener, opener + 10);
  if (!"<parameter".startsWith(head)) return undefined;
  const end = endOfString(text, -1);
  if (head.length < 10 || end === -1) return ended ? undefined : "wait";
  const swallowed = decodeString(`"${text.slice(opener, end)}`);
  const ahead = membersAhead(text, end);
  if (ahead.end === -1 && !ended) return "wait";
  const members = swallowed === undefined ? [] : parametersIn(swallowed);
  const fresh = (key: string): boolean =>
    declares(container.shape, key) && key !== container.key && !container.seen.has(key) && !ahead.keys.includes(key);
  if (members.length === 0 || !members.every(([key]) => fresh(key))) return undefined;
  const written = members.map(([key, value]) => `${JSON.stringify(key)}:${valueOf(place, key, value)}`);
  return { take: end, put: `",${written.join(",")}` };
};

/** `<parameter name="k">v`, each up to its closer, the next one, or the end. */
function parametersIn(text: string): readonly (readonly [string, string])[] {
  return text
    .split("<parameter")
    .slice(1)
    .flatMap((part) => {
      const open = part.indexOf(">");
      const key = part
        .slice(0, open)
        .replace(/^\s*(?:=|name=)\s*/, "")
        .replace(/^["']|["']$/g, "")
        .trim();
      const [value = ""] = part.slice(open + 1).split(/<\/(?:parameter|invoke|function)>/);
      return open === -1 ? [] : [[key, value.replace(/^\r?\n/, "").replace(/\r?\n$/, "")] as const];
    });
}

function valueOf(place: Place, key: string, value: string): string {
  const shape = place.container?.shape.property(key);
  if (!shape || allows(shape, "string")) return JSON.stringify(value);
  return place.mend(value.trim(), shape) ?? place.mend(JSON.stringify(value.trim()), shape) ?? JSON.stringify(value);
}
