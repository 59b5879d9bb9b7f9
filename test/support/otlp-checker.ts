import { CONTRACT, metricsOf, type AttributeRule, type MetricRule } from "./otlp-contract.ts";
import type { Received, ReceivedLog, ReceivedMetric, ReceivedSpan, Value, Values } from "./otlp-receiver.ts";

/**
 * Holds everything that was exported against the contract: names, types, units, instruments,
 * buckets, required attributes, kinds, parents, status rules. Each finding is one sentence; none
 * means that the telemetry is as docs/telemetry.md says.
 */
export interface CheckOptions {
  readonly vocabulary: "1.41" | "latest" | "both";
  /** Distinct models allowed on metrics, `_OTHER` not counted. */
  readonly maxModels?: number;
  /** Content was asked for. */
  readonly content?: boolean;
}

const OURS = "llama-proxy";
const UNDICI = "@opentelemetry/instrumentation-undici";
/** OTEL_NODE_EXPERIMENTAL_SDK_METRICS: the SDK about itself. */
const SELF = /^@opentelemetry\/(?:sdk-|otlp-)/;
const SERVER = 2;
const CLIENT = 3;
const ERROR = 2;

export function checkTelemetry(received: Received, options: CheckOptions): string[] {
  const findings: string[] = [];
  const find = (finding: string) => findings.push(finding);
  for (const origin of [...received.spans, ...received.logs, ...received.metrics]) checkResource(origin.resource, find);
  checkTree(received.spans, find);
  for (const span of received.spans) checkSpan(span, options, find);
  for (const log of received.logs) checkLog(log, received.spans, options, find);
  const rules = metricsOf(options.vocabulary);
  for (const metric of received.metrics) {
    if (!SELF.test(metric.scope)) checkMetric(metric, rules.get(metric.name), options, find);
  }
  return [...new Set(findings)];
}

/** Metrics that the contract emits by default and that did not come. */
export function missingMetrics(received: Received, vocabulary: CheckOptions["vocabulary"]): string[] {
  const came = new Set(received.metrics.map((metric) => metric.name));
  return [...metricsOf(vocabulary)].filter(([name, rule]) => rule.default && !came.has(name)).map(([name]) => name);
}

/** Attributes of the contract's spans and events that no exported one carried, as `span: attribute`. Content is left out. */
export function missingAttributes(received: Received): string[] {
  const seen = new Set<string>();
  for (const span of received.spans) for (const name of Object.keys(span.attributes)) seen.add(`${spanType(span)}: ${name}`);
  for (const log of received.logs) for (const name of Object.keys(log.attributes)) seen.add(`${log.eventName}: ${name}`);
  const events = Object.entries(CONTRACT.events).filter(([name]) => !name.endsWith(".details"));
  return [...Object.entries(CONTRACT.spans), ...events]
    .flatMap(([type, rule]) => rule.attributes.map((name) => `${type}: ${name}`))
    .filter((name) => !seen.has(name));
}

type Find = (finding: string) => void;

/** What kind of span of the contract it is. */
export function spanType(span: ReceivedSpan): string | undefined {
  if (span.scope === UNDICI) return "http.client";
  if (span.scope !== OURS) return undefined;
  if (span.kind === SERVER) return "http.server";
  const operation = span.attributes["gen_ai.operation.name"]?.value;
  return operation === "embeddings" || operation === "rerank" ? "gen_ai.client.embeddings" : "gen_ai.client.inference";
}

function checkResource(resource: Values, find: Find): void {
  for (const name of Object.keys(resource)) {
    if (!CONTRACT.resource.includes(name)) find(`resource attribute ${name} is not in the contract`);
  }
  for (const name of CONTRACT.resource) if (!(name in resource)) find(`resource attribute ${name} is missing`);
}

