/** The licence texts of what the build puts into dist/: whoever copies code copies its licence with it. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "rolldown";

const PACKAGE = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)\b/i;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** Writes THIRD-PARTY-NOTICES.txt beside the output folder, from the modules that are in its chunks. */
export function thirdPartyNotices(): Plugin {
  return {
    name: "third-party-notices",
    writeBundle({ dir }, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
      writeFileSync(join(dir ?? ".", "..", "THIRD-PARTY-NOTICES.txt"), noticesOf(modules));
    },
  };
}

/** `modules`: paths with `/`. Packages with one and the same text are listed above it together. Throws for one without a text. */
function noticesOf(modules: readonly string[]): string {
  const folders = new Set(modules.flatMap((path) => PACKAGE.exec(path.replaceAll("\\", "/"))?.[0] ?? []));
  const texts = new Map<string, string[]>();
  for (const folder of [...folders].toSorted()) {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
    const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file));
    if (files.length === 0) throw new Error(`${name} is bundled and has no licence file`);
    const text = files.map((file) => readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim()).join("\n\n");
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const sections = [...texts].map(([text, packages]) => `${packages.join("\n")}\n\n${text}\n`);
  return ["llama-proxy contains code of these packages, under these licences.\n", ...sections].join(`\n${"-".repeat(80)}\n\n`);
}
