/** Questions to a llama-server, for test-backend and doctor. Nothing here throws. */
import type { Config } from "../config/schema.ts";
import { asNumber, asString, isObject, parseOrUndefined, asArray, type JsonObject } from "../wire/json.ts";

export interface Backend {
  readonly url: string;
  readonly apiKey: string | undefined;
}

export type Reply =
  | { readonly reached: true; readonly status: number; readonly body: unknown; readonly ms: number }
  | { readonly reached: false; readonly reason: string };

export function backendOf(config: Config): Backend {
  const name = config.backend.api_key_env;
  return { url: config.backend.url, apiKey: name === undefined ? undefined : process.env[name] };
}

/** One request; a body makes it a POST. */
export async function ask(backend: Backend, path: string, timeoutMs: number, body?: unknown): Promise<Reply> {
  const begun = performance.now();
  try {
    const response = await fetch(`${backend.url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(backend.apiKey ? { authorization: `Bearer ${backend.apiKey}` } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    return { reached: true, status: response.status, body: parseOrUndefined(text), ms: performance.now() - begun };
  } catch (cause) {
    return { reached: false, reason: reasonOf(cause) };
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.name === "TimeoutError") return "no answer in time";
  const inner = cause.cause;
  if (inner instanceof AggregateError) return reasonOf(inner.errors[0]);
  return inner instanceof Error ? inner.message : cause.message;
}

/** The error text of a llama-server reply, or its status. */
export function faultIn(reply: Extract<Reply, { reached: true }>): string {
  const error = isObject(reply.body) ? reply.body["error"] : undefined;
  const message = isObject(error) ? asString(error["message"]) : undefined;
  return message ?? `status ${reply.status}`;
}

export interface Props {
  readonly build: string | undefined;
  readonly model: string | undefined;
  /** Context of one slot, in tokens. */
  readonly context: number | undefined;
  readonly slots: number | undefined;
  readonly router: boolean;
  readonly hasTemplate: boolean;
  /** Names from `chat_template_caps` that are true, without `supports_`. */
  readonly templateCan: readonly string[];
  readonly modalities: readonly string[];
}

/** `/props` (tools/server: get_props). */
export function readProps(body: unknown): Props {
  const props: JsonObject = isObject(body) ? body : {};
  const settings = isObject(props["default_generation_settings"]) ? props["default_generation_settings"] : {};
  return {
    build: asString(props["build_info"]),
    model: asString(props["model_alias"]) || asString(props["model_path"]),
    context: asNumber(settings["n_ctx"]) || undefined,
    slots: asNumber(props["total_slots"]),
    router: props["role"] === "router",
    hasTemplate: (asString(props["chat_template"]) ?? "") !== "",
    templateCan: trueNames(props["chat_template_caps"]).map((name) => name.replace(/^supports_/, "")),
    modalities: trueNames(props["modalities"]),
  };
}

function trueNames(value: unknown): readonly string[] {
  return isObject(value) ? Object.keys(value).filter((name) => value[name] === true) : [];
}

/** Model ids of `/v1/models`. */
export function readModels(body: unknown): readonly string[] {
  const data = isObject(body) ? asArray(body["data"]) : [];
  return data.flatMap((model) => {
    const id = isObject(model) ? asString(model["id"]) : undefined;
    return id === undefined ? [] : [id];
  });
}
