import { prometheusName } from "../../src/otel/prometheus.ts";
import { CONTRACT } from "../support/otlp-contract.ts";
import { collector } from "./files.ts";

/** Labels that Prometheus, the Collector and histograms add. */
const EVERYWHERE = ["le", "job", "instance"];
const WORDS = new Set(
  "sum avg min max count by without on ignoring and or unless bool rate increase histogram_quantile clamp_min absent vector label_values".split(
    " ",
  ),
);

/** The labels that each metric may have, by its Prometheus name, `_bucket`, `_sum` and `_count` included. */
export function knownMetrics(): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, ReadonlySet<string>>();
  for (const [name, rule] of Object.entries({ ...CONTRACT.metrics, ...CONTRACT.released_metrics })) {
    const prometheus = prometheusName(name, rule.unit, rule.instrument === "gauge", rule.instrument === "counter");
    const labels = new Set([...EVERYWHERE, ...rule.attributes.map(escaped)]);
    for (const spelled of rule.instrument === "histogram" ? histogram(prometheus) : [prometheus]) known.set(spelled, labels);
  }
  // What the Collector makes of spans (connector span_metrics, default namespace).
  const connector = collector().connectors["span_metrics"] as { dimensions: { name: string }[] };
  const dimensions = connector.dimensions.map(({ name }) => escaped(name));
  const labels = new Set([...EVERYWHERE, "service_name", "span_name", "span_kind", "status_code", ...dimensions]);
  for (const name of histogram("traces_span_metrics_duration_seconds")) known.set(name, labels);
  return known;
}

function histogram(name: string): string[] {
  return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
}

function escaped(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
}

/** Metric names of an expression: the words that are no functions, labels, numbers or texts. */
export function metricsIn(expr: string): string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, "")
    .replaceAll(/\{[^}]*\}/g, " ")
    .replaceAll(/\[[^\]]*\]/g, " ")
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, " ");
  return (bare.match(/\b[a-z_:][a-z0-9_:]*\b/gi) ?? []).filter((word) => !WORDS.has(word));
}

/** Labels that are matched or grouped by. */
export function labelsIn(expr: string): string[] {
  const matched = [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = ""]) =>
    [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, name = ""]) => name),
  );
  const grouped = [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, inside = ""]) => inside.split(",").map((name) => name.trim()));
  return [...matched, ...grouped];
}

/** What is wrong with an expression, in words. */
export function faultsOf(expr: string, known: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const metrics = metricsIn(expr);
  const labels = metrics.map((name) => known.get(name));
  return [
    ...(metrics.length === 0 ? ["no metric"] : []),
    ...metrics.filter((name) => !known.has(name)).map((name) => `unknown metric ${name}`),
    ...labelsIn(expr)
      .filter((label) => !labels.some((set) => set?.has(label)))
      .map((label) => `no metric here has the label ${label}`),
  ];
}
