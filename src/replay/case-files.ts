/**
 * The files that go with a test case: copies of demo/case with the case's name in them. They run in a
 * project that has only vitest (and msw), and are a user's to edit from then on.
 */
import { readFileSync } from "node:fs";

const FOLDER = new URL("../../demo/case/", import.meta.url);
const NAME = "CASE";

/** Plays a case, asks for it and reads what it says: the same for every case of a folder. */
export const PLAYER = "llama-case.mjs";

/** Text by file name. Throws node:fs errors when the installation is not whole. */
export function caseFiles(name: string, kind: "backend" | "msw"): ReadonlyMap<string, string> {
  const files = kind === "msw" ? ["CASE.msw.mjs", "CASE.msw.test.mjs"] : ["CASE.test.mjs"];
  return new Map([
    [PLAYER, readFileSync(new URL(PLAYER, FOLDER), "utf8")],
    ...files.map((file): [string, string] => [
      file.replace(NAME, name),
      readFileSync(new URL(file, FOLDER), "utf8").replaceAll(NAME, name),
    ]),
  ]);
}
