/** A ReplayReport for people and for programs. */
import type { FixNote } from "../core/exchange.ts";
import type { ReplayedFrame, ReplayReport } from "./replay.ts";

/** The JSON contract of `replay --json`, without its version. Fields are only ever added. */
export function replayJson(report: ReplayReport): Record<string, unknown> {
  return {
    id: report.id,
    frames: report.frames.length,
    same_as_then: report.sameAsThen,
    same_as_upstream: report.sameAsUpstream,
    changed_frames: report.changedFrames,
    differing_frames: report.differingFrames,
    upstream_sha256: report.upstreamSha256,
    then_sha256: report.thenSha256,
    now_sha256: report.nowSha256,
    notes: report.notes.map(noteJson),
    dialect: report.dialect,
    treatment: report.treatment,
    request: { same_as_then: report.request.sameAsThen, changed: report.request.changed },
    remarks: report.remarks,
  };
}

/** Every frame with its three texts, for `--frames --json`. */
export function framesJson(report: ReplayReport): readonly Record<string, unknown>[] {
  return report.frames.map(({ seq, atMs, upstream, sentThen, sentNow }) => ({
    seq,
    at_ms: atMs,
    upstream: textOf(upstream),
    sent_then: sentThen === undefined ? undefined : textOf(sentThen),
    sent_now: textOf(sentNow),
  }));
}

export function noteJson(note: FixNote): Record<string, unknown> {
  return {
    fix: note.fix,
    action: note.action,
    tool: note.toolName ?? note.tool,
    pointer: note.pointer,
    before: note.before,
    after: note.after,
    rule: note.rule,
    target: note.target,
    choice: note.choice,
    tool_index: note.tool,
    reason: note.reason,
    bytes_held_max: note.bytesHeldMax,
  };
}

export interface ReportLook {
  /** Columns; infinite where nothing is to be shortened. */
  readonly width: number;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
}

/** Frames shown without being asked for. */
const FRAMES_SHOWN = 12;

/** `all`: every frame, else only those that would be sent otherwise than they came or were. */
export function reportText(report: ReplayReport, all: boolean, look: ReportLook): string {
  const counts = `${report.frames.length} ${report.treatment === "stream" ? "frame" : "piece"}${report.frames.length === 1 ? "" : "s"}`;
  const lines = [
    `${look.strong(report.id)}  ${report.dialect ?? "pass-through"}, ${report.treatment === "none" ? "no reply" : report.treatment}, ${counts}`,
    `  same as then      ${report.sameAsThen ? look.good("yes") : look.bad(`no${frameList(report.differingFrames)}`)}`,
    `  same as upstream  ${report.sameAsUpstream ? "yes" : `no${frameList(report.changedFrames)}`}`,
    ...(report.request.changed ? [`  request           mended before it is forwarded`] : []),
    ...report.remarks.map((remark) => look.faint(`  ${remark}`)),
  ];
  if (report.said) lines.push(...saidText(report.said, look));
  const marked = new Set([...report.changedFrames, ...report.differingFrames]);
  const shown = all ? report.frames : report.frames.filter((frame) => marked.has(frame.seq)).slice(0, FRAMES_SHOWN);
  for (const frame of shown) lines.push(...frameText(frame, look));
  const left = marked.size - shown.length;
  if (!all && left > 0) lines.push(look.faint(`  … and ${left} more; --frames shows all`));
  if (report.notes.length > 0) lines.push(look.strong("notes"), ...report.notes.map((note) => `  ${noteText(note)}`));
  return lines.join("\n");
}

