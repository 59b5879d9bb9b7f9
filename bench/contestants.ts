/**
 * Who runs: how each is started and what it listens on. Peers are configured as their own docs advise
 * for streaming, with logging off, and live in `.cache/bench` (bench/README.md says how they get there).
 */
import { randomBytes } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

export interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where chat completions are asked for; the backend's own path by default. */
  readonly path?: string;
  readonly headers?: readonly string[];
  /** It writes replies of its own, so bytes cannot be compared. */
  readonly rewrites?: boolean;
  /** A gateway that costs so much that the largest cells say nothing more. */
  readonly slow?: boolean;
}

export interface Running {
  readonly contestant: Contestant;
  readonly port: number;
  readonly pid: number;
  readonly child: ChildProcess | undefined;
  /** Whether it sits idle as a process; `direct` is none. */
  readonly output: () => string;
}

export interface Place {
  readonly root: string;
  /** A fresh directory for databases and configurations. */
  readonly scratch: string;
  readonly backend: number;
  readonly otlp: number;
  /** Watch the event loops of ours: it costs, so never together with CPU. */
  readonly loop: boolean;
}

const CACHE = ".cache/bench";

export function placeOf(root: string, backend: number, otlp: number, loop: boolean): Place {
  return { root, backend, otlp, loop, scratch: mkdtempSync(path.join(tmpdir(), "llama-proxy-bench-")) };
}

/** What telemetry sends is sent within the measured time, not after it. */
const PROMPT_EXPORT = { OTEL_BSP_SCHEDULE_DELAY: "500", OTEL_BLRP_SCHEDULE_DELAY: "500", OTEL_METRIC_EXPORT_INTERVAL: "5000" };

/** The product from the tree `build`, with flags of `run` and, for experiments, of Node. */
export function ours(
  place: Place,
  name: string,
  build: string,
  port: number,
  flags: readonly string[],
  telemetry = false,
  nodeFlags: readonly string[] = [],
): Contestant {
  const config = path.join(place.scratch, "quiet.yaml");
  if (!existsSync(config)) writeFileSync(config, "stats: {enabled: false}\n");
  return {
    name,
    command: [
      process.execPath,
      ...(place.loop ? ["--import", path.join(import.meta.dirname, "loop-probe.ts")] : []),
      // As bin/llama-proxy.mjs starts it.
      "--v8-pool-size=1",
      ...nodeFlags,
      path.join(build, "dist/cli/main.js"),
      "run",
      `--config=${config}`,
      `--port=${port}`,
      `--backend=http://127.0.0.1:${place.backend}`,
      `--db=${path.join(place.scratch, `${name}.db`)}`,
      ...flags,
      ...(telemetry ? ["--otlp", `http://127.0.0.1:${place.otlp}`] : []),
    ],
    env: telemetry ? PROMPT_EXPORT : {},
  };
}

/** `builds`: name → directory with `dist/` and `package.json`; the first is the product, others are told apart by name. */
export async function contestantsOf(
  place: Place,
  builds: ReadonlyMap<string, string>,
): Promise<{ contestant: Contestant; port: number }[]> {
  const made: { contestant: Contestant; port: number }[] = [];
  const add = async (make: (port: number) => Contestant | undefined) => {
    const port = await freePort();
    const contestant = make(port);
    if (contestant) made.push({ contestant, port });
  };
  made.push({ contestant: { name: "direct", command: [] }, port: place.backend });
  await add((port) => nginx(place, port));
  for (const [build, directory] of builds) {
    const suffix = build === "" ? "" : `@${build}`;
    await add((port) => ours(place, `nothing on${suffix}`, directory, port, ["--fixes", "none", "--record", "off"]));
    await add((port) => ours(place, `fixes${suffix}`, directory, port, ["--fixes", "all", "--record", "off"]));
    await add((port) => ours(place, `fixes+recording${suffix}`, directory, port, ["--fixes", "all", "--record", "on"]));
    await add((port) => ours(place, `everything${suffix}`, directory, port, ["--fixes", "all", "--record", "on"], true));
  }
  await add((port) => bare(place, port));
  await add((port) => fastify(place, port));
  await add((port) => portkey(place, port));
  await add((port) => litellm(place, port));
  return made;
}

