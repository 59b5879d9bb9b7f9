/**
 * Which fix changed what, by switching them off: the same bytes through every plan in question. A fix
 * counts by what the output loses without it, so that one that only reports does not count.
 */
import type { Recording } from "../core/recording.ts";
import type { FixPlan } from "../fixes/fix.ts";
import { replay, type ReplayOptions } from "./replay.ts";

export interface FixEffect {
  readonly fix: string;
  /** Frames that come out otherwise when this one alone is switched off. */
  readonly frames: readonly number[];
  /** The request would be forwarded otherwise. */
  readonly request: boolean;
  /** Fixes that have to be on as well before this one changes anything. */
  readonly needs: readonly string[];
}

export interface Bisection {
  readonly id: string;
  /** Whether any fix changes anything. */
  readonly changed: boolean;
  /** Smallest set found that does all that the whole plan does: taking any one of it away makes a difference. */
  readonly minimal: readonly FixEffect[];
  /** Fixes that noted a change and are not needed for the outcome: another does the same without them. */
  readonly redundant: readonly string[];
  /** Smallest set to switch off for what was sent then; undefined where today's fixes send the same, or none does it. */
  readonly offForThen: readonly string[] | undefined;
  readonly sameAsThen: boolean;
  /** How many times the recording was replayed. */
  readonly runs: number;
}

interface Outcome {
  readonly signature: string;
  readonly sent: readonly string[];
  readonly forward: string;
  readonly sameAsThen: boolean;
}

export function bisect(recording: Recording, plan: FixPlan, options: ReplayOptions = {}): Bisection {
  let runs = 0;
  const known = new Map<string, Outcome>();
  const order = plan.map((entry) => entry.fix.name);

  function run(names: ReadonlySet<string>): Outcome {
    const key = order.filter((name) => names.has(name)).join();
    const before = known.get(key);
    if (before) return before;
    runs += 1;
    const report = replay(
      recording,
      plan.filter((entry) => names.has(entry.fix.name)),
      options,
    );
    const forward = Buffer.from(report.request.forward).toString("base64");
    const outcome = {
      signature: `${report.nowSha256} ${forward}`,
      sent: report.frames.map((frame) => Buffer.from(frame.sentNow).toString("base64")),
      forward,
      sameAsThen: report.sameAsThen,
    };
    known.set(key, outcome);
    return outcome;
  }

  const all = new Set(order);
  const whole = run(all);
  const none = run(new Set());
  const noted = new Set(replay(recording, plan, options).notes.flatMap((note) => (note.action === "fixed" ? [note.fix] : [])));
  const candidates = run(noted).signature === whole.signature ? noted : all;
  const minimal =
    whole.signature === none.signature ? new Set<string>() : shrink(candidates, (set) => run(set).signature === whole.signature);
  const effects = [...minimal].map((fix): FixEffect => {
    const without = run(minus(minimal, fix));
    const alone = run(new Set([fix]));
    const needs = alone.signature === none.signature ? helpersOf(fix, minimal, run) : [];
    return { fix, frames: differing(whole, without), request: whole.forward !== without.forward, needs };
  });
  const offForThen = whole.sameAsThen ? undefined : switchOff(all, run);
  return {
    id: recording.id,
    changed: whole.signature !== none.signature,
    minimal: effects,
    redundant: [...noted].filter((fix) => !minimal.has(fix)),
    offForThen,
    sameAsThen: whole.sameAsThen,
    runs,
  };
}

/** Takes away what can go while `holds` stays true: halves first, then one by one. The result cannot lose any one. */
function shrink(from: ReadonlySet<string>, holds: (set: ReadonlySet<string>) => boolean): ReadonlySet<string> {
  let kept = [...from];
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const less = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (holds(new Set(less))) kept = less;
      else at += size;
    }
  }
  return new Set(kept);
}

/** The fewest others of the set with which `fix` makes a difference. */
function helpersOf(fix: string, set: ReadonlySet<string>, run: (names: ReadonlySet<string>) => Outcome): readonly string[] {
  const acts = (others: ReadonlySet<string>) => run(new Set([...others, fix])).signature !== run(others).signature;
  const others = minus(set, fix);
  return acts(others) ? [...shrink(others, acts)] : [];
}

/** The fewest to switch off until the reply is what it was then. */
function switchOff(all: ReadonlySet<string>, run: (names: ReadonlySet<string>) => Outcome): readonly string[] | undefined {
  const then = (off: ReadonlySet<string>) => run(new Set([...all].filter((name) => !off.has(name)))).sameAsThen;
  const single = [...all].find((name) => then(new Set([name])));
  if (single !== undefined) return [single];
  return then(all) ? [...shrink(all, then)] : undefined;
}

function differing(a: Outcome, b: Outcome): readonly number[] {
  const length = Math.max(a.sent.length, b.sent.length);
  return Array.from({ length }, (_, i) => i).filter((i) => a.sent[i] !== b.sent[i]);
}

function minus(set: ReadonlySet<string>, name: string): ReadonlySet<string> {
  return new Set([...set].filter((each) => each !== name));
}
