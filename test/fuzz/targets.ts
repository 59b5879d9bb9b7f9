/**
 * What is fuzzed: an input (a text; bytes are latin1), and a check that throws when a promise is broken.
 * The check returns what the input reached, so that inputs which reach something new can be kept.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/config/problem.ts";
import type { FixNote } from "../../src/core/exchange.ts";
import type { Dialect } from "../../src/dialects/dialect.ts";
import { DIALECTS } from "../../src/dialects/index.ts";
import { fixDocument } from "../../src/fixes/document.ts";
import { FIXES, planFixes } from "../../src/fixes/index.ts";
import { createStreamPipeline } from "../../src/fixes/pipeline.ts";
import { fixRequest } from "../../src/fixes/request.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { openReader, ReaderError } from "../../src/recorder/reader.ts";
import { PortableError, readPortable } from "../../src/replay/portable.ts";
import { createFramer } from "../../src/wire/framer.ts";
import { parseOrUndefined } from "../../src/wire/json.ts";
import { broken, chatStreams, framesOfAnything, jsonTexts, RECORDED, REQUESTS } from "./inputs.ts";
import { recordingTargets } from "./recordings.ts";

export interface Target {
  readonly name: string;
  readonly inputs: fc.Arbitrary<string>;
  /** Share of all inputs: cheap checks get more. */
  readonly weight: number;
  /** Throws when a promise is broken; else what was reached. */
  readonly check: (input: string) => string;
}

/** Every fix at work, also those that are off by default. */
const PLAN = planFixes({
  enabled: true,
  modules: Object.fromEntries(FIXES.map((fix) => [fix.name, { enabled: true, mode: "fix" as const }])),
});

const TOOLS = ["read", "bash"].map((name) => ({
  type: "function",
  name,
  function: { name, parameters: { type: "object", properties: { filePath: { type: "string" }, command: { type: "string" } } } },
  input_schema: { type: "object", properties: { filePath: { type: "string" } } },
  parameters: { type: "object", properties: { filePath: { type: "string" } } },
}));

const requestOf = (dialect: Dialect) => dialect.readRequest({ model: "m", stream: true, messages: [], tools: TOOLS });

/** The same cuts for the same input. */
function cutsOf(bytes: Buffer): Buffer[] {
  let state = bytes.length * 2_654_435_761;
  const pieces: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_519) + (bytes[from] ?? 0)) >>> 0;
    const length = 1 + (state % 23);
    pieces.push(bytes.subarray(from, from + length));
    from += length;
  }
  return pieces;
}

function run(dialect: Dialect, pieces: readonly Buffer[]): { sent: Buffer; notes: readonly FixNote[] } {
  const pipeline = createStreamPipeline(PLAN, dialect, requestOf(dialect));
  const sent = pieces
    .flatMap((piece) => pipeline.push(piece))
    .concat(pipeline.end())
    .flatMap((step) => step.sent);
  return { sent: Buffer.concat(sent), notes: pipeline.notes() };
}

/** What a stream says, however it is cut into pieces: texts and arguments joined, by kind, choice and call. */
function saidBy(dialect: Dialect, bytes: Buffer): Map<string, string> {
  const pipeline = createStreamPipeline([], dialect, requestOf(dialect));
  const said = new Map<string, string>();
  for (const { deltas } of [...pipeline.push(bytes), ...pipeline.end()]) {
    for (const delta of deltas) {
      const place = `${delta.kind} ${"choice" in delta ? delta.choice : ""} ${"tool" in delta ? delta.tool : ""}`;
      const more = "text" in delta ? delta.text : `${JSON.stringify(delta)};`;
      // An empty piece says nothing.
      if (more !== "") said.set(place, (said.get(place) ?? "") + more);
    }
  }
  return said;
}