/** The reply put together, before and after: what a person looks for first. */
function saidText({ came, now }: NonNullable<ReplayReport["said"]>, look: ReportLook): string[] {
  const lines: string[] = [];
  const pair = (title: string, before: string, after: string): void => {
    if (before === after) return;
    const from = firstDifference(before, after);
    const show = (text: string): string => (text === "" ? "(nothing)" : excerpt(safe(text), from, look.width - 8));
    lines.push(look.strong(title), look.faint(`  came  ${show(before)}`), look.good(`  sent  ${show(after)}`));
  };
  pair("text", came.text, now.text);
  pair("reasoning", came.reasoning, now.reasoning);
  for (let i = 0; i < Math.max(came.tools.length, now.tools.length); i++) {
    const [before, after] = [came.tools[i], now.tools[i]];
    pair(`call ${safe(after?.name ?? before?.name ?? "")}`, before?.arguments ?? "", after?.arguments ?? "");
  }
  pair("finish", came.finish.join(", "), now.finish.join(", "));
  return lines;
}

function frameList(frames: readonly number[]): string {
  if (frames.length === 0) return "";
  const named = frames.slice(0, 8).join(", ");
  return `: frame${frames.length === 1 ? "" : "s"} ${named}${frames.length > 8 ? ` and ${frames.length - 8} more` : ""}`;
}

/** What came, and below it only what differs: `then` where it was the same as now is not said twice. */
function frameText({ seq, atMs, upstream, sentThen, sentNow }: ReplayedFrame, look: ReportLook): string[] {
  const came = lineOf(upstream);
  const now = lineOf(sentNow);
  const then = sentThen === undefined ? undefined : lineOf(sentThen);
  const at = atMs === undefined ? "" : look.faint(`  +${atMs.toFixed(1)} ms`);
  const head = `${look.strong(`frame ${seq}`)}${at}`;
  if (came === now && (then === undefined || then === came)) return [head, `  same  ${excerpt(came, bodyOf(came), look.width - 8)}`];
  const texts = [now, ...(then === undefined ? [] : [then])].filter((text) => text !== came);
  // Beside nothing there is no first difference to look at: the part that says something is shown.
  const from = texts.includes("") ? bodyOf(came) : Math.min(...texts.map((text) => firstDifference(came, text)));
  const show = (text: string): string => (text === "" ? "(nothing)" : excerpt(text, from, look.width - 8));
  return [
    head,
    look.faint(`  came  ${show(came)}`),
    ...(then === undefined || then === now ? [] : [look.bad(`  then  ${show(then)}`)]),
    look.good(`  ${then === now ? "sent" : "now "}  ${show(now)}`),
  ];
}

export function noteText(note: FixNote): string {
  const where = [note.toolName, note.pointer].filter((part) => part !== undefined && part !== "").join(" ");
  const change = note.before === undefined && note.after === undefined ? "" : `  ${note.before ?? ""} → ${note.after || "(nothing)"}`;
  const rule = note.rule === undefined ? "" : ` (${note.rule})`;
  return safe(
    `${note.action} ${note.fix}${rule}${where === "" ? "" : `  ${where}`}${change}${note.reason === undefined ? "" : `  ${note.reason}`}`,
  );
}

/** Text before the first difference that is kept for orientation. */
const CONTEXT = 24;

/** At most `width` characters of a long line, around `from`. */
export function excerpt(text: string, from: number, width: number): string {
  if (text.length <= width) return text;
  const start = from > CONTEXT ? Math.max(0, from - CONTEXT) : 0;
  const room = Math.max(8, width - (start > 0 ? 1 : 0));
  const cut = text.slice(start, start + room);
  return `${start > 0 ? "…" : ""}${start + room < text.length ? `${cut.slice(0, -1)}…` : cut}`.toWellFormed();
}

/** Where a frame begins to say something, behind the envelope that all frames share. */
export function bodyOf(line: string): number {
  return Math.max(0, line.search(/"(?:finish_reason|delta|partial_json|text|content)":(?!null)/));
}

function firstDifference(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a[at] === b[at]) at += 1;
  return at;
}

function lineOf(bytes: Uint8Array): string {
  return safe(textOf(bytes).trimEnd().replaceAll("\r", "\\r").replaceAll("\n", "\\n"));
}

/** Control characters of a recording must not reach a terminal. */
function safe(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069]/g, "\uFFFD");
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
