/** What is published carries the licences of the code that is built into it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import { expect, test } from "vitest";
import manifest from "../package.json" with { type: "json" };
import config from "../rolldown.config.ts";

test("the build writes the licence text of each package it bundles beside the program", async () => {
  const folder = mkdtempSync(join(tmpdir(), "llama-proxy-build-"));
  try {
    const { output } = await build({ ...config, output: { format: "esm", dir: join(folder, "cli") } });
    const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
    const bundled = new Set(
      modules.flatMap((path) => /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(path)?.[1]?.replace("\\", "/") ?? []),
    );
    const notices = readFileSync(join(folder, "THIRD-PARTY-NOTICES.txt"), "utf8");
    expect([...bundled]).toEqual(expect.arrayContaining(["undici", "zod", "@opentelemetry/api"]));
    expect([...bundled].filter((name) => !new RegExp(`^${name} \\d`, "m").test(notices))).toEqual([]);
    expect(notices).toContain(`undici ${manifest.dependencies.undici} (MIT)`);
    expect(notices).toContain("Copyright (c) Matteo Collina and Undici contributors");
    expect(notices).toContain("Apache License");
    expect(notices).not.toMatch(/^better-sqlite3 /m);
    expect(notices).not.toContain(process.cwd());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("they are published", () => {
  expect(manifest.files).toContain("dist");
});
