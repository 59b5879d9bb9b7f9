import { existsSync, statfsSync, statSync, accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { planFixes } from "../fixes/index.ts";
import { bytesText, countText } from "../stats/text.ts";
import { asNumber, isObject } from "../wire/json.ts";
import { addDatabaseOptions, databasePath, type DatabaseOptions } from "./database.ts";
import { EXIT, print, printJson, setExit, stdoutLook } from "./print.ts";
import { ask, backendOf, faultIn, readProps } from "./probe.ts";

/** One thing that was looked at. `cure` where something can be done about it. */
interface Finding {
  readonly about: string;
  readonly state: "ok" | "note" | "problem";
  readonly text: string;
  readonly cure?: string;
}

interface Options extends DatabaseOptions {
  readonly json?: boolean;
}

const TIMEOUT_MS = 5000;
/** Agents' prompts begin at about ten thousand tokens before anything is said. */
const SMALL_CONTEXT = 16_384;

export function configure(command: Command): void {
  addDatabaseOptions(command)
    .option("--json", "one JSON document")
    .action((options: Options) => doctor(options));
}

async function doctor(options: Options): Promise<void> {
  const { config, file, warnings } = loadConfig({ file: options.config });
  const backend = await backendFindings(config);
  const findings: readonly Finding[] = [
    { about: "config", state: "ok", text: `${file ?? "no file: defaults"}; ${planFixes(config.fixes).length} fixes on` },
    ...warnings.map((text): Finding => ({
      about: "config",
      state: "note",
      text,
      cure: "remove the variable, or spell it as config.yaml.default says",
    })),
    ...backend,
    await sidecarFinding(config),
    await collectorFinding(config),
    ...(await databaseFindings(options, config)),
  ];
  if (options.json) printJson({ findings });
  else {
    const { style } = stdoutLook();
    const marks = { ok: style.good("ok     "), note: style.warn("note   "), problem: style.bad("problem") };
    for (const finding of findings) {
      print(`${marks[finding.state]} ${finding.about.padEnd(9)} ${finding.text}`);
      if (finding.cure !== undefined) print(`${" ".repeat(18)}→ ${finding.cure}`);
    }
  }
  const unreachable = backend[0]?.state === "problem";
  if (findings.some((finding) => finding.state === "problem")) setExit(unreachable ? EXIT.unreachable : EXIT.failure);
}

async function backendFindings(config: Config): Promise<readonly Finding[]> {
  const backend = backendOf(config);
  const health = await ask(backend, "/health", TIMEOUT_MS);
  if (!health.reached) {
    const cure = "start llama-server there, or set backend.url (--backend) to where it is";
    return [{ about: "backend", state: "problem", text: `${backend.url}: ${health.reason}`, cure }];
  }
  const first: Finding =
    health.status === 200
      ? { about: "backend", state: "ok", text: `${backend.url} is ready` }
      : { about: "backend", state: "note", text: `${backend.url}: ${faultIn(health)}`, cure: "wait until the model is loaded" };
  const props = await ask(backend, "/props", TIMEOUT_MS);
  if (!props.reached || props.status !== 200) {
    const text = props.reached ? faultIn(props) : props.reason;
    const cure =
      "set backend.api_key_env to the variable that holds llama-server's key; without /props the size of the context is not known";
    return [first, { about: "props", state: "note", text, cure }];
  }
  const { context, slots, hasTemplate, router, build, model } = readProps(props.body);
  if (router) return [first, { about: "model", state: "ok", text: `router of several models, build ${build ?? "?"}` }];
  return [
    first,
    { about: "model", state: "ok", text: `${model ?? "?"}, build ${build ?? "?"}` },
    hasTemplate
      ? { about: "template", state: "ok", text: "the model brings a chat template" }
      : {
          about: "template",
          state: "problem",
          text: "no chat template",
          cure: "start llama-server with --jinja and --chat-template-file for this model",
        },
    contextFinding(context, slots),
  ];
}

function contextFinding(context: number | undefined, slots: number | undefined): Finding {
  if (context === undefined) return { about: "context", state: "note", text: "llama-server does not say how large it is" };
  const text = `${slots ?? "?"} slots of ${countText(context)} tokens`;
  if (context >= SMALL_CONTEXT) return { about: "context", state: "ok", text };
  return {
    about: "context",
    state: "note",
    text: `${text}: small for coding agents`,
    cure: "raise llama-server's -c, or lower -np: slots share it",
  };
}

async function sidecarFinding(config: Config): Promise<Finding> {
  const { host, port } = config.server;
  const local = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const url = `http://${local.includes(":") ? `[${local}]` : local}:${port}`;
  const reply = await ask({ url, apiKey: undefined }, "/_llama-proxy/status", TIMEOUT_MS);
  if (!reply.reached) return { about: "sidecar", state: "note", text: `not running at ${url}`, cure: "llama-proxy run" };
  if (!isObject(reply.body) || reply.status !== 200) {
    return {
      about: "sidecar",
      state: "problem",
      text: `port ${port} belongs to another program`,
      cure: "choose another server.port (--port)",
    };
  }
  const recorder = isObject(reply.body["recorder"]) ? reply.body["recorder"] : {};
  const dropped = isObject(recorder["dropped"])
    ? Object.values(recorder["dropped"]).reduce<number>((sum, count) => sum + (asNumber(count) ?? 0), 0)
    : 0;
  if (dropped > 0) {
    const cure = "look at the disk the recording is on, or raise recorder.queue_bytes";
    return { about: "sidecar", state: "note", text: `running at ${url}; the recorder dropped ${countText(dropped)}`, cure };
  }
  return { about: "sidecar", state: "ok", text: `running at ${url}` };
}

async function collectorFinding(config: Config): Promise<Finding> {
  const { enabled, endpoint } = config.otel;
  if (!enabled || endpoint === undefined) return { about: "telemetry", state: "ok", text: "off: no otel.endpoint" };
  const url = endpoint.replace(/\/$/, "");
  // An empty export: a collector answers 200 and keeps nothing.
  const reply = await ask({ url, apiKey: undefined }, "/v1/traces", TIMEOUT_MS, {});
  if (!reply.reached)
    return {
      about: "telemetry",
      state: "problem",
      text: `${endpoint}: ${reply.reason}`,
      cure: "start the Collector, or correct otel.endpoint (OTLP over HTTP, usually port 4318)",
    };
  if (reply.status >= 300 && reply.status !== 401) {
    return {
      about: "telemetry",
      state: "problem",
      text: `${endpoint} answers ${reply.status}`,
      cure: "otel.endpoint must be an OTLP/HTTP receiver, usually port 4318 (4317 is gRPC)",
    };
  }
  return { about: "telemetry", state: "ok", text: `${endpoint} takes OTLP` };
}

async function databaseFindings(options: DatabaseOptions, config: Config): Promise<readonly Finding[]> {
  const path = await databasePath(options);
  if (!config.recorder.enabled) return [{ about: "recorder", state: "ok", text: "off" }];
  const folder = existingFolder(path);
  const findings: Finding[] = [];
  try {
    accessSync(existsSync(path) ? path : folder, constants.W_OK);
    findings.push(existsSync(path) ? await recordingFinding(path) : { about: "recorder", state: "ok", text: `${path} will be made` });
  } catch {
    findings.push({
      about: "recorder",
      state: "problem",
      text: `${path} cannot be written`,
      cure: "change its permissions, or name another file with --db",
    });
  }
  const disk = statfsSync(folder);
  const free = disk.bavail * disk.bsize;
  const text = `${bytesText(free)} free for ${path}`;
  const used = existsSync(path) ? statSync(path).size : 0;
  const wanted = config.recorder.max_size === 0 ? 0 : config.recorder.max_size - used;
  if (free < 200_000_000)
    findings.push({ about: "disk", state: "problem", text, cure: "free some space, or llama-proxy prune --max-size 1GB" });
  else if (free < wanted)
    findings.push({
      about: "disk",
      state: "note",
      text: `${text}, recorder.max_size asks for ${bytesText(config.recorder.max_size)}`,
      cure: "lower recorder.max_size",
    });
  else findings.push({ about: "disk", state: "ok", text });
  return findings;
}

async function recordingFinding(path: string): Promise<Finding> {
  const { openReader } = await import("../recorder/reader.ts");
  try {
    using reader = openReader(path);
    const { totals } = reader.stats({});
    return { about: "recorder", state: "ok", text: `${path}: ${countText(totals.requests)} exchanges, ${bytesText(statSync(path).size)}` };
  } catch (cause) {
    return { about: "recorder", state: "problem", text: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** The nearest folder above a file that is there. */
function existingFolder(path: string): string {
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}
