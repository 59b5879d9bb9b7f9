/**
 * The main job with nothing installed: a recorded llama-server on a free port, the sidecar in front
 * of it with a database of its own, recorded requests through both, and the mended one replayed.
 * Everything shown is what a user would see; only the backend's bytes are recorded ones.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { CONFIG_SCHEMA, type Config } from "../config/schema.ts";
import { startRecordedLlama } from "../demo/recorded-llama.ts";
import { loadRecordings, type RecordedCall } from "../demo/recorded.ts";
import { planFixes } from "../fixes/index.ts";
import { openReader } from "../recorder/reader.ts";
import { replay } from "../replay/replay.ts";
import { reportText } from "../replay/report.ts";
import { EXIT, Failure, print, say, setExit, stdoutLook, write } from "./print.ts";
import { startService } from "./service.ts";
import { VERSION } from "./version-number.ts";

interface Options {
  readonly speed: string;
  readonly debug?: boolean;
}

/** What is sent, in this order, and what it shows. */
const STORY: readonly { readonly recording: string; readonly what: string }[] = [
  { recording: "chat-hello-stream", what: "a streamed chat" },
  { recording: "chat-hello", what: "the same, whole" },
  { recording: "anthropic-tool-stream", what: "a tool call over the Messages API, streamed" },
  { recording: "tool-duplicate-optional-param-differs-stream", what: "a malformed tool call, streamed: one argument twice" },
];

const RECORDINGS = new URL("../../demo/recordings/", import.meta.url);

export function configure(command: Command): void {
  command
    .option("--speed <n>", "pace of the recorded backend: 1 as recorded, 10 ten times as fast", "1")
    .action((options: Options) => demo(options));
}

async function demo(options: Options): Promise<void> {
  const speed = Number(options.speed);
  if (!(speed > 0)) throw new Failure(EXIT.usage, `--speed takes a number above 0, not "${options.speed}"`);
  const look = stdoutLook();
  const { strong, faint } = look.style;
  const recordings = loadRecordings(RECORDINGS);
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-demo-"));
  try {
    await using llama = await startRecordedLlama([...recordings.values()].flat(), { speed });
    const config = demoConfig(llama.url, join(folder, "demo.db"));
    const service = await startService({ config, env: {}, version: VERSION, write, look: stdoutLook, say, debug: options.debug === true });
    const ids: string[] = [];
    try {
      print(
        `${strong("llama-proxy demo")}  a recorded llama-server at ${llama.url.origin}, the sidecar in front of it at ${service.url.origin}`,
      );
      for (const { recording, what } of STORY) {
        const call = recordings.get(recording)?.[0];
        if (!call) throw new Failure(EXIT.failure, `the demo's recording ${recording} is missing; reinstall the package`);
        print("");
        print(`${strong(`→ ${call.method} ${call.path}`)}  ${what}`);
        ids.push(await ask(service.url, call, faint));
      }
    } finally {
      await service.stop(1000);
    }
    if (llama.unmatched.length > 0)
      throw new Failure(EXIT.failure, `the recorded backend was asked what it does not know: ${llama.unmatched.join(", ")}`);
    showReplay(config, ids.at(-1) ?? "", look);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  setExit(EXIT.ok);
}

function demoConfig(backend: URL, db: string): Config {
  const parsed = CONFIG_SCHEMA.parse({ server: { port: 0 }, recorder: { path: db }, stats: { format: "pretty" } });
  return { ...parsed, backend: { url: backend.origin, timeout_seconds: 30, api_key_env: undefined } } as Config;
}

/** Sends the recorded request through the sidecar and waits for its whole reply. Returns the exchange's id. */
async function ask(proxy: URL, call: RecordedCall, faint: (text: string) => string): Promise<string> {
  const headers = call.headers.filter(([name]) => !["host", "content-length", "connection"].includes(name.toLowerCase()));
  const response = await fetch(new URL(call.path, proxy), {
    method: call.method,
    headers: headers.map(([name, value]) => [name, value]),
    body: new Uint8Array(call.body),
  });
  const bytes = (await response.arrayBuffer()).byteLength;
  const id = response.headers.get("x-llama-proxy-request-id") ?? "";
  if (response.status !== 200) throw new Failure(EXIT.failure, `${call.method} ${call.path} was answered with status ${response.status}`);
  // The exchange ends when the last byte is with the kernel; its metrics are printed then, which may be just behind us.
  await new Promise((done) => setTimeout(done, 20));
  print(faint(`${response.status} ${response.headers.get("content-type") ?? ""}, ${bytes} bytes, recorded as ${id}`));
  return id;
}

function showReplay(config: Config, id: string, look: ReturnType<typeof stdoutLook>): void {
  using reader = openReader(config.recorder.path ?? "");
  const recording = reader.get(id);
  if (!recording) throw new Failure(EXIT.failure, `the exchange ${id} was not recorded`);
  const report = replay(recording, planFixes(config.fixes));
  print("");
  print(`${look.style.strong(`llama-proxy replay --id ${id}`)}  what llama-server said, and what the client got instead`);
  print(reportText(report, false, { ...look.style, width: Math.min(look.width, 140) }));
  if (!report.sameAsThen) throw new Failure(EXIT.different, "replay came out otherwise than the live reply");
}
