/**
 * Set up before every test file: sidecars started with `startTestSidecar` have telemetry, and what it
 * exported is held against the contract and against what the exchanges were, after each test.
 * Nothing is loaded in files that start no sidecar.
 */
import { afterAll, afterEach, expect } from "vitest";
import { watch } from "./watch.ts";
import type { WatchedTelemetry } from "./watched-telemetry.ts";

let telemetry: Promise<WatchedTelemetry> | undefined;

async function load(): Promise<WatchedTelemetry> {
  const { startWatchedTelemetry } = await import("./watched-telemetry.ts");
  return startWatchedTelemetry(expect.getState().testPath ?? "");
}

watch.start = async (seen) => (await (telemetry ??= load())).attach(seen);

afterEach(async () => {
  const findings = (await (await telemetry)?.findings()) ?? [];
  if (findings.length > 0) throw new Error(`what telemetry exported is not right:\n${findings.join("\n")}`);
});

afterAll(async () => {
  await (await telemetry)?.[Symbol.asyncDispose]();
});
