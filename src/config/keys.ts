/** The schema as a list: every key with its path, kind, default, environment name and meaning. */
import type { z } from "zod";
import { asArray } from "../wire/json.ts";

/** How a text from the environment or the command line becomes a value. */
type KeyKind = "number" | "boolean" | "text" | "list" | "map";

export interface ConfigKey {
  readonly path: readonly string[];
  readonly kind: KeyKind;
  /** As a person would write it; undefined where leaving it out means something of its own. */
  readonly default: unknown;
  /** A value to show where there is no default. */
  readonly example: unknown;
  readonly description: string;
  /** `LLAMA_PROXY_SERVER_PORT` for `server.port`. */
  readonly env: string;
}

export interface ConfigSection {
  readonly path: readonly string[];
  readonly description: string;
  readonly entries: readonly (ConfigSection | ConfigKey)[];
}

/** Parts of zod's definitions that are read here. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly defaultValue?: unknown;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
}

export function isSection(entry: ConfigSection | ConfigKey): entry is ConfigSection {
  return "entries" in entry;
}

export function describeSchema(schema: z.ZodType, path: readonly string[] = []): ConfigSection {
  const { shape } = definitionOf(unwrap(schema).schema);
  return {
    path,
    description: schema.description ?? "",
    entries: Object.entries(shape ?? {}).map(([name, entry]) => {
      const { schema: inner, standard } = unwrap(entry);
      const at = [...path, name];
      if (definitionOf(inner).type === "object") return { ...describeSchema(inner, at), description: entry.description ?? "" };
      return {
        path: at,
        kind: kindOf(inner),
        default: standard,
        example: asArray(entry.meta()?.["examples"])[0],
        description: entry.description ?? inner.description ?? "",
        env: envName(at),
      };
    }),
  };
}

/** All keys, in the order of the schema. */
export function keysOf(section: ConfigSection): readonly ConfigKey[] {
  return section.entries.flatMap((entry) => (isSection(entry) ? keysOf(entry) : [entry]));
}

/** The entry at a path, or undefined. */
export function entryAt(section: ConfigSection, path: readonly string[]): ConfigSection | ConfigKey | undefined {
  let current: ConfigSection | ConfigKey | undefined = section;
  for (const name of path) {
    if (!current || !isSection(current)) return undefined;
    current = current.entries.find((entry) => entry.path.at(-1) === name);
  }
  return current;
}

function envName(path: readonly string[]): string {
  return `LLAMA_PROXY_${path.join("_").toUpperCase()}`;
}

/** Strips what only says "may be left out", and keeps the default it carried. */
function unwrap(schema: z.ZodType): { schema: z.ZodType; standard: unknown } {
  let current = schema;
  let standard: unknown;
  for (;;) {
    const definition = definitionOf(current);
    if (definition.innerType === undefined || !["default", "prefault", "optional", "nullable", "readonly"].includes(definition.type)) break;
    if ("defaultValue" in definition) standard ??= definition.defaultValue;
    current = definition.innerType;
  }
  return { schema: current, standard };
}

function kindOf(schema: z.ZodType): KeyKind {
  switch (definitionOf(schema).type) {
    case "number":
    case "int":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return "list";
    case "record":
      return "map";
    default:
      return "text";
  }
}

function definitionOf(schema: z.ZodType): Definition {
  return schema.def;
}
