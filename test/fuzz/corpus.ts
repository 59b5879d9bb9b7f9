import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const FOLDER = new URL("corpus/", import.meta.url);
const fileOf = (target: string): URL => new URL(`${target.replaceAll(/[^a-z0-9]+/g, "-")}.jsonl`, FOLDER);

/** Inputs that once broke something, or were the first to reach something: each is tried in every run. */
export function readCorpus(target: string): string[] {
  const file = fileOf(target);
  return existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as string)
    : [];
}

export function writeCorpus(target: string, inputs: readonly string[]): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(target), inputs.map((input) => `${JSON.stringify(input)}\n`).join(""));
}
