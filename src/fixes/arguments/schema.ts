/**
 * What a tool's JSON Schema says of one place in its arguments, as far as mending needs it: which
 * kinds of value may stand there, which keys are declared, which are required.
 *
 * Compiled when first asked for, once per schema node. Anything not understood allows everything:
 * a rule acts only where the schema plainly forbids what came.
 */
import { asArray, isObject, type JsonObject } from "../../wire/json.ts";

export type Kind = "string" | "number" | "boolean" | "null" | "object" | "array";

export interface Shape {
  /** Undefined: any kind. */
  readonly kinds: ReadonlySet<Kind> | undefined;
  /** A number here must be whole. */
  readonly integer: boolean;
  /** Declared keys, in the schema's order. */
  readonly keys: readonly string[];
  readonly required: readonly string[];
  /** `additionalProperties: false`: a key that is not declared is a defect. */
  readonly closed: boolean;
  /** The only strings allowed, where the schema lists values. */
  readonly strings: ReadonlySet<string> | undefined;
  property(key: string): Shape;
  item(index: number): Shape;
}

const NONE: ReadonlySet<string> = new Set();
const ANY_SHAPE: Shape = {
  kinds: undefined,
  integer: false,
  keys: [],
  required: [],
  closed: false,
  strings: undefined,
  property: () => ANY_SHAPE,
  item: () => ANY_SHAPE,
};

/** The shape of a place nothing is known of. */
export const ANY: Shape = ANY_SHAPE;

export function allows(shape: Shape, kind: Kind): boolean {
  return shape.kinds === undefined || shape.kinds.has(kind);
}

export function declares(shape: Shape, key: string): boolean {
  return shape.keys.includes(key);
}

/** The shape of a whole schema. Never throws. */
export function compileSchema(schema: unknown): Shape {
  return compile(schema, { root: schema, cache: new Map() }, 0);
}

interface Context {
  readonly root: unknown;
  readonly cache: Map<object, Shape>;
}

/** Longer chains of `$ref` and nested combinators than this are cycles or attacks. */
const MAX_DEPTH = 32;

function compile(schema: unknown, context: Context, depth: number): Shape {
  if (!isObject(schema) || depth > MAX_DEPTH) return ANY;
  const known = context.cache.get(schema);
  if (known) return known;
  // A schema that refers to itself before it says anything of its own allows anything.
  context.cache.set(schema, ANY);
  const shape = combine(schema, context, depth);
  context.cache.set(schema, shape);
  return shape;
}

function combine(schema: JsonObject, context: Context, depth: number): Shape {
  const parts: Shape[] = [];
  if (typeof schema["$ref"] === "string") parts.push(compile(resolve(schema["$ref"], context.root), context, depth + 1));
  for (const part of asArray(schema["allOf"])) parts.push(compile(part, context, depth + 1));
  for (const word of ["anyOf", "oneOf"]) {
    const options = asArray(schema[word]);
    if (options.length > 0) parts.push(either(options.map((option) => compile(option, context, depth + 1))));
  }
  const own = ownShape(schema, context);
  return parts.length === 0 ? own : parts.reduce(both, own);
}

function ownShape(schema: JsonObject, context: Context): Shape {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const keys = Object.keys(properties);
  const extra = schema["additionalProperties"];
  const items = schema["items"];
  const prefix = asArray(schema["prefixItems"] ?? (Array.isArray(items) ? items : undefined));
  const listed = "const" in schema ? [schema["const"]] : Array.isArray(schema["enum"]) ? schema["enum"] : undefined;
  const types = typeof schema["type"] === "string" ? [schema["type"]] : asArray(schema["type"]);
  return {
    kinds: kindsOf(types, listed, schema["nullable"] === true),
    integer: types.includes("integer") && !types.includes("number"),
    keys,
    required: asArray(schema["required"]).filter((key) => typeof key === "string"),
    closed: extra === false,
    strings: listed ? new Set(listed.filter((value) => typeof value === "string")) : undefined,
    property(key) {
      if (Object.hasOwn(properties, key)) return compile(properties[key], context, 0);
      return isObject(extra) && !isObject(schema["patternProperties"]) ? compile(extra, context, 0) : ANY;
    },
    item: (index) => compile(prefix[index] ?? (Array.isArray(items) ? undefined : items), context, 0),
  };
}