/** A rule or reader that threw was caught and said so: that is a crash all the same. */
function unharmed(notes: readonly FixNote[]): string {
  const crash = notes.find((note) =>
    /gave up|cut out for this reply|could not start|failed:|would not be JSON|TypeError|RangeError|ReferenceError/.test(note.reason ?? ""),
  );
  if (crash) throw new Error(`${crash.fix}: ${crash.reason}`);
  return [...new Set(notes.map((note) => `${note.fix}/${note.rule ?? ""}/${note.action}`))].toSorted((a, b) => (a < b ? -1 : 1)).join(" ");
}

function same(a: Buffer, b: Buffer, what: string): void {
  if (a.equals(b)) return;
  let at = 0;
  while (a[at] === b[at]) at += 1;
  const around = (bytes: Buffer): string => JSON.stringify(bytes.toString("latin1", Math.max(0, at - 60), at + 120));
  throw new Error(`${what}, at byte ${at}: ${around(a)} and ${around(b)}`);
}

const streams = (dialect: Dialect): Target => ({
  name: `stream ${dialect.name}`,
  inputs: fc.oneof(broken(RECORDED.filter(({ stream }) => stream).map(({ text }) => text)), framesOfAnything, chatStreams),
  weight: 2,
  check(input) {
    const bytes = Buffer.from(input, "latin1");
    const whole = run(dialect, [bytes]);
    const reached = unharmed(whole.notes);
    // Text that waited may come behind the reasoning that did not: then the bytes differ, but not what they say.
    if (whole.notes.every((note) => note.action === "skipped") && !isDeepStrictEqual(saidBy(dialect, whole.sent), saidBy(dialect, bytes))) {
      same(whole.sent, bytes, "nothing was mended, yet something else is said");
    }
    const cut = run(dialect, cutsOf(bytes));
    unharmed(cut.notes);
    same(cut.sent, whole.sent, "cut elsewhere, it comes out otherwise");
    return reached;
  },
});

const documents = (dialect: Dialect): Target => ({
  name: `document ${dialect.name}`,
  inputs: fc.oneof(
    broken(RECORDED.filter(({ stream }) => !stream).map(({ text }) => text)),
    jsonTexts.map((text) => Buffer.from(text).toString("latin1")),
  ),
  weight: 3,
  check(input) {
    const body = Buffer.from(input, "latin1");
    const fixed = fixDocument(PLAN, dialect, requestOf(dialect), body);
    const reached = unharmed(fixed.notes);
    if (fixed.sent !== body && parseOrUndefined(Buffer.from(fixed.sent).toString()) === undefined)
      throw new Error("what was mended is no JSON");
    return reached;
  },
});

const requests = (dialect: Dialect): Target => ({
  name: `request ${dialect.name}`,
  inputs: fc.oneof(
    jsonTexts.map((text) => Buffer.from(text).toString("latin1")),
    broken(REQUESTS),
  ),
  weight: 3,
  check(input) {
    const body = Buffer.from(input, "latin1");
    const parsed = parseOrUndefined(body.toString());
    dialect.readRequest(parsed);
    const { forward, notes } = fixRequest(PLAN, dialect, body, parsed);
    if (forward !== body && parseOrUndefined(Buffer.from(forward).toString()) === undefined) throw new Error("what was mended is no JSON");
    return unharmed(notes);
  },
});

const readers = (dialect: Dialect): Target => ({
  name: `reader and writer ${dialect.name}`,
  inputs: fc.array(jsonTexts, { maxLength: 5 }).map((texts) => `[${texts.join(",")}]`),
  weight: 3,
  check(input) {
    const payloads = parseOrUndefined(input);
    if (!Array.isArray(payloads)) return "";
    const codec = dialect.codec(requestOf(dialect));
    const kinds = new Set<string>();
    for (const payload of payloads as unknown[]) {
      const raw = Buffer.from(`data: ${JSON.stringify(payload)}\n\n`);
      const message = { frame: { raw, event: undefined, data: JSON.stringify(payload) }, payload };
      const deltas = codec.read(message);
      for (const delta of deltas) kinds.add(delta.kind);
      for (const frame of codec.write(message, deltas)) if (frame.raw.length === 0) throw new Error("a frame without bytes");
      const document = dialect.readDocument(payload);
      if (JSON.stringify(dialect.writeDocument(payload, document)) === undefined && payload !== undefined)
        throw new Error("a document that is no JSON");
    }
    return [...kinds].toSorted((a, b) => (a < b ? -1 : 1)).join(" ");
  },
});

