import type { Command } from "commander";
import { explain, type Explanation } from "../replay/explain/explain.ts";
import type { Finding } from "../replay/explain/finding.ts";
import { neighboursOf } from "../replay/explain/neighbours.ts";
import { clean, countText, spanText, type Style } from "../stats/text.ts";
import { addDatabaseOptions, openRecordings, resolveId, type DatabaseOptions } from "./database.ts";
import { explanationJson } from "./explanation-json.ts";
import { EXIT, Failure, print, printJson, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<id>", "an id, its beginning, last, last~2, last:fixed or last:error"))
    .option("--json", "one JSON document")
    .action((spec: string, options: Options) => runExplain(spec, options));
}

async function runExplain(spec: string, options: Options): Promise<void> {
  using reader = await openRecordings(options);
  const id = resolveId(reader, spec);
  const recording = reader.get(id);
  if (!recording) throw new Failure(EXIT.notFound, `exchange ${id} has just been removed from ${reader.path}`);
  if (recording.outcome === "running") throw new Failure(EXIT.failure, `${id} is still running; explain it when it has ended`);
  const found = explain(recording, neighboursOf(reader, recording));
  if (options.json) return printJson(explanationJson(found));
  for (const line of lines(found, stdoutLook().style)) print(line);
}

function lines({ id, durationMs, failure, time, cache }: Explanation, style: Style): readonly string[] {
  const phases = time.phases.map(({ name, ms }) => `${name} ${spanText(ms)}`).join(" · ");
  const tokens =
    cache.promptTokens === undefined
      ? ""
      : `${countText(cache.cachedTokens ?? 0)} of ${countText(cache.promptTokens)} prompt tokens were cached`;
  const lost = cache.reprocessedTokens ?? 0;
  const price =
    lost === 0 || cache.cure === undefined
      ? ""
      : `, ${countText(lost)} processed again${cache.reprocessedMs === undefined ? "" : ` in ${spanText(cache.reprocessedMs)}`}`;
  const { difference } = cache;
  return [
    `${style.strong(id)}  took ${spanText(durationMs)}`,
    ...(failure
      ? [
          style.bad("failed"),
          ...finding(failure, style),
          ...(failure.message === undefined ? [] : [style.faint(`  it said  ${clean(failure.message)}`)]),
        ]
      : []),
    style.strong("time"),
    `  ${phases}`,
    ...finding(time.slowest, style),
    style.strong("prompt cache"),
    ...(tokens === "" ? [] : [`  ${tokens}${price}`]),
    ...finding(cache, style),
    ...(cache.also ? finding({ ...cache.also, text: `also: ${cache.also.text}` }, style) : []),
    ...(cache.previous !== undefined && cache.cure !== undefined ? [style.faint(`  against  ${cache.previous}`)] : []),
    ...(difference && cache.cure !== undefined && difference.change !== "extended"
      ? [style.faint(`  then     ${clean(difference.before)}`), style.faint(`  now      ${clean(difference.after)}`)]
      : []),
  ];
}

function finding({ text, cure }: Finding, style: Style): string[] {
  return [`  ${clean(text)}`, ...(cure === undefined ? [] : [`  ${style.good("cure")}     ${cure}`])];
}
