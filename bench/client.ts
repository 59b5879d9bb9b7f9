/**
 * The benchmark's client, a process of its own: raw sockets, because an HTTP library would be a larger
 * part of the measured time than the proxy. Each connection sends its requests one after another and
 * looks at every byte that comes back.
 *
 * Speaks over IPC: takes a Job, answers with Seen.
 */
import { connect } from "node:net";
import { crc32 } from "node:zlib";
import { requestBody } from "./frames.ts";
import { createReplyReader } from "./reply-reader.ts";

export interface Job {
  readonly port: number;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: readonly string[];
  readonly connections: number;
  /** One after another; streams each on a connection of their own, since llama-server closes behind a stream. */
  readonly requests: number;
  readonly requestBytes: number;
  readonly stream: boolean;
  /** Milliseconds over which the connections begin, evenly. */
  readonly rampMs: number;
  /** Longest pause before a connection's next request, in milliseconds; drawn anew each time, the same in every run. */
  readonly pauseMs?: number;
  /** The body every reply must have; undefined where a gateway writes its own. */
  readonly expected: { readonly bytes: number; readonly crc: number } | undefined;
  /** Frames every streamed reply must have at least, and the mark it must end with. */
  readonly frames: number;
  readonly timeoutMs: number;
}

export interface Seen {
  readonly replies: number;
  readonly complete: number;
  /** Complete and byte for byte what the backend sent. */
  readonly identical: number;
  readonly frames: number;
  readonly problems: readonly string[];
  /** Milliseconds from the request's first byte to the first byte of the reply's body. */
  readonly firstByteMs: Quantiles;
  /** Milliseconds between frames of one stream, as its reader sees them. */
  readonly gapMs: Quantiles;
  readonly replyMs: Quantiles;
}

export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

const nothing = { p50: NaN, p90: NaN, p99: NaN, max: NaN };

function quantiles(values: number[]): Quantiles {
  if (values.length === 0) return nothing;
  const sorted = Float64Array.from(values).sort();
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) ?? NaN };
}

async function run(job: Job): Promise<Seen> {
  const body = job.method === "GET" ? new Uint8Array(0) : requestBody(job.requestBytes, job.stream);
  const head = Buffer.from(
    [
      `${job.method} ${job.path} HTTP/1.1`,
      `Host: 127.0.0.1:${job.port}`,
      ...(body.length > 0 ? ["Content-Type: application/json", `Content-Length: ${body.length}`] : []),
      ...job.headers,
      "\r\n",
    ].join("\r\n"),
  );
  const request = Buffer.concat([head, body]);
  const firsts: number[] = [];
  const gaps: number[] = [];
  const wholes: number[] = [];
  const problems = new Map<string, number>();
  let pauses = 0;
  const count = { replies: 0, complete: 0, identical: 0, frames: 0 };

  function problem(what: string): void {
    problems.set(what, (problems.get(what) ?? 0) + 1);
  }

  /** Spread by the golden ratio: no two connections stay in step. */
  const pause = (longest: number): number => ((++pauses * 0.618_034) % 1) * longest;

  /** One connection: resolves when its requests are answered. */
  function converse(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = job.requests;
    function open(): void {
      const socket = connect({ port: job.port, host: "127.0.0.1", noDelay: true });
      let asked = 0;
      let first = 0;
      let last = 0;
      let crc = 0;
      let reader = createReplyReader(onBody);

      function ask(): void {
        reader = createReplyReader(onBody);
        first = 0;
        crc = 0;
        asked = performance.now();
        socket.write(request);
      }
      function onBody(bytes: Buffer): void {
        const now = performance.now();
        if (job.expected) crc = crc32(bytes, crc);
        if (first === 0) {
          first = now;
          last = now;
          firsts.push(now - asked);
        }
        if (!job.stream) return;
        let frames = 0;
        for (let at = bytes.indexOf("\n\n"); at >= 0; at = bytes.indexOf("\n\n", at + 2)) frames += 1;
        if (frames === 0) return;
        count.frames += frames;
        seen += frames;
        // Frames that come in one read come at one time: the first waited, the others did not.
        if (now !== last) gaps.push(now - last);
        for (let i = 1; i < frames; i++) gaps.push(0);
        last = now;
      }
      let seen = 0;
      function finish(): void {
        count.replies += 1;
        wholes.push(performance.now() - asked);
        const { status, bytes, tail } = reader;
        if (status !== 200) problem(`status ${status}`);
        else if (job.stream && (seen < job.frames || !tail.includes("[DONE]")))
          problem(`${seen} frames, tail ${JSON.stringify(tail.slice(-20))}`);
        else count.complete += 1;
        if (job.expected?.bytes === bytes && job.expected.crc === crc) count.identical += 1;
        seen = 0;
        left -= 1;
        clearTimeout(timer);
        if (left === 0) {
          socket.destroy();
          resolve();
        } else if (reader.closes || job.stream) {
          socket.destroy();
          if (job.pauseMs) setTimeout(open, pause(job.pauseMs));
          else open();
        } else {
          timer = setTimeout(giveUp, job.timeoutMs);
          ask();
        }
      }
      function broken(why: string): void {
        if (socket.destroyed && reader.done) return;
        clearTimeout(timer);
        socket.destroy();
        problem(why);
        count.replies += 1;
        left -= 1;
        if (left === 0) resolve();
        else setTimeout(open, 20);
      }
      function giveUp(): void {
        broken(`nothing whole within ${job.timeoutMs} ms`);
      }
      let timer = setTimeout(giveUp, job.timeoutMs);
      socket.on("connect", ask);
      socket.on("data", (chunk: Buffer) => {
        reader.push(chunk);
        if (reader.done) finish();
      });
      socket.on("end", () => {
        if (reader.done) return;
        if (reader.close()) finish();
        else broken("cut");
      });
      socket.on("error", (cause: Error) => broken(cause.message));
    }
    open();
    return promise;
  }

  const all: Promise<void>[] = [];
  for (let i = 0; i < job.connections; i++) {
    all.push(converse());
    if (job.rampMs > 0) await new Promise((next) => setTimeout(next, job.rampMs / job.connections));
  }
  await Promise.all(all);
  return {
    ...count,
    problems: [...problems].map(([what, times]) => `${times} x ${what}`),
    firstByteMs: quantiles(firsts),
    gapMs: quantiles(gaps),
    replyMs: quantiles(wholes),
  };
}

process.on("message", (job: Job) => {
  void run(job).then((seen) => process.send?.(seen));
});
process.on("disconnect", () => process.exit());
process.send?.("ready");