const framer: Target = {
  name: "framer",
  inputs: fc.oneof(
    framesOfAnything,
    fc.array(fc.constantFrom("\r", "\n", "data: x", ":", "\r\n", "a"), { maxLength: 30 }).map((parts) => parts.join("")),
  ),
  weight: 6,
  check(input) {
    const bytes = Buffer.from(input, "latin1");
    const cut = (pieces: readonly Buffer[]): Buffer[] => {
      const one = createFramer();
      return [...pieces.flatMap((piece) => one.push(piece)), one.end()]
        .map((frame) => Buffer.from(frame))
        .filter((frame) => frame.length > 0);
    };
    const whole = cut([bytes]);
    same(Buffer.concat(whole), bytes, "the frames are not the body");
    if (!isDeepStrictEqual(cut(cutsOf(bytes)), whole)) throw new Error("cut elsewhere, the frames are others");
    return String(Math.min(whole.length, 8));
  },
};

/** What may be thrown, by name; everything else is a crash. */
function orRefused(work: () => unknown, refusal: new (...args: never[]) => Error): string {
  try {
    work();
    return "taken";
  } catch (cause) {
    if (cause instanceof refusal) return "refused";
    throw cause;
  }
}

/** The targets that need a folder or a file; `dispose` takes them away. */
export async function openTargets(): Promise<{ readonly targets: readonly Target[]; dispose: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "llama-proxy-fuzz-"));
  const db = join(folder, "fuzz.db");
  {
    await using recorder = createRecorder({ path: db });
    void recorder;
  }
  const reader = openReader(db);
  const file = join(folder, "config.yaml");
  const yaml = fc.oneof(
    broken([
      "server:\n  port: 8066\n  tls: {cert: a, key: b}\nbackend:\n  url: http://127.0.0.1:8080\nfixes:\n  modules: {}\nrecorder:\n  max_size: 5GB\n  redact: [x-a]\n",
    ]),
    fc
      .array(fc.tuple(fc.constantFrom("server", "backend", "fixes", "otel", "stats", "nope", "port", "modules"), jsonTexts), {
        maxLength: 4,
      })
      .map((lines) => lines.map(([key, value]) => `${key}: ${value}`).join("\n")),
  );
  const config: Target = {
    name: "config",
    inputs: yaml,
    weight: 1,
    check(input) {
      writeFileSync(file, input);
      return (
        orRefused(() => loadConfig({ file, env: { LLAMA_PROXY_SERVER_PORT: input.slice(0, 8) } }), ConfigError) +
        orRefused(() => loadConfig({ file, env: {} }), ConfigError)
      );
    },
  };
  const ids: Target = {
    name: "ids on the command line",
    inputs: fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .constantFrom("last", "last~", "last~1", "last~99999999999", "last:fixed", "last:error", "%", "_", "'", "\0", "🚀")
        .chain((word) => fc.string().map((more) => word + more)),
    ),
    weight: 2,
    check: (input) => orRefused(() => reader.resolve(input), ReaderError),
  };
  const portable: Target = {
    name: "import",
    inputs: fc.oneof(
      jsonTexts,
      broken([
        '{"format":"llama-proxy-recordings","version":1,"made_by":"x"}\n{"recording":{"id":"a"},"sha256":"0"}\n{"end":true,"recordings":1,"sha256":"0"}\n',
      ]),
    ),
    weight: 3,
    check: (input) => orRefused(() => readPortable(input), PortableError),
  };
  const tools = DIALECTS.filter((dialect) => dialect.tools || dialect.operation === "text_completion");
  return {
    targets: [
      framer,
      ...tools.map(streams),
      ...DIALECTS.map(documents),
      ...DIALECTS.map(requests),
      ...DIALECTS.map(readers),
      config,
      ids,
      portable,
      ...(await recordingTargets(folder)),
    ],
    dispose() {
      reader.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
