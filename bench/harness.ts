/** What the benchmarks share: processes beside this one, the job a scenario is for the client, and the warm-up. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import path from "node:path";
import { crc32 } from "node:zlib";
import type { Job } from "./client.ts";
import type { Running } from "./contestants.ts";
import { JSON_BODY, streamBytes } from "./frames.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";

const CHAT = "/v1/chat/completions";

export function helper(file: string): Promise<{ child: ChildProcess; first: unknown }> {
  const child = fork(path.join(import.meta.dirname, file), { stdio: "inherit" });
  return once(child, "message").then(([first]) => ({ child, first: first as unknown }));
}

export async function asked<Answer>(child: ChildProcess, question: object): Promise<Answer> {
  child.send(question);
  const [answer] = (await once(child, "message")) as [Answer];
  return answer;
}

/** Takes what telemetry exports, and throws it away; not one of the measured processes. */
export async function startCollector(): Promise<{ port: number; close: () => void }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return { port: typeof address === "object" && address ? address.port : 0, close: () => server.closeAllConnections() };
}

export function jobFor(scenario: Scenario, running: Pick<Running, "port" | "contestant">): Job {
  const { script } = scenario;
  const body = scenario.stream ? streamBytes(script).body : JSON_BODY;
  const { contestant } = running;
  return {
    port: running.port,
    method: "POST",
    path: contestant.path ?? CHAT,
    headers: contestant.headers ?? [],
    connections: scenario.streams,
    requests: scenario.requests,
    requestBytes: scenario.requestBytes,
    stream: scenario.stream,
    rampMs: scenario.requests === 1 ? Math.min(scenario.streams * 2, script.paceMs * script.frames * 0.2) : 0,
    pauseMs: scenario.pauseMs ?? 0,
    expected: contestant.rewrites ? undefined : { bytes: body.length, crc: crc32(body) },
    frames: script.frames,
    timeoutMs: 60_000,
  };
}

/** A proxy runs for days: what V8 still has to compile is not what it costs. Long streams, then short ones. */
const base = SCENARIOS[0] as Scenario;
export const WARM_UPS: readonly Scenario[] = [
  { ...base, streams: 40, requests: 4, script: { ...base.script, paceMs: 5, frames: 150 } },
  { ...base, streams: 8, requests: 150, script: { ...base.script, paceMs: 2, frames: 5, prefillMs: 0 } },
];
