import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answering, freePorts, start, type Running } from "./process.ts";
import type { Programs } from "./programs.ts";

/** Everything between a client and a chart, on free ports of this machine. */
export interface Stack extends AsyncDisposable {
  readonly sidecar: string;
  readonly prometheus: string;
  readonly influxdb: string;
  /** What the Collector shows Prometheus. */
  readonly collectorMetrics: string;
  /** Where what would be Tempo's lies, one JSON document a line. */
  readonly traces: string;
  readonly database: string;
  /** Ends the sidecar as `docker stop` would: in flight, recording and telemetry are finished first. */
  stopSidecar(): Promise<number | null>;
}

export const INFLUX_DATABASE = "llama-proxy";

const PORTS = [
  "sidecar",
  "prometheus",
  "influxdb",
  "influxdbRpc",
  "tempo",
  "tempoHealth",
  "otlpGrpc",
  "otlpHttp",
  "export",
  "collectorMetrics",
  "collectorHealth",
] as const;

export async function startStack(root: string, folder: string, programs: Programs, backend: URL): Promise<Stack> {
  mkdirSync(folder, { recursive: true });
  const port = await freePorts(PORTS);
  const at = (name: (typeof PORTS)[number]) => `http://127.0.0.1:${port[name]}`;
  const running: Running[] = [];
  const run = (...args: Parameters<typeof start>): Running => {
    const one = start(...args);
    running.push(one);
    return one;
  };
  async function stopAll(): Promise<void> {
    for (const one of running.splice(0).toReversed()) await one.stop();
  }

  try {
    writeFileSync(join(folder, "influxdb.conf"), influxConfig(folder, port.influxdb, port.influxdbRpc));
    run("influxdb", programs.influxd, ["-config", join(folder, "influxdb.conf")], { folder });

    const traces = join(folder, "traces.jsonl");
    writeFileSync(join(folder, "tempo.yaml"), tempoConfig(port.tempo, port.tempoHealth, traces));
    run("tempo", programs.collector, [`--config=${join(folder, "tempo.yaml")}`], { folder });

    await answering("InfluxDB", `${at("influxdb")}/ping`);
    const created = await fetch(`${at("influxdb")}/query?${String(new URLSearchParams({ q: `CREATE DATABASE "${INFLUX_DATABASE}"` }))}`, {
      method: "POST",
    });
    if (!created.ok) throw new Error(`InfluxDB made no database: ${await created.text()}`);
    await answering("the Collector in Tempo's place", at("tempoHealth"));

    // The repository's own file; only addresses and intervals differ from docker/compose.yaml.
    run("collector", programs.collector, [`--config=${join(root, "otel-collector.yaml")}`], {
      folder,
      env: {
        OTLP_GRPC_PORT: String(port.otlpGrpc),
        OTLP_HTTP_PORT: String(port.otlpHttp),
        PROMETHEUS_EXPORT_PORT: String(port.export),
        COLLECTOR_METRICS_PORT: String(port.collectorMetrics),
        COLLECTOR_HEALTH_PORT: String(port.collectorHealth),
        TEMPO_ENDPOINT: `127.0.0.1:${port.tempo}`,
        INFLUXDB_URL: at("influxdb"),
        INFLUXDB_BUCKET: INFLUX_DATABASE,
        INFLUXDB_V1: "true",
        SPAN_METRICS_INTERVAL: "1s",
      },
    });
    await answering("the Collector", at("collectorHealth"));

    writeFileSync(join(folder, "prometheus.yaml"), prometheusConfig(root, port.export));
    run(
      "prometheus",
      programs.prometheus,
      [
        `--config.file=${join(folder, "prometheus.yaml")}`,
        `--storage.tsdb.path=${join(folder, "prometheus")}`,
        `--web.listen-address=127.0.0.1:${port.prometheus}`,
        "--enable-feature=exemplar-storage",
      ],
      { folder },
    );
    await answering("Prometheus", `${at("prometheus")}/-/ready`);

    const database = join(folder, "e2e.db");
    const args = [join(root, "bin", "llama-proxy.mjs"), "run", "--port", String(port.sidecar)];
    const sidecar = run(
      "sidecar",
      process.execPath,
      [...args, "--backend", backend.origin, "--db", database, "--otlp", at("otlpHttp"), "--stats-format", "json"],
      {
        folder,
        env: {
          LLAMA_PROXY_OTEL_SEMCONV: "both",
          LLAMA_PROXY_OTEL_PULL: "true",
          LLAMA_PROXY_OTEL_POLL_INTERVAL_SECONDS: "5",
          OTEL_METRIC_EXPORT_INTERVAL: "1000",
          OTEL_BSP_SCHEDULE_DELAY: "500",
        },
      },
    );
    await answering("the sidecar's telemetry", `${at("sidecar")}/_llama-proxy/metrics`);
    return {
      sidecar: at("sidecar"),
      prometheus: at("prometheus"),
      influxdb: at("influxdb"),
      collectorMetrics: `${at("export")}/metrics`,
      traces,
      database,
      stopSidecar: () => sidecar.stop(),
      [Symbol.asyncDispose]: stopAll,
    };
  } catch (cause) {
    await stopAll();
    throw cause;
  }
}

function influxConfig(folder: string, http: number, rpc: number): string {
  const dir = (name: string) => JSON.stringify(join(folder, "influxdb", name));
  return `reporting-disabled = true
bind-address = "127.0.0.1:${rpc}"
[meta]
  dir = ${dir("meta")}
[data]
  dir = ${dir("data")}
  wal-dir = ${dir("wal")}
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "127.0.0.1:${http}"
  log-enabled = false
`;
}

function tempoConfig(port: number, health: number, file: string): string {
  return `extensions:
  health_check:
    endpoint: 127.0.0.1:${health}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:${port}
exporters:
  file:
    path: ${JSON.stringify(file)}
service:
  extensions: [health_check]
  telemetry:
    metrics:
      level: none
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [file]
`;
}

function prometheusConfig(root: string, port: number): string {
  return `global:
  scrape_interval: 1s
  evaluation_interval: 5s
rule_files:
  - ${JSON.stringify(join(root, "docker", "prometheus-alerts.yaml"))}
scrape_configs:
  - job_name: otel-collector
    honor_labels: true
    static_configs:
      - targets: ["127.0.0.1:${port}"]
`;
}
