/** Walking chat payloads without copying what does not change: the same object back means "untouched". */
import { asNumber, asString, isObject, type JsonObject } from "../../wire/json.ts";

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
export function mapChoices(payload: unknown, part: "delta" | "message", change: (said: JsonObject, choice: number) => JsonObject): unknown {
  if (!isObject(payload) || !Array.isArray(payload["choices"])) return payload;
  const choices: readonly unknown[] = payload["choices"];
  let changed: unknown[] | undefined;
  for (let i = 0; i < choices.length; i++) {
    const entry = choices[i];
    const said = isObject(entry) ? entry[part] : undefined;
    if (!isObject(entry) || !isObject(said)) continue;
    const made = change(said, asNumber(entry["index"]) ?? 0);
    if (made === said) continue;
    changed ??= choices.slice();
    changed[i] = { ...entry, [part]: made };
  }
  return changed ? { ...payload, choices: changed } : payload;
}

/** Every tool call of every choice mapped. A list that becomes empty is left out. */
export function mapCalls(
  payload: unknown,
  part: "delta" | "message",
  change: (call: JsonObject, choice: number, position: number) => JsonObject | undefined,
): unknown {
  if (!isObject(payload) || !Array.isArray(payload["choices"])) return payload;
  const choices: readonly unknown[] = payload["choices"];
  let changed: unknown[] | undefined;
  // Runs on every chunk, and most hold no call: nothing is made before one is found.
  for (let i = 0; i < choices.length; i++) {
    const entry = choices[i];
    const said = isObject(entry) ? entry[part] : undefined;
    if (!isObject(entry) || !isObject(said) || !Array.isArray(said["tool_calls"])) continue;
    const list: readonly unknown[] = said["tool_calls"];
    const choice = asNumber(entry["index"]) ?? 0;
    const calls = mapSame(list, (call, position) => (isObject(call) ? change(call, choice, position) : call));
    if (calls === list) continue;
    const { tool_calls: _calls, ...rest } = said;
    changed ??= choices.slice();
    changed[i] = { ...entry, [part]: calls.length > 0 ? { ...said, tool_calls: calls } : rest };
  }
  return changed ? { ...payload, choices: changed } : payload;
}

/**
 * Calls by choice and index. Pieces of one call come in a row, so the call asked for last is found
 * without making a key.
 */
export class CallTable<T> {
  #byKey: Map<string, T> | undefined;
  #choice = -1;
  #tool = -1;
  #last: T | undefined;

  get(choice: number, tool: number): T | undefined {
    if (choice !== this.#choice || tool !== this.#tool) {
      this.#last = this.#byKey?.get(`${choice}/${tool}`);
      this.#choice = choice;
      this.#tool = tool;
    }
    return this.#last;
  }
  set(choice: number, tool: number, value: T): void {
    (this.#byKey ??= new Map()).set(`${choice}/${tool}`, value);
    this.#choice = choice;
    this.#tool = tool;
    this.#last = value;
  }
  delete(choice: number, tool: number): void {
    this.#byKey?.delete(`${choice}/${tool}`);
    this.#choice = -1;
  }
  /** In the order they were set. */
  values(): Iterable<T> {
    return this.#byKey?.values() ?? [];
  }
  get size(): number {
    return this.#byKey?.size ?? 0;
  }
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
