import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { collector, compose, read } from "./files.ts";

interface Manifest {
  readonly dist: { readonly version: string };
  readonly [kind: string]: unknown;
}

const manifest = parse(read("docker/collector/builder.yaml")) as Manifest;
const settings = collector();

/** `healthcheckextension` for extensions → `health_check`. */
const MODULES: Readonly<Record<string, string>> = {
  health_check: "healthcheckextension",
  otlp: "otlpreceiver",
  memory_limiter: "memorylimiterprocessor",
  transform: "transformprocessor",
  span_metrics: "spanmetricsconnector",
  prometheus: "prometheusexporter",
  influxdb: "influxdbexporter",
  otlp_grpc: "otlpexporter",
  debug: "debugexporter",
};

function builtIn(): { module: string; version: string }[] {
  return ["extensions", "receivers", "processors", "connectors", "exporters"].flatMap((kind) =>
    (manifest[kind] as { gomod: string }[]).map(({ gomod }) => {
      const [path = "", version = ""] = gomod.split(" ");
      return { module: path.split("/").at(-1) ?? "", version };
    }),
  );
}

describe("otel-collector.yaml", () => {
  test("every pipeline begins with the memory limiter and names only what is defined", () => {
    const { pipelines } = settings.service;
    expect(Object.keys(pipelines)).toEqual(["traces", "metrics", "metrics/influxdb", "logs"]);
    const receiving = new Set([...Object.keys(settings.receivers), ...Object.keys(settings.connectors)]);
    const exporting = new Set([...Object.keys(settings.exporters), ...Object.keys(settings.connectors)]);
    for (const { receivers, processors, exporters } of Object.values(pipelines)) {
      expect(processors[0]).toBe("memory_limiter");
      for (const name of receivers) expect(receiving).toContain(name);
      for (const name of processors) expect(Object.keys(settings.processors)).toContain(name);
      for (const name of exporters) expect(exporting).toContain(name);
    }
  });

  test("content is dropped from traces and logs", () => {
    for (const name of ["traces", "logs"]) expect(settings.service.pipelines[name]?.processors).toContain("transform/drop_content");
  });

  test("nothing defined is unused", () => {
    const used = new Set(
      Object.values(settings.service.pipelines).flatMap((one) => [...one.receivers, ...one.processors, ...one.exporters]),
    );
    for (const part of [settings.receivers, settings.processors, settings.connectors, settings.exporters]) {
      for (const name of Object.keys(part)) expect(used).toContain(name);
    }
    expect(settings.service.extensions).toEqual(Object.keys(settings.extensions));
  });

  test("listens on loopback by itself, everywhere in a container", () => {
    const addresses = (one: typeof settings) => [
      one.receivers.otlp.protocols.grpc.endpoint,
      one.receivers.otlp.protocols.http.endpoint,
      one.exporters["prometheus"]?.endpoint ?? "",
      one.extensions["health_check"]?.endpoint ?? "",
      `${one.service.telemetry.metrics.readers[0]?.pull.exporter.prometheus.host}:`,
    ];
    for (const address of addresses(settings)) expect(address).toMatch(/^127\.0\.0\.1:/);
    for (const address of addresses(collector(compose().services["otel-collector"]?.environment))) expect(address).toMatch(/^0\.0\.0\.0:/);
  });

  test("every variable that a container or the end-to-end test sets is one it reads", () => {
    const text = read("otel-collector.yaml");
    const set = Object.keys(compose().services["otel-collector"]?.environment ?? {});
    const tested = /run\("collector"[\s\S]*?env: \{([\s\S]*?)\n {6}\},/.exec(read("scripts/e2e/stack.ts"))?.[1] ?? "";
    const names = [...set, ...[...tested.matchAll(/^\s*([A-Z_0-9]+):/gm)].map(([, name = ""]) => name)];
    expect(names.length).toBeGreaterThan(12);
    for (const name of names) expect(text, `at ${name}`).toContain(`\${env:${name}:-`);
    // And the list at its head is complete.
    const head = text.slice(0, text.indexOf("extensions:"));
    const known = [...text.matchAll(/\$\{env:(\w+)/g)].map(([, name = ""]) => name).filter((name) => name !== "SPAN_METRICS_INTERVAL");
    for (const name of known) expect(head, `at ${name}`).toContain(name);
  });
});

describe("docker/collector/builder.yaml", () => {
  test("holds exactly the components of otel-collector.yaml, and the file exporter", () => {
    const parts = [settings.extensions, settings.receivers, settings.processors, settings.connectors, settings.exporters];
    const named = new Set(parts.flatMap((part) => Object.keys(part)).map((name) => MODULES[name.split("/")[0] ?? ""] ?? `unknown ${name}`));
    expect(new Set(builtIn().map(({ module }) => module))).toEqual(new Set([...named, "fileexporter"]));
  });

  test("is of the version that docker/compose.yaml runs, but for the exporter that says why not", () => {
    const { version } = manifest.dist;
    expect(compose().services["otel-collector"]?.image).toBe(`otel/opentelemetry-collector-contrib:${version}`);
    const others = builtIn().filter((one) => one.version !== `v${version}`);
    expect(others.map(({ module }) => module)).toEqual(["influxdbexporter"]);
    expect(read("docker/collector/builder.yaml")).toContain(`@v${version}`);
  });
});
