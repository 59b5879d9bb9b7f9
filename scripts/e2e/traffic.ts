import { setTimeout as sleep } from "node:timers/promises";
import type { RecordedCall } from "../../src/demo/recorded.ts";

/** What went over the wire, as the client saw it. */
export interface Traffic {
  readonly requests: number;
  readonly aborted: number;
  /** Time range of it, in seconds since 1970. */
  readonly from: number;
  readonly until: number;
}

/** Plays for half a minute at its recorded pace, for the sake of pings: too long for a round. */
const TOO_LONG = "ping-during-prompt-stream";
/** Mended on its way to llama-server, so that no recording answers what arrives there. */
const MENDED_REQUEST = "tool-history-bad-arguments";
const PASSED_THROUGH = ["/health", "/props", "/slots", "/v1/models"];

/** Recorded calls that a client can repeat. */
export function repeatable(recordings: ReadonlyMap<string, readonly RecordedCall[]>): RecordedCall[] {
  const calls = [...recordings.values()].flat();
  return calls.filter((call) => call.method === "POST" && call.endedBy !== "client" && ![TOO_LONG, MENDED_REQUEST].includes(call.name));
}

/** `rounds` times everything, `pauseMs` between them, so that rates have something to rise over. */
export async function drive(sidecar: string, calls: readonly RecordedCall[], rounds: number, pauseMs: number): Promise<Traffic> {
  const from = Date.now() / 1000;
  let requests = 0;
  let aborted = 0;
  const streamed = calls.find((call) => call.name === "tool-text-then-two-stream");
  for (let round = 0; round < rounds; round++) {
    // Two at a time, as two agents would.
    const queue = [...calls];
    const client = async () => {
      for (let call = queue.shift(); call; call = queue.shift()) {
        await send(sidecar, call);
        requests += 1;
      }
    };
    await Promise.all([client(), client()]);
    for (const path of PASSED_THROUGH) {
      await (await fetch(sidecar + path)).arrayBuffer();
      requests += 1;
    }
    if (streamed) {
      await leaveEarly(sidecar, streamed);
      requests += 1;
      aborted += 1;
    }
    await sleep(pauseMs);
  }
  return { requests, aborted, from, until: Date.now() / 1000 };
}

async function send(sidecar: string, call: RecordedCall): Promise<void> {
  const response = await fetch(sidecar + call.path, requestOf(call));
  // A recorded backend may have died in the middle of its reply.
  await response.arrayBuffer().catch(() => undefined);
}

async function leaveEarly(sidecar: string, call: RecordedCall): Promise<void> {
  const leaving = new AbortController();
  const response = await fetch(sidecar + call.path, { ...requestOf(call), signal: leaving.signal });
  await response.body?.getReader().read();
  leaving.abort();
}

const NOT_OURS = new Set(["host", "content-length", "connection", "transfer-encoding", "expect"]);

function requestOf(call: RecordedCall): RequestInit {
  const headers = call.headers.filter(([name]) => !NOT_OURS.has(name.toLowerCase()));
  return { method: call.method, headers: headers.map(([name, value]): [string, string] => [name, value]), body: new Uint8Array(call.body) };
}
