/** A YAML file as plain values, with the line of every key kept for errors. */
import { readFileSync } from "node:fs";
import { isAlias, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import { ConfigError } from "./problem.ts";

export interface ConfigFile {
  readonly name: string;
  readonly value: unknown;
  /** 1-based line of the key at a path, or of the nearest thing above it that is in the file. */
  lineOf(path: readonly string[]): number | undefined;
}

/** Throws ConfigError when the file cannot be read or is not YAML. */
export function readConfigFile(name: string): ConfigFile {
  let source: string;
  try {
    source = readFileSync(name, "utf8");
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : `cannot be read: ${(cause as Error).message}`;
    throw new ConfigError([{ where: name, key: "", message: reason }]);
  }
  return parseConfigFile(name, source);
}

function parseConfigFile(name: string, source: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, merge: true });
  const faults = document.errors.map((error) => ({
    where: `${name}:${lines.linePos(error.pos[0]).line}`,
    key: "",
    message: `not valid YAML: ${error.message}`,
  }));
  if (faults.length > 0) throw new ConfigError(faults);

  return {
    name,
    value: plainValue(name, document),
    lineOf(path) {
      let node: unknown = document.contents;
      let offset: number | undefined;
      for (const key of path) {
        if (isAlias(node)) node = node.resolve(document);
        if (!isMap(node)) break;
        const pair = node.items.find((item) => (isScalar(item.key) ? String(item.key.value) : item.key) === key);
        if (!pair) break;
        if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
        node = pair.value;
      }
      return offset === undefined ? undefined : lines.linePos(offset).line;
    },
  };
}

function plainValue(name: string, document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS() ?? {};
  } catch (cause) {
    // An alias that has no anchor, or more aliases than any real file has.
    throw new ConfigError([{ where: name, key: "", message: `not usable YAML: ${(cause as Error).message}` }]);
  }
}
