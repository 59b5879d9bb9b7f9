import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parse } from "yaml";

export interface Programs {
  readonly collector: string;
  readonly prometheus: string;
  readonly promtool: string;
  readonly influxd: string;
}

const NEEDED = [
  { name: "go", cure: "Go 1.26 or newer, from go.dev/dl" },
  { name: "prometheus", cure: "apt-get install prometheus" },
  { name: "promtool", cure: "apt-get install prometheus" },
  { name: "influxd", cure: "apt-get install influxdb" },
] as const;

/** What is missing, with the way to get it. Empty when nothing is. */
export function missingPrograms(): readonly string[] {
  return NEEDED.filter(({ name }) => find(name) === undefined).map(({ name, cure }) => `${name} (${cure})`);
}

/**
 * Builds the Collector where the manifest has changed since the last time; that takes about a quarter
 * of an hour on two cores the first time, with Go's caches filled a minute. Throws with the end of the build's log.
 */
export async function providePrograms(root: string, say: (line: string) => void): Promise<Programs> {
  const cache = join(root, ".cache", "collector");
  const manifest = join(root, "docker", "collector", "builder.yaml");
  const text = readFileSync(manifest, "utf8");
  const { dist } = parse(text) as { dist: { name: string; version: string } };
  const collector = join(cache, dist.name);
  const stamp = join(cache, "manifest.sha256");
  const sum = createHash("sha256").update(text).digest("hex");
  if (!existsSync(collector) || !existsSync(stamp) || readFileSync(stamp, "utf8") !== sum) {
    mkdirSync(cache, { recursive: true });
    const log = join(cache, "build.log");
    say(`building the Collector from ${manifest} (log: ${log})`);
    await build(root, dist.version, manifest, log);
    writeFileSync(stamp, sum);
  }
  return { collector, prometheus: path("prometheus"), promtool: path("promtool"), influxd: path("influxd") };
}

async function build(root: string, version: string, manifest: string, log: string): Promise<void> {
  const output = openSync(log, "w");
  // Two compilers at once leave nothing of a small machine.
  const env = { ...process.env, GOFLAGS: `${process.env["GOFLAGS"] ?? ""} -p=${process.env["E2E_GO_PROCESSES"] ?? "2"}`.trim() };
  const args = ["run", `go.opentelemetry.io/collector/cmd/builder@v${version}`, `--config=${manifest}`];
  const child = spawn(path("go"), args, { cwd: root, env, stdio: ["ignore", output, output] });
  const code = await new Promise<number | null>((resolve) => {
    child.on("error", () => resolve(null));
    child.on("exit", resolve);
  });
  if (code === 0) return;
  const end = readFileSync(log, "utf8").trimEnd().split("\n").slice(-5).join("\n  ");
  throw new Error(`the Collector could not be built (${log}):\n  ${end}`);
}

function path(name: string): string {
  const found = find(name);
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

function find(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/go/bin", "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Builds dist/, so that what is tested is what is shipped. Throws with the build's words. */
export function buildProgram(root: string): void {
  const { code, output } = runToEnd("npm", ["run", "--silent", "prepare"], root);
  if (code !== 0) throw new Error(`npm run prepare failed:\n${output}`);
}

/** Runs a program to its end, with `input` on its stdin. */
export function runToEnd(command: string, args: readonly string[], folder: string, input = ""): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8", input });
  return { code: status, output: `${stdout}${stderr}`.trim() };
}