/** One server span per request, its children below it, nothing orphaned, nothing twice. */
function checkTree(spans: readonly ReceivedSpan[], find: Find): void {
  const byId = new Map<string, ReceivedSpan>();
  for (const span of spans) {
    if (byId.has(span.spanId)) find(`span ${span.name} was exported twice`);
    byId.set(span.spanId, span);
  }
  const seen = new Map<string, number>();
  for (const span of spans) {
    const type = spanType(span);
    const parent = byId.get(span.parentSpanId);
    if (type === "http.server") {
      const id = text(span.attributes["llama_proxy.request.id"]);
      seen.set(id, (seen.get(id) ?? 0) + 1);
      continue;
    }
    if (!parent) {
      find(`${span.name} (${type}) is orphaned: its parent was not exported`);
      continue;
    }
    const above = spanType(parent);
    const inference = spans.some((other) => other.parentSpanId === parent.spanId && spanType(other)?.startsWith("gen_ai."));
    if (type?.startsWith("gen_ai.") && above !== "http.server") find(`${span.name} hangs on ${above}, not on http.server`);
    if (type === "http.client" && above === "http.server" && inference) find(`${span.name} hangs on http.server beside a GenAI span`);
    if (type === "http.client" && above === "http.client") find(`${span.name} hangs on another http.client`);
    if (parent.traceId !== span.traceId) find(`${span.name} is in another trace than its parent`);
    if (
      type?.startsWith("gen_ai.") &&
      text(span.attributes["llama_proxy.request.id"]) !== text(parent.attributes["llama_proxy.request.id"])
    ) {
      find(`${span.name} has another request id than its server span`);
    }
    if (
      type?.startsWith("gen_ai.") &&
      spans.filter((other) => other.parentSpanId === parent.spanId && spanType(other)?.startsWith("gen_ai.")).length > 1
    ) {
      find(`${parent.name} has more than one GenAI span`);
    }
  }
  for (const [id, count] of seen) if (count > 1) find(`request ${id} has ${count} server spans`);
}

function checkSpan(span: ReceivedSpan, options: CheckOptions, find: Find): void {
  const type = spanType(span);
  const rule = type === undefined ? undefined : CONTRACT.spans[type];
  if (!rule || type === undefined) {
    find(`span ${span.name} of scope ${span.scope} is not in the contract`);
    return;
  }
  const where = `span ${span.name} (${type})`;
  const { attributes } = span;
  const allowed = [...rule.attributes, ...(options.content ? (rule.opt_in ?? []) : [])];
  checkAttributes(attributes, allowed, CONTRACT.required.spans[type] ?? [], where, find);
  if (span.kind !== (rule.kind === "server" ? SERVER : CLIENT)) find(`${where} has kind ${span.kind}`);
  if (span.name !== nameOf(type, attributes)) find(`${where} should be named ${nameOf(type, attributes)}`);
  if (span.end < span.start) find(`${where} ends before it starts`);
  if (span.events > 0) find(`${where} carries span events`);
  checkStatus(span, type, where, find);
  if (text(attributes["gen_ai.conversation.id"]) === span.traceId) find(`${where} has its trace id for a conversation`);
  if (text(attributes["gen_ai.provider.name"]) === "openai") find(`${where} calls llama-server openai`);
  const method = attributes["http.request.method_original"];
  if (method && method.value === attributes["http.request.method"]?.value) find(`${where} repeats its method as method_original`);
  if (type === "http.client" && (text(attributes["url.full"]).includes("?") || "url.query" in attributes)) find(`${where} keeps the query`);
  if (type === "http.server" && text(attributes["url.path"]).includes("?")) find(`${where} has a query in url.path`);
  if ("gen_ai.response.time_to_first_chunk" in attributes && attributes["llama_proxy.stream.chunk_count"] === undefined) {
    find(`${where} has a time to first chunk but no stream`);
  }
  if ("llama_proxy.stream.chunk_count" in attributes !== "llama_proxy.stream.end_reason" in attributes) {
    find(`${where} tells how many frames came and not how the stream ended, or the other way round`);
  }
}

function nameOf(type: string, attributes: Values): string {
  const method = text(attributes["http.request.method"]) === "_OTHER" ? "HTTP" : text(attributes["http.request.method"]);
  const parts =
    type === "http.server"
      ? [method, text(attributes["http.route"])]
      : type === "http.client"
        ? [method]
        : [text(attributes["gen_ai.operation.name"]), text(attributes["gen_ai.request.model"])];
  return parts.filter((part) => part !== "").join(" ");
}

function checkStatus(span: ReceivedSpan, type: string, where: string, find: Find): void {
  const failed = span.status === ERROR;
  const error = text(span.attributes["error.type"]);
  const status = span.attributes["http.response.status_code"]?.value as number | undefined;
  if (span.status === 1) find(`${where} has status OK: it is for people to set`);
  if (failed && error === "") find(`${where} failed without an error.type`);
  if (!failed && error !== "") find(`${where} has an error.type but no error status`);
  if (error !== "" && !isErrorType(error)) find(`${where} has error.type ${error}, which is not in the contract`);
  if (type === "http.server") {
    if (status !== undefined && status >= 500 && !failed) find(`${where} answered ${status} but is no error`);
    if (status !== undefined && status >= 400 && status < 500 && failed) find(`${where} answered ${status}, which leaves the status unset`);
  }
  if (type === "http.client" && status !== undefined && status >= 400 && !failed) find(`${where} got ${status} but is no error`);
}