function nginx(place: Place, port: number): Contestant | undefined {
  if (!existsSync("/usr/sbin/nginx")) return undefined;
  const prefix = path.join(place.scratch, "nginx");
  mkdirSync(path.join(prefix, "logs"), { recursive: true });
  const config = `
worker_processes 1;
daemon off;
pid ${prefix}/nginx.pid;
error_log stderr crit;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${prefix}/body;
  proxy_temp_path ${prefix}/proxy;
  fastcgi_temp_path ${prefix}/fastcgi;
  uwsgi_temp_path ${prefix}/uwsgi;
  scgi_temp_path ${prefix}/scgi;
  client_max_body_size 0;
  client_body_buffer_size 16m;
  tcp_nodelay on;
  upstream llama { server 127.0.0.1:${place.backend}; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://llama;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout 1h;
    }
  }
}`;
  writeFileSync(path.join(prefix, "nginx.conf"), config);
  return { name: "nginx", command: ["/usr/sbin/nginx", "-p", prefix, "-c", "nginx.conf"] };
}

function bare(place: Place, port: number): Contestant {
  const env = { BACKEND: `http://127.0.0.1:${place.backend}`, PORT: String(port) };
  return { name: "bare node", command: [process.execPath, path.join(import.meta.dirname, "bare.ts")], env };
}

/** A stream that writes through: no `undici` pool limit below the number of streams. */
function fastify(place: Place, port: number): Contestant | undefined {
  const modules = path.join(place.root, CACHE, "npm/node_modules");
  if (!existsSync(path.join(modules, "@fastify/http-proxy"))) return undefined;
  const file = path.join(place.root, CACHE, "npm/fastify-proxy.mjs");
  writeFileSync(
    file,
    `import Fastify from "fastify";
import proxy from "@fastify/http-proxy";
const app = Fastify({ logger: false, bodyLimit: 64 * 1024 * 1024 });
app.register(proxy, { upstream: process.env.BACKEND, undici: { connections: 4096, pipelining: 1, bodyTimeout: 0, headersTimeout: 0 } });
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
`,
  );
  const env = { BACKEND: `http://127.0.0.1:${place.backend}`, PORT: String(port), NODE_ENV: "production" };
  return { name: "@fastify/http-proxy", command: [process.execPath, file], env };
}

function portkey(place: Place, port: number): Contestant | undefined {
  const file = path.join(place.root, CACHE, "npm/node_modules/@portkey-ai/gateway/build/start-server.js");
  if (!existsSync(file)) return undefined;
  return {
    name: "portkey gateway",
    // Headless: without its console of recent requests.
    // The system's Node (20, its image's): on 26 it fails with "TypeError: immutable" at every request.
    command: ["node", file, `--port=${port}`, "--headless"],
    env: { NODE_ENV: "production" },
    headers: ["x-portkey-provider: openai", `x-portkey-custom-host: http://127.0.0.1:${place.backend}/v1`, "Authorization: Bearer none"],
    rewrites: true,
    slow: true,
  };
}

function litellm(place: Place, port: number): Contestant | undefined {
  const program = path.join(place.root, CACHE, "litellm/bin/litellm");
  if (!existsSync(program)) return undefined;
  const config = path.join(place.scratch, "litellm.yaml");
  // It does not start without one; this one lives as long as the run.
  const key = `sk-${randomBytes(24).toString("hex")}`;
  writeFileSync(
    config,
    `model_list:
  - model_name: bench
    litellm_params: {model: openai/bench, api_base: "http://127.0.0.1:${place.backend}/v1", api_key: none}
litellm_settings: {set_verbose: false, json_logs: false, telemetry: false, num_retries: 0, request_timeout: 600}
general_settings: {disable_spend_logs: true, disable_error_logs: true}
`,
  );
  return {
    name: "litellm proxy",
    command: [program, "--config", config, "--host", "127.0.0.1", "--port", String(port), "--num_workers", "1"],
    env: {
      LITELLM_MODE: "PRODUCTION",
      LITELLM_LOG: "ERROR",
      LITELLM_TELEMETRY: "False",
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
      LITELLM_MASTER_KEY: key,
    },
    headers: [`Authorization: Bearer ${key}`],
    rewrites: true,
    slow: true,
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address ? address.port : 0;
}

/** Started in a group of its own, so that nothing typed at the terminal reaches it first. */
export function start({ contestant, port }: { contestant: Contestant; port: number }): Running {
  const [program, ...args] = contestant.command;
  if (program === undefined) return { contestant, port, pid: 0, child: undefined, output: () => "" };
  let text = "";
  const child = spawn(program, args, { env: { ...process.env, ...contestant.env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const keep = (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.on("error", (cause) => (text += String(cause)));
  return { contestant, port, pid: child.pid ?? 0, child, output: () => text };
}
