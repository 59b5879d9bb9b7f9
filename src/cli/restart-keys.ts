import type { Config } from "../config/schema.ts";

/**
 * Keys that differ but are used only at a start: the port, and what the recorder and telemetry were
 * made from. Everything else is applied by a reload.
 */
export function needsRestart(before: Config, after: Config): string[] {
  const { server: was } = before;
  const { server: is } = after;
  const keys: string[] = [];
  for (const name of ["host", "port"] as const) if (was[name] !== is[name]) keys.push(`server.${name}`);
  if ((was.tls.cert === undefined) !== (is.tls.cert === undefined)) keys.push("server.tls");
  keys.push(...changed("recorder", before.recorder, after.recorder), ...changed("otel", before.otel, after.otel));
  return keys;
}

function changed(section: string, before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name])).map((name) => `${section}.${name}`);
}
