/** config.yaml.default: every key with its default and its meaning, from the schema. A test keeps the file equal to this. */
import { stringify } from "yaml";
import { describeSchema, isSection, type ConfigKey, type ConfigSection } from "./keys.ts";
import { CONFIG_SCHEMA } from "./schema.ts";

const HEAD = `# llama-proxy: every configuration key with its default. None is needed.
#
# Read from --config FILE, else ./config.yaml, else ~/.config/llama-proxy/config.yaml.
# What is said later wins: default < this file < environment < command line.
# In the environment a key is LLAMA_PROXY_ and its path: server.port is LLAMA_PROXY_SERVER_PORT
# (lists with commas, maps as name=value,name=value). Sizes: 64MiB, 5GB. Durations: 90s, 12h, 14d.
# Keys that are commented out have no default. Check a file with: llama-proxy check-config --config FILE
`;

const WIDTH = 110;

export function defaultConfigText(root: ConfigSection = describeSchema(CONFIG_SCHEMA)): string {
  return `${HEAD}\n${root.entries.map((entry) => render(entry, 0)).join("\n")}`;
}

function render(entry: ConfigSection | ConfigKey, depth: number): string {
  const indent = "  ".repeat(depth);
  const name = entry.path.at(-1) ?? "";
  const comment = wrap(entry.description, WIDTH - indent.length - 2)
    .map((line) => `${indent}# ${line}\n`)
    .join("");
  if (!isSection(entry)) {
    if (entry.default === undefined) return `${isSwitch(entry) ? "" : comment}${indent}# ${name}: ${yamlOf(entry.example)}\n`;
    return `${comment}${indent}${name}: ${yamlOf(entry.default)}\n`;
  }
  const between = depth === 0 ? "" : "\n";
  return `${comment}${indent}${name}:\n${entry.entries.map((child) => render(child, depth + 1)).join(isFixList(entry) ? between : "")}`;
}

/** `enabled` and `mode` of a fix are explained once, above the list. */
function isSwitch({ path }: ConfigKey): boolean {
  return path[1] === "modules" && (path.at(-1) === "enabled" || path.at(-1) === "mode");
}

function yamlOf(value: unknown): string {
  return value === undefined ? "" : stringify(value, { collectionStyle: "flow" }).trim();
}

function isFixList(section: ConfigSection): boolean {
  return section.entries.some(isSection) && section.path.length > 1;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else if (word !== "") lines.push(word);
  }
  return lines;
}
