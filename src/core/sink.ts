import type { RequestView } from "./delta.ts";
import type { ExchangeEnd, ExchangeStart, Step } from "./exchange.ts";
import type { RawHeaders } from "../wire/headers.ts";

/**
 * Something that listens to exchanges: recorder, telemetry, the line on stdout.
 *
 * Called on the request thread: must return at once, must not block, must not change what it is
 * given. It may keep a reference to the bytes (nobody writes to them again) within a budget of its
 * own. It may throw: `fanOut` then cuts this listener off for the rest of that exchange.
 */
export interface ExchangeSink {
  readonly name: string;
  /** Undefined: not interested in this exchange. */
  begin(start: ExchangeStart): ExchangeTap | undefined;
}

/** All members but `end` are optional, and properties, so that they can be passed around unbound. */
export interface ExchangeTap {
  /** Runs the dispatch to the backend, so that telemetry can set its context around it. */
  readonly enter?: <T>(work: () => T) => T;
  /** The request as it came. `view` is undefined when it could not be understood. At most once. */
  readonly request?: (view: RequestView | undefined, body: Uint8Array) => void;
  /** What was forwarded instead, when a request fix changed the body. At most once. */
  readonly forwarded?: (body: Uint8Array) => void;
  /** The final head of the backend's reply, as it came. At most once. */
  readonly head?: (atMs: number, status: number, headers: RawHeaders) => void;
  /** An event stream, frame by frame. */
  readonly step?: (atMs: number, step: Step) => void;
  /**
   * A frame of an event stream that went out as it came, and says what one told by `step` before it said, with another text.
   * Called instead of `step`, whose making costs more than most listeners' work, where all that have `step` have this too.
   */
  readonly repeat?: (atMs: number, raw: Uint8Array) => void;
  /** Any other reply, in the pieces it came in; `sent` is `upstream` itself when nothing changed. */
  readonly chunk?: (atMs: number, upstream: Uint8Array, sent: Uint8Array) => void;
  /** Exactly once, last. */
  readonly end: (end: ExchangeEnd) => void;
}

export interface FanOut extends ExchangeSink {
  /** Failures of each sink since start, by name. */
  readonly failures: ReadonlyMap<string, number>;
}

interface Entry {
  readonly sink: string;
  /** Undefined once it threw. */
  tap: ExchangeTap | undefined;
}

/**
 * Many sinks as one that cannot throw. A tap that throws is dropped for the rest of its exchange,
 * counted, and reported once per sink through `onFailure`.
 */
export function fanOut(sinks: readonly ExchangeSink[], onFailure?: (sink: string, cause: unknown) => void): FanOut {
  const failures = new Map<string, number>();
  function failed(sink: string, cause: unknown): void {
    const count = (failures.get(sink) ?? 0) + 1;
    failures.set(sink, count);
    if (count === 1) onFailure?.(sink, cause);
  }

  function cutOff(entry: Entry, cause: unknown): void {
    entry.tap = undefined;
    failed(entry.sink, cause);
  }

  return {
    name: "fan-out",
    failures,
    begin(start) {
      const taps: Entry[] = [];
      for (const sink of sinks) {
        try {
          const tap = sink.begin(start);
          if (tap) taps.push({ sink: sink.name, tap });
        } catch (cause) {
          failed(sink.name, cause);
        }
      }
      if (taps.length === 0) return undefined;

      function each(call: (tap: ExchangeTap) => void): void {
        for (const entry of taps) {
          if (!entry.tap) continue;
          try {
            call(entry.tap);
          } catch (cause) {
            cutOff(entry, cause);
          }
        }
      }

      const steppers = taps.filter(({ tap }) => tap?.step);
      /** As `each`, without a closure for every frame. */
      function step(atMs: number, told: Step): void {
        for (const entry of steppers) {
          try {
            entry.tap?.step?.(atMs, told);
          } catch (cause) {
            cutOff(entry, cause);
          }
        }
      }

      function repeat(atMs: number, raw: Uint8Array): void {
        for (const entry of steppers) {
          try {
            entry.tap?.repeat?.(atMs, raw);
          } catch (cause) {
            cutOff(entry, cause);
          }
        }
      }

      return {
        enter(work) {
          // Nested, innermost last. A tap that throws around the work must not run it twice or not at all.
          let run = work;
          for (const entry of taps) {
            const enter = entry.tap?.enter;
            if (!enter) continue;
            const inner = run;
            run = () => {
              let result: { value: ReturnType<typeof inner> } | undefined;
              let thrown: { cause: unknown } | undefined;
              try {
                enter(() => {
                  try {
                    result = { value: inner() };
                  } catch (cause) {
                    thrown = { cause };
                  }
                });
              } catch (cause) {
                cutOff(entry, cause);
              }
              if (thrown) throw thrown.cause;
              return result ? result.value : inner();
            };
          }
          return run();
        },
        request: (view, body) => each((tap) => tap.request?.(view, body)),
        forwarded: (body) => each((tap) => tap.forwarded?.(body)),
        head: (atMs, status, headers) => each((tap) => tap.head?.(atMs, status, headers)),
        ...(steppers.length > 0 ? { step } : {}),
        ...(steppers.every(({ tap }) => tap?.repeat) ? { repeat } : {}),
        chunk: (atMs, upstream, sent) => each((tap) => tap.chunk?.(atMs, upstream, sent)),
        end: (end) => each((tap) => tap.end(end)),
      };
    },
  };
}
