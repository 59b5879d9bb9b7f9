/**
 * JSON that survives being read and written again.
 *
 * `JSON.parse` turns `12345678901234567890`, `1e400` or `0.10` into numbers that write back
 * differently. `parseExact` keeps such a literal as it was spelled (JSON.rawJSON), and an own
 * `__proto__` key stays data. Key order is the engine's: insertion order, integer-like keys first.
 */
interface ExactJson {
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
}

const exact = JSON as unknown as ExactJson;

/** Like JSON.parse, but numbers that a double cannot spell back are kept as raw JSON. Throws SyntaxError. */
export function parseExact(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    if (typeof value !== "number" || context?.source === undefined) return value;
    return String(value) === context.source ? value : exact.rawJSON(context.source);
  });
}

/** Whether `value` is a literal that `parseExact` kept as spelled. */
export function isRawJson(value: unknown): value is { rawJSON: string } {
  return exact.isRawJSON(value);
}

/** JSON.parse that answers undefined instead of throwing. */
export function parseOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export type JsonObject = { [key: string]: unknown };

/** A JSON object, not an array and not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A finite number (also one that `parseExact` kept as spelled), else undefined. */
export function asNumber(value: unknown): number | undefined {
  const number = typeof value === "number" ? value : isRawJson(value) ? Number(value.rawJSON) : undefined;
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
