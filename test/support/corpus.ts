/** Cases in the format of the shared corpus (fixes/README.md there), played through the pipeline. */
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { RequestView } from "../../src/core/delta.ts";
import { dialectFor } from "../../src/dialects/index.ts";
import { fixDocument } from "../../src/fixes/document.ts";
import type { FixPlan } from "../../src/fixes/fix.ts";
import { createStreamPipeline } from "../../src/fixes/pipeline.ts";
import { fixRequest } from "../../src/fixes/request.ts";

export interface CorpusCase {
  readonly id: string;
  readonly family: string;
  readonly kind: "arguments" | "content" | "stream" | "message";
  readonly api: "chat" | "messages" | "completions";
  readonly input: any;
  readonly tools?: readonly unknown[];
  readonly request?: Record<string, unknown>;
  readonly wire?: boolean;
  readonly direction?: "request";
  readonly expected: Record<string, unknown>;
  readonly must_not_touch: boolean;
  readonly ambiguous?: boolean;
}

export const SHARED_FIXES = path.resolve(import.meta.dirname, "../../../shared/fixes");

/** The cases that the project carries. */
export function ownCorpus(): CorpusCase[] {
  return ["cases.jsonl", "cases-2.jsonl"].flatMap((file) => casesIn(path.resolve(import.meta.dirname, "../streams", file)));
}

/** The cases of the shared corpus; empty where it is absent. */
export function sharedCorpus(): CorpusCase[] {
  const file = path.join(SHARED_FIXES, "dev.jsonl");
  return fs.existsSync(file) ? casesIn(file) : [];
}

function casesIn(file: string): CorpusCase[] {
  return fs
    .readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as CorpusCase);
}

/** The corpus's own comparison: null when the result is what the case wants, else why not. */
export async function corpusCompare(): Promise<{
  compare: (of: CorpusCase, result: unknown) => string | null;
  decodeWire: (raw: readonly unknown[]) => unknown[];
}> {
  return (await import(pathToFileURL(path.join(SHARED_FIXES, "evaluate.mjs")).href)) as never;
}

/** The case's tools, which the corpus gives in chat form, in the form of its API. */
function toolsOf({ tools = [], api }: CorpusCase): unknown[] {
  if (api !== "messages") return [...tools];
  return tools.map((tool: any) => (tool.function ? { name: tool.function.name, input_schema: tool.function.parameters } : tool));
}

const PATHS = { chat: "/v1/chat/completions", messages: "/v1/messages", completions: "/v1/completions" };

export function dialectOfCase({ api }: CorpusCase) {
  const dialect = dialectFor("POST", PATHS[api]);
  if (!dialect) throw new Error(`no dialect for ${api}`);
  return dialect;
}

/** The streamed request of a case. */
export function requestOfCase(of: CorpusCase): RequestView {
  return dialectOfCase(of).readRequest({ messages: [], tools: toolsOf(of), stream: true, ...of.request });
}

/** The bytes of a stream case, as a server would send them. */
export function streamBytes({ input, wire, api }: CorpusCase): Buffer {
  if (wire) {
    return Buffer.concat(
      input.map((piece: any) =>
        typeof piece === "string"
          ? Buffer.from(piece)
          : piece.raw === undefined
            ? Buffer.from(piece.raw_base64, "base64")
            : Buffer.from(piece.raw),
      ),
    );
  }
  const frames = input.map((payload: any) => {
    const name = api === "messages" ? `event: ${payload.type}\n` : "";
    return `${name}data: ${typeof payload === "string" ? payload : JSON.stringify(payload)}\n\n`;
  });
  return Buffer.from(frames.join(""));
}

/** Cuts `bytes` at the given places and sends the pieces through a pipeline. */
export function playStream(
  plan: FixPlan,
  of: CorpusCase,
  bytes: Buffer,
  cuts: readonly number[] = [],
): { sent: Buffer; notes: readonly any[] } {
  const pipeline = createStreamPipeline(plan, dialectOfCase(of), requestOfCase(of));
  const edges = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  const steps = edges.slice(1).flatMap((to, i) => pipeline.push(bytes.subarray(edges[i], to)));
  steps.push(...pipeline.end());
  return { sent: Buffer.concat(steps.flatMap((step) => step.sent)), notes: pipeline.notes() };
}

export function playDocument(plan: FixPlan, of: CorpusCase): { sent: Buffer; before: Buffer; notes: readonly any[] } {
  const dialect = dialectOfCase(of);
  const before = Buffer.from(JSON.stringify(of.input));
  if (of.direction === "request") {
    const body = { ...of.input, tools: toolsOf(of) };
    const bytes = Buffer.from(JSON.stringify(body));
    const { forward, notes } = fixRequest(plan, dialect, bytes, body);
    return { sent: Buffer.from(forward), before: bytes, notes };
  }
  const request = dialect.readRequest({ messages: [], tools: toolsOf(of), ...of.request });
  const { sent, notes } = fixDocument(plan, dialect, request, before);
  return { sent: Buffer.from(sent), before, notes };
}
