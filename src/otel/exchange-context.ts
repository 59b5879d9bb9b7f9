import { context, createContextKey, ROOT_CONTEXT, type Context } from "@opentelemetry/api";
import type { Attempts } from "./attempts.ts";

/** Holds the Attempts in an exchange's context: undici's instrumentation looks at no request made outside one. */
const DISPATCH = createContextKey("llama-proxy.dispatch");

/** Where an exchange's context begins. */
export function contextOf(attempts: Attempts): Context {
  return new ChainedContext(ROOT_CONTEXT, DISPATCH, attempts);
}

/** Of the exchange whose dispatch this is. */
export function attemptsNow(): Attempts | undefined {
  return context.active().getValue(DISPATCH) as Attempts | undefined;
}

/** The API's own context copies a map for every value that is set; an exchange sets five. */
class ChainedContext implements Context {
  readonly #parent: Context;
  readonly #key: symbol;
  readonly #value: unknown;

  constructor(parent: Context, key: symbol, value: unknown) {
    this.#parent = parent;
    this.#key = key;
    this.#value = value;
  }

  getValue(key: symbol): unknown {
    return key === this.#key ? this.#value : this.#parent.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new ChainedContext(this, key, value);
  }

  deleteValue(key: symbol): Context {
    return new ChainedContext(this, key, undefined);
  }
}
