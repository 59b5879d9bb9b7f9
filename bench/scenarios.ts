import type { Script } from "./frames.ts";

/** One cell of the table: what the backend plays and what the client asks. */
export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly script: Script;
  readonly streams: number;
  readonly requests: number;
  readonly requestBytes: number;
  readonly stream: boolean;
  /** Longest pause of a connection between its requests, in milliseconds. */
  readonly pauseMs?: number;
  /** Only these contestants, where it would say nothing about the others. */
  readonly only?: readonly string[];
}

const script: Script = { frames: 250, frameBytes: 240, paceMs: 20, burst: 1, prefillMs: 25 };
const base = { script, streams: 100, requests: 1, requestBytes: 1024, stream: true };

function streams(count: number, frames: number, paceMs: number): Scenario {
  return {
    ...base,
    name: `streams-${count}`,
    what: `${count} streams, a frame of 240 B every ${paceMs} ms, ${frames} frames each`,
    streams: count,
    script: { ...script, frames, paceMs },
  };
}

function frameSize(bytes: number): Scenario {
  const name = bytes >= 1024 ? `${bytes / 1024}k` : String(bytes);
  return {
    ...base,
    name: `frames-${name}`,
    what: `100 streams, a frame of ${bytes} B every 40 ms, 100 frames each`,
    script: { ...script, frameBytes: bytes, frames: 100, paceMs: 40 },
  };
}

function requestSize(bytes: number, requests: number): Scenario {
  const name = bytes >= 1 << 20 ? `${bytes / (1 << 20)}m` : `${bytes / 1024}k`;
  return {
    ...base,
    name: `request-${name}`,
    what: `requests of ${name}, 4 at a time, ${requests} each, a stream of 10 frames at once`,
    streams: 4,
    requests,
    requestBytes: bytes,
    script: { ...script, frames: 10, paceMs: 0, prefillMs: 0 },
  };
}

export const SCENARIOS: readonly Scenario[] = [
  { ...streams(1, 400, 8), what: "1 stream, a frame of 240 B every 8 ms, 400 frames" },
  streams(8, 250, 10),
  streams(100, 250, 20),
  streams(1000, 50, 100),
  {
    ...base,
    name: "first-8",
    what: "8 agents, 60 streams each of 10 frames 5 ms apart, pauses of 0 to 60 ms: time to first byte",
    streams: 8,
    requests: 60,
    pauseMs: 60,
    script: { ...script, frames: 10, paceMs: 5, prefillMs: 0 },
  },
  {
    ...base,
    name: "ttfb-8",
    what: "8 at a time in step, 60 streams each of 5 frames, the first frame at once: time to first byte under load",
    streams: 8,
    requests: 60,
    script: { ...script, frames: 5, paceMs: 4, prefillMs: 0 },
  },
  {
    ...base,
    name: "prefill",
    what: "100 streams, 1.5 s of silence, then 40 frames 20 ms apart",
    script: { ...script, frames: 40, prefillMs: 1500 },
  },
  {
    ...base,
    name: "bursts",
    what: "100 streams, 16 frames in one write every 320 ms, 240 frames each",
    script: { ...script, frames: 240, burst: 16 },
  },
  frameSize(80),
  frameSize(1024),
  frameSize(4096),
  frameSize(16_384),
  requestSize(1024, 100),
  requestSize(100 * 1024, 50),
  requestSize(1 << 20, 12),
  requestSize(10 << 20, 3),
  {
    ...base,
    name: "json",
    what: "short JSON replies, 8 at a time, 250 each, connections kept",
    stream: false,
    streams: 8,
    requests: 250,
    script: { ...script, frames: 1 },
  },
];

/** What `--quick` runs: whether everything works, not how fast it is. */
export function quickly(scenario: Scenario): Scenario {
  const { script: full } = scenario;
  return {
    ...scenario,
    streams: Math.min(scenario.streams, 20),
    requests: Math.min(scenario.requests, 5),
    script: { ...full, frames: Math.min(full.frames, 20), prefillMs: Math.min(full.prefillMs, 100) },
  };
}
