/** The one undici pool to llama-server. */
import type { Socket } from "node:net";
import { buildConnector, Client, Pool, type Dispatcher } from "undici";
import { createBypass, type Bypass, type ChunkSink } from "./bypass.ts";

export interface UpstreamOptions {
  /** Origin of llama-server, e.g. `http://127.0.0.1:8080`. */
  readonly origin: URL;
  /** Milliseconds for a TCP (and TLS) connection to come up. */
  readonly connectTimeoutMs: number;
  /** Largest reply head, in bytes. */
  readonly maxHeaderBytes: number;
}

/** What became of one try at the backend. */
export interface Attempt {
  /** The request went out on a connection that had served one before: if that turns out dead, nothing is proven about the backend. */
  reused: boolean;
  /** Whether any byte of a reply came, be it HTTP or not. Only then is it known that the request was read. */
  answered: () => boolean;
  /** To be called when the head has come: who takes whole chunks of a chunked body as they are read (bypass.ts). */
  headRead: (sink: ChunkSink | undefined) => void;
}

export interface Upstream extends AsyncDisposable {
  readonly origin: URL;
  /**
   * Dispatches on a pooled connection, or with `fresh` on one made for this request alone.
   * `handler` gets every error, also those undici throws.
   */
  dispatch(request: UpstreamRequest, handler: Dispatcher.DispatchHandler, attempt: Attempt): void;
}

export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
  /** Close the connection after this reply: llama-server does so after every stream in any case. */
  readonly last: boolean;
  readonly fresh: boolean;
}

interface Line {
  socket: Socket | undefined;
  readonly bypass: Bypass;
}

interface TrackedOptions extends Dispatcher.DispatchOptions {
  readonly attempt?: Attempt;
}

/**
 * A client that tells each request whether its connection was there before it, and whether anything
 * came back on it. A pool's client connects on demand, so a connection that is up when a request
 * arrives has served another one.
 */
class TrackedClient extends Client {
  readonly #line: Line;

  constructor(origin: URL, options: Client.Options & { readonly connectTimeout: number }) {
    const line: Line = { socket: undefined, bypass: createBypass() };
    const connect = buildConnector({ timeout: options.connectTimeout, allowH2: false });
    super(origin, {
      ...options,
      connect: (to, done) =>
        connect(to, (...result) => {
          line.socket = result[1] ?? undefined;
          if (line.socket && to.protocol === "http:") line.bypass.attach(line.socket);
          done(...result);
        }),
    });
    this.#line = line;
    this.on("disconnect", () => {
      line.socket = undefined;
    });
  }

  override dispatch(options: TrackedOptions, handler: Dispatcher.DispatchHandler): boolean {
    const line = this.#line;
    const { attempt } = options;
    if (attempt) {
      line.bypass.begin();
      // Named first: V8 puts a function that is written into a property where it stands among the old ones, and all that
      // it sees outlives the young generation's collections.
      const headRead = (sink: ChunkSink | undefined): void => line.bypass.open(sink);
      attempt.headRead = headRead;
      attempt.reused = line.socket !== undefined;
      const before = line.socket?.bytesRead ?? 0;
      let { socket } = line;
      const answered = (): boolean => (socket ??= line.socket) !== undefined && socket.bytesRead > before;
      attempt.answered = answered;
    }
    return super.dispatch(options, handler);
  }
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const clientOptions = {
    // Silence is the relay's to judge: long prompts outlast any default of undici's.
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: options.connectTimeoutMs,
    maxHeaderSize: options.maxHeaderBytes,
    // h2 would lower-case and reorder what the backend said.
    allowH2: false,
    pipelining: 1,
  } satisfies Client.Options;
  const pool = new Pool(options.origin, {
    ...clientOptions,
    factory: (origin: URL, opts: object) => new TrackedClient(origin, { ...opts, ...clientOptions }),
  });
  const fresh = new Set<Client>();

  return {
    origin: options.origin,
    dispatch(request, handler, attempt) {
      const dispatchOptions: TrackedOptions = {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body as Buffer | null,
        reset: request.last || request.fresh,
        attempt,
      };
      if (!request.fresh) {
        pool.dispatch(dispatchOptions, handler);
        return;
      }
      const client = new TrackedClient(options.origin, clientOptions);
      fresh.add(client);
      client.dispatch(dispatchOptions, handler);
      void client
        .close()
        .catch(() => {})
        .finally(() => fresh.delete(client));
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([pool.destroy(), ...[...fresh].map((client) => client.destroy())]);
    },
  };
}

/**
 * undici closes a connection with an error that nobody sees, and node writes out its stack: a fourteenth of what a
 * short request costs. To be called last before undici goes on; errors made in this tick have no stack.
 */
export function withoutStacks(): void {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  process.nextTick(() => (Error.stackTraceLimit = limit));
}

/** Header pairs as undici gives them: over HTTP/1 as Buffers. */
export function rawHeaders(raw: unknown): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((value: unknown) => (Buffer.isBuffer(value) ? value.toString("latin1") : String(value)));
}
