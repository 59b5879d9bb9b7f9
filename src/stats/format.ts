/** The metrics of one request for stdout: a box for a terminal, a JSON object a line, or one compact line. Pure. */
import type { RequestMetrics } from "../core/metrics.ts";
import { clean, clockText, countText, cut, displayWidth, fit, PLAIN, spanText, trimmed, type Style } from "./text.ts";

export type StatsFormat = "pretty" | "json" | "compact";

export interface FinishedRequest {
  readonly id: string;
  /** When it began, Unix milliseconds. */
  readonly at: number;
  readonly path: string;
  readonly metrics: RequestMetrics;
  /** What went wrong, in words. */
  readonly reason: string | undefined;
}

export interface Look {
  /** Columns of the terminal. */
  readonly width: number;
  readonly style: Style;
  /** False where the terminal cannot show box-drawing characters. */
  readonly lines: boolean;
}

export const PLAIN_LOOK: Look = { width: 80, style: PLAIN, lines: true };

/** Ends with a line feed. */
export function formatRequest(request: FinishedRequest, format: StatsFormat, look: Look = PLAIN_LOOK): string {
  if (format === "json")
    return `${JSON.stringify(metricsJson(request))}
`;
  return format === "compact"
    ? `${compact(request, look.style)}
`
    : box(request, look);
}