function kindsOf(types: readonly unknown[], listed: readonly unknown[] | undefined, nullable: boolean): Shape["kinds"] {
  if (types.length === 0 && !listed) return undefined;
  const kinds = new Set<Kind>();
  if (types.length === 0) for (const value of listed ?? []) kinds.add(kindOf(value));
  for (const type of types) {
    if (type === "integer") kinds.add("number");
    else if (isKind(type)) kinds.add(type);
    else return undefined;
  }
  if (nullable) kinds.add("null");
  return kinds;
}

function isKind(word: unknown): word is Kind {
  return word === "string" || word === "number" || word === "boolean" || word === "null" || word === "object" || word === "array";
}

export function kindOf(value: unknown): Kind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const type = typeof value;
  return type === "string" || type === "number" || type === "boolean" ? type : "object";
}

/** Both must hold. */
function both(a: Shape, b: Shape): Shape {
  if (a === ANY) return b;
  if (b === ANY) return a;
  return {
    kinds: a.kinds && b.kinds ? new Set([...a.kinds].filter((kind) => b.kinds?.has(kind))) : (a.kinds ?? b.kinds),
    integer: a.integer || b.integer,
    keys: [...new Set([...a.keys, ...b.keys])],
    required: [...new Set([...a.required, ...b.required])],
    closed: a.closed || b.closed,
    strings: a.strings ?? b.strings,
    property: (key) => both(a.property(key), b.property(key)),
    item: (index) => both(a.item(index), b.item(index)),
  };
}

/** One of several. A key is required only where every object among them requires it. */
function either(options: readonly Shape[]): Shape {
  const [only] = options;
  if (only === undefined || options.includes(ANY)) return ANY;
  if (options.length === 1) return only;
  const objects = options.filter((option) => allows(option, "object"));
  const arrays = options.filter((option) => allows(option, "array"));
  return {
    kinds: options.some((option) => option.kinds === undefined) ? undefined : new Set(options.flatMap((o) => [...(o.kinds ?? [])])),
    integer: options.filter((option) => allows(option, "number")).every((option) => option.integer),
    keys: [...new Set(objects.flatMap((option) => option.keys))],
    required: (objects[0]?.required ?? []).filter((key) => objects.every((option) => option.required.includes(key))),
    closed: objects.length > 0 && objects.every((option) => option.closed),
    strings: options.every((option) => option.strings !== undefined || !allows(option, "string"))
      ? new Set(options.flatMap((option) => [...(option.strings ?? NONE)]))
      : undefined,
    property(key) {
      const declaring = objects.filter((option) => declares(option, key));
      return either((declaring.length > 0 ? declaring : objects).map((option) => option.property(key)));
    },
    item: (index) => (arrays.length === 0 ? ANY : either(arrays.map((option) => option.item(index)))),
  };
}

/** `#`, `#/$defs/Trip`, `#/definitions/a~1b`; anything else is not local and unknown. */
function resolve(ref: string, root: unknown): unknown {
  if (ref === "#") return root;
  if (!ref.startsWith("#/")) return undefined;
  let node = root;
  for (const part of ref.slice(2).split("/")) {
    const key = safeDecode(part).replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(node)) node = node[Number(key)];
    else if (isObject(node) && Object.hasOwn(node, key)) node = node[key];
    else return undefined;
  }
  return node;
}

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Whether a parsed value satisfies the shape, in kinds, listed strings and required keys, all the way down. */
export function fits(value: unknown, shape: Shape): boolean {
  if (shape === ANY) return true;
  const kind = kindOf(value);
  if (!allows(shape, kind)) return false;
  if (typeof value === "string") return shape.strings === undefined || shape.strings.has(value);
  if (typeof value === "number") return !shape.integer || Number.isInteger(value);
  if (Array.isArray(value)) return value.every((item, index) => fits(item, shape.item(index)));
  if (!isObject(value)) return true;
  if (shape.required.some((key) => !Object.hasOwn(value, key))) return false;
  return Object.keys(value).every((key) => (declares(shape, key) || !shape.closed) && fits(value[key], shape.property(key)));
}
