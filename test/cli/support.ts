import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { startRecordedLlama } from "../../src/demo/recorded-llama.ts";
import { loadRecordings, type RecordedCall } from "../../src/demo/recorded.ts";
import { PLAIN } from "../../src/stats/text.ts";
import { startTestService } from "../support/service.ts";

const RECORDINGS = loadRecordings(new URL("../../demo/recordings/", import.meta.url));

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is gone when the tests of the file are. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "llama-proxy-test-"));
  folders.push(folder);
  return folder;
}

export interface Ran {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Wall time of the whole process. */
  readonly ms: number;
}

/** The real command line as a process of its own, in an empty folder and with nothing of this machine's configuration. */
export async function cli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const home = temporaryFolder();
  const begun = performance.now();
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, ...args],
      { cwd: home, encoding: "buffer", env: { PATH: process.env["PATH"], HOME: home, ...env }, timeout: 20_000, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr: stderr.toString(), ms: performance.now() - begun });
      },
    );
  });
}

export interface RecordedDatabase {
  readonly db: string;
  /** Ids in the order of asking. */
  readonly ids: readonly string[];
}

/** Sends the calls through a sidecar of our own to a llama-server made of recordings, and keeps the recording. */
export async function recordedDatabase(calls: readonly RecordedCall[]): Promise<RecordedDatabase> {
  const db = join(temporaryFolder(), "recordings.db");
  await using llama = await startRecordedLlama(calls, { speed: Number.POSITIVE_INFINITY });
  const { config } = loadConfig({ env: {}, flags: { port: "0", backend: llama.url.origin, db, statsFormat: "json" } });
  const look = () => ({ width: 80, style: PLAIN, lines: true, terminal: false });
  const service = await startTestService({ config, env: {}, version: "0", write: () => {}, look, say: () => {} });
  const ids: string[] = [];
  try {
    for (const call of calls) {
      const headers = call.headers.filter(
        ([name]) => !["host", "content-length", "connection", "transfer-encoding", "expect"].includes(name.toLowerCase()),
      );
      const response = await fetch(new URL(call.path, service.url), {
        method: call.method,
        headers: headers.map(([name, value]): [string, string] => [name, value]),
        ...(call.method === "GET" ? {} : { body: new Uint8Array(call.body) }),
      });
      await response.arrayBuffer().catch(() => undefined);
      ids.push(response.headers.get("x-llama-proxy-request-id") ?? "");
    }
  } finally {
    await service.stop(1000);
  }
  return { db, ids };
}

/** The calls of one recording by name. */
export function callsOf(...names: readonly string[]): readonly RecordedCall[] {
  return names.flatMap((name) => RECORDINGS.get(name) ?? []);
}
