import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig, type LoadOptions } from "../../src/config/load.ts";
import { FIXES, planFixes } from "../../src/fixes/index.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { describeSchema, keysOf } from "../../src/config/keys.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";

const folder = mkdtempSync(join(tmpdir(), "llama-proxy-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

function file(text: string): string {
  const name = join(folder, `config-${count++}.yaml`);
  writeFileSync(name, text);
  return name;
}

/** With an empty environment and no file of the machine's own. */
function load(yaml: string, options: Omit<LoadOptions, "file"> = {}) {
  return loadConfig({ env: {}, ...options, file: file(yaml) }).config;
}

function problems(yaml: string, options: Omit<LoadOptions, "file"> = {}): string[] {
  try {
    load(yaml, options);
  } catch (cause) {
    if (cause instanceof ConfigError) return cause.message.split(/\n(?! )/).map((line) => line.replace(/^.*?config-\d+\.yaml/, "FILE"));
    throw cause;
  }
  return [];
}

describe("precedence: flag > environment > file > default", () => {
  const cases = [
    { file: "", env: {}, flags: {}, port: 8066 },
    { file: "server: {port: 1}", env: {}, flags: {}, port: 1 },
    { file: "server: {port: 1}", env: { LLAMA_PROXY_SERVER_PORT: "2" }, flags: {}, port: 2 },
    { file: "server: {port: 1}", env: { LLAMA_PROXY_SERVER_PORT: "2" }, flags: { port: "3" }, port: 3 },
    { file: "", env: {}, flags: { port: "3" }, port: 3 },
    { file: "server: {port: 1}", env: { LLAMA_PROXY_SERVER_PORT: "" }, flags: {}, port: 1 },
  ];
  test.each(cases)("$file / $env / $flags → $port", ({ file: yaml, env, flags, port }) => {
    expect(load(yaml, { env, flags }).server.port).toBe(port);
  });

  const backends = [
    { file: "", env: {}, flags: {}, url: "http://127.0.0.1:8080" },
    { file: "backend: {host: gpu, port: 81}", env: {}, flags: {}, url: "http://gpu:81" },
    { file: "backend: {url: 'https://gpu:8443'}", env: {}, flags: {}, url: "https://gpu:8443" },
    { file: "backend: {host: gpu, port: 81}", env: {}, flags: { backend: "http://other:82/" }, url: "http://other:82" },
    { file: "backend: {url: 'https://gpu:8443'}", env: {}, flags: { backendPort: "83" }, url: "https://gpu:83" },
    { file: "backend: {url: 'https://gpu:8443'}", env: { LLAMA_PROXY_BACKEND_HOST: "::1" }, flags: {}, url: "https://[::1]:8443" },
    { file: "", env: {}, flags: { backendHost: "::1" }, url: "http://[::1]:8080" },
  ];
  test.each(backends)("backend: $file / $env / $flags → $url", ({ file: yaml, env, flags, url }) => {
    expect(load(yaml, { env, flags }).backend.url).toBe(url);
  });

  test("--db, --otlp, --record and --stats-format set their keys", () => {
    const config = load("", { flags: { db: "x.db", otlp: "http://c:4318", record: "off", statsFormat: "json" } });
    expect(config.recorder).toMatchObject({ path: "x.db", enabled: false });
    expect(config.otel.endpoint).toBe("http://c:4318");
    expect(config.stats.format).toBe("json");
  });

  test("--fixes says what is on, whatever the file says", () => {
    const [first = "", second = ""] = FIXES.map((fix) => fix.name);
    const on = (fixes: string, yaml = "") => planFixes(load(yaml, { flags: { fixes } }).fixes).map((entry) => entry.fix.name);
    expect(on("none")).toEqual([]);
    expect(on("all")).toEqual(FIXES.map((fix) => fix.name));
    expect(on(`${second}, ${first}`, "fixes: {enabled: false}")).toEqual([first, second]);
    expect(on(first, `fixes: {modules: {${first}: {mode: off}}}`)).toEqual([first]);
    expect(on("all", `fixes: {modules: {${first}: {enabled: false}}}`)).toContain(first);
    const [observed] = planFixes(load(`fixes: {modules: {${first}: {mode: observe}}}`, { flags: { fixes: first } }).fixes);
    expect(observed?.mode).toBe("observe");
  });

  test("every key can be set by its environment name, and reaches the result", () => {
    const said: Record<string, string> = {
      "server.host": "0.0.0.0",
      "backend.url": "http://gpu:1",
      "recorder.max_size": "7MiB",
      "recorder.max_age": "3d",
      "recorder.redact": "x-a, x-b",
      "recorder.redact_pointers": "/user,/metadata/*",
      "recorder.record": "errors",
      "recorder.sample": "0.5",
      "otel.endpoint": "http://c:1",
      "otel.headers": "a=1,b=two%20words",
      "otel.semconv": "latest",
      "otel.capture_content": "both",
      "otel.histograms": "exponential",
      "stats.format": "json",
    };
    const plain = load("");
    for (const key of keysOf(describeSchema(CONFIG_SCHEMA))) {
      if (key.path[0] === "fixes" && key.path.length > 2) continue;
      const dotted = key.path.join(".");
      const text = said[dotted] ?? (key.kind === "boolean" ? String(!key.default) : key.kind === "number" ? "77" : "9kB");
      const config = load("", { env: { [key.env]: text } });
      expect([key.env, config]).not.toEqual([key.env, plain]);
    }
  });

  test("environment names are distinct", () => {
    const names = keysOf(describeSchema(CONFIG_SCHEMA)).map((key) => key.env);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("standard OpenTelemetry variables", () => {
  test("give the endpoint, under our own name and above the file", () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://standard:4318" };
    expect(load("otel: {endpoint: 'http://file:4318'}", { env }).otel.endpoint).toBe("http://standard:4318");
    expect(load("", { env: { ...env, LLAMA_PROXY_OTEL_ENDPOINT: "http://ours:4318" } }).otel.endpoint).toBe("http://ours:4318");
  });

  test("switch it off, and say what content leaves", () => {
    expect(load("otel: {enabled: true}", { env: { OTEL_SDK_DISABLED: "true" } }).otel.enabled).toBe(false);
    expect(load("", { env: { OTEL_SDK_DISABLED: "false" } }).otel.enabled).toBe(true);
    expect(load("", { env: { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "SPAN_AND_EVENT" } }).otel.capture_content).toBe("both");
  });
});

test("~/ at the head of a file name is the user's folder", () => {
  expect(load("recorder: {path: ~/x.db}").recorder.path).toBe(join(homedir(), "x.db"));
  expect(load("", { env: { LLAMA_PROXY_SERVER_API_KEYS_FILE: "~/keys" } }).server.api_keys_file).toBe(join(homedir(), "keys"));
  expect(load("recorder: {path: a~/x.db}").recorder.path).toBe("a~/x.db");
});

describe("errors", () => {
  test("an unknown key names the nearest one and its line", () => {
    expect(problems("server:\n  host: h\n  prot: 1\n")).toEqual(["FILE:3: server.prot: unknown key; did you mean server.port?"]);
    expect(problems("\nport: 1\n")).toEqual(["FILE:2: port: unknown key; did you mean server.port?"]);
    expect(problems("server:\n  zzzzzzzz: 1\n")[0]).toContain("known here: host, port, ");
  });

  test("a wrong value names line, path, what was expected and what was there", () => {
    expect(problems("server:\n  port: abc\n")).toEqual(['FILE:2: server.port: expected a whole number from 0 to 65535, got "abc"']);
    expect(problems("stats: {format: xml}")).toEqual(['FILE:1: stats.format: expected one of pretty, json, compact, got "xml"']);
    expect(problems("recorder:\n  max_size: big\n")[0]).toMatch(/FILE:2: recorder.max_size: expected a size/);
    expect(problems("server: 5")[0]).toMatch(/FILE:1: server: expected a map of keys, got 5/);
    expect(problems("- a\n")[0]).toMatch(/expected a map of keys/);
  });

  test("the vocabulary may stand without quotes, though YAML reads a number then", () => {
    expect(load("otel: {semconv: 1.41}").otel.semconv).toBe("1.41");
    expect(problems("otel: {semconv: 1.42}")).toEqual(["FILE:1: otel.semconv: expected one of 1.41, latest, both, got 1.42"]);
  });

  test("polling too often is refused in words", () => {
    expect(load("otel: {poll_interval_seconds: 5}").otel.poll_interval_seconds).toBe(5);
    expect(problems("otel: {poll_interval_seconds: 2}")).toEqual([
      "FILE:1: otel.poll_interval_seconds: expected 0 (off) or at least 5 seconds, got 2",
    ]);
  });

  test("a wrong flag or variable is named as such", () => {
    expect(problems("server: {port: 1}", { flags: { port: "x" } })[0]).toMatch(/^--port: server.port: expected/);
    expect(problems("", { env: { LLAMA_PROXY_STATS_ENABLED: "maybe" } })[0]).toMatch(
      /^LLAMA_PROXY_STATS_ENABLED: stats.enabled: expected true or false/,
    );
    expect(problems("", { flags: { fixes: "nonsense" } })[0]).toMatch(/^--fixes: no fix is called "nonsense"/);
  });

  test("all problems are told at once, in the order of the lines", () => {
    const found = problems("server:\n  port: -1\nstats:\n  enabled: 3\n  colour: x\n");
    expect(found.map((line) => line.slice(0, 6))).toEqual(["FILE:2", "FILE:4", "FILE:5"]);
  });

  test("values of collector headers are not repeated", () => {
    expect(problems("otel:\n  headers:\n    authorization: [secret]\n").join()).not.toContain("secret");
  });

  test("broken YAML names its line; a file that is not there is named", () => {
    expect(problems("server:\n  port: [1\nstats: {}\n")[0]).toMatch(/^FILE:\d: not valid YAML/);
    expect(problems("server: {port: 1}\nserver: {port: 2}\n")[0]).toMatch(/^FILE:2: not valid YAML: Map keys must be unique/);
    expect(problems("a: &a [*b]\n")[0]).toMatch(/YAML/);
    expect(() => loadConfig({ file: join(folder, "none.yaml"), env: {} })).toThrow(/none.yaml: there is no such file/);
  });

  test("a file that was found, not named, may be another program's: the cure says so", () => {
    const env = { LLAMA_PROXY_CONFIG: file("version: 2\n") };
    expect(() => loadConfig({ env })).toThrow(/was read because it is there; --config FILE names another/);
  });

  test("the InfluxDB exporter of old is answered by the Collector way", () => {
    const [problem] = problems("server: {port: 1}\nexporters:\n  influxdb:\n    enabled: true\n");
    expect(problem).toMatch(/^FILE:2: exporters: .*OpenTelemetry Collector/);
    expect(problem).toContain("endpoint: http://127.0.0.1:4318");
  });

  test("url and host together are a contradiction, a path is refused", () => {
    expect(problems("backend:\n  url: http://a:1\n  port: 2\n")).toEqual([
      "FILE:2: backend.url: give either the URL or host and port, not both",
    ]);
    expect(problems("backend: {url: 'http://a:1/v1'}")[0]).toContain("write http://a:1");
    expect(problems("backend: {url: 'http://u:p@a:1'}")[0]).toContain("without user and password");
    expect(problems("backend: {url: 'ftp://a'}")[0]).toContain("expected a URL");
  });

  test.each([
    ["backend: {port: 8066}"],
    ["backend: {url: 'http://localhost:8066'}"],
    ["server: {host: 0.0.0.0, port: 9}\nbackend: {url: 'http://[::1]:9'}"],
    ["server: {host: 10.0.0.5, port: 80}\nbackend: {url: 'http://10.0.0.5'}"],
  ])("a backend that is the sidecar itself is an error: %s", (yaml) => {
    expect(problems(yaml)[0]).toContain("is the sidecar itself");
  });

  test("the same port elsewhere is none", () => {
    expect(load("backend: {url: 'http://gpu:8066'}").backend.url).toBe("http://gpu:8066");
  });
});

test("sections with nothing in them mean nothing; sizes and durations are read", () => {
  const config = load("server:\n  # port: 1\nrecorder:\n  max_size: 5GB\n  max_age: 14d\n  queue_bytes: 1MiB\n");
  expect(config.server.port).toBe(8066);
  expect(config.recorder).toMatchObject({ max_size: 5e9, max_age: 14 * 86_400_000, queue_bytes: 1_048_576 });
});

test("variables under our prefix that are no keys are warned of; what Kubernetes adds is not", () => {
  const env = { LLAMA_PROXY_SERVR_PORT: "1", LLAMA_PROXY_SERVICE_HOST: "10.0.0.1", LLAMA_PROXY_PORT_8066_TCP: "tcp://x" };
  const { warnings } = loadConfig({ file: file(""), env });
  expect(warnings).toEqual([expect.stringContaining("did you mean LLAMA_PROXY_SERVER_PORT?")]);
});
