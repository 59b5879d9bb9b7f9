/** What a plan's content rules come to for one kind of request; the same for every reply. */
import type { RequestView } from "../../core/delta.ts";
import { isObject } from "../../wire/json.ts";
import type { FixMode, PlannedFix } from "../fix.ts";
import { createMarks, type Marks } from "./marks.ts";
import type { NamedCallRule } from "./resolve.ts";
import type { ContentRule, RepeatRule, TailRule, ThinkRule } from "./rule.ts";

/** A rule as planned. */
export interface NamedRule<R> {
  readonly name: string;
  readonly rule: R;
}

/** The rules for requests of one kind. */
export interface ContentRules {
  readonly marks: Marks;
  /** Rules that may make calls. */
  readonly calls: readonly NamedCallRule[];
  readonly tail: NamedRule<TailRule> | undefined;
  readonly think: NamedRule<ThinkRule> | undefined;
  /** Name of the fix that lets reasoning be looked at. */
  readonly reasoning: string | undefined;
  readonly repeat: NamedRule<RepeatRule> | undefined;
}

export interface ContentTables {
  readonly modes: ReadonlyMap<string, FixMode>;
  rulesFor(request: RequestView): ContentRules;
}

export function contentTables(plan: readonly PlannedFix[]): ContentTables {
  const rules = plan.flatMap(({ fix, options }): NamedRule<ContentRule>[] =>
    fix.kind === "content" ? [{ name: fix.name, rule: fix.rule(options as never) }] : [],
  );
  const kinds = new Map<string, ContentRules>();
  return {
    modes: new Map(plan.map(({ fix, mode }) => [fix.name, mode])),
    rulesFor(request) {
      const offers = request.tools.length > 0 && !request.toolsForbidden;
      const json = wantsJson(request.body);
      const kind = `${offers} ${json}`;
      let made = kinds.get(kind);
      if (!made) kinds.set(kind, (made = rulesOf(rules, offers, json)));
      return made;
    },
  };
}

function rulesOf(rules: readonly NamedRule<ContentRule>[], offers: boolean, json: boolean): ContentRules {
  const calls = rules.flatMap(({ name, rule }): NamedCallRule[] => {
    if (rule.kind !== "call" || (rule.needsTools && !offers)) return [];
    // JSON that was asked for is the answer, whatever it looks like.
    return [{ name, rule: rule.needsTools && json ? { ...rule, openings: [] } : rule }];
  });
  const tail = ofKind(rules, "tail");
  const marks = createMarks(
    calls.map(({ rule }) => rule),
    tail?.rule.tokens ?? [],
  );
  return {
    marks,
    calls,
    tail,
    think: ofKind(rules, "think"),
    reasoning: offers ? ofKind(rules, "reasoning")?.name : undefined,
    repeat: ofKind(rules, "repeat"),
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
