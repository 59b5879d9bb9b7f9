import { readFileSync } from "node:fs";

export interface AttributeRule {
  readonly type: string;
  readonly enum?: { readonly open: boolean; readonly values: readonly string[] };
}

export interface MetricRule {
  readonly instrument: "histogram" | "counter" | "updowncounter" | "gauge";
  readonly unit: string;
  readonly value_type: "int" | "double";
  readonly attributes: readonly string[];
  readonly buckets?: readonly number[];
  readonly default: boolean;
}

export interface Contract {
  readonly attributes: Readonly<Record<string, AttributeRule>>;
  readonly registry_attributes: Readonly<Record<string, AttributeRule>>;
  readonly spans: Readonly<
    Record<
      string,
      { readonly kind: string; readonly scope: string; readonly attributes: readonly string[]; readonly opt_in?: readonly string[] }
    >
  >;
  readonly events: Readonly<Record<string, { readonly severity_number: number; readonly attributes: readonly string[] }>>;
  readonly metrics: Readonly<Record<string, MetricRule>>;
  readonly released_metrics: Readonly<Record<string, MetricRule>>;
  readonly compat: { readonly "1.41": Readonly<Record<string, string | null>> };
  readonly error_types: readonly string[];
  readonly required: Readonly<Record<"spans" | "metrics" | "events", Readonly<Record<string, readonly string[]>>>>;
  readonly resource: readonly string[];
}

/** docs/telemetry-contract.json: what the sidecar may emit. */
export const CONTRACT = JSON.parse(readFileSync(new URL("../../docs/telemetry-contract.json", import.meta.url), "utf8")) as Contract;

/** The metrics of a vocabulary, by name. */
export function metricsOf(vocabulary: "1.41" | "latest" | "both"): ReadonlyMap<string, MetricRule> {
  const compat = CONTRACT.compat["1.41"];
  const renamed = (name: string) => compat[name]?.replace(/\{.*$/, "");
  const rules = new Map<string, MetricRule>();
  for (const [name, rule] of Object.entries(CONTRACT.metrics)) {
    if (vocabulary !== "1.41" || !(name in compat)) rules.set(name, rule);
    const released = vocabulary === "latest" ? undefined : renamed(name);
    const definition = released === undefined ? undefined : (CONTRACT.released_metrics[released] ?? CONTRACT.metrics[released]);
    if (released !== undefined && definition) rules.set(released, definition);
  }
  return rules;
}
