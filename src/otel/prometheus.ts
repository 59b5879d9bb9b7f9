import { DataPointType, type CollectionResult, type MetricData } from "@opentelemetry/sdk-metrics";

/**
 * Metrics as Prometheus text (version 0.0.4), under the names that the OpenTelemetry Collector's
 * exporter gives them by default: dots become underscores, the unit is appended, monotonic sums end
 * in `_total`. Resource attributes are on `target_info`, as there.
 */
export function prometheusText({ resourceMetrics }: CollectionResult): string {
  const lines: string[] = [];
  const resource = labelsOf(resourceMetrics.resource.attributes);
  lines.push("# HELP target_info Target metadata", "# TYPE target_info gauge", `target_info${resource} 1`);
  for (const scope of resourceMetrics.scopeMetrics) {
    for (const metric of scope.metrics) write(metric, lines);
  }
  return `${lines.join("\n")}\n`;
}

function write(metric: MetricData, lines: string[]): void {
  const { descriptor } = metric;
  const monotonic = metric.dataPointType === DataPointType.SUM && metric.isMonotonic;
  const name = prometheusName(descriptor.name, descriptor.unit, metric.dataPointType === DataPointType.GAUGE, monotonic);
  const type = metric.dataPointType === DataPointType.HISTOGRAM ? "histogram" : monotonic ? "counter" : "gauge";
  if (metric.dataPointType === DataPointType.EXPONENTIAL_HISTOGRAM) return;
  lines.push(`# HELP ${name} ${descriptor.description.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${name} ${type}`);
  if (metric.dataPointType !== DataPointType.HISTOGRAM) {
    for (const point of metric.dataPoints) lines.push(`${name}${labelsOf(point.attributes)} ${point.value}`);
    return;
  }
  for (const { attributes, value } of metric.dataPoints) {
    let count = 0;
    value.buckets.boundaries.forEach((boundary, index) => {
      count += value.buckets.counts[index] ?? 0;
      lines.push(`${name}_bucket${labelsOf({ ...attributes, le: String(boundary) })} ${count}`);
    });
    lines.push(`${name}_bucket${labelsOf({ ...attributes, le: "+Inf" })} ${value.count}`);
    lines.push(`${name}_sum${labelsOf(attributes)} ${value.sum ?? 0}`, `${name}_count${labelsOf(attributes)} ${value.count}`);
  }
}

const UNITS: Readonly<Record<string, string>> = { s: "seconds", ms: "milliseconds", By: "bytes" };

/** The Collector's name (prometheus translator, UnderscoreEscapingWithSuffixes). */
export function prometheusName(name: string, unit: string, gauge: boolean, monotonic: boolean): string {
  const parts = [name.replaceAll(/[^a-zA-Z0-9_:]/g, "_")];
  const [what = "", per] = unit.replaceAll(/\{[^}]*\}/g, "").split("/");
  if (UNITS[what]) parts.push(UNITS[what]);
  if (per === "s") parts.push("per_second");
  if (unit === "1" && gauge) parts.push("ratio");
  if (monotonic) parts.push("total");
  return parts.join("_");
}

function labelsOf(attributes: Readonly<Record<string, unknown>>): string {
  const labels = Object.entries(attributes).map(([key, value]) => {
    const text = String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${key.replaceAll(/[^a-zA-Z0-9_]/g, "_")}="${text}"`;
  });
  return labels.length === 0 ? "" : `{${labels.join(",")}}`;
}
