import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { FIXES } from "../../src/fixes/index.ts";
import { cli, temporaryFolder } from "./support.ts";

const folder = temporaryFolder();

describe("usage", () => {
  test("without a command: help with every command, on stdout, exit 0", async () => {
    const ran = await cli([]);
    expect(ran.code).toBe(0);
    for (const { name } of COMMANDS) expect(ran.stdout.toString()).toMatch(new RegExp(`^  ${name} `, "m"));
    expect(ran.stderr).toBe("");
    expect((await cli(["--help"])).stdout.toString()).toBe(ran.stdout.toString());
  });

  test("help COMMAND and COMMAND --help are the same", async () => {
    const [help, flag] = await Promise.all([cli(["help", "replay"]), cli(["replay", "--help"])]);
    expect(help.stdout.toString()).toBe(flag.stdout.toString());
    expect(help.stdout.toString()).toContain("--recut");
    expect([help.code, flag.code]).toEqual([0, 0]);
  });

  test.each([
    [["stat"], /no command "stat"; did you mean stats\?/],
    [["xyzzyx"], /llama-proxy help lists them/],
    [["--port", "9"], /did you mean llama-proxy run --port 9\?/],
    [["ls", "--modell", "x"], /unknown option '--modell'\s+\(Did you mean --model\?\)/],
    [["ls", "-n", "many"], /-n many: expected a whole number/],
    [["ls", "--since", "yesterday"], /--since yesterday: expected 90s/],
    [["ls", "--slow", "x"], /--slow x: expected/],
    [["show"], /missing required argument 'id'/],
    [["show", "last", "--sent", "--request"], /one of --request/],
    [["prune"], /--older-than 14d/],
    [["completion", "tcsh"], /Allowed choices are bash, zsh, fish/],
  ])("%j exits 2 and says what would be right", async (args, message) => {
    const ran = await cli(args);
    expect([ran.code, ran.stdout.length]).toEqual([2, 0]);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).not.toMatch(/\n {4}at /);
  });

  test("a stack only with --debug", async () => {
    expect((await cli(["ls", "--db", "/nope", "--debug"])).stderr).toMatch(/\n {4}at /);
  });

  test("version, also as JSON and as a flag", async () => {
    const [text, flag, json] = await Promise.all([cli(["version"]), cli(["--version"]), cli(["version", "--json"])]);
    expect(text.stdout.toString()).toMatch(/^llama-proxy \d+\.\d+\.\d+/);
    expect(flag.stdout.toString()).toBe(text.stdout.toString());
    expect(JSON.parse(json.stdout.toString())).toMatchObject({ schema_version: 1, version: text.stdout.toString().trim().split(" ")[1] });
  });
});

describe("check-config", () => {
  test("a good file: exit 0; a bad one: exit 2 with file, line, key and the nearest known one", async () => {
    const good = join(folder, "good.yaml");
    const bad = join(folder, "bad.yaml");
    writeFileSync(good, "server:\n  port: 9000\n");
    writeFileSync(bad, "server:\n  prot: 9000\n");
    const fine = await cli(["check-config", "--config", good]);
    expect([fine.code, fine.stdout.toString()]).toEqual([0, expect.stringContaining("127.0.0.1:9000")]);
    const broken = await cli(["check-config", "--config", bad]);
    expect([broken.code, broken.stdout.length]).toEqual([2, 0]);
    expect(broken.stderr).toContain(`${bad}:2: server.prot: unknown key; did you mean server.port?`);
    const missing = await cli(["check-config", "--config", join(folder, "none.yaml")]);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("there is no such file")]);
  });

  test("--json shows what results, without the values of collector headers", async () => {
    const { stdout } = await cli(["check-config", "--json"], {
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret",
      LLAMA_PROXY_SERVER_PORT: "9001",
    });
    expect(JSON.parse(stdout.toString()).config.server.port).toBe(9001);
    expect(stdout.toString()).not.toContain("secret");
  });

  test("--defaults is a file that checks", async () => {
    const file = join(folder, "defaults.yaml");
    writeFileSync(file, (await cli(["check-config", "--defaults"])).stdout);
    expect((await cli(["check-config", "--config", file])).code).toBe(0);
  });
});

describe("list-fixes", () => {
  test("names every fix; --verbose shows example and options; --json is one document", async () => {
    const [text, verbose, json] = await Promise.all([cli(["list-fixes"]), cli(["list-fixes", "--verbose"]), cli(["list-fixes", "--json"])]);
    for (const { name } of FIXES) expect(text.stdout.toString()).toContain(name);
    expect(verbose.stdout.toString()).toContain("before");
    const document = JSON.parse(json.stdout.toString());
    expect(document.schema_version).toBe(1);
    expect(document.fixes.map((fix: { name: string }) => fix.name)).toEqual(FIXES.map((fix) => fix.name));
  });

  test("the mode is what the configuration says", async () => {
    const file = join(folder, "fixes.yaml");
    writeFileSync(file, "fixes:\n  modules:\n    toolcall_bad_filepath:\n      mode: observe\n");
    const { stdout } = await cli(["list-fixes", "--json", "--config", file]);
    const fix = JSON.parse(stdout.toString()).fixes.find((each: { name: string }) => each.name === "toolcall_bad_filepath");
    expect(fix).toMatchObject({ mode: "observe", default_mode: "fix" });
  });
});

test("completion names every command and its options, in scripts the shell can read", async () => {
  const bash = (await cli(["completion", "bash"])).stdout.toString();
  for (const { name } of COMMANDS) expect(bash).toContain(`      ${name}) words="`);
  expect(bash).toContain("--recut");
  const checked = spawn("bash", ["-n"], { stdio: ["pipe", "ignore", "pipe"] });
  checked.stdin.end(bash);
  expect(await new Promise((resolve) => checked.on("close", resolve))).toBe(0);
  expect((await cli(["completion", "fish"])).stdout.toString()).toContain("-a replay");
});

test("a reader that goes away ends the program quietly", async () => {
  const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  const child = spawn("bash", ["-c", `"$0" "$1" list-fixes --verbose | true; echo "\${PIPESTATUS[0]}"`, process.execPath, main]);
  let out = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  await new Promise((resolve) => child.on("close", resolve));
  expect([out.trim(), errors]).toEqual(["0", ""]);
});
