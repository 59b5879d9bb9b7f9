/**
 * Which recording answers a request. Strict: the very bytes, or else the same API, model and
 * messages, where everything that was looked past is named; otherwise none.
 */
import { createHash } from "node:crypto";
import type { Recording } from "../core/recording.ts";
import { DIALECTS, dialectFor } from "../dialects/index.ts";
import { asString, isObject, parseOrUndefined } from "../wire/json.ts";
import { diffPrompts } from "./prompt-diff.ts";
import { promptOf, type PromptPart } from "./prompt.ts";
import { maskVolatile, volatileSpans } from "./volatile.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: Uint8Array;
}

export type Match =
  /** The recorded request, byte for byte, for the first time. */
  | { readonly kind: "exact"; readonly id: string }
  /** The answer to another request: one served before (`again` times), or one that differs in what `ignored` names. */
  | { readonly kind: "reused"; readonly id: string; readonly again: number; readonly ignored: readonly string[] }
  | { readonly kind: "unmatched"; readonly why: string };

export interface Matcher {
  match(asked: Asked): Match;
  /** Model names of the recorded requests and replies, in order of first use. */
  readonly models: readonly string[];
  readonly size: number;
}

interface Entry {
  readonly id: string;
  readonly dialect: string | undefined;
  readonly model: string;
  readonly keys: readonly string[];
  readonly sense: string | undefined;
  /** Hash of each part, to find the nearest without keeping prompts. */
  readonly parts: readonly string[];
  used: number;
}

/** `load` gives a recording back by id: only hashes are kept here. */
export function createMatcher(recordings: Iterable<Recording>, load: (id: string) => Recording | undefined): Matcher {
  const entries: Entry[] = [];
  const byBytes = new Map<string, Entry[]>();
  const bySense = new Map<string, Entry[]>();
  const models = new Set<string>();
  for (const recording of recordings) {
    const { request, metrics } = recording;
    const bodies = request.forwarded === request.body ? [request.body] : [request.body, request.forwarded];
    const body = parse(request.body);
    const parts = promptOf(body);
    const entry: Entry = {
      id: recording.id,
      dialect: recording.dialect,
      model: modelOf(body),
      keys: bodies.map((bytes) => bytesKey(recording.method, recording.path, bytes)),
      sense: senseKey(recording.dialect, body, parts),
      parts: parts.map((part) => hash([part.role, part.text])),
      used: 0,
    };
    entries.push(entry);
    for (const key of entry.keys) put(byBytes, key, entry);
    if (entry.sense !== undefined) put(bySense, entry.sense, entry);
    for (const model of [metrics.model, entry.model]) if (model !== undefined && model !== "") models.add(model);
  }

  function match(asked: Asked): Match {
    const exact = leastUsed(byBytes.get(bytesKey(asked.method, asked.path, asked.body)) ?? []);
    if (exact) {
      exact.used += 1;
      return exact.used === 1 ? { kind: "exact", id: exact.id } : { kind: "reused", id: exact.id, again: exact.used - 1, ignored: [] };
    }
    const dialect = dialectFor(asked.method, withoutQuery(asked.path));
    const body = dialect && parse(asked.body);
    if (!dialect || !isObject(body)) return { kind: "unmatched", why: `nothing recorded for ${asked.method} ${asked.path} with this body` };
    const parts = promptOf(body);
    const sense = senseKey(dialect.name, body, parts);
    const alike = leastUsed(sense === undefined ? [] : (bySense.get(sense) ?? []));
    if (!alike) return { kind: "unmatched", why: nearestText(dialect.name, body, parts) };
    const recorded = load(alike.id);
    alike.used += 1;
    return { kind: "reused", id: alike.id, again: alike.used - 1, ignored: recorded ? ignoredOf(recorded, body) : [] };
  }

  /** The recording that agrees longest, and where it stops agreeing. */
  function nearestText(dialect: string, body: unknown, parts: readonly PromptPart[]): string {
    const hashes = parts.map((part) => hash([part.role, part.text]));
    let nearest: Entry | undefined;
    let best = -1;
    for (const entry of entries) {
      if (entry.dialect !== dialect) continue;
      const shared = entry.parts.findIndex((part, i) => part !== hashes[i]);
      const score = (shared < 0 ? entry.parts.length : shared) + (entry.model === modelOf(body) ? 0.5 : 0);
      if (score > best) [nearest, best] = [entry, score];
    }
    const recorded = nearest && load(nearest.id);
    if (!recorded) return `no ${dialect} request is among the ${entries.length} recordings`;
    return `nearest is ${recorded.id}, which differs first in ${firstDifferenceText(parse(recorded.request.body), body)}`;
  }

  return { match, models: [...models], size: entries.length };
}

