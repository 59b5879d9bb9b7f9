import type { RequestView, Tool } from "../../core/delta.ts";
import { isObject, parseOrUndefined } from "../../wire/json.ts";
import type { Call, Piece, Reading } from "./rule.ts";
import { PROSE, refused } from "./rule.ts";
import { declaredKeys, requiredKeys } from "./schema.ts";

/** The tools a request offers, as rules ask for them. Empty when the request forbids calls. */
export interface Offer {
  readonly tools: readonly Tool[];
  /**
   * The offered tool a model means by `name`: as it stands, or uniquely after taking off what
   * templates put around names (`functions.`, `:0`) and ignoring case and separators.
   */
  find(name: string): Tool | undefined;
}

export function createOffer(request: RequestView): Offer {
  const tools = request.toolsForbidden ? [] : request.tools;
  const exact = new Map(tools.map((tool) => [tool.name, tool]));
  const loose = new Map<string, Tool | undefined>();
  for (const tool of tools) {
    const key = looseName(tool.name);
    loose.set(key, loose.has(key) ? undefined : tool);
  }
  const asked = new Map<string, Tool | undefined>();

  function find(name: string): Tool | undefined {
    const trimmed = name.trim();
    if (trimmed === "" || trimmed.length > MAX_NAME) return undefined;
    const bare = trimmed.replace(PREFIX, "").replace(/:\d{1,6}$/u, "");
    return exact.get(trimmed) ?? exact.get(bare) ?? loose.get(looseName(bare));
  }

  return {
    tools,
    find(name) {
      // A reply asks for the same few names over and over.
      if (asked.has(name)) return asked.get(name);
      const tool = find(name);
      if (asked.size < MAX_ASKED) asked.set(name, tool);
      return tool;
    },
  };
}

/** Longer than any tool name an API takes. */
export const MAX_NAME = 128;

const MAX_ASKED = 256;
const PREFIX = /^(?:functions|default_api|tools?)[.:]/u;

function looseName(name: string): string {
  return name.toLowerCase().replaceAll(/[_\s.-]/gu, "");
}

/**
 * One call as a reading, or why it must not be made. `args` is JSON text where it parses; text that
 * does not is left to the argument rules.
 */
export function callReading(tool: Tool, args: string, end: number): Reading {
  const checked = checkCall(tool, args);
  return typeof checked === "string" ? refused(checked) : checked === undefined ? PROSE : block([{ kind: "call", call: checked }], end);
}

export function block(pieces: readonly Piece[], end: number): Reading {
  return { kind: "block", pieces, end };
}

/** The call, a reason for refusing it, or undefined when this is the definition of a tool and no call. */
export function checkCall(tool: Tool, args: string): Call | string | undefined {
  const value = parseOrUndefined(args);
  if (value === undefined) return { name: tool.name, arguments: args };
  if (!isObject(value)) return "arguments are not an object";
  const declared = declaredKeys(tool.parameters);
  if (value["type"] === "object" && isObject(value["properties"]) && !declared.has("properties")) return undefined;
  const given = Object.keys(value);
  const missing = requiredKeys(tool.parameters).filter((key) => !Object.hasOwn(value, key));
  // A key the tool does not know may be a required one by another name: the argument rules look into that.
  const unknown = given.filter((key) => !declared.has(key));
  if (missing.length > unknown.length) return `required ${missing.map((key) => JSON.stringify(key)).join(", ")} missing`;
  return { name: tool.name, arguments: args };
}
