import { fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const PROBE = new URL("../../bench/heap-probe.ts", import.meta.url).href;

/** The sidecar as a process of its own, so that its memory and descriptors are its own. */
export interface Proxy {
  readonly url: string;
  readonly port: string;
  /** Descriptors open and megabytes resident; undefined where the system has no /proc. */
  usage(): { readonly descriptors: number; readonly residentMb: number } | undefined;
  status(): Promise<Status>;
  /** Forces a collection in every thread, and tells what is left (bench/heap-probe.ts). */
  heap(): Promise<Heap>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface Status {
  readonly in_flight: number;
  readonly exchanges_total: number;
  readonly faults: number;
  readonly recorder: {
    readonly state: string;
    readonly written: number;
    readonly queued_records: number;
    readonly dropped: Readonly<Record<string, number>>;
  };
}

/** Bytes of the request thread's heap, its buffers and the recorder's heap; resources by kind. */
export interface Heap {
  readonly heapUsed: number;
  readonly arrayBuffers: number;
  readonly workerHeap: number;
  readonly resources: Readonly<Record<string, number>>;
}

export async function startProxy(backend: string, db: string, port = "0"): Promise<Proxy> {
  const child = fork(MAIN, ["run", "--port", port, "--backend", backend, "--db", db], {
    execArgv: ["--expose-gc", "--import", PROBE],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { PATH: process.env["PATH"], LLAMA_PROXY_STATS_ENABLED: "false" },
  });
  const exit = new Promise<void>((done) => child.once("exit", () => done()));
  const url = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stderr?.on("data", (chunk: Buffer) => {
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
      // On a connection of its own, which is closed behind it: a kept one would be counted.
      const request = get(`${url}/_llama-proxy/status`, { agent: false });
      const [response] = (await once(request, "response")) as [IncomingMessage];
      return JSON.parse((await response.toArray()).join("")) as Status;
    },
    async heap() {
      child.send("heap");
      const [answer] = (await once(child, "message")) as [Heap];
      return answer;
    },
    async kill(signal) {
      child.kill(signal);
      await exit;
    },
  };
}
