import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { countText, spanText, type Style } from "../stats/text.ts";
import { asArray, isObject } from "../wire/json.ts";
import { EXIT, Failure, print, printJson, setExit, stdoutLook } from "./print.ts";
import { ask, backendOf, faultIn, readModels, readProps, type Backend, type Reply } from "./probe.ts";

interface Options {
  readonly config?: string;
  readonly backend?: string;
  readonly backendHost?: string;
  readonly backendPort?: string;
  readonly chat: boolean;
  readonly json?: boolean;
}

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly status: number | undefined;
  readonly text: string;
}

const TIMEOUT_MS = 10_000;
/** A first request may have to load the model. */
const CHAT_TIMEOUT_MS = 120_000;

export function configure(command: Command): void {
  command
    .option("--config <file>", "configuration file")
    .option("--backend <url>", "llama-server's address (http://127.0.0.1:8080)")
    .option("--backend-host <host>", "the same in two pieces: host")
    .option("--backend-port <port>", "and port")
    .option("--no-chat", "leave out the 1-token chat")
    .option("--json", "one JSON document")
    .action((options: Options) => testBackend(options));
}

async function testBackend(options: Options): Promise<void> {
  const { backend: url, backendHost, backendPort } = options;
  const { config } = loadConfig({ file: options.config, flags: { backend: url, backendHost, backendPort } });
  const backend = backendOf(config);
  const health = await ask(backend, "/health", TIMEOUT_MS);
  if (!health.reached) {
    throw new Failure(EXIT.unreachable, `no llama-server at ${backend.url} (${health.reason}); start it, or name it with --backend URL`);
  }
  const checks = await runChecks(backend, health, options.chat);
  if (options.json) printJson({ backend: backend.url, checks });
  else {
    const { style } = stdoutLook();
    print(`llama-server at ${backend.url}`);
    for (const check of checks) print(`  ${mark(check, style)} ${check.name.padEnd(11)} ${check.text}`);
  }
  if (checks.some((check) => !check.ok)) setExit(EXIT.failure);
}

function mark(check: Check, style: Style): string {
  return check.ok ? style.good("ok ") : style.bad("no ");
}

async function runChecks(backend: Backend, health: Reply, chat: boolean): Promise<readonly Check[]> {
  const checks = [check("/health", health, () => "ready")];
  checks.push(check("/props", await ask(backend, "/props", TIMEOUT_MS), propsText));
  const slots = await ask(backend, "/slots", TIMEOUT_MS);
  // Off by choice of whoever started it: nothing is wrong with that.
  const off = slots.reached && (slots.status === 501 || slots.status === 400);
  checks.push(off ? { name: "/slots", ok: true, status: slots.status, text: `off: ${faultIn(slots)}` } : check("/slots", slots, slotsText));
  const models = await ask(backend, "/v1/models", TIMEOUT_MS);
  checks.push(check("/v1/models", models, (body) => readModels(body).join(", ") || "none"));
  if (chat) {
    const [model] = models.reached ? readModels(models.body) : [];
    const question = { ...(model === undefined ? {} : { model }), messages: [{ role: "user", content: "Hi" }], max_tokens: 1 };
    checks.push(check("chat", await ask(backend, "/v1/chat/completions", CHAT_TIMEOUT_MS, question), chatText));
  }
  return checks;
}

function check(name: string, reply: Reply, text: (body: unknown, ms: number) => string): Check {
  if (!reply.reached) return { name, ok: false, status: undefined, text: reply.reason };
  const ok = reply.status >= 200 && reply.status < 300;
  const cure = reply.status === 401 ? "; set backend.api_key_env to the variable that holds its key" : "";
  return { name, ok, status: reply.status, text: ok ? text(reply.body, reply.ms) : `${faultIn(reply)}${cure}` };
}

function propsText(body: unknown): string {
  const props = readProps(body);
  if (props.router) return `build ${props.build ?? "?"}, router of several models`;
  return [
    props.build === undefined ? undefined : `build ${props.build}`,
    props.model,
    props.context === undefined ? undefined : `${props.slots ?? "?"} slots of ${countText(props.context)} tokens`,
    props.hasTemplate ? `chat template: ${props.templateCan.join(", ") || "plain"}` : "no chat template",
    props.modalities.length === 0 ? undefined : `input: ${props.modalities.join(", ")}`,
  ]
    .filter((part) => part !== undefined)
    .join("; ");
}

function slotsText(body: unknown): string {
  const slots = asArray(body);
  const busy = slots.filter((slot) => isObject(slot) && slot["is_processing"] === true).length;
  return `${slots.length} slots, ${busy} busy`;
}

function chatText(body: unknown, ms: number): string {
  const timings = isObject(body) && isObject(body["timings"]);
  return `answered in ${spanText(ms)}${timings ? ", with timings" : ""}`;
}
