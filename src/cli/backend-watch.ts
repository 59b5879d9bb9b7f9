import type { Gauges } from "../otel/options.ts";
import { asArray, isObject } from "../wire/json.ts";
import { ask, type Backend } from "./probe.ts";

/** What `/slots` and `/health` said last, for telemetry's gauges. Disposal stops the asking. */
export interface BackendWatch extends Disposable {
  readonly slots: NonNullable<Gauges["slots"]>;
  readonly server: NonNullable<Gauges["server"]>;
}

/**
 * Asks every `intervalMs`, which must not be below a few seconds: each answer of `/slots` makes
 * llama-server put off noticing clients that left (FACTS 5). The timer keeps no process alive.
 */
export function watchBackend(backend: Backend, intervalMs: number): BackendWatch {
  let slots: ReturnType<BackendWatch["slots"]>;
  let server: ReturnType<BackendWatch["server"]>;
  let asking = false;

  async function look(): Promise<void> {
    if (asking) return;
    asking = true;
    const health = await ask(backend, "/health", intervalMs);
    if (health.reached) server = health.status === 200 ? "ok" : health.status === 503 ? "loading" : "error";
    else server = "unreachable";
    const reply = health.reached ? await ask(backend, "/slots", intervalMs) : health;
    slots = reply.reached && reply.status === 200 ? countSlots(reply.body) : undefined;
    asking = false;
  }

  void look();
  const timer = setInterval(() => void look(), intervalMs).unref();
  return { slots: () => slots, server: () => server, [Symbol.dispose]: () => clearInterval(timer) };
}

function countSlots(body: unknown): { idle: number; processing: number; limit: number } {
  const all = asArray(body);
  const processing = all.filter((slot) => isObject(slot) && slot["is_processing"] === true).length;
  return { idle: all.length - processing, processing, limit: all.length };
}
