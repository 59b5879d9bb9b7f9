import { realClock } from "../../src/core/clock.ts";
import type { RequestView } from "../../src/core/delta.ts";
import type { ExchangeEnd, ExchangeStart, Step } from "../../src/core/exchange.ts";
import { fanOut, type ExchangeSink } from "../../src/core/sink.ts";
import type { FixPlan } from "../../src/fixes/fix.ts";
import { planFixes } from "../../src/fixes/index.ts";
import { createContextWatch } from "../../src/sidecar/context.ts";
import { OPEN_DOOR, type Door } from "../../src/sidecar/door.ts";
import type { ListenerOptions } from "../../src/sidecar/listener.ts";
import type { Limits, ReloadReport, SidecarParts } from "../../src/sidecar/parts.ts";
import { createSidecar, type Sidecar } from "../../src/sidecar/sidecar.ts";
import { createUpstream } from "../../src/sidecar/upstream.ts";
import { watch } from "./watch.ts";

/** What one exchange told its listeners. */
export interface Seen {
  readonly start: ExchangeStart;
  view: RequestView | undefined;
  request: Uint8Array | undefined;
  forwarded: Uint8Array | undefined;
  status: number | undefined;
  readonly steps: { atMs: number; step: Step }[];
  readonly chunks: { atMs: number; upstream: Uint8Array; sent: Uint8Array }[];
  readonly ends: ExchangeEnd[];
}

export interface TestSidecar extends AsyncDisposable {
  readonly url: URL;
  readonly sidecar: Sidecar;
  readonly seen: Seen[];
  /** Replaces parts for the requests to come. */
  use(changed: Partial<SidecarParts>, listener?: ListenerOptions): Promise<void>;
  /** Waits until `count` exchanges have ended. */
  ended(count?: number): Promise<Seen[]>;
}

export interface TestSidecarOptions {
  readonly backend: URL;
  readonly plan?: FixPlan;
  readonly limits?: Partial<Limits>;
  readonly sinks?: readonly ExchangeSink[];
  readonly tracing?: (exchangeId: string) => boolean;
  readonly door?: Door;
  /** False: `seen` holds no bodies, so that memory can be measured. */
  readonly keepBytes?: boolean;
  readonly reload?: () => Promise<ReloadReport>;
  readonly listener?: ListenerOptions;
}

/** A sink that writes down everything, or with `keepBytes` false everything but bodies. */
export function createRecordingSink(keepBytes = true): ExchangeSink & { readonly seen: Seen[] } {
  const seen: Seen[] = [];
  return {
    name: "test",
    seen,
    begin(start) {
      const one: Seen = {
        start,
        view: undefined,
        request: undefined,
        forwarded: undefined,
        status: undefined,
        steps: [],
        chunks: [],
        ends: [],
      };
      seen.push(one);
      return {
        request: (view, body) => {
          one.view = view;
          if (keepBytes) one.request = body;
        },
        forwarded: (body) => {
          one.forwarded = body;
        },
        head: (_at, status) => {
          one.status = status;
        },
        step: (atMs, step) => void (keepBytes && one.steps.push({ atMs, step })),
        chunk: (atMs, upstream, sent) => void (keepBytes && one.chunks.push({ atMs, upstream, sent })),
        end: (end) => one.ends.push(end),
      };
    },
  };
}

export const TEST_LIMITS: Limits = {
  requestBytes: 64 * 1024 * 1024,
  replyBytes: 64 * 1024 * 1024,
  frameBytes: 16 * 1024 * 1024,
  timeoutMs: 30_000,
};

/** The real sidecar on a free port, without recorder; in tests telemetry listens and is checked (telemetry-watch.ts). */
export async function startTestSidecar(options: TestSidecarOptions): Promise<TestSidecar> {
  const sink = createRecordingSink(options.keepBytes);
  const sinks = options.sinks ?? [];
  // The SDK is one per process: a test that brings its own telemetry checks it itself.
  const watched = sinks.some(({ name }) => name === "telemetry") ? undefined : await watch.start?.(sink.seen);
  const upstream = createUpstream({ origin: options.backend, connectTimeoutMs: 2_000, maxHeaderBytes: 64 * 1024 });
  const parts: SidecarParts = {
    upstream,
    plan: options.plan ?? planFixes({ enabled: true, modules: {} }),
    sink: fanOut([sink, ...(watched ? [watched.sink] : []), ...sinks]),
    clock: realClock,
    limits: { ...TEST_LIMITS, ...options.limits },
    context: createContextWatch(options.backend, () => performance.now()),
    tracing: options.tracing ?? (() => false),
    recordAll: true,
    door: options.door ?? OPEN_DOOR,
    reload: options.reload,
    status: () => ({}),
  };
  const sidecar = createSidecar(parts, options.listener);
  const url = await sidecar.listen("127.0.0.1", 0);
  return {
    url,
    sidecar,
    seen: sink.seen,
    async use(changed, listener) {
      await sidecar.use({ ...parts, ...changed }, listener);
    },
    async ended(count = 1) {
      for (let i = 0; i < 1_500; i++) {
        const over = sink.seen.filter((one) => one.ends.length > 0);
        if (over.length >= count) return over;
        await new Promise((done) => setTimeout(done, 10));
      }
      throw new Error(`only ${sink.seen.filter((one) => one.ends.length > 0).length} of ${count} exchanges ended`);
    },
    async [Symbol.asyncDispose]() {
      await sidecar[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
      watched?.stopped();
    },
  };
}
