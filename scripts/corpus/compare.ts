/** Whether a reply is what its case wants. */
import { isDeepStrictEqual } from "node:util";
import { isObject } from "../../src/wire/json.ts";
import type { Assembled, AssembledCall } from "./assemble.ts";
import type { Case, Expected, ExpectedCall } from "./case.ts";

/** Undefined when it is; else why not. `refused`: the product said that it declined to mend. */
export function compare(of: Case, got: Assembled, refused: boolean): string | undefined {
  const { expected } = of;
  if (expected.refuse) return compareRefusal(of, got, refused);
  if (expected.error) return isDeepStrictEqual(got.error, expected.error) ? undefined : "the error differs";
  let why: string | undefined;
  for (const wanted of [expected, ...(of.accept_alt ?? []).map((other) => ({ ...expected, ...other }))]) {
    why = compareSaid(of, got, wanted);
    if (why === undefined) break;
  }
  return why ?? compareShape(of, got);
}

function compareRefusal(of: Case, got: Assembled, refused: boolean): string | undefined {
  const { expected } = of;
  if (expected.error_surfaced) return got.error ? undefined : "no error surfaced";
  if (of.kind === "arguments") return got.calls[0]?.arguments === of.input ? undefined : "repaired what must be refused";
  if (!refused && got.calls.length > 0) return "a call made from something not recoverable";
  return expected.content === undefined || expected.content === null || got.content === expected.content ? undefined : "content changed";
}

const tidy = (text: string | null | undefined): string => (text ?? "").replace(/\n{3,}/g, "\n\n").trim();

function compareSaid(of: Case, got: Assembled, wanted: Expected): string | undefined {
  if (wanted.arguments_text !== undefined && of.must_not_touch)
    return got.calls[0]?.arguments === wanted.arguments_text ? undefined : "arguments changed";
  if (wanted.tool_calls) {
    const why = compareCalls(got.calls, wanted.tool_calls);
    if (why !== undefined) return why;
  }
  if (typeof wanted.content === "string" && !of.content_any) {
    const same = of.must_not_touch ? got.content === wanted.content : tidy(got.content) === tidy(wanted.content);
    if (!same) return `content is ${JSON.stringify(got.content).slice(0, 80)}`;
  }
  if (wanted.reasoning_content !== undefined && tidy(got.reasoning) !== tidy(wanted.reasoning_content)) return "reasoning differs";
  if (wanted.finish_reason && got.finish !== wanted.finish_reason) return `finish is ${got.finish}`;
  return undefined;
}

function compareCalls(got: readonly AssembledCall[], wanted: readonly ExpectedCall[]): string | undefined {
  if (got.length !== wanted.length) return `${got.length} calls, wanted ${wanted.length}`;
  for (const [i, call] of wanted.entries()) {
    const made = got[i];
    let args: unknown = made?.arguments;
    try {
      if (typeof args === "string") args = JSON.parse(args);
    } catch {
      return "arguments do not parse";
    }
    if (made?.name !== call.name) return `name is ${made?.name}`;
    if (!isDeepStrictEqual(args, call.arguments)) return `arguments are ${JSON.stringify(args).slice(0, 120)}`;
  }
  return undefined;
}

/** What strict clients trip over. */
function compareShape(of: Case, got: Assembled): string | undefined {
  const { expected } = of;
  const ids = got.calls.map((call) => call.id);
  const checks: readonly (readonly [unknown, boolean, string])[] = [
    [expected["ids_nonempty"], ids.some((id) => !id), "empty id"],
    [expected["ids_unique"], new Set(ids).size !== ids.length, "ids not unique"],
    [
      expected["keep_ids"],
      Array.isArray(expected["keep_ids"]) && !expected["keep_ids"].every((id) => ids.includes(String(id))),
      "id changed",
    ],
    [expected["arguments_is_string"], got.calls.some((call) => typeof call.arguments !== "string"), "arguments not a string"],
    [true, got.faults.has("arguments-object"), "an object in a delta"],
    [expected["types_function"], got.calls.some((call) => call.type !== "function"), "type is not function"],
    [expected["role"], got.role !== expected["role"], "role"],
    [expected["done"], got.done === 0, "no end mark"],
    [expected["done_once"], got.done !== 1, "several end marks"],
    [expected["done_last"], got.afterDone > 0, "frames behind the end mark"],
    [expected["index_present"], got.faults.has("index"), "index missing"],
    [expected["no_empty_identity"], got.faults.has("identity"), "empty id or name on a continuation"],
    [expected["first_delta_has_name"], got.calls.some((call) => !call.firstHasName), "first delta without name"],
    [expected["blocks_closed"], got.open !== 0, "block left open"],
    [true, got.faults.has("block-type"), "delta of the wrong block type"],
    [true, got.faults.has("input-not-object"), "tool_use.input is not an object"],
    [
      expected["has_field"],
      typeof expected["has_field"] === "string" && !(isObject(got.body) && expected["has_field"] in got.body),
      "field missing",
    ],
    [expected["usage"], !got.usage, "usage missing"],
    [expected["text"] !== undefined, got.text !== expected["text"], "text changed"],
    [of.unique_keys, of.unique_keys === true && keyTwice(got), "key still twice"],
  ];
  return checks.find(([asked, wrong]) => asked && wrong)?.[2];
}

function keyTwice(got: Assembled): boolean {
  const text = String(got.calls[0]?.arguments);
  const parsed = JSON.parse(text) as object;
  return Object.keys(parsed).some((key) => text.split(`${JSON.stringify(key)}:`).length > 2);
}
