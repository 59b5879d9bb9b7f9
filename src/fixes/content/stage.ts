import type { Delta, RequestView } from "../../core/delta.ts";
import { isObject } from "../../wire/json.ts";
import type { Emit, Note, PlannedFix, Stage } from "../fix.ts";
import { ContentChoice } from "./choice.ts";
import { createMarks, type Marks } from "./marks.ts";
import { createOffer, type Offer } from "./offer.ts";
import type { NamedCallRule, Read } from "./resolve.ts";
import { PROSE, type ContentRule, type RepeatRule, type TailRule, type ThinkRule, type Verdict } from "./rule.ts";
import { skipClosers } from "./tags.ts";

/** A rule as planned. */
interface NamedRule<R> {
  readonly name: string;
  readonly rule: R;
}

/** What all choices of one reply share. */
export interface ContentShared {
  readonly request: RequestView;
  readonly offer: Offer;
  readonly marks: Marks;
  /** Rules that may make calls; one that throws is taken out. */
  readonly calls: NamedCallRule[];
  readonly tail: NamedRule<TailRule> | undefined;
  readonly think: NamedRule<ThinkRule> | undefined;
  /** Name of the fix that lets reasoning be looked at. */
  readonly reasoning: string | undefined;
  readonly repeat: NamedRule<RepeatRule> | undefined;
  /** The reply's own id, once it is known. */
  id: string;
  note(fix: string): Note;
  /** `opening`: the head of a whole message. `last`: nothing may follow the block. */
  judge(head: string, opening: boolean, last: boolean): Verdict | number;
  read: Read;
  /** Name of the fix whose block this text begins. */
  ruleOf(text: string): string;
}

