import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";
import { collector, compose, read, ROOT, withoutComments, type Service } from "./files.ts";

const { services, volumes } = compose();

function service(name: string): Service {
  const found = services[name];
  if (!found) throw new Error(`no service ${name}`);
  return found;
}

/** Host folders and files of a service, by the path in its container. */
function bindsOf(one: Service): Map<string, string> {
  const short = (one.volumes ?? []).filter((volume) => typeof volume === "string").map((volume) => volume.split(":"));
  return new Map(short.flatMap(([source = "", target = ""]) => (source.startsWith(".") ? [[target, source] as const] : [])));
}

function hostAndPort(address: string): [string, number] {
  const { hostname, port } = new URL(address.includes("://") ? address : `tcp://${address}`);
  return [hostname, Number(port)];
}

/** What listens where inside the network, each from its own configuration. */
function listeners(): Map<string, Set<number>> {
  const settings = collector(service("otel-collector").environment);
  const command = service("llama-server").command ?? [];
  const tempo = parse(read("docker/tempo.yaml")) as {
    server: { http_listen_port: number };
    distributor: { receivers: { otlp: { protocols: { grpc: { endpoint: string } } } } };
  };
  return new Map([
    ["llama-server", new Set([Number(command[command.indexOf("--port") + 1])])],
    ["llama-proxy", new Set([CONFIG_SCHEMA.parse({}).server.port])],
    [
      "otel-collector",
      new Set([
        hostAndPort(settings.receivers.otlp.protocols.grpc.endpoint)[1],
        hostAndPort(settings.receivers.otlp.protocols.http.endpoint)[1],
        hostAndPort(settings.exporters["prometheus"]?.endpoint ?? "")[1],
        settings.service.telemetry.metrics.readers[0]?.pull.exporter.prometheus.port ?? 0,
      ]),
    ],
    ["tempo", new Set([tempo.server.http_listen_port, hostAndPort(tempo.distributor.receivers.otlp.protocols.grpc.endpoint)[1]])],
    // Those of the images.
    ["prometheus", new Set([9090])],
    ["influxdb", new Set([8086])],
    ["grafana", new Set([3000])],
  ]);
}

function expectListening(address: string): void {
  const [host, port] = hostAndPort(address);
  expect([...(listeners().get(host) ?? [])], `${address}: nothing of that name listens there`).toContain(port);
}

describe("docker/compose.yaml", () => {
  test("images are pinned to a version", () => {
    for (const [name, { image }] of Object.entries(services)) {
      if (name === "llama-proxy") continue;
      expect(image, `at ${name}`).toMatch(/^[\w./-]+:(?:v?\d+\.\d+\.\d+|server-b\d+)$/);
    }
  });

  test("every variable is explained in .env.example, and the required ones stand there unset", () => {
    const example = read("docker/.env.example");
    const texts = [read("docker/compose.yaml"), read("docker/compose.cuda.yaml")].map(withoutComments).join("\n");
    const used = [...texts.matchAll(/\$\{(\w+)(?::([-?])([^}]*))?\}/g)];
    expect(used.length).toBeGreaterThan(8);
    for (const [all, name = "", kind, rest = ""] of used) {
      expect(kind, `${all} needs a default or a reason`).toBeDefined();
      expect(example, `at ${name}`).toContain(kind === "-" ? `\n#${name}=${rest}\n` : `\n${name}=`);
    }
    const explained = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(new Set(explained)).toEqual(new Set(used.map(([, name]) => name)));
  });

  test("what is mounted from this repository is there", () => {
    for (const [name, one] of Object.entries(services)) {
      for (const source of bindsOf(one).values()) {
        expect(existsSync(new URL(source, new URL("docker/", ROOT))), `${name}: ${source}`).toBe(true);
      }
    }
  });

  test("named volumes are declared and used, services that are waited for exist", () => {
    const used = Object.values(services).flatMap((one) =>
      (one.volumes ?? []).flatMap((volume) => (typeof volume === "string" && !volume.startsWith(".") ? [volume.split(":")[0]] : [])),
    );
    expect(new Set(used)).toEqual(new Set(Object.keys(volumes)));
    for (const one of Object.values(services)) for (const name of one.depends_on ?? []) expect(Object.keys(services)).toContain(name);
  });

  test("files named in commands are mounted", () => {
    for (const [name, one] of Object.entries(services)) {
      const targets = [
        ...bindsOf(one).keys(),
        ...(one.volumes ?? []).map((volume) => (typeof volume === "string" ? (volume.split(":")[1] ?? "") : volume.target)),
      ];
      for (const [path] of (one.command ?? []).join("\n").matchAll(/(?<==|^)\/\S+/gm)) {
        expect(
          targets.some((target) => path === target || path.startsWith(`${target}/`)),
          `${name}: ${path}`,
        ).toBe(true);
      }
    }
  });

  test("ports are published on loopback unless somebody says otherwise", () => {
    for (const one of Object.values(services)) for (const port of one.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(service("llama-proxy").ports?.[0]).toBe(`127.0.0.1:8066:${CONFIG_SCHEMA.parse({}).server.port}`);
  });
});

