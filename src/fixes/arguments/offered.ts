import type { RequestView, Tool } from "../../core/delta.ts";
import { isObject } from "../../wire/json.ts";
import type { CallTool, OfferedTools } from "./rule.ts";
import { ANY, compileSchema, type Shape } from "./schema.ts";

/** Longer names are none that an API takes, and are not looked for. */
const MAX_NAME = 256;
/** Between a namespace and a name. */
export const SEPARATOR = /__|[.:/]/;

class OfferedTool implements CallTool {
  readonly name: string;
  readonly offered = true;
  readonly known: boolean;
  readonly #parameters: unknown;
  #shape: Shape | undefined;

  constructor({ name, parameters }: Tool) {
    this.name = name;
    this.known = isObject(parameters);
    this.#parameters = parameters;
  }

  get shape(): Shape {
    return (this.#shape ??= compileSchema(this.#parameters));
  }
}

/** The tools of one request. What finds them is made when a call asks for it, once. */
export class Offered implements OfferedTools {
  readonly #request: RequestView;
  #byName: Map<string, CallTool> | undefined;
  #byNormal: Map<string, CallTool[]> | undefined;
  #byEnd: Map<string, CallTool[]> | undefined;

  constructor(request: RequestView) {
    this.#request = request;
  }

  get none(): boolean {
    return this.#request.tools.length === 0;
  }

  named(name: string): CallTool | undefined {
    return this.#names().get(name);
  }
  find(name: string): CallTool {
    return this.named(name) ?? { name, offered: false, known: false, shape: ANY };
  }
  alike(name: string): readonly CallTool[] {
    this.#byNormal ??= Map.groupBy(this.#names().values(), (tool) => normal(tool.name));
    return name.length > MAX_NAME ? [] : (this.#byNormal.get(normal(name)) ?? []);
  }
  within(name: string): readonly CallTool[] {
    this.#byEnd ??= Map.groupBy(this.#names().values(), (tool) => tool.name.split(SEPARATOR).at(-1) ?? "");
    return (this.#byEnd.get(name) ?? []).filter((tool) => tool.name !== name);
  }

  #names(): Map<string, CallTool> {
    return (this.#byName ??= new Map(this.#request.tools.map((tool) => [tool.name, new OfferedTool(tool)])));
  }
}

function normal(name: string): string {
  return name.toLowerCase().replace(/[\s_.:/-]/g, "");
}
