/**
 * The sidecar and everything that listens to it, put together from a configuration. `run` is this
 * with signals around it, `demo` this in front of a recorded backend.
 */
import { homedir } from "node:os";
import { realClock } from "../core/clock.ts";
import { fanOut, type ExchangeSink } from "../core/sink.ts";
import type { Config } from "../config/schema.ts";
import { planFixes } from "../fixes/index.ts";
import { defaultPath } from "../recorder/default-path.ts";
import { createContextWatch, type ContextWatch } from "../sidecar/context.ts";
import type { ReloadReport, SidecarParts } from "../sidecar/parts.ts";
import { createSidecar } from "../sidecar/sidecar.ts";
import { createUpstream, type Upstream } from "../sidecar/upstream.ts";
import type { Look } from "../stats/format.ts";
import { createStatsLine } from "../stats/line.ts";
import { describe, recorderOf, telemetryOf, watchOf } from "./listeners.ts";
import { bindWarnings, readDoor, readListener } from "./locks.ts";
import { needsRestart } from "./restart-keys.ts";
import { snakeCased } from "./snake-case.ts";

export interface ServiceOptions {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Metrics of each request, ready to be written. */
  readonly write: (text: string) => void;
  readonly look: () => Look & { readonly terminal: boolean };
  /** Something a person should know. */
  readonly say: (line: string) => void;
  readonly debug?: boolean;
  /** The configuration as it is now, for a reload; throws when it is bad. Without it there is no reload. */
  readonly reread?: () => Config;
}

