/**
 * File, environment and flags into one checked Config. What is said later wins:
 *
 *   default < file < environment < flag
 *
 * Everything wrong is told at once, with the place it was said.
 */
import { FIXES } from "../fixes/index.ts";
import { isObject, type JsonObject } from "../wire/json.ts";
import { backendUrl, pointsAtSelf } from "./backend.ts";
import { readConfigFile, type ConfigFile } from "./file.ts";
import { describeSchema, entryAt, isSection, keysOf, type ConfigSection } from "./keys.ts";
import { envSettings, fixSettings, flagSettings, hint, type Env, type Flags, type Setting } from "./layers.ts";
import { nearest } from "./nearest.ts";
import { atHome, findConfigFile } from "./paths.ts";
import { ConfigError, type Problem } from "./problem.ts";
import { CONFIG_SCHEMA, type Config } from "./schema.ts";

export interface LoadOptions {
  /** `--config`; without it LLAMA_PROXY_CONFIG, ./config.yaml or the one in the user's config folder, where there is one. */
  readonly file?: string | undefined;
  readonly flags?: Flags;
  readonly env?: Env;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The file that was read. */
  readonly file: string | undefined;
  /** Things that look like a mistake but stop nothing: variables that are no key. */
  readonly warnings: readonly string[];
}

/** Keys that name a file. */
const FILES = [
  ["recorder", "path"],
  ["server", "api_keys_file"],
  ["server", "tls", "cert"],
  ["server", "tls", "key"],
] as const;

/** Throws ConfigError with every problem. */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const env = options.env ?? process.env;
  const name = options.file ?? findConfigFile(env);
  try {
    return load(name, env, options.flags ?? {});
  } catch (cause) {
    if (!(cause instanceof ConfigError) || name === undefined || options.file !== undefined) throw cause;
    if (!cause.problems.some((problem) => problem.where.startsWith(name))) throw cause;
    // The folder's config.yaml may be another program's.
    throw new ConfigError(cause.problems, `${name} was read because it is there; --config FILE names another`);
  }
}

function load(name: string | undefined, env: Env, flags: Flags): LoadedConfig {
  const file = name === undefined ? undefined : readConfigFile(name);
  const root = describeSchema(CONFIG_SCHEMA);
  const keys = keysOf(root);
  const fromEnv = envSettings(env, keys);
  const chosen =
    flags.fixes === undefined
      ? { settings: [], problems: [] }
      : fixSettings(
          flags.fixes,
          FIXES.map((fix) => fix.name),
        );
  const fromFlags = [...flagSettings(flags, keys), ...chosen.settings];

  const raw = withoutEmptySections(structuredClone(file?.value ?? {}), root);
  for (const setting of [...fromEnv.settings, ...fromFlags]) put(raw, setting.path, setting.value);
  for (const path of FILES) {
    const value = at(raw, path);
    if (typeof value === "string") put(raw, path, atHome(value));
  }
  // `--fixes a` means a is on, also where the file's mode says off.
  for (const { path, value } of chosen.settings) if (value === true) dropModeOff(raw, path);

  const said = new Said(file, fromEnv.settings, fromFlags);
  const parsed = CONFIG_SCHEMA.safeParse(raw);
  const problems: Problem[] = [...chosen.problems];
  if (!parsed.success) {
    problems.push(...parsed.error.issues.flatMap((issue) => explain(issue as Issue, raw, root, said)));
    throw new ConfigError(problems);
  }

  const { backend, ...rest } = parsed.data;
  const address = backendUrl({
    ...backend,
    url: backend.url,
    rank: { url: said.rank(["backend", "url"]), host: said.rank(["backend", "host"]), port: said.rank(["backend", "port"]) },
    where: said.where(["backend", "url"]),
  });
  if ("problem" in address) throw new ConfigError([...problems, address.problem]);
  if (pointsAtSelf(rest.server, address.url)) {
    const path = ["backend", backend.url === undefined ? "port" : "url"];
    problems.push({
      where: said.where(path),
      key: path.join("."),
      message: `${address.url} is the sidecar itself (server.port ${rest.server.port}); give llama-server's port, usually 8080`,
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    config: {
      ...rest,
      backend: { url: address.url, timeout_seconds: backend.timeout_seconds, api_key_env: backend.api_key_env },
    } as Config,
    file: name,
    warnings: fromEnv.warnings,
  };
}

/** Who said a key: for precedence and for errors. */
class Said {
  private readonly file: ConfigFile | undefined;
  private readonly env: readonly Setting[];
  private readonly flags: readonly Setting[];

  constructor(file: ConfigFile | undefined, env: readonly Setting[], flags: readonly Setting[]) {
    this.file = file;
    this.env = env;
    this.flags = flags;
  }

  where(path: readonly string[]): string {
    const setting = said(this.flags, path) ?? said(this.env, path);
    if (setting) return setting.where;
    const line = this.file?.lineOf(path);
    return this.file ? (line === undefined ? this.file.name : `${this.file.name}:${line}`) : "configuration";
  }

  /** 0 default, 1 file, 2 environment, 3 flag. */
  rank(path: readonly string[]): number {
    if (said(this.flags, path)) return 3;
    if (said(this.env, path)) return 2;
    return at(this.file?.value, path) === undefined ? 0 : 1;
  }
}

function said(settings: readonly Setting[], path: readonly string[]): Setting | undefined {
  return settings.findLast((setting) => setting.path.every((name, i) => name === path[i]));
}

interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
}

function explain(issue: Issue, raw: unknown, root: ConfigSection, said: Said): readonly Problem[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return (issue.keys ?? []).map((name) => {
      const key = [...path, name];
      return { where: said.where(key), key: key.join("."), message: unknownKey(key, root) };
    });
  }
  const value = at(raw, path);
  const got = path[0] === "otel" && path[1] === "headers" ? "" : value === undefined ? "" : `, got ${JSON.stringify(value)?.slice(0, 80)}`;
  return [{ where: said.where(path), key: path.join("."), message: `${issue.message}${got}` }];
}

