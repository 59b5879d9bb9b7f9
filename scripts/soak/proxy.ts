import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** The sidecar as a process of its own, so that its memory and descriptors are its own. */
export interface Proxy {
  readonly url: string;
  readonly port: string;
  /** Descriptors open and megabytes resident; undefined where the system has no /proc. */
  usage(): { readonly descriptors: number; readonly residentMb: number } | undefined;
  status(): Promise<Status>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface Status {
  readonly in_flight: number;
  readonly exchanges_total: number;
  readonly faults: number;
  readonly recorder: { readonly state: string; readonly written: number; readonly dropped: Readonly<Record<string, number>> };
}

export async function startProxy(backend: string, db: string, port = "0"): Promise<Proxy> {
  const child = spawn(process.execPath, [MAIN, "run", "--port", port, "--backend", backend, "--db", db], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], LLAMA_PROXY_STATS_ENABLED: "false" },
  });
  const exit = new Promise<void>((done) => child.once("exit", () => done()));
  const url = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const match = / on (http:\/\/\S+),/.exec(text);
      if (match?.[1]) resolve(match[1]);
    });
    child.once("exit", () => reject(new Error(text)));
  });
  const { pid } = child;
  return {
    url,
    port: new URL(url).port,
    usage() {
      try {
        const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return { descriptors: readdirSync(`/proc/${pid}/fd`).length, residentMb: Number(resident) / 1024 };
      } catch {
        return undefined;
      }
    },
    async status() {
      return (await (await fetch(`${url}/_llama-proxy/status`)).json()) as Status;
    },
    async kill(signal) {
      child.kill(signal);
      await exit;
    },
  };
}
