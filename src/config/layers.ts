/** Environment and flags as settings: a path, a value, and where it was said. */
import type { ConfigKey } from "./keys.ts";
import { nearest } from "./nearest.ts";
import type { Problem } from "./problem.ts";

export interface Setting {
  readonly path: readonly string[];
  readonly value: unknown;
  /** `--port` or `LLAMA_PROXY_SERVER_PORT`. */
  readonly where: string;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** What the command line may say about configuration; texts as typed. */
export interface Flags {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  /** A URL. */
  readonly backend?: string | undefined;
  readonly backendHost?: string | undefined;
  readonly backendPort?: string | undefined;
  readonly db?: string | undefined;
  readonly otlp?: string | undefined;
  /** `all`, `none` or names with commas. */
  readonly fixes?: string | undefined;
  /** `on` or `off`. */
  readonly record?: string | undefined;
  readonly statsFormat?: string | undefined;
}

const FLAG_PATHS: readonly (readonly [keyof Flags, string, string])[] = [
  ["host", "--host", "server.host"],
  ["port", "--port", "server.port"],
  ["backend", "--backend", "backend.url"],
  ["backendHost", "--backend-host", "backend.host"],
  ["backendPort", "--backend-port", "backend.port"],
  ["db", "--db", "recorder.path"],
  ["otlp", "--otlp", "otel.endpoint"],
  ["record", "--record", "recorder.enabled"],
  ["statsFormat", "--stats-format", "stats.format"],
];

export function flagSettings(flags: Flags, keys: readonly ConfigKey[]): readonly Setting[] {
  return FLAG_PATHS.flatMap(([flag, where, dotted]) => {
    const text = flags[flag];
    const key = keys.find((each) => each.path.join(".") === dotted);
    return text === undefined || !key ? [] : [{ path: key.path, value: fromText(key, text), where }];
  });
}

/** `--fixes`: names what is on; everything else is off. Throws nothing: unknown names come back as problems. */
export function fixSettings(choice: string, known: readonly string[]): { settings: readonly Setting[]; problems: readonly Problem[] } {
  const where = "--fixes";
  const word = choice.trim();
  if (word === "none") return { settings: [{ path: ["fixes", "enabled"], value: false, where }], problems: [] };
  const wanted = word === "all" ? known : word.split(",").map((name) => name.trim());
  const problems = wanted
    .filter((name) => !known.includes(name))
    .map((name) => ({
      where,
      key: "",
      message: `no fix is called "${name}"${hint(nearest(name, known))}; llama-proxy list-fixes names them`,
    }));
  const settings = known.map((name) => ({ path: ["fixes", "modules", name, "enabled"], value: wanted.includes(name), where }));
  return { settings: [{ path: ["fixes", "enabled"], value: true, where }, ...settings], problems };
}

/** Standard OpenTelemetry variables that speak of our keys. Our own names win over them. */
const OTEL_VARIABLES: readonly { readonly name: string; readonly path: readonly string[]; readonly read: (text: string) => unknown }[] = [
  { name: "OTEL_EXPORTER_OTLP_ENDPOINT", path: ["otel", "endpoint"], read: (text) => text },
  { name: "OTEL_SDK_DISABLED", path: ["otel", "enabled"], read: (text) => (text.toLowerCase() === "true" ? false : undefined) },
  { name: "OTEL_EXPORTER_OTLP_HEADERS", path: ["otel", "headers"], read: pairs },
  {
    name: "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    path: ["otel", "capture_content"],
    read: (text) => ({ no_content: "none", span_only: "span", event_only: "event", span_and_event: "both" })[text.toLowerCase()] ?? text,
  },
];

/** Names under our prefix that are not keys: where the file is, and what Kubernetes makes of a service called llama-proxy. */
const NOT_KEYS = /^LLAMA_PROXY_(?:CONFIG|DEBUG|SERVICE_.*|PORT|PORT_\d+_.*)$/;

export function envSettings(env: Env, keys: readonly ConfigKey[]): { settings: readonly Setting[]; warnings: readonly string[] } {
  const settings: Setting[] = [];
  for (const { name, path, read } of OTEL_VARIABLES) {
    const text = env[name];
    const value = text === undefined || text === "" ? undefined : read(text);
    if (value !== undefined) settings.push({ path, value, where: name });
  }
  const byName = new Map(keys.map((key) => [key.env, key]));
  const warnings: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("LLAMA_PROXY_") || text === undefined || text === "") continue;
    const key = byName.get(name);
    if (key) settings.push({ path: key.path, value: fromText(key, text), where: name });
    else if (!NOT_KEYS.test(name))
      warnings.push(`${name} in the environment is no configuration key${hint(nearest(name, [...byName.keys()]))}`);
  }
  return { settings, warnings };
}

/** A text in the kind its key takes; what does not fit stays text, for the schema to refuse. */
function fromText(key: ConfigKey, text: string): unknown {
  switch (key.kind) {
    case "number":
      return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    case "boolean":
      return BOOLEANS[text.trim().toLowerCase()] ?? text;
    case "list":
      return text
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");
    case "map":
      return pairs(text);
    default:
      return text;
  }
}

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  "1": true,
  false: false,
  off: false,
  no: false,
  "0": false,
};

/** `name=value,name=value` with percent-encoded values, as OTEL_EXPORTER_OTLP_HEADERS has it. */
function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const at = pair.indexOf("=");
      return at <= 0 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function hint(word: string | undefined): string {
  return word === undefined ? "" : `; did you mean ${word}?`;
}
