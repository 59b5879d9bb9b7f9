/** Walking chat payloads without copying what does not change: the same object back means "untouched". */
import { asArray, asNumber, asString, isObject, type JsonObject } from "../../wire/json.ts";

/** A list with every member mapped, the list itself when all came back the same. Undefined drops a member. */
export function mapSame<T>(list: readonly T[], change: (member: T, position: number) => T | undefined): readonly T[] {
  let out: T[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const member = list[i] as T;
    const changed = change(member, i);
    if (changed === member && !out) continue;
    out ??= list.slice(0, i);
    if (changed !== undefined) out.push(changed);
  }
  return out ?? list;
}

/** `object` with one member replaced, itself when the value is the same. */
export function withMember(object: JsonObject, key: string, value: unknown): JsonObject {
  return object[key] === value ? object : { ...object, [key]: value };
}

/** Every choice's `part` (`delta` or `message`) mapped. */
export function mapChoices(
  payload: unknown,
  part: "delta" | "message",
  change: (said: JsonObject, choice: number, entry: JsonObject) => JsonObject,
): unknown {
  if (!isObject(payload) || !Array.isArray(payload["choices"])) return payload;
  const choices = mapSame<unknown>(payload["choices"], (entry) => {
    if (!isObject(entry) || !isObject(entry[part])) return entry;
    return withMember(entry, part, change(entry[part], asNumber(entry["index"]) ?? 0, entry));
  });
  return withMember(payload, "choices", choices);
}

/** Every tool call of every choice mapped. A list that becomes empty is left out. */
export function mapCalls(
  payload: unknown,
  part: "delta" | "message",
  change: (call: JsonObject, choice: number, position: number) => JsonObject | undefined,
): unknown {
  if (!saysCalls(payload, part)) return payload;
  return mapChoices(payload, part, (said, choice) => {
    if (!Array.isArray(said["tool_calls"])) return said;
    const calls = mapSame<unknown>(said["tool_calls"], (call, position) => (isObject(call) ? change(call, choice, position) : call));
    if (calls.length > 0 || asArray(said["tool_calls"]).length === 0) return withMember(said, "tool_calls", calls);
    const { tool_calls: _none, ...rest } = said;
    return rest;
  });
}

/** The chunk asked about last. Payloads are never changed in place, so the answer holds for as long as the object does. */
let asked: unknown;
let answer = false;

/** Most chunks hold no call: every rule that looks for one asks this first, one after another about the same chunk. */
function saysCalls(payload: unknown, part: "delta" | "message"): boolean {
  if (part === "message") return lookForCalls(payload, part);
  if (payload === asked) return answer;
  answer = lookForCalls(payload, part);
  asked = payload;
  return answer;
}

function lookForCalls(payload: unknown, part: "delta" | "message"): boolean {
  if (!isObject(payload) || !Array.isArray(payload["choices"])) return false;
  for (const choice of payload["choices"] as unknown[]) {
    const said = isObject(choice) ? choice[part] : undefined;
    if (isObject(said) && said["tool_calls"]) return true;
  }
  return false;
}

export function functionOf(call: JsonObject): JsonObject {
  return isObject(call["function"]) ? call["function"] : {};
}

export function idOf(call: JsonObject): string {
  return asString(call["id"]) ?? "";
}

export function nameOf(call: JsonObject): string {
  return asString(functionOf(call)["name"]) ?? "";
}

export function argumentsOf(call: JsonObject): string {
  return asString(functionOf(call)["arguments"]) ?? "";
}