function isErrorType(error: string): boolean {
  if (
    CONTRACT.error_types.some((rule) =>
      rule
        .replace(/^<.*?: |>$/g, "")
        .split(/, ?/)
        .includes(error),
    )
  )
    return true;
  return /^[45]\d\d$|^E[A-Z0-9]+$|^UND_ERR_[A-Z_]+$|^HPE_[A-Z_]+$/.test(error);
}

function checkLog(log: ReceivedLog, spans: readonly ReceivedSpan[], options: CheckOptions, find: Find): void {
  const rule = CONTRACT.events[log.eventName];
  const where = `event ${log.eventName}`;
  if (!rule) {
    find(`${where} is not in the contract`);
    return;
  }
  if (log.severity !== rule.severity_number) find(`${where} has severity ${log.severity}`);
  const content = rule.attributes.filter((name) => options.content || !isContent(name));
  checkAttributes(log.attributes, content, CONTRACT.required.events[log.eventName] ?? [], where, find);
  if (!spans.some((span) => span.spanId === log.spanId && span.traceId === log.traceId)) find(`${where} belongs to no exported span`);
  if (log.eventName.endsWith(".details") && !options.content) find(`${where} came though nobody asked for content`);
}

function isContent(name: string): boolean {
  return (CONTRACT.spans["gen_ai.client.inference"]?.opt_in ?? []).includes(name);
}

function checkMetric(metric: ReceivedMetric, rule: MetricRule | undefined, options: CheckOptions, find: Find): void {
  const where = `metric ${metric.name}`;
  if (!rule) {
    find(`${where} is not in the contract (${options.vocabulary})`);
    return;
  }
  const scope = metric.name === "http.client.request.duration" ? UNDICI : OURS;
  if (metric.scope !== scope) find(`${where} has scope ${metric.scope}`);
  if (metric.unit !== rule.unit) find(`${where} has unit ${metric.unit}`);
  if (metric.instrument !== rule.instrument && !(metric.instrument === "exponential" && rule.instrument === "histogram")) {
    find(`${where} is a ${metric.instrument}`);
  }
  if (metric.temporality !== undefined && metric.temporality !== 2) find(`${where} is not cumulative`);
  const models = new Set<string>();
  for (const point of metric.points) {
    checkAttributes(point.attributes, rule.attributes, CONTRACT.required.metrics[metric.name] ?? [], where, find);
    models.add(text(point.attributes["gen_ai.request.model"]));
    if (rule.instrument === "histogram" && metric.instrument === "histogram") {
      if (JSON.stringify(point.bounds) !== JSON.stringify(rule.buckets)) find(`${where} has boundaries ${JSON.stringify(point.bounds)}`);
      if (point.counts.reduce((sum, count) => sum + count, 0) !== point.count) find(`${where} has buckets that do not add up`);
      if (point.sum < 0) find(`${where} has a negative sum`);
    }
    if (rule.instrument !== "histogram" && point.int !== (rule.value_type === "int"))
      find(`${where} is sent as ${point.int ? "int" : "double"}`);
    const error = text(point.attributes["error.type"]);
    if (error !== "" && !isErrorType(error)) find(`${where} has error.type ${error}, which is not in the contract`);
  }
  models.delete("");
  models.delete("_OTHER");
  if (models.size > (options.maxModels ?? 50)) find(`${where} carries ${models.size} models`);
}

function checkAttributes(attributes: Values, allowed: readonly string[], required: readonly string[], where: string, find: Find): void {
  for (const name of required) if (!(name in attributes)) find(`${where} lacks ${name}`);
  for (const [name, value] of Object.entries(attributes)) {
    if (!allowed.includes(name)) {
      find(`${where} has ${name}, which is not in its list`);
      continue;
    }
    const rule = CONTRACT.attributes[name] ?? CONTRACT.registry_attributes[name];
    if (!rule) find(`${where} has ${name}, whose type nobody knows`);
    else checkValue(value, rule, `${where}: ${name}`, find);
  }
}

function checkValue(value: Value, rule: AttributeRule, where: string, find: Find): void {
  // The SDK sends a whole double as an int.
  const fits =
    rule.type === "any" ||
    value.type === rule.type ||
    (rule.type === "double" && value.type === "int") ||
    (rule.type === "string[]" && Array.isArray(value.value) && value.value.every((entry) => typeof entry === "string"));
  if (!fits) find(`${where} is ${value.type}, not ${rule.type}`);
  if (rule.enum && !rule.enum.open && !rule.enum.values.includes(String(value.value)))
    find(`${where} is ${String(value.value)}, which is none of its values`);
}

function text(value: Value | undefined): string {
  return value === undefined ? "" : String(value.value);
}