/** The JSON contract (cli.md): a value that is not known is absent; fields are only ever added. */
export function metricsJson({ id, at, path, metrics, reason }: FinishedRequest): Record<string, unknown> {
  const known = {
    request_id: id,
    timestamp: new Date(at).toISOString(),
    model: metrics.model,
    prompt_tokens: metrics.promptTokens,
    completion_tokens: metrics.completionTokens,
    total_tokens: metrics.totalTokens,
    cached_tokens: metrics.cachedTokens,
    prompt_tps: rounded(metrics.promptTps, 2),
    generation_tps: rounded(metrics.generationTps, 2),
    prompt_ms: rounded(metrics.promptMs, 3),
    generation_ms: rounded(metrics.generationMs, 3),
    ttft_ms: rounded(metrics.ttftMs, 3),
    context_total: metrics.contextTotal,
    context_used: metrics.contextUsed,
    context_percent: rounded(metrics.contextPercent, 2),
    streaming: metrics.streaming,
    finish_reason: metrics.finishReason,
    outcome: metrics.outcome,
    fixes: metrics.fixes,
    duration_ms: rounded(metrics.durationMs, 3),
    status: metrics.status,
    path,
    client: metrics.client,
    reasoning_tokens: metrics.reasoningTokens,
    draft_tokens: metrics.draftTokens,
    draft_accepted: metrics.draftAccepted,
    draft_acceptance: rounded(metrics.draftAcceptance, 4),
    reason,
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

function compact({ id, metrics, reason }: FinishedRequest, style: Style): string {
  const failed = metrics.outcome !== "completed" || (metrics.status ?? 200) >= 400;
  const parts = [
    pair("model", metrics.model),
    pair("toks", ratio(metrics.promptTokens, metrics.completionTokens, String)),
    pair("cached", metrics.cachedTokens),
    pair(
      "tps",
      ratio(metrics.promptTps, metrics.generationTps, (value) => value.toFixed(1)),
    ),
    pair("ctx", ratio(metrics.contextUsed, metrics.contextTotal, String)),
    pair("stream", metrics.streaming),
    pair("finish", metrics.finishReason),
    pair("ttft", metrics.ttftMs === undefined ? undefined : spanText(metrics.ttftMs)),
    pair("dur", spanText(metrics.durationMs)),
    metrics.fixes.length === 0 ? undefined : style.warn(`fixes=${metrics.fixes.join(",")}`),
    failed ? style.bad(`outcome=${metrics.outcome}`) : undefined,
    failed ? pair("status", metrics.status) : undefined,
    failed ? pair("reason", reason) : undefined,
    style.faint(`id=${id}`),
  ];
  return parts.filter((part) => part !== undefined).join(" ");
}

function pair(key: string, value: string | number | boolean | undefined): string | undefined {
  if (value === undefined) return undefined;
  const text = clean(String(value));
  return `${key}=${/[\s"=]/.test(text) || text === "" ? JSON.stringify(text) : text}`;
}

/** `a/b`, with `-` for the half that is not known; undefined when neither is. */
function ratio(a: number | undefined, b: number | undefined, show: (value: number) => string): string | undefined {
  if (a === undefined && b === undefined) return undefined;
  return [a, b].map((value) => (value === undefined ? "-" : show(value))).join("/");
}

const LABEL_WIDTH = 13;
const MAX_BOX = 84;

function box(request: FinishedRequest, look: Look): string {
  const { metrics } = request;
  const { style } = look;
  const width = Math.max(24, Math.min(look.width, MAX_BOX));
  const inner = width - 4;
  const [corner, bar, side, rest] = look.lines ? ["┌┐└┘", "─", "│", "…"] : ["++++", "-", "|", "~"];

  const time = clockText(request.at);
  const title = cut(clean(metrics.model ?? request.path), Math.max(4, width - time.length - 10)).replace(/…$/, rest);
  const fill = bar.repeat(Math.max(1, width - displayWidth(title) - time.length - 8));
  const lines = [`${corner[0]}${bar} ${style.strong(title)} ${fill} ${style.faint(time)} ${bar}${corner[1]}`];

  for (const { label, parts, paint } of groupsOf(request, style)) {
    let first = true;
    for (const row of rows(parts, Math.max(8, inner - LABEL_WIDTH))) {
      const head = fit(first ? label : "", Math.min(LABEL_WIDTH, Math.max(0, inner - 8)));
      const body = fit(row, inner - head.length).replace(/…(\s*)$/, `${rest}$1`);
      lines.push(`${side} ${style.faint(head)}${paint ? paint(body) : body} ${side}`);
      first = false;
    }
  }
  lines.push(`${corner[2]}${bar.repeat(width - 2)}${corner[3]}`);
  return `${lines.join("\n")}\n`;
}

interface Group {
  readonly label: string;
  readonly parts: readonly string[];
  readonly paint?: Style["warn"];
}

function groupsOf({ id, metrics, reason }: FinishedRequest, style: Style): readonly Group[] {
  const { draftTokens, draftAccepted } = metrics;
  const groups: { label: string; parts: readonly (string | undefined)[]; paint?: Style["warn"] }[] = [
    {
      label: "Performance",
      parts: [
        speed("prompt", metrics.promptTps, metrics.promptMs),
        speed("generation", metrics.generationTps, metrics.generationMs),
        metrics.ttftMs === undefined ? undefined : `first token ${spanText(metrics.ttftMs)}`,
        draftTokens === undefined || draftAccepted === undefined ? undefined : `draft ${draftAccepted}/${draftTokens} accepted`,
      ],
    },
    {
      label: "Tokens",
      parts: [
        counted("input", metrics.promptTokens),
        counted("cached", metrics.cachedTokens),
        counted("output", metrics.completionTokens),
        counted("reasoning", metrics.reasoningTokens),
        counted("total", metrics.totalTokens),
      ],
    },
    { label: "Context", parts: [contextText(metrics)] },
    {
      label: "Finish",
      parts: [metrics.finishReason, `took ${spanText(metrics.durationMs)}`, metrics.streaming ? "streamed" : "whole"],
    },
    { label: "Fixes", parts: metrics.fixes, paint: style.warn },
  ];
  if (metrics.outcome !== "completed" || (metrics.status ?? 200) >= 400) {
    groups.push({ label: "Outcome", parts: [metrics.outcome, counted("status", metrics.status), reason], paint: style.bad });
  }
  groups.push({ label: "Id", parts: [id], paint: style.faint });
  return groups
    .map((group) => ({ ...group, parts: group.parts.filter((part) => part !== undefined).map(clean) }))
    .filter((group) => group.parts.length > 0);
}

function speed(name: string, tps: number | undefined, ms: number | undefined): string | undefined {
  if (tps === undefined) return ms === undefined ? undefined : `${name} ${spanText(ms)}`;
  return `${name} ${tps.toFixed(1)} tok/s${ms === undefined ? "" : ` (${spanText(ms)})`}`;
}

function counted(name: string, count: number | undefined): string | undefined {
  return count === undefined ? undefined : `${name} ${countText(count)}`;
}

function contextText({ contextUsed, contextTotal, contextPercent }: RequestMetrics): string | undefined {
  if (contextUsed === undefined) return undefined;
  const total = contextTotal === undefined ? "" : ` / ${countText(contextTotal)}`;
  return `${countText(contextUsed)}${total}${contextPercent === undefined ? "" : `  ${trimmed(contextPercent, 1)} %`}`;
}

/** Parts laid side by side, as many to a row as fit. */
function rows(parts: readonly string[], width: number): readonly string[] {
  const out: string[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    if (last !== undefined && displayWidth(last) + 3 + displayWidth(part) <= width) out[out.length - 1] = `${last}   ${part}`;
    else out.push(part);
  }
  return out;
}

function rounded(value: number | undefined, digits: number): number | undefined {
  return value === undefined ? undefined : Number(value.toFixed(digits));
}