const COLLECTOR_WAY = `metrics leave over OTLP now, and an OpenTelemetry Collector writes them to InfluxDB. Remove "exporters" and set
    otel:
      endpoint: http://127.0.0.1:4318
  and give the Collector an otlp receiver and an influxdb exporter (endpoint, org, bucket, token)`;

function unknownKey(path: readonly string[], root: ConfigSection): string {
  if (path[0] === "exporters") return COLLECTOR_WAY;
  const name = path.at(-1) ?? "";
  const parent = entryAt(root, path.slice(0, -1));
  const siblings = parent && isSection(parent) ? parent.entries.map((entry) => entry.path.at(-1) ?? "") : [];
  const near = nearest(name, siblings);
  if (near !== undefined) return `unknown key${hint([...path.slice(0, -1), near].join("."))}`;
  // The right word in the wrong place: `port` at the top.
  const elsewhere = keysOf(root).find((key) => key.path.at(-1) === name && key.path[0] !== "fixes");
  if (elsewhere) return `unknown key${hint(elsewhere.path.join("."))}`;
  return `unknown key; known here: ${siblings.join(", ")}`;
}

function at(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (Array.isArray(current)) current = current[Number(name)];
    else if (isObject(current) && Object.hasOwn(current, name)) current = current[name];
    else return undefined;
  }
  return current;
}

/** Sets a value in nested maps; where something that is not a map is in the way, it stays for the schema to refuse. */
function put(root: unknown, path: readonly string[], value: unknown): void {
  let current: unknown = root;
  for (const name of path.slice(0, -1)) {
    if (!isObject(current)) return;
    current[name] ??= {} satisfies JsonObject;
    current = current[name];
  }
  if (isObject(current)) current[path.at(-1) ?? ""] = value;
}

/** `server:` with nothing but comments below it reads as null, and means that nothing is said. */
function withoutEmptySections(raw: unknown, section: ConfigSection): unknown {
  if (!isObject(raw)) return raw;
  for (const entry of section.entries) {
    const name = entry.path.at(-1) ?? "";
    if (!isSection(entry) || !Object.hasOwn(raw, name)) continue;
    if (raw[name] === null) delete raw[name];
    else withoutEmptySections(raw[name], entry);
  }
  return raw;
}

function dropModeOff(raw: unknown, path: readonly string[]): void {
  const fix = at(raw, path.slice(0, -1));
  if (isObject(fix) && fix["mode"] === "off") delete fix["mode"];
}
