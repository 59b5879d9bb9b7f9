/**
 * What a rule may change in the argument transducer (machine.ts).
 *
 * A rule is a set of hooks, each asked at one kind of place, only where the strict reading fails or
 * the schema is contradicted (`escape` and `quote`: at every one in a string). It answers with a
 * rewrite of the input at that place; the machine then reads the rewritten input as if the model
 * had written it. So rules need not know of each other.
 *
 * A hook sees the input from the place on as far as it has come. It must give the same answer
 * however much more is to come, or say "wait": that is what makes the output independent of cuts.
 */
import type { Shape } from "./schema.ts";

/** Most input a rule may wait over; above, the place is not mended and the rest passes as it is. */
export const MAX_WAIT = 1024 * 1024;

/** Deeper nesting than this passes as it is. */
export const MAX_DEPTH = 500;

/** What asking the rules came to. */
export type Answer = "nobody" | "wait" | "go on";

/** How a call's arguments ended. */
export interface Ending {
  /** The API's own word, undefined when the reply broke off without one. */
  readonly reason: string | undefined;
  /** The model was stopped (length, broken stream): nothing may be completed. */
  readonly cut: boolean;
}

/** An object or array that is open. */
export interface Container {
  readonly kind: "object" | "array";
  readonly shape: Shape;
  /** Keys sent so far; bounded, so the later keys of a huge object may be missing. */
  readonly seen: Set<string>;
  /** Members sent so far. */
  count: number;
  /** The key whose value is being read, in an object. */
  key: string;
  /** A rule gave a key of it another name: the model writes this tool's keys in a way of its own. */
  renamed?: boolean;
}

/** The string being read. */
export interface OpenString {
  /** Its last characters so far, at most four: enough to know `C:` before a backslash. */
  before: string;
  /** What backslashes mean in it, once a rule has found out. */
  escapes: "unknown" | "plain" | "literal" | "path";
  /** It began with three quotes, as in Python, and ends with three. */
  triple: boolean;
  /** A quote inside it was escaped by a rule. */
  quotes: boolean;
}

/** The tool a call is for, as the request offers it. */
export interface CallTool {
  readonly name: string;
  readonly shape: Shape;
  /** The request offers it. */
  readonly offered: boolean;
  /** The request gives its schema. */
  readonly known: boolean;
}

/** The request's tools, found by what is left of their names. */
export interface OfferedTools {
  named(name: string): CallTool | undefined;
  /** Those whose names differ in case and separators only, in the request's order. */
  alike(name: string): readonly CallTool[];
  /** Those that end in `name` behind a namespace. */
  within(name: string): readonly CallTool[];
}

/** What the machine is reading. */
export type State = "start" | "member" | "item" | "value" | "colon" | "number" | "string" | "after" | "tail" | "as-is";

export interface Place {
  readonly state: State;
  /** The input from here on, at most MAX_WAIT of it. */
  readonly text: string;
  /** Set when `text` is all there will be. */
  readonly ended: Ending | undefined;
  /** The API said that the arguments are over, though not yet why. */
  readonly closed: boolean;
  /** Outermost first. */
  readonly stack: readonly Container[];
  readonly container: Container | undefined;
  /** Of the value that stands here; in `member`, of the object. */
  readonly shape: Shape;
  readonly tool: CallTool;
  readonly string: OpenString;
  /** The call's arguments as sent so far; undefined when there are too many, or inside a nested text. */
  readonly sent: string | undefined;
  /** The text was found inside another value; its rules have seen the arguments around it. */
  readonly nested: boolean;
  /** In `key`: the key read. */
  readonly key: string;
  /** `text` (a whole value) as the rules mend it, when that parses and satisfies `shape`. */
  mend(text: string, shape: Shape): string | undefined;
}

export type Verdict =
  /** Not mine. */
  | undefined
  /** Perhaps mine: more input decides. */
  | "wait"
  /** The first `take` characters of `text` become `put`. */
  | { readonly take: number; readonly put: string; readonly rule?: string; readonly after?: string }
  /** In `key`: the whole member, with its comma, is left out. */
  | { readonly drop: string }
  /** In `tail`: `text` goes on as a call of its own after `take` characters. */
  | { readonly take: number; readonly split: string; readonly rule?: string }
  /** Mine, and not to be mended: the rest passes as it is. */
  | { readonly refuse: string; readonly rule?: string };

export type Hook = (place: Place) => Verdict;

export interface ArgumentRule {
  /** Before the value as a whole, when it does not begin with `{`; also when there is nothing at all. */
  readonly start?: Hook;
  /** Where a member or item should begin (at its comma, if it has one) and none does. */
  readonly member?: Hook;
  /** At the same place, when a key and its colon are there: `key` is set. Asked of every member. */
  readonly key?: Hook;
  /** At a value that is no JSON, or of a kind the schema does not allow. */
  readonly value?: Hook;
  /** Behind a value, when neither a comma nor the right closer follows. */
  readonly after?: Hook;
  /** At the `}` of an arguments object without members. */
  readonly hollow?: Hook;
  /** Behind the whole value. */
  readonly tail?: Hook;
  /** The input is over and the value is not. `put` closes it. */
  readonly end?: Hook;
  /** At a control character inside a string. */
  readonly control?: Hook;
  /** At a backslash inside a string. */
  readonly escape?: Hook;
  /** At a quote inside a string. Undefined: it closes the string. */
  readonly quote?: Hook;
  /** At a `<` inside a string value. */
  readonly mark?: Hook;
  /** A tool's name that the request does not offer: the offered one that is meant. */
  readonly name?: (name: string, tools: OfferedTools) => string | undefined;
  /** A piece of arguments that is no shorter than everything that came before it: the piece to read instead. */
  readonly piece?: (seen: string, piece: string, place: Place) => string;
  /** A finished call whose name and arguments repeat an earlier one is dropped. */
  readonly repeats?: true;
}

export const HOOKS = ["start", "member", "key", "value", "after", "hollow", "tail", "end", "control", "escape", "quote", "mark"] as const;
export type HookName = (typeof HOOKS)[number];