describe("the sidecar's service", () => {
  test("its environment is a valid configuration without a leftover", () => {
    const { config, warnings } = loadConfig({
      env: { ...service("llama-proxy").environment, XDG_CONFIG_HOME: "/nowhere" },
      file: undefined,
    });
    expect(warnings).toEqual([]);
    expect(config.backend.url).toBe("http://llama-server:8080");
    expect(config.otel.endpoint).toBe("http://otel-collector:4318");
    expect(config.otel).toMatchObject({ semconv: "both", poll_interval_seconds: 15 });
  });

  test("is given more time to stop than it takes to drain", () => {
    expect(Number.parseInt(service("llama-proxy").stop_grace_period ?? "0", 10)).toBeGreaterThan(
      CONFIG_SCHEMA.parse({}).server.drain_seconds + 5,
    );
  });

  test("is built from this repository by a Dockerfile that is there", () => {
    expect(service("llama-proxy").build?.context).toBe("..");
    expect(existsSync(new URL(service("llama-proxy").build?.dockerfile ?? "-", ROOT))).toBe(true);
  });
});

describe("addresses", () => {
  test("everything that is asked listens there", () => {
    const environments = Object.values(services).flatMap((one) => Object.entries(one.environment ?? {}));
    const addresses = environments.filter(([name]) => /URL|ENDPOINT/.test(name)).map(([, value]) => value);
    expect(addresses.length).toBe(4);
    for (const address of addresses) expectListening(address);
  });

  test("Prometheus scrapes what there is, and reads the rules that are mounted", () => {
    const { scrape_configs, rule_files } = parse(read("docker/prometheus.yaml")) as {
      rule_files: string[];
      scrape_configs: { job_name: string; honor_labels?: boolean; static_configs: { targets: string[] }[] }[];
    };
    for (const target of scrape_configs.flatMap((job) => job.static_configs.flatMap(({ targets }) => targets))) expectListening(target);
    expect(scrape_configs.find((job) => job.job_name === "otel-collector")?.honor_labels).toBe(true);
    for (const file of rule_files) expect(bindsOf(service("prometheus")).has(file), `at ${file}`).toBe(true);
  });

  test("Grafana's data sources and folders", () => {
    const { datasources } = parse(read("docker/grafana/provisioning/datasources/llama-proxy.yaml")) as {
      datasources: { uid: string; url: string; jsonData: { dbName?: string }; secureJsonData?: Record<string, string> }[];
    };
    for (const { url } of datasources) expectListening(url);
    const influx = datasources.find(({ uid }) => uid === "influxdb");
    expect(influx?.jsonData.dbName).toBe(service("influxdb").environment?.["DOCKER_INFLUXDB_INIT_BUCKET"]);
    const variable = /\$(\w+)$/.exec(influx?.secureJsonData?.["httpHeaderValue1"] ?? "")?.[1] ?? "";
    expect(service("grafana").environment?.[variable]).toBe(service("influxdb").environment?.["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN"]);

    const { providers } = parse(read("docker/grafana/provisioning/dashboards/llama-proxy.yaml")) as {
      providers: { options: { path: string } }[];
    };
    const path = providers[0]?.options.path ?? "";
    expect(bindsOf(service("grafana")).get(path)).toBe("./grafana/dashboards");
    const home = service("grafana").environment?.["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] ?? "";
    expect(existsSync(new URL(home.replace(path, "docker/grafana/dashboards"), ROOT))).toBe(true);
  });

  test("the Collector writes where InfluxDB was told to make room", () => {
    const { exporters } = collector(service("otel-collector").environment);
    const influx = service("influxdb").environment ?? {};
    expect(exporters["influxdb"]).toMatchObject({ org: influx["DOCKER_INFLUXDB_INIT_ORG"], bucket: influx["DOCKER_INFLUXDB_INIT_BUCKET"] });
  });
});
