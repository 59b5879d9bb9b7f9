import type { Delta, RequestView } from "../core/delta.ts";
import type { FixNote } from "../core/exchange.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { parseExact, parseOrUndefined } from "../wire/json.ts";
import type { FixPlan } from "./fix.ts";
import { createLane, createNotes } from "./lane.ts";

export interface FixedDocument {
  /** `body` itself when nothing changed. */
  readonly sent: Uint8Array;
  /** What the reply said, before any fix. */
  readonly deltas: readonly Delta[];
  /** What `sent` says: `deltas` itself when no fix changed anything. */
  readonly out: readonly Delta[];
  readonly notes: readonly FixNote[];
}

/** The same fixes on a reply that came whole. Never throws; a body that is not JSON comes back as it is. */
export function fixDocument(plan: FixPlan, dialect: Dialect, request: RequestView, body: Uint8Array): FixedDocument {
  const notes = createNotes();
  const text = new TextDecoder().decode(body);
  // Arguments may be written anew, so their numbers are read as spelled; vectors are never written.
  const parsed = dialect.tools ? exactOrUndefined(text) : parseOrUndefined(text);
  if (parsed === undefined) return { sent: body, deltas: [], out: [], notes: [] };

  let deltas: readonly Delta[] = [];
  try {
    deltas = dialect.readDocument(parsed);
    const observed = new Set(plan.filter((entry) => entry.mode === "observe").map((entry) => entry.fix.name));
    const shadowNotes = observed.size > 0 ? runShadow(plan, dialect, request, parsed, observed) : [];
    const active = plan.filter((entry) => entry.mode === "fix");
    const lane = createLane(active, dialect, request, notes.by);
    const document = lane.document(parsed);
    const input = document === parsed ? deltas : dialect.readDocument(document);
    const run = lane.run(input);
    const tail = lane.end(false);
    const out = tail.length === 0 ? run : [...run, ...tail];
    const dressed = lane.dress(document);
    const all = [...notes.list, ...shadowNotes];
    // A stage that held text back and let it go again only cut it elsewhere.
    if (dressed === parsed && sameSaid(out, deltas)) return { sent: body, deltas, out: deltas, notes: all };
    const written = out === input ? dressed : dialect.writeDocument(dressed, out);
    return { sent: new TextEncoder().encode(JSON.stringify(written)), deltas, out, notes: all };
  } catch (cause) {
    notes.by("pipeline", "fix")({ action: "skipped", target: "frame", reason: `gave up: ${String(cause)}` });
    return { sent: body, deltas, out: deltas, notes: notes.list };
  }
}

/** Whether two lists say the same, however their texts and arguments are cut into pieces. */
function sameSaid(a: readonly Delta[], b: readonly Delta[]): boolean {
  return a === b || JSON.stringify(joinPieces(a)) === JSON.stringify(joinPieces(b));
}

function joinPieces(deltas: readonly Delta[]): readonly Delta[] {
  const joined: Delta[] = [];
  for (const delta of deltas) {
    const last = joined.at(-1);
    if (last && "text" in last && "text" in delta && placeOf(last) === placeOf(delta)) {
      joined[joined.length - 1] = { ...last, text: last.text + delta.text };
    } else joined.push(delta);
  }
  return joined;
}

function placeOf(delta: Extract<Delta, { text: string }>): string {
  return `${delta.kind}/${delta.choice}/${delta.kind === "tool-args" ? delta.tool : ""}`;
}

function exactOrUndefined(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

function runShadow(
  plan: FixPlan,
  dialect: Dialect,
  request: RequestView,
  body: unknown,
  observed: ReadonlySet<string>,
): readonly FixNote[] {
  const notes = createNotes();
  const lane = createLane(plan, dialect, request, notes.by);
  const document = lane.document(body);
  lane.run(dialect.readDocument(document));
  lane.dress(document);
  lane.end(false);
  return notes.list.filter((note) => observed.has(note.fix));
}
