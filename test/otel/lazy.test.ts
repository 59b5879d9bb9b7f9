import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createLazyTelemetry } from "../../src/otel/lazy.ts";
import { startTelemetry } from "../../src/otel/telemetry.ts";
import { endOf, startOf } from "../support/exchanges.ts";
import { startOtlpReceiver } from "../support/otlp-receiver.ts";
import { optionsFor } from "../support/telemetry-options.ts";

describe("lazy telemetry", () => {
  test("lets exchanges pass until it is loaded, and measures them from then on", async () => {
    await using receiver = await startOtlpReceiver();
    await using telemetry = createLazyTelemetry(
      async () => startTelemetry(optionsFor(receiver.url)),
      () => undefined,
    );
    expect(telemetry.begin(startOf())).toBeUndefined();
    expect(telemetry.state()).toEqual({ state: "loading" });
    await telemetry.ready;
    const start = startOf();
    const tap = telemetry.begin(start);
    expect(telemetry.trace(start.id)?.traceId).toMatch(/^[0-9a-f]{32}$/);
    tap?.end(endOf());
    expect(telemetry.trace(start.id)).toBeDefined();
    await telemetry.flush();
    expect(telemetry.trace(start.id)).toBeUndefined();
    expect(receiver.received.spans).toHaveLength(1);
  });

  test("stays off when it cannot be loaded, and says so once", async () => {
    const causes: unknown[] = [];
    await using telemetry = createLazyTelemetry(
      () => Promise.reject(new Error("no such package")),
      (cause) => causes.push(cause),
    );
    await telemetry.ready;
    expect(telemetry.begin(startOf())).toBeUndefined();
    expect(telemetry.state()).toEqual({ state: "failed" });
    expect(causes).toHaveLength(1);
  });

  test.each(["lazy.ts", "options.ts"])("%s imports no OpenTelemetry package", (file) => {
    const source = readFileSync(new URL(`../../src/otel/${file}`, import.meta.url), "utf8");
    expect(source).not.toMatch(/from "@opentelemetry/);
  });

  test("sdk-node is loaded by nobody but on demand", () => {
    const room = new URL("../../src/otel/", import.meta.url);
    const eager = readdirSync(room).filter((file) => /from "@opentelemetry\/sdk-node"/.test(readFileSync(new URL(file, room), "utf8")));
    expect(eager).toEqual([]);
  });
});
