import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "./support.ts";

const BIN = fileURLToPath(new URL("../../bin/llama-proxy.mjs", import.meta.url));
// Built by `npm ci`; a bare checkout has none.
const built = existsSync(new URL("../../dist/cli/main.js", import.meta.url));

/** A Node of this machine that is too old to run llama-proxy itself. */
const old = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "node"))
  .find((file) => existsSync(file) && Number.parseInt(execFileSync(file, ["-p", "process.versions.node"]).toString(), 10) < 24);

const nodes = [process.execPath, ...(old === undefined ? [] : [old])];

function commandLineOf(pid: number | undefined): string {
  return readFileSync(`/proc/${pid}/cmdline`, "latin1");
}

function childrenOf(pid: number | undefined): number[] {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, "latin1").trim().split(" ").filter(Boolean).map(Number) : [];
}

describe.skipIf(!built).each(nodes)("the launcher on %s", (node) => {
  test("passes arguments, output and exit code through", () => {
    const fine = spawnSync(node, [BIN, "version", "--json"]);
    expect(fine.status).toBe(0);
    expect(Number.parseInt(JSON.parse(fine.stdout.toString()).node, 10)).toBeGreaterThanOrEqual(24);
    const wrong = spawnSync(node, [BIN, "nonsense"]);
    expect([wrong.status, wrong.stderr.toString()]).toEqual([2, expect.stringContaining('no command "nonsense"')]);
  });

  test("passes SIGTERM on: the sidecar drains and exits 0", async () => {
    const db = join(temporaryFolder(), "x.db");
    const child = spawn(node, [BIN, "run", "--port", "0", "--backend", "http://127.0.0.1:9", "--db", db], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, { timeout: 10_000 }).toContain("llama-server at");
    // The process itself, or the one it started on a newer Node; elsewhere than on Linux there is nothing to look at.
    const family = [child.pid, ...childrenOf(child.pid)];
    const started = existsSync("/proc/self") ? family.map(commandLineOf).join(" ") : "--v8-pool-size=1";
    expect(started).toContain("--v8-pool-size=1");
    child.kill("SIGTERM");
    expect(await new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)))).toBe(0);
  });

  test("killed hard, it leaves no sidecar behind", async () => {
    const db = join(temporaryFolder(), "x.db");
    const child = spawn(node, [BIN, "run", "--port", "0", "--backend", "http://127.0.0.1:9", "--db", db], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, { timeout: 10_000 }).toContain("llama-server at");
    const url = /on (http:\S+),/.exec(said)?.[1] ?? "";
    expect((await fetch(`${url}/_llama-proxy/live`)).status).toBe(200);
    child.kill("SIGKILL");
    await expect
      .poll(
        () =>
          fetch(`${url}/_llama-proxy/live`).then(
            () => "there",
            () => "gone",
          ),
        { timeout: 10_000 },
      )
      .toBe("gone");
  });
});