/** So much of a block is read again and again while it grows. */
const EARLY = 2000;
/** Begins another block, perhaps. */
const MAY_GO_ON = /[<[{`]/u;

/**
 * One scanner for the text and reasoning of a reply. Undefined when no rule has anything to do for
 * this request.
 */
export function createContentStage(
  plan: readonly PlannedFix[],
  request: RequestView,
  noteBy: (fix: string, mode: PlannedFix["mode"]) => Note,
): Stage | undefined {
  const shared = share(plan, request, noteBy);
  if (shared.calls.length === 0 && !shared.tail && !shared.think) return undefined;
  const choices = new Map<number, ContentChoice>();

  function choiceOf(index: number): ContentChoice {
    let choice = choices.get(index);
    if (!choice) choices.set(index, (choice = new ContentChoice(index, shared)));
    return choice;
  }

  return {
    onDelta(delta: Delta, emit: Emit) {
      switch (delta.kind) {
        case "text":
        case "reasoning":
        case "tool-open":
        case "tool-args":
        case "tool-close":
        case "finish":
          return choiceOf(delta.choice).onDelta(delta, emit);
        case "meta":
          if (delta.id !== undefined) shared.id = delta.id;
          break;
        case "done":
          // A clean end without a finish: what is whole is whole.
          for (const choice of choices.values()) choice.settle("stop", emit);
          break;
        case "error":
          for (const choice of choices.values()) choice.settle("cut", emit);
          break;
        default:
          break;
      }
      emit(delta);
    },
    onEnd(emit) {
      for (const choice of choices.values()) choice.settle("cut", emit);
    },
    release(emit) {
      for (const choice of choices.values()) choice.release(emit);
    },
    get held() {
      let held = 0;
      for (const choice of choices.values()) held += choice.held;
      return held;
    },
  };
}

function share(plan: readonly PlannedFix[], request: RequestView, noteBy: (fix: string, mode: PlannedFix["mode"]) => Note): ContentShared {
  const offer = createOffer(request);
  const modes = new Map(plan.map(({ fix, mode }) => [fix.name, mode]));
  const rules = plan.flatMap(({ fix, options }): NamedRule<ContentRule>[] =>
    fix.kind === "content" ? [{ name: fix.name, rule: fix.rule(options as never) }] : [],
  );
  const calls = rules.flatMap(({ name, rule }): NamedCallRule[] => {
    if (rule.kind !== "call" || (rule.needsTools && offer.tools.length === 0)) return [];
    // JSON that was asked for is the answer, whatever it looks like.
    return [{ name, rule: rule.needsTools && wantsJson(request.body) ? { ...rule, openings: [] } : rule }];
  });
  const tail = ofKind(rules, "tail");
  const marks = createMarks(
    calls.map(({ rule }) => rule),
    tail?.rule.tokens ?? [],
  );
  const note = (fix: string): Note => noteBy(fix, modes.get(fix) ?? "fix");

  function guarded<T>(named: NamedCallRule, work: () => T, otherwise: T): T {
    try {
      return work();
    } catch (cause) {
      calls.splice(calls.indexOf(named), 1);
      note(named.name)({ action: "skipped", target: "content", reason: `cut out for this reply: ${String(cause)}` });
      return otherwise;
    }
  }

  /** Where nothing may follow a block: looks whether something does. */
  function judgeEnd(head: string, sure: readonly NamedCallRule[]): Verdict | number {
    const text = head.slice(0, EARLY);
    for (const named of sure) {
      const reading = guarded(named, () => named.rule.read(text, 0, offer), PROSE);
      if (reading.kind !== "block" || reading.end === 0) continue;
      const at = skipClosers(text, reading.end);
      if (at < text.length && !MAY_GO_ON.test(text.charAt(at)) && marks.at(text, at) === false) return at;
    }
    return head.length < EARLY ? "maybe" : "yes";
  }

  return {
    request,
    offer,
    marks,
    calls,
    tail,
    think: isObject(request.body) && request.body["reasoning_format"] === "none" ? undefined : ofKind(rules, "think"),
    reasoning: offer.tools.length > 0 ? ofKind(rules, "reasoning")?.name : undefined,
    repeat: request.parallelToolCalls === false ? ofKind(rules, "repeat") : undefined,
    id: "",
    note,
    judge(head, opening, last) {
      let verdict: Verdict = "no";
      const sure: NamedCallRule[] = [];
      for (const named of calls.slice()) {
        const own = opening ? named.rule.openings : named.rule.markers;
        if (own.some((mark) => head.startsWith(mark))) {
          const one = guarded<Verdict>(named, () => named.rule.head(head, offer), "no");
          if (one === "yes") sure.push(named);
          if (one === "maybe") verdict = "maybe";
        } else if (own.some((mark) => mark.startsWith(head))) verdict = "maybe";
      }
      if (sure.length === 0) return verdict;
      const alone = (opening || last) && verdict === "no" && sure.every(({ rule }) => rule.stable);
      return alone ? judgeEnd(head, sure) : "yes";
    },
    ruleOf(text) {
      const marked = calls.filter(({ rule }) => [...rule.markers, ...rule.openings].some((mark) => text.startsWith(mark)));
      const sure = marked.find((named) => guarded<Verdict>(named, () => named.rule.head(text.slice(0, EARLY), offer), "no") !== "no");
      return (sure ?? marked[0])?.name ?? "content";
    },
    read: (named, text, at) => guarded(named, () => named.rule.read(text, at, offer), PROSE),
  };
}

function ofKind<K extends ContentRule["kind"]>(
  rules: readonly NamedRule<ContentRule>[],
  kind: K,
): NamedRule<Extract<ContentRule, { kind: K }>> | undefined {
  return rules.find((named): named is NamedRule<Extract<ContentRule, { kind: K }>> => named.rule.kind === kind);
}

/** Whether the request asks for JSON as the answer. */
function wantsJson(body: unknown): boolean {
  if (!isObject(body)) return false;
  const format = body["response_format"] ?? (isObject(body["text"]) ? body["text"]["format"] : undefined);
  const type = isObject(format) ? format["type"] : undefined;
  return (typeof type === "string" && type !== "text") || "json_schema" in body || "grammar" in body;
}
