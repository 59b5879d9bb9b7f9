/** One step of strict reading for each state of the machine. True: go on; false: more input is needed. */
import type { Machine } from "./machine.ts";
import { MAX_WAIT } from "./rule.ts";
import { decodeKey, skipSpace } from "./scan.ts";
import { ANY } from "./schema.ts";
import { number, string, value } from "./value-steps.ts";

/** Keys remembered per object. A later repetition of a key beyond these passes as it is. */
const MAX_SEEN = 10_000;

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
    default:
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
  else if (m.input[at] === ",") return leadingComma(m, at);
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

function leadingComma(m: Machine, at: number): boolean {
  if (skipSpace(m.input, at + 1) === m.input.length) return needMore(m);
  return ask(m, "member", "a comma before the first member");
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
  else if (m.input[at] === ",") return leadingComma(m, at);
  else if (at === m.input.length) return needMore(m);
  m.valueShape = array.shape.item(array.count);
  m.pass(at - m.at);
  m.state = "value";
  return true;
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