export interface Service {
  /** Where it listens. */
  readonly url: URL;
  /** The configuration in use. */
  readonly config: Config;
  /** The recording file; undefined when nothing is recorded. */
  readonly recording: string | undefined;
  /** An exception that nobody caught: told, counted, survived. */
  fault(cause: unknown): void;
  /** Applies the configuration as it is now to requests that come from now on; a bad one is refused and the old stays. Never rejects. */
  reload(): Promise<ReloadReport>;
  /** Stops accepting, waits for what is in flight, flushes recorder and telemetry. */
  stop(graceMs: number): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 64 * 1024;
const FOREVER_MS = 2 ** 31 - 1;

export function recordingPath(config: Config, env: ServiceOptions["env"]): string {
  return config.recorder.path ?? defaultPath(env, process.platform, homedir());
}

/** The backend of a configuration; kept across reloads that leave its address alone. */
interface Backend {
  readonly upstream: Upstream;
  readonly context: ContextWatch;
}

/** Listens before telemetry is loaded. Rejects with node's error when the address cannot be had. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { env, say } = options;
  let { config } = options;
  const listenerOptions = readListener(config);
  const faults = { count: 0, last: undefined as string | undefined };
  let reloads = 0;

  // The SDK is loaded once the sidecar listens; until then exchanges are not measured.
  const listening = Promise.withResolvers<void>();
  const watch = watchOf(options);
  const telemetry = telemetryOf(options, new URL(config.backend.url), listening.promise, () => recorder, watch);
  const recording = config.recorder.enabled ? recordingPath(config, env) : undefined;
  const recorder = recording === undefined ? undefined : recorderOf(options, recording, telemetry);
  const recordAll = recorder !== undefined && config.recorder.all_routes;
  const pull = config.otel.pull;

  function partsOf(of: Config, { upstream, context }: Backend): SidecarParts {
    const sinks: ExchangeSink[] = [];
    if (telemetry) sinks.push(telemetry);
    if (recorder) sinks.push(recorder);
    if (of.stats.enabled) {
      const format = of.stats.format ?? (options.look().terminal ? "pretty" : "compact");
      sinks.push(createStatsLine({ format, look: options.look, write: options.write }));
    }
    const sink = fanOut(sinks, (name, cause) =>
      say(`${name} failed for an exchange and was left out of it: ${describe(cause, options.debug)}`),
    );
    const timeout = of.backend.timeout_seconds;
    return {
      upstream,
      context,
      plan: planFixes(of.fixes),
      sink,
      clock: realClock,
      limits: {
        requestBytes: of.server.max_request_bytes,
        replyBytes: of.server.max_reply_bytes,
        frameBytes: of.server.max_frame_bytes,
        timeoutMs: timeout === 0 ? FOREVER_MS : Math.min(timeout * 1000, FOREVER_MS),
      },
      tracing: (id) => telemetry?.trace(id) !== undefined,
      recordAll,
      door: readDoor(of, env),
      metrics: telemetry && pull ? () => telemetry.prometheusText() : undefined,
      reload: options.reread && reload,
      status: () => ({
        version: options.version,
        recorder: recorder ? snakeCased({ path: recording, ...recorder.stats() }) : { state: "off" },
        telemetry: telemetry ? snakeCased(telemetry.state()) : { state: "off" },
        sink_failures: Object.fromEntries(sink.failures),
        reloads,
        faults: faults.count,
        ...(faults.last === undefined ? {} : { last_fault: faults.last }),
      }),
    };
  }

  let backend = backendOf(config);
  let parts: SidecarParts;
  try {
    parts = partsOf(config, backend);
  } catch (cause) {
    listening.resolve();
    await closeListeners();
    throw cause;
  }
  const sidecar = createSidecar(parts, listenerOptions);

  async function reload(): Promise<ReloadReport> {
    if (!options.reread) return { applied: false, needsRestart: [], problem: "there is no configuration to read again" };
    try {
      // Without a pause in between: two reloads at once are one after the other.
      const next = options.reread();
      const before = backend;
      const same = next.backend.url === config.backend.url;
      const after = same ? before : backendOf(next);
      const over = sidecar.use(partsOf(next, after), readListener(next));
      const restart = needsRestart(options.config, next);
      config = next;
      backend = after;
      reloads += 1;
      if (!same) void over.then(() => before.upstream[Symbol.asyncDispose]());
      say(`configuration applied${restart.length > 0 ? `; only a restart changes ${restart.join(", ")}` : ""}`);
      return { applied: true, needsRestart: restart, problem: undefined };
    } catch (cause) {
      const problem = describe(cause, false);
      say(`configuration not applied, the old one stays: ${problem}`);
      return { applied: false, needsRestart: [], problem };
    }
  }

  async function closeListeners(): Promise<void> {
    watch?.[Symbol.dispose]();
    await Promise.allSettled([recorder?.[Symbol.asyncDispose](), telemetry?.[Symbol.asyncDispose]()]);
    await backend.upstream[Symbol.asyncDispose]();
  }

  async function stop(graceMs: number): Promise<void> {
    await sidecar.drain(graceMs);
    await closeListeners();
  }

  let url: URL;
  try {
    url = await sidecar.listen(config.server.host, config.server.port);
  } catch (cause) {
    listening.resolve();
    await stop(0);
    throw cause;
  }
  for (const line of bindWarnings(url.hostname, parts.door, listenerOptions)) say(line);
  // Not before whoever started us could say so: loading holds the event loop for a quarter of a second.
  setImmediate(listening.resolve);
  // A backend that is up tells its context size before the first request asks for it.
  backend.context.want(undefined, backendCredentials(config, env));
  return {
    url,
    get config() {
      return config;
    },
    recording,
    reload,
    stop,
    fault(cause) {
      faults.count += 1;
      faults.last = describe(cause, false);
      say(`an unexpected fault, survived: ${describe(cause, options.debug)}`);
    },
  };
}

function backendOf(config: Config): Backend {
  const origin = new URL(config.backend.url);
  return {
    upstream: createUpstream({ origin, connectTimeoutMs: CONNECT_TIMEOUT_MS, maxHeaderBytes: MAX_HEADER_BYTES }),
    context: createContextWatch(origin, () => realClock.monoMs()),
  };
}

function backendCredentials(config: Config, env: ServiceOptions["env"]): Record<string, string> {
  const name = config.backend.api_key_env;
  const key = name === undefined ? undefined : env[name];
  return key ? { authorization: `Bearer ${key}` } : {};
}
