/** Steps of strict reading inside a value. True: go on; false: more input is needed. */
import type { Machine } from "./machine.ts";
import { MAX_DEPTH } from "./rule.ts";
import { skipSpace } from "./scan.ts";
import { allows, ANY, type Kind } from "./schema.ts";

const LITERALS = ["true", "false", "null"];

function kindAt(c: string): Kind | undefined {
  if (c === '"') return "string";
  if (c === "{") return "object";
  if (c === "[") return "array";
  if (c === "t" || c === "f") return "boolean";
  if (c === "n") return "null";
  return c === "-" || (c >= "0" && c <= "9") ? "number" : undefined;
}

export function value(m: Machine): boolean {
  m.pass(skipSpace(m.input, m.at) - m.at);
  const c = m.input[m.at];
  if (c === undefined) return false;
  const kind = kindAt(c);
  if (kind === "boolean" || kind === "null") return literal(m, kind);
  if (kind === undefined || !allows(m.valueShape, kind)) {
    const answer = m.consult("value");
    if (answer !== "nobody") return answer === "go on";
    if (kind === undefined) {
      m.refuse(undefined, "no JSON value");
      return true;
    }
  }
  if (kind === "string") {
    m.pass(1);
    m.openString();
  } else if (kind === "number") m.state = "number";
  else open(m, kind === "object" ? "object" : "array");
  return true;
}

function open(m: Machine, kind: "object" | "array"): void {
  if (m.stack.length >= MAX_DEPTH) return m.refuse(undefined, `nested deeper than ${MAX_DEPTH}`);
  const shape = allows(m.valueShape, kind) ? m.valueShape : ANY;
  m.stack.push({ kind, shape, seen: new Set(), count: 0, key: "" });
  m.state = kind === "object" ? "member" : "item";
  m.pass(1);
}

function literal(m: Machine, kind: Kind): boolean {
  const rest = m.input.slice(m.at, m.at + 6);
  const word = LITERALS.find((each) => rest.startsWith(each));
  const letter = word === undefined ? "" : (rest[word.length] ?? "");
  // `null` may yet be the beginning of bare text.
  if (word !== undefined && letter === "" && !m.closed && !m.trusted) return false;
  if (word !== undefined && allows(m.valueShape, kind) && !/\w/.test(letter)) {
    m.pass(word.length);
    m.memberDone();
    return true;
  }
  if (word === undefined && !m.ended && LITERALS.some((each) => each.startsWith(rest))) return false;
  const answer = m.consult("value");
  if (answer !== "nobody") return answer === "go on";
  if (word === undefined) m.refuse(undefined, "no JSON value");
  else {
    m.pass(word.length);
    m.memberDone();
  }
  return true;
}

const NUMBER = /[-+.0-9eE]*/y;

export function number(m: Machine): boolean {
  NUMBER.lastIndex = m.at;
  NUMBER.test(m.input);
  m.pass(NUMBER.lastIndex - m.at);
  if (m.at === m.input.length && !m.ended) return false;
  m.memberDone();
  return true;
}

/* oxlint-disable-next-line no-control-regex -- JSON strings may not hold them raw */
const BODY = /[^"\\<\u0000-\u001f]*/y;

export function string(m: Machine): boolean {
  BODY.lastIndex = m.at;
  BODY.test(m.input);
  advance(m, BODY.lastIndex - m.at);
  const c = m.input[m.at];
  if (c === undefined) return false;
  if (c === "<") {
    const answer = m.consult("mark");
    if (answer === "nobody") advance(m, 1);
    return answer !== "wait";
  }
  if (c === "\\") {
    const answer = m.consult("escape");
    if (answer !== "nobody") return answer === "go on";
    const size = m.input[m.at + 1] === "u" ? 6 : 2;
    if (m.input.length - m.at < size && !m.ended) return false;
    advance(m, Math.min(size, m.input.length - m.at));
    return true;
  }
  if (c !== '"') {
    const answer = m.consult("control");
    if (answer === "nobody") advance(m, 1);
    return answer !== "wait";
  }
  if (!m.trusted) {
    const answer = m.consult("quote");
    if (answer !== "nobody") return answer === "go on";
  }
  m.pass(1);
  if (m.inKey) {
    m.inKey = false;
    m.state = "colon";
  } else m.memberDone();
  return true;
}

function advance(m: Machine, count: number): void {
  if (count === 0) return;
  m.string.before = (m.string.before + m.input.slice(Math.max(m.at, m.at + count - 4), m.at + count)).slice(-4);
  m.pass(count);
}
