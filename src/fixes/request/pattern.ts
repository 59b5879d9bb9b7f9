/**
 * Regular expressions as llama.cpp's schema compiler takes them (`_visit_pattern` of
 * json-schema-to-grammar.cpp, `parse_char` of llama-grammar.cpp): anchored at both ends, no look-around,
 * and of the escapes only those of a grammar. Anything else fails the whole request with 400.
 */

/** Class escapes, spelled out as members of a bracket expression. */
const CLASSES: Readonly<Record<string, string>> = { d: "0-9", w: "A-Za-z0-9_", s: " \\t\\r\\n" };
/** Escapes that the compiler turns into the plain character, outside brackets. */
const UNESCAPED = "^$.[](){}|*+?";
/** Escapes that a grammar knows itself. */
const KEPT = 'nrt\\"[]';

/** The pattern in a form that compiles: itself, or with its escapes spelled out. Undefined where there is none. */
export function compilablePattern(pattern: string, maxRepetitions: number): string | undefined {
  if (!/^\^[^]*\$$/u.test(pattern) || /(?:^|[^\\])(?:\\\\)*\\\$$/u.test(pattern)) return undefined;
  const inner = pattern.slice(1, -1);
  let out = "";
  let depth = 0;
  /** Whether a quantifier may stand here. */
  let quantifiable = false;
  for (let at = 0; at < inner.length;) {
    const char = inner.charAt(at);
    if (char === "[") {
      const bracket = readBracket(inner, at);
      if (!bracket) return undefined;
      out += bracket.text;
      at = bracket.end;
      quantifiable = true;
    } else if (char === "\\") {
      const escape = readEscape(inner, at);
      if (!escape) return undefined;
      out += escape.text.length > 0 && escape.isClass ? `[${escape.text}]` : escape.text;
      at = escape.end;
      quantifiable = true;
    } else if (char === "(") {
      if (inner.charAt(at + 1) === "?" && inner.charAt(at + 2) !== ":") return undefined;
      depth += 1;
      const group = inner.charAt(at + 1) === "?" ? "(?:" : "(";
      out += group;
      at += group.length;
      quantifiable = false;
    } else if (char === "{") {
      const count = /^\{(\d*)(?:,(\d*))?\}/u.exec(inner.slice(at));
      if (!count || !quantifiable || (count[1] === "" && !count[2])) return undefined;
      if ([count[1], count[2]].some((times) => Number(times ?? 0) > maxRepetitions)) return undefined;
      out += count[0];
      at += count[0].length;
    } else {
      if (char === ")") depth -= 1;
      if (depth < 0 || ("*+?".includes(char) && !quantifiable)) return undefined;
      if (char === "]" || char === "}") return undefined;
      quantifiable = char !== "|";
      out += char;
      at += 1;
    }
  }
  if (depth !== 0) return undefined;
  return out === inner ? pattern : `^${out}$`;
}

interface Escape {
  readonly text: string;
  readonly end: number;
  readonly isClass: boolean;
}

function readEscape(text: string, at: number): Escape | undefined {
  const char = text.charAt(at + 1);
  const classMembers = CLASSES[char];
  if (classMembers !== undefined) return { text: classMembers, end: at + 2, isClass: true };
  const hex = /^\\(?:x[0-9a-f]{2}|u[0-9a-f]{4})/iu.exec(text.slice(at, at + 6));
  if (hex) return { text: hex[0], end: at + hex[0].length, isClass: false };
  if (char !== "" && (UNESCAPED.includes(char) || KEPT.includes(char))) return { text: `\\${char}`, end: at + 2, isClass: false };
  // Back-references, word borders, properties: nothing a grammar could say.
  if (char === "" || /[\p{L}\p{N}]/u.test(char)) return undefined;
  return { text: char, end: at + 2, isClass: false };
}

function readBracket(text: string, open: number): { text: string; end: number } | undefined {
  let at = open + 1;
  let out = "[";
  let dash = false;
  if (text.charAt(at) === "^") {
    out += "^";
    at += 1;
  }
  const begun = out.length;
  for (; at < text.length && text.charAt(at) !== "]";) {
    if (text.charAt(at) !== "\\") {
      out += text.charAt(at);
      at += 1;
      continue;
    }
    const char = text.charAt(at + 1);
    if (char === "-") {
      dash = true;
      at += 2;
      continue;
    }
    const escape = readEscape(text, at);
    if (!escape || (char === "^" && out.length === begun)) return undefined;
    // In brackets only a grammar's own escapes stay escapes.
    out += UNESCAPED.includes(char) && !KEPT.includes(char) ? char : escape.text;
    at = escape.end;
  }
  // A dash is itself only at the end.
  if (dash) out += "-";
  return at < text.length && out.length > begun ? { text: `${out}]`, end: at + 1 } : undefined;
}
