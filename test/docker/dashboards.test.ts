import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { dashboardFiles } from "../../scripts/dashboards/files.ts";
import { panelQueries } from "../../scripts/e2e/prometheus.ts";
import { fileURLToPath } from "node:url";
import { CONTRACT } from "../support/otlp-contract.ts";
import { read, ROOT } from "./files.ts";
import { faultsOf, knownMetrics, labelsIn, metricsIn } from "./promql.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly query?: string; readonly legendFormat?: string; readonly expr?: string }[];
}

const known = knownMetrics();
const folder = new URL("docker/grafana/dashboards/", ROOT);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

function dashboard(file: string): { uid: string; panels: Panel[]; templating: { list: { definition?: string }[] } } {
  return JSON.parse(read(`docker/grafana/dashboards/${file}`)) as ReturnType<typeof dashboard>;
}

describe("the reading of PromQL", () => {
  test("finds metrics and labels, and what is wrong with them", () => {
    const expr = 'sum by (le, a) (rate(x_bucket{b="sum", c!~"d"}[5m])) / (y > 0) or vector(0)';
    expect(metricsIn(expr)).toEqual(["x_bucket", "y"]);
    expect(labelsIn(expr)).toEqual(["b", "c", "le", "a"]);
    expect(faultsOf("rate(llama_proxy_fixes_sum[5m])", known)).toEqual(["unknown metric llama_proxy_fixes_sum"]);
    expect(faultsOf('llama_proxy_fixes_total{outcome="x"}', known)).toEqual(["no metric here has the label outcome"]);
    expect(faultsOf("1 + 1", known)).toEqual(["no metric"]);
  });
});

describe("dashboards", () => {
  test("are what scripts/dashboards makes; after a change: node scripts/dashboards.ts, and oxfmt", () => {
    expect(files.toSorted()).toEqual([...dashboardFiles().keys()].toSorted());
    for (const [name, text] of dashboardFiles()) expect(dashboard(name), `at ${name}`).toEqual(JSON.parse(text));
  });

  test("every metric is the contract's under its Prometheus name, every label one of its attributes", () => {
    const queries = panelQueries(fileURLToPath(ROOT));
    expect(queries.length).toBeGreaterThan(45);
    for (const { panel, expr, legend } of queries) {
      expect(faultsOf(expr, known), `${panel}: ${expr}`).toEqual([]);
      const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      for (const label of shown) expect(labelsIn(expr), `${panel}: ${legend}`).toContain(label);
    }
  });

  test.each(files)("%s: panels lie side by side, have a meaning, and ids of their own", (file) => {
    const { panels } = dashboard(file);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title, type, description, targets } of panels) {
      expect(gridPos.x + gridPos.w, `at ${title}`).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`), `${title} lies on another panel`).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
      if (type === "row" || type === "text") continue;
      expect(description, `at ${title}`).toMatch(/\.$/);
      expect(targets?.length, `at ${title}`).toBeGreaterThan(0);
    }
  });

  test("variables ask for metrics and labels there are", () => {
    for (const file of files) {
      for (const { definition } of dashboard(file).templating.list) {
        if (definition === undefined) continue;
        const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
        expect(known.get(metric)?.has(label), `at ${definition}`).toBe(true);
      }
    }
  });

  test("TraceQL asks for span attributes of the contract", () => {
    const spans = new Set([...Object.keys(CONTRACT.attributes), ...Object.keys(CONTRACT.registry_attributes)]);
    const queries = files.flatMap((file) =>
      dashboard(file).panels.flatMap(({ targets }) => (targets ?? []).flatMap(({ query }) => query ?? [])),
    );
    expect(queries.length).toBeGreaterThan(3);
    for (const query of queries) {
      const names = [...query.matchAll(/\bspan\.([a-z_.]+[a-z])/g)].map(([, name]) => name);
      expect(names.length).toBeGreaterThan(5);
      for (const name of names) expect(spans, `at ${query}`).toContain(name);
    }
  });

  test("a row of spans turns its request id into the command that replays it", () => {
    const text = read("docker/grafana/dashboards/llama-proxy-traces.json");
    expect(text).toContain('"llama-proxy replay --id $1"');
    expect(text).toContain("llama-proxy replay --id ${id}");
    expect(text).toContain("/d/llama-proxy-traces?var-id=${__value.raw}");
    expect(files).toContain("llama-proxy-traces.json");
  });

  test("links between data sources name metrics of the contract", () => {
    const { datasources } = parse(read("docker/grafana/provisioning/datasources/llama-proxy.yaml")) as {
      datasources: { uid: string; jsonData: { tracesToMetrics?: { queries: { query: string }[]; tags: { value: string }[] } } }[];
    };
    const uids = new Set(datasources.map(({ uid }) => uid));
    const used = new Set(
      [
        ...files
          .map((file) => read(`docker/grafana/dashboards/${file}`))
          .join("")
          .matchAll(/"uid": "(\w+)"\n/g),
      ].map(([, uid]) => uid),
    );
    for (const uid of used) expect(uids).toContain(uid);
    const links = datasources.flatMap(({ jsonData }) => jsonData.tracesToMetrics?.queries ?? []);
    expect(links.length).toBe(3);
    for (const { query } of links) expect(faultsOf(query.replaceAll("{$$__tags}", ""), known), `at ${query}`).toEqual([]);
  });
});

describe("alert rules", () => {
  const { groups } = parse(read("docker/prometheus-alerts.yaml")) as {
    groups: { rules: { alert: string; expr: string; labels: { severity: string }; annotations: Record<string, string> }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);

  test("ask for metrics and labels of the contract", () => {
    for (const { alert, expr } of rules) expect(faultsOf(expr, known), `at ${alert}`).toEqual([]);
  });

  test("say how bad it is, what is wrong and what to do, and each is tried by promtool", () => {
    const tried = read("docker/prometheus-alerts.test.yaml");
    for (const { alert, labels, annotations } of rules) {
      expect(labels.severity, `at ${alert}`).toMatch(/^(?:page|ticket)$/);
      expect(annotations["summary"]?.length, `at ${alert}`).toBeGreaterThan(10);
      expect(annotations["description"]?.length, `at ${alert}`).toBeGreaterThan(40);
      expect(tried, `at ${alert}`).toContain(alert);
    }
  });
});
