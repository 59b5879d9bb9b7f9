import { readFileSync } from "node:fs";
import { parse } from "yaml";

export const ROOT = new URL("../../", import.meta.url);

export function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

export interface Bind {
  readonly type?: string;
  readonly source: string;
  readonly target: string;
}

export interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly (string | Bind)[];
  readonly depends_on?: readonly string[];
  readonly stop_grace_period?: string;
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** `${NAME:-default}` becomes the default, `${NAME:?why}` the value in `given`. */
export function fillIn(text: string, given: Readonly<Record<string, string>> = {}): string {
  return text.replaceAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (all, name: string, kind: string | undefined, rest: string) => {
    const value = given[name] ?? (kind === "-" ? rest : undefined);
    if (value === undefined) throw new Error(`${all} has no value`);
    return value;
  });
}

export const GIVEN = { MODEL_FILE: "/models/a.gguf", GRAFANA_PASSWORD: "p", INFLUXDB_PASSWORD: "p", INFLUXDB_TOKEN: "t" };

export function compose(): Compose {
  return parse(withoutComments(fillIn(withoutComments(read("docker/compose.yaml")), GIVEN))) as Compose;
}

/** Comments may show variables that need not be set. */
export function withoutComments(text: string): string {
  return text.replaceAll(/^\s*#.*$/gm, "");
}

/** `otel-collector.yaml` with its own defaults, or with what a container sets. */
export function collector(env: Readonly<Record<string, string>> = {}): Collector {
  return parse(
    read("otel-collector.yaml").replaceAll(
      /\$\{env:(\w+)(?::-([^}]*))?\}/g,
      (_, name: string, or: string | undefined) => env[name] ?? or ?? "",
    ),
  ) as Collector;
}

export interface Collector {
  readonly extensions: Readonly<Record<string, { readonly endpoint: string }>>;
  readonly receivers: { readonly otlp: { readonly protocols: Readonly<Record<"grpc" | "http", { readonly endpoint: string }>> } };
  readonly processors: Readonly<Record<string, unknown>>;
  readonly connectors: Readonly<Record<string, unknown>>;
  readonly exporters: Readonly<Record<string, { readonly endpoint?: string; readonly bucket?: string; readonly org?: string }>>;
  readonly service: {
    readonly extensions: readonly string[];
    readonly telemetry: {
      readonly metrics: {
        readonly readers: readonly {
          readonly pull: { readonly exporter: { readonly prometheus: { readonly host: string; readonly port: number } } };
        }[];
      };
    };
    readonly pipelines: Readonly<
      Record<string, { readonly receivers: string[]; readonly processors: string[]; readonly exporters: string[] }>
    >;
  };
}
