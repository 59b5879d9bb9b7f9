import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { METRICS, type MetricDefinition } from "../../src/otel/catalogue.ts";
import { EVENTS, GEN_AI, LLAMACPP, LLAMA_PROXY, OPERATIONS, RELEASED } from "../../src/otel/semconv.ts";
import { CONTRACT, type Contract } from "../support/otlp-contract.ts";

const SHARED = new URL("../../../shared/telemetry/telemetry-contract.json", import.meta.url);
const document = readFileSync(new URL("../../docs/telemetry.md", import.meta.url), "utf8");

describe("the contract", () => {
  test("and the code have the same metrics, with the same instruments, units, types and boundaries", () => {
    const code = Object.entries(METRICS as Readonly<Record<string, MetricDefinition>>).map(([name, metric]) => [
      name,
      { instrument: metric.instrument, unit: metric.unit, type: metric.type, boundaries: metric.boundaries },
    ]);
    const contract = Object.entries({ ...CONTRACT.metrics, ...CONTRACT.released_metrics }).map(([name, rule]) => [
      name,
      { instrument: rule.instrument, unit: rule.unit, type: rule.value_type, boundaries: rule.buckets },
    ]);
    expect(Object.fromEntries(code)).toEqual(Object.fromEntries(contract));
  });

  test("and the code spell the released vocabulary alike", () => {
    const code = Object.entries(RELEASED).map(([name, spelling]) => {
      const labels = Object.entries(spelling?.attributes ?? {}).map(([key, value]) => `{${key}=${value}}`);
      return [name, spelling ? spelling.name + labels.join("") : null];
    });
    expect(Object.fromEntries(code)).toEqual(CONTRACT.compat["1.41"]);
  });

  test("knows every attribute, event and API type that the code names", () => {
    const attributes = [...Object.values(GEN_AI), ...Object.values(LLAMA_PROXY), ...Object.values(LLAMACPP)];
    const known = { ...CONTRACT.attributes, ...CONTRACT.registry_attributes };
    expect(attributes.filter((name) => !(name in known))).toEqual([]);
    expect(Object.values(EVENTS).toSorted()).toEqual(Object.keys(CONTRACT.events).toSorted());
    expect([...OPERATIONS.keys()].toSorted()).toEqual([...(CONTRACT.attributes["llama_proxy.api.type"]?.enum?.values ?? [])].toSorted());
  });

  test("gives every attribute it lists a type", () => {
    const rules = [...Object.values(CONTRACT.spans), ...Object.values(CONTRACT.events), ...Object.values(CONTRACT.metrics)];
    const listed = new Set(rules.flatMap((rule) => rule.attributes));
    const known = { ...CONTRACT.attributes, ...CONTRACT.registry_attributes };
    expect([...listed].filter((name) => !(name in known))).toEqual([]);
  });

  test("is what docs/telemetry.md tells people", () => {
    const names = [
      ...Object.keys(CONTRACT.attributes),
      ...Object.keys(CONTRACT.metrics),
      ...Object.keys(CONTRACT.released_metrics),
      ...Object.keys(CONTRACT.events),
      ...Object.keys(CONTRACT.spans),
      ...CONTRACT.resource.filter((name) => !name.startsWith("telemetry.sdk")),
      ...Object.values(CONTRACT.spans).flatMap((span) => [...span.attributes, ...(span.opt_in ?? [])]),
    ];
    expect([...new Set(names)].filter((name) => !document.includes(`\`${name}\``))).toEqual([]);
  });

  test.skipIf(!existsSync(SHARED))(
    "is the shared one, with types, requirements, 1.41's metrics and words of our own attributes added",
    () => {
      const shared = JSON.parse(readFileSync(SHARED, "utf8")) as Contract;
      const own = (name: string) => name.startsWith("llama_proxy.");
      const withoutOurWords = Object.entries(CONTRACT.attributes).map(([name, rule]) => {
        const words = own(name) ? shared.attributes[name]?.enum?.values : undefined;
        return [name, rule.enum && words ? { ...rule, enum: { ...rule.enum, values: rule.enum.values.slice(0, words.length) } } : rule];
      });
      const ours = { ...CONTRACT, attributes: Object.fromEntries(withoutOurWords) as Contract["attributes"] };
      for (const [part, value] of Object.entries(shared))
        expect([part, (ours as unknown as Record<string, unknown>)[part]]).toEqual([part, value]);
    },
  );
});
