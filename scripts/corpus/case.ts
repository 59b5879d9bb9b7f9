/**
 * Cases of malformed replies, one JSON object a line: what a model or server wrote, the tools of the
 * request, and what the client needed. The format is described in docs/fixes.md.
 */
import { readFileSync } from "node:fs";

export interface Case {
  readonly id: string;
  readonly family: string;
  readonly kind: "arguments" | "content" | "stream" | "message";
  readonly api: "chat" | "messages" | "completions";
  readonly tools: readonly unknown[];
  /** `arguments`, `content`: text. `stream`: payloads, or raw pieces when `wire`. `message`: a body. */
  readonly input: unknown;
  readonly input_reasoning_content?: string;
  readonly tool_name?: string;
  readonly finish_reason?: string;
  readonly wire?: boolean;
  /** `request`: `input` is what the client sends, not what the server answers. */
  readonly direction?: "request";
  /** More members of the request. */
  readonly request?: Readonly<Record<string, unknown>>;
  readonly expected: Expected;
  readonly accept_alt?: readonly Partial<Expected>[];
  /** Identical bytes out. */
  readonly must_not_touch: boolean;
  readonly ambiguous?: boolean;
  /** Needs a setting that is off by default. */
  readonly policy?: string;
  readonly unique_keys?: boolean;
  readonly content_any?: boolean;
}

export interface ExpectedCall {
  readonly name: string;
  readonly arguments: unknown;
}

export interface Expected {
  readonly refuse?: boolean;
  readonly error_surfaced?: boolean;
  readonly error?: unknown;
  readonly tool_calls?: readonly ExpectedCall[];
  readonly content?: string | null;
  readonly reasoning_content?: string;
  readonly finish_reason?: string;
  readonly arguments_text?: string;
  readonly request_arguments?: unknown;
  readonly unchanged_text?: boolean;
  readonly [check: string]: unknown;
}

/** Throws with the line's number when a line is not a case. */
export function readCases(file: string): Case[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line, i) => {
      if (line.trim() === "") return [];
      try {
        return [JSON.parse(line) as Case];
      } catch (cause) {
        throw new Error(`${file}:${i + 1} is not JSON`, { cause });
      }
    });
}

/** Which of the three questions a case asks. */
export function kindOf(of: Case): "mend" | "refuse" | "untouched" | "ambiguous" {
  if (of.ambiguous) return "ambiguous";
  if (of.must_not_touch) return "untouched";
  return of.expected.refuse ? "refuse" : "mend";
}

export const PATHS = { chat: "/v1/chat/completions", messages: "/v1/messages", completions: "/v1/completions" } as const;

/** The request a client would have sent. */
export function requestOf(of: Case, stream: boolean): string {
  if (of.direction === "request") return JSON.stringify({ ...(of.input as object), tools: of.tools });
  const tools = of.api === "messages" ? of.tools.map(toAnthropicTool) : of.tools;
  return JSON.stringify({
    model: "m",
    messages: [{ role: "user", content: "go" }],
    stream,
    ...(tools.length > 0 ? { tools } : {}),
    ...of.request,
  });
}

function toAnthropicTool(tool: unknown): unknown {
  const { function: fn } = tool as { function?: { name: string; description?: string; parameters?: unknown } };
  return fn ? { name: fn.name, description: fn.description, input_schema: fn.parameters } : tool;
}