function firstDifferenceText(recorded: unknown, asked: unknown): string {
  const facts = [recorded, asked].map((body) => ({ model: modelOf(body), stream: streams(body) }));
  if (facts[0]?.model !== facts[1]?.model) return `model: recorded ${quote(facts[0]?.model)}, asked ${quote(facts[1]?.model)}`;
  if (facts[0]?.stream !== facts[1]?.stream) return `stream: recorded ${facts[0]?.stream}, asked ${facts[1]?.stream}`;
  const difference = diffPrompts(talk(promptOf(recorded)), talk(promptOf(asked)));
  if (!difference) return "the spelling of its JSON";
  const place = difference.second?.name ?? difference.first?.name ?? "messages";
  return `${place}, character ${difference.at}: recorded ${quote(difference.before)}, asked ${quote(difference.after)}`;
}

/** What was looked past: fields that differ, and texts that change by themselves. */
function ignoredOf(recording: Recording, asked: unknown): string[] {
  const recorded = parse(recording.request.body);
  const [a, b] = [isObject(recorded) ? recorded : {}, isObject(asked) ? asked : {}];
  const ignored: string[] = [];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (!CONVERSATION.has(key) && JSON.stringify(a[key]) !== JSON.stringify(b[key])) ignored.push(key);
  }
  const [partsA, partsB] = [talk(promptOf(recorded)), talk(promptOf(asked))];
  partsA.forEach((part, i) => {
    const other = partsB[i];
    if (!other || other.text === part.text) return;
    const kinds = new Set([...volatileSpans(part.text), ...volatileSpans(other.text)].map((span) => span.kind));
    ignored.push(`${[...kinds].join(" and ")} in ${part.name}`);
  });
  return ignored.length === 0 ? ["spelling of the JSON, ids of calls"] : ignored;
}

const CONVERSATION: ReadonlySet<string> = new Set(["messages", "input", "prompt", "system", "instructions"]);

/** What must be the same: API, model, stream or not, and every message, volatile texts masked. */
function senseKey(dialect: string | undefined, body: unknown, parts: readonly PromptPart[]): string | undefined {
  if (dialect === undefined || !isObject(body)) return undefined;
  if (!DIALECTS.some((each) => each.name === dialect)) return undefined;
  return hash([dialect, modelOf(body), String(streams(body)), ...talk(parts).flatMap(({ role, text }) => [role, maskVolatile(text)])]);
}

function talk(parts: readonly PromptPart[]): readonly PromptPart[] {
  return parts.filter((part) => part.kind === "system" || part.kind === "message");
}

function bytesKey(method: string, path: string, body: Uint8Array): string {
  return createHash("sha256").update(`${method} ${path}\n`).update(body).digest("base64");
}

function hash(texts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(texts)).digest("base64");
}

function leastUsed(entries: readonly Entry[]): Entry | undefined {
  return entries.reduce<Entry | undefined>((least, entry) => (least === undefined || entry.used < least.used ? entry : least), undefined);
}

function put(map: Map<string, Entry[]>, key: string, entry: Entry): void {
  const list = map.get(key);
  if (list) list.push(entry);
  else map.set(key, [entry]);
}

function parse(body: Uint8Array): unknown {
  return body.length === 0 ? undefined : parseOrUndefined(new TextDecoder().decode(body));
}

function modelOf(body: unknown): string {
  return (isObject(body) ? asString(body["model"]) : undefined) ?? "";
}

function streams(body: unknown): boolean {
  return isObject(body) && body["stream"] === true;
}

function withoutQuery(path: string): string {
  return path.split("?", 1)[0] ?? "";
}

function quote(text: string | undefined): string {
  return JSON.stringify((text ?? "").slice(0, 80));
}
