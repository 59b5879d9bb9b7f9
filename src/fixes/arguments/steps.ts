/** One step of strict reading for each state of the machine. True: go on; false: more input is needed. */
import { MAX_DEPTH, type Machine } from "./machine.ts";
import { MAX_WAIT } from "./rule.ts";
import { decodeKey, skipSpace } from "./scan.ts";
import { allows, ANY, type Kind } from "./schema.ts";

/** Keys remembered per object. A later repetition of a key beyond these passes as it is. */
const MAX_SEEN = 10_000;
const LITERALS = ["true", "false", "null"];

export function step(m: Machine): boolean {
  switch (m.state) {
    case "start":
      return start(m);
    case "member":
      return member(m);
    case "item":
      return item(m);
    case "value":
      return value(m);
    case "colon":
      return colon(m);
    case "number":
      return number(m);
    case "string":
      return string(m);
    case "after":
      return after(m);
    case "tail":
      return tail(m);
    case "as-is":
      m.pass(m.input.length - m.at);
      return false;
  }
}

/** Asks the rules; where nobody answers, the rest passes as it is. */
function ask(m: Machine, hook: Parameters<Machine["consult"]>[0], reason: string): boolean {
  const answer = m.consult(hook);
  if (answer === "nobody") m.refuse(undefined, reason);
  return answer !== "wait";
}

function start(m: Machine): boolean {
  const at = skipSpace(m.input, m.at);
  if (m.input[at] === "{") {
    m.state = "value";
    return true;
  }
  if (at === m.input.length && !m.ended) return false;
  return ask(m, "start", at === m.input.length ? "no arguments" : "the arguments do not begin with {");
}

function member(m: Machine): boolean {
  const object = m.container;
  if (!object) return false;
  if (m.trusted && m.stack.length > 1 && object.shape.keys.length === 0) return ownMember(m);
  let at = skipSpace(m.input, m.at);
  if (object.count > 0) {
    // The comma was rewritten away.
    if (m.input[at] !== ",") return backToAfter(m);
    at = skipSpace(m.input, at + 1);
  } else if (m.input[at] === "}") return close(m, at);
  else if (m.input[at] === ",") return ask(m, "member", "a comma before the first member");
  if (at === m.input.length) return needMore(m);
  const end = m.input[at] === '"' ? endOfKey(m.input, at) : -2;
  if (end === -1) return needMore(m);
  if (end >= 0) {
    const colon = skipSpace(m.input, end);
    if (colon === m.input.length) return needMore(m);
    if (m.input[colon] === ":") {
      m.key = decodeKey(m.input.slice(at + 1, end - 1));
      const before = m.input;
      const answer = m.consult("key");
      if (answer === "wait") return false;
      // A rewrite is read anew; a drop leaves the input alone, and its member is read without being sent.
      if (answer === "go on" && (m.input !== before || m.state !== "member")) return true;
      object.key = m.key;
      if (object.seen.size < MAX_SEEN) object.seen.add(m.key);
      m.valueShape = object.shape.property(m.key);
      m.pass(colon + 1 - m.at);
      m.state = "value";
      return true;
    }
  }
  return ask(m, "member", "no key where a member must begin");
}

/** The server's own JSON, no key of it declared: nothing to decide before the colon. */
function ownMember(m: Machine): boolean {
  let at = skipSpace(m.input, m.at);
  if (m.input[at] === "}") return close(m, at);
  if (m.input[at] === ",") at = skipSpace(m.input, at + 1);
  m.pass(at - m.at);
  const c = m.input[m.at];
  if (c === undefined) return false;
  if (c !== '"') return ask(m, "member", "no key where a member must begin");
  m.inKey = true;
  m.pass(1);
  m.openString();
  return true;
}

function colon(m: Machine): boolean {
  m.pass(skipSpace(m.input, m.at) - m.at);
  const c = m.input[m.at];
  if (c === undefined) return false;
  if (c === ":") {
    m.pass(1);
    m.valueShape = ANY;
    m.state = "value";
  } else m.refuse(undefined, "no colon behind a key");
  return true;
}

/** Behind the key's closing quote; -1: not here yet; -2: no key, a control character or too long. */
function endOfKey(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === 34) return at + 1;
    if (c === 92) at += 1;
    else if (c < 32) return -2;
  }
  return text.length - from > MAX_WAIT ? -2 : -1;
}

/** At the end of the input only a rule can tell what a begun member is. */
function needMore(m: Machine): boolean {
  if (!m.ended) return false;
  const answer = m.consult("member");
  return answer === "go on";
}

function backToAfter(m: Machine): boolean {
  m.state = "after";
  return true;
}

function item(m: Machine): boolean {
  const array = m.container;
  if (!array) return false;
  let at = skipSpace(m.input, m.at);
  if (array.count > 0) {
    if (m.input[at] !== ",") return backToAfter(m);
    // Server's own: a comma that is followed by an item, although that has not come yet.
    at = skipSpace(m.input, at + 1);
    if (at === m.input.length && !m.trusted) return needMore(m);
    if (m.input[at] === "]" || m.input[at] === "}" || m.input[at] === ",") return ask(m, "member", "no item behind a comma");
  } else if (m.input[at] === "]") return close(m, at);
  else if (m.input[at] === ",") return ask(m, "member", "a comma before the first item");
  else if (at === m.input.length) return needMore(m);
  m.valueShape = array.shape.item(array.count);
  m.pass(at - m.at);
  m.state = "value";
  return true;
}

function kindAt(c: string): Kind | undefined {
  if (c === '"') return "string";
  if (c === "{") return "object";
  if (c === "[") return "array";
  if (c === "t" || c === "f") return "boolean";
  if (c === "n") return "null";
  return c === "-" || (c >= "0" && c <= "9") ? "number" : undefined;
}

function value(m: Machine): boolean {
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
  if (word !== undefined && allows(m.valueShape, kind) && !/[\w]/.test(letter)) {
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

function number(m: Machine): boolean {
  NUMBER.lastIndex = m.at;
  NUMBER.test(m.input);
  m.pass(NUMBER.lastIndex - m.at);
  if (m.at === m.input.length && !m.ended) return false;
  m.memberDone();
  return true;
}

/* oxlint-disable-next-line no-control-regex -- JSON strings may not hold them raw */
const BODY = /[^"\\<\u0000-\u001f]*/y;

function string(m: Machine): boolean {
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
    if (answer === "go on") m.string.before = "\\";
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

function after(m: Machine): boolean {
  m.pass(skipSpace(m.input, m.at) - m.at);
  const c = m.input[m.at];
  const object = m.container?.kind === "object";
  if (c === undefined) return false;
  if (c === ",") {
    m.state = object ? "member" : "item";
    return true;
  }
  if (c === (object ? "}" : "]")) return close(m, m.at);
  return ask(m, "after", "neither a comma nor the right closer behind a value");
}

/** `at` is the closer of the innermost container. */
function close(m: Machine, at: number): boolean {
  const [container] = m.stack.slice(-1);
  if (container?.count === 0 && m.stack.length === 1) {
    const answer = m.consult("hollow");
    if (answer !== "nobody") return answer === "go on";
  }
  m.pass(at + 1 - m.at);
  m.stack.pop();
  m.memberDone();
  return true;
}

function tail(m: Machine): boolean {
  m.pass(skipSpace(m.input, m.at) - m.at);
  if (m.at === m.input.length) return false;
  return ask(m, "tail", "something behind the arguments");
}
