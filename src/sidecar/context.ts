import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { asNumber, isObject, parseOrUndefined } from "../wire/json.ts";

/**
 * How many tokens one slot of the backend holds. Read from `/props` once, again when the backend
 * seems to have restarted, and when what is known is a minute old: a restart between two requests
 * leaves no trace, as llama-server closes its connections in any case. `/slots` and `/metrics` are
 * left alone: polling them keeps llama-server from noticing clients that leave
 * (FACTS: server_response::recv_with_timeout).
 */
export interface ContextWatch {
  /** Tokens of one slot; undefined while unknown. */
  total(model: string | undefined): number | undefined;
  /** Asks the backend if that is not known, or not for a while. Never waits, never fails. `credentials`: the client's own, for a backend with a key. */
  want(model: string | undefined, credentials: Record<string, string>): void;
  /** The backend went away: what is known may no longer hold. */
  forget(): void;
}

const ASK_AGAIN_AFTER_MS = 5_000;
const STALE_AFTER_MS = 60_000;
const TIMEOUT_MS = 2_000;
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_MODELS = 100;

/** Goes past undici on purpose: the question is ours and belongs to no exchange's trace. */
export function createContextWatch(origin: URL, now: () => number): ContextWatch {
  /** By model name in router mode; under "" for a server of one model. */
  const known = new Map<string, { readonly tokens: number; readonly at: number }>();
  let router = false;
  let asking = false;
  let askedAt = -Infinity;

  const keyOf = (model: string | undefined) => (router ? (model ?? "") : "");

  function ask(model: string | undefined, credentials: Record<string, string>): void {
    asking = true;
    askedAt = now();
    const query = router && model ? `?model=${encodeURIComponent(model)}&autoload=false` : "";
    const get = origin.protocol === "https:" ? httpsGet : httpGet;
    const request = get(new URL(`/props${query}`, origin), { headers: credentials, timeout: TIMEOUT_MS, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BYTES) response.destroy();
      });
      response.on("close", () => {
        asking = false;
        if (response.statusCode === 200) learn(text, model, credentials);
      });
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => {
      asking = false;
    });
  }

  function learn(text: string, model: string | undefined, credentials: Record<string, string>): void {
    const props = parseOrUndefined(text);
    if (!isObject(props)) return;
    if (props["role"] === "router" && !router) {
      router = true;
      if (model) ask(model, credentials);
      return;
    }
    const settings = isObject(props["default_generation_settings"]) ? props["default_generation_settings"] : {};
    const total = asNumber(settings["n_ctx"]);
    const key = keyOf(model);
    if (!total || (known.size >= MAX_MODELS && !known.has(key))) return;
    known.set(key, { tokens: total, at: now() });
  }

  return {
    total: (model) => known.get(keyOf(model))?.tokens,
    want(model, credentials) {
      if (asking || now() - askedAt < ASK_AGAIN_AFTER_MS) return;
      const last = known.get(keyOf(model));
      if (last && now() - last.at < STALE_AFTER_MS) return;
      ask(model, credentials);
    },
    forget() {
      known.clear();
      askedAt = -Infinity;
    },
  };
}
