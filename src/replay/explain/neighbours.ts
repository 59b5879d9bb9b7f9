/** What else ran: the earlier request that this one's prompt could have been served from, and the traffic around it. */
import type { RecordedExchange, Recording } from "../../core/recording.ts";
import type { Reader } from "../../recorder/reader.ts";
import { parseOrUndefined } from "../../wire/json.ts";
import { diffPrompts } from "../prompt-diff.ts";
import { promptLength, promptOf, type PromptPart } from "../prompt.ts";

export interface Neighbours {
  /** The earlier exchange with the longest common beginning; the later one where two are alike. */
  readonly previous: Recording | undefined;
  /** Exchanges that ran after `previous` began and before this one began, and those in flight then; oldest first, without either. */
  readonly around: readonly RecordedExchange[];
}

/** Earlier exchanges whose prompts are looked at. */
const CANDIDATES = 12;
const AROUND = 200;

export function neighboursOf(reader: Reader, recording: Recording): Neighbours {
  const until = recording.startedAt;
  const own = recording.session === undefined ? [] : reader.list({ session: recording.session, until, limit: CANDIDATES });
  const recent = reader.list({ until, limit: CANDIDATES });
  const rows = [...new Map([...own, ...recent].map((row) => [row.id, row])).values()]
    .filter((row) => row.dialect !== undefined && row.id !== recording.id && row.outcome !== "upstream-refused")
    .sort((a, b) => b.startedAt - a.startedAt);
  const parts = promptParts(recording);
  let previous: Recording | undefined;
  let best = 0;
  for (const { id } of rows) {
    const candidate = reader.get(id);
    if (!candidate || candidate.request.body.length === 0) continue;
    const shared = sharedChars(promptParts(candidate), parts);
    if (shared > best) [previous, best] = [candidate, shared];
  }
  const since = previous?.startedAt ?? until - 60_000;
  const around = reader
    .list({ since, until: until + recording.metrics.durationMs, limit: AROUND })
    .filter((row) => row.id !== recording.id && row.id !== previous?.id)
    .toReversed();
  return { previous, around };
}

export function promptParts(recording: Recording): readonly PromptPart[] {
  const { forwarded } = recording.request;
  return promptOf(parseOrUndefined(new TextDecoder().decode(forwarded)));
}

function sharedChars(first: readonly PromptPart[], second: readonly PromptPart[]): number {
  return diffPrompts(first, second)?.sharedChars ?? promptLength(second);
}
