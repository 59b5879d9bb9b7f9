import { asArray, asString, isObject } from "../../wire/json.ts";
import { literalToJson } from "./literal.ts";

/** The little that markup needs of JSON Schema: which keys a tool declares, and whether a value is a string. */

const NO_KEYS: ReadonlySet<string> = new Set();

export function declaredKeys(parameters: unknown): ReadonlySet<string> {
  const properties = isObject(parameters) ? parameters["properties"] : undefined;
  return isObject(properties) ? new Set(Object.keys(properties)) : NO_KEYS;
}

export function requiredKeys(parameters: unknown): readonly string[] {
  return isObject(parameters) ? asArray(parameters["required"]).filter((key) => typeof key === "string") : [];
}

/** The schema of one parameter; `key` may differ from the declared one in case and separators. */
export function schemaOf(parameters: unknown, key: string): unknown {
  const properties = isObject(parameters) ? parameters["properties"] : undefined;
  if (!isObject(properties)) return undefined;
  if (Object.hasOwn(properties, key)) return properties[key];
  const loose = looseKey(key);
  const match = Object.keys(properties).filter((name) => looseKey(name) === loose);
  return match.length === 1 && match[0] !== undefined ? properties[match[0]] : undefined;
}

function looseKey(key: string): string {
  return key.toLowerCase().replaceAll(/[_-]/gu, "");
}

/**
 * The JSON text of a value that markup left untyped. What may be a string stays one, letter by
 * letter; anything else is read as JSON or as a Python literal. What cannot be read stays a string
 * for the argument rules to look at.
 */
export function jsonValue(parameters: unknown, key: string, text: string): string {
  const types = typesOf(schemaOf(parameters, key), parameters);
  if (types.size === 0 || types.has("string")) return JSON.stringify(text);
  return literalText(text) ?? JSON.stringify(text);
}

/** Whether the schema names types and string is not among them. */
export function isNotString(parameters: unknown, key: string): boolean {
  const types = typesOf(schemaOf(parameters, key), parameters);
  return types.size > 0 && !types.has("string");
}

/** JSON as it is spelled, a Python literal as JSON, undefined for neither. */
export function literalText(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  try {
    JSON.parse(trimmed);
    return trimmed;
  } catch {
    return literalToJson(trimmed);
  }
}

/** JSON types a schema allows; empty when it does not say. */
function typesOf(schema: unknown, root: unknown, depth = 0): ReadonlySet<string> {
  const types = new Set<string>();
  if (!isObject(schema) || depth > 8) return types;
  const type = schema["type"];
  for (const name of typeof type === "string" ? [type] : asArray(type)) if (typeof name === "string") types.add(name);
  if (types.size > 0) {
    if (schema["nullable"] === true) types.add("null");
    return types;
  }
  const ref = asString(schema["$ref"]);
  const parts = [...asArray(schema["anyOf"]), ...asArray(schema["oneOf"]), ...asArray(schema["allOf"])];
  if (ref !== undefined) parts.push(resolveRef(root, ref));
  for (const part of parts) for (const name of typesOf(part, root, depth + 1)) types.add(name);
  const values = "const" in schema ? [schema["const"]] : asArray(schema["enum"]);
  for (const value of values) types.add(jsonType(value));
  if (types.size === 0 && isObject(schema["properties"])) types.add("object");
  if (types.size === 0 && "items" in schema) types.add("array");
  return types;
}

function resolveRef(root: unknown, ref: string): unknown {
  if (!ref.startsWith("#/")) return undefined;
  let at: unknown = root;
  for (const part of ref.slice(2).split("/")) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    at = isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  }
  return at;
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
