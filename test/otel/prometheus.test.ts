import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { prometheusName } from "../../src/otel/prometheus.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { endOf, startOf, viewOf } from "../support/exchanges.ts";
import { CONTRACT } from "../support/otlp-contract.ts";
import { optionsFor } from "../support/telemetry-options.ts";

/** The metrics table of the document: name in the first column, Prometheus name in the last. */
function documentedNames(): Map<string, string> {
  const document = readFileSync(new URL("../../docs/telemetry.md", import.meta.url), "utf8");
  const rows = document.matchAll(
    /^\| `([a-z0-9_.]+)` \| (?:histogram|counter|updowncounter|gauge) \|.*\| `([a-z0-9_]+)(?:_bucket\/_sum\/_count)?` \|$/gm,
  );
  return new Map([...rows].map(([, name = "", prometheus = ""]) => [name, prometheus]));
}

describe("Prometheus text", () => {
  test("names are those the Collector would give, as the document lists them", () => {
    const documented = documentedNames();
    const metrics = Object.entries({ ...CONTRACT.metrics, ...CONTRACT.released_metrics });
    const ours = metrics.map(([name, rule]) => [
      name,
      prometheusName(name, rule.unit, rule.instrument === "gauge", rule.instrument === "counter"),
    ]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(documented));
  });

  test("holds what was measured, and needs no collector", async () => {
    await using telemetry = await startTelemetry(optionsFor("", { endpoint: undefined, pull: true }));
    const tap = telemetry.begin(startOf());
    tap?.request?.(viewOf({ model: 'a"b\\c\nd' }), new Uint8Array());
    tap?.end(
      endOf({ durationMs: 120, summary: { finishReasons: [], toolCalls: 0, chunks: 0, usage: { promptTokens: 9, completionTokens: 4 } } }),
    );
    const text = (await telemetry.prometheusText()) ?? "";
    const labels =
      '{http_request_method="POST",url_scheme="http",http_route="/v1/chat/completions",http_response_status_code="200",network_protocol_version="1.1"';
    expect(text).toContain("# TYPE http_server_request_duration_seconds histogram");
    expect(text).toContain(`http_server_request_duration_seconds_bucket${labels},le="0.1"} 0`);
    expect(text).toContain(`http_server_request_duration_seconds_bucket${labels},le="0.25"} 1`);
    expect(text).toContain(`http_server_request_duration_seconds_bucket${labels},le="+Inf"} 1`);
    expect(text).toContain(`http_server_request_duration_seconds_sum${labels}} 0.12`);
    expect(text).toContain('gen_ai_request_model="a\\"b\\\\c\\nd"');
    expect(text).toMatch(/^target_info\{.*service_name="llama-proxy".*\} 1$/m);
    expect(text).toMatch(/^nodejs_eventloop_utilization_ratio [\d.e-]+$/m);
    for (const line of text.trimEnd().split("\n")) expect(line).toMatch(/^(?:# (?:HELP|TYPE) \S+ .*|[a-z_0-9]+(?:\{.*\})? [-+\d.eInf]+)$/);
    expect(telemetry.state().spans).toMatchObject({ queued: 0 });
  });

  test("is not there unless asked for", async () => {
    await using telemetry = await startTelemetry(optionsFor("", { endpoint: undefined }));
    expect(await telemetry.prometheusText()).toBeUndefined();
  });
});
