import type { Command } from "commander";
import type { Recording } from "../core/recording.ts";
import type { Reader } from "../recorder/reader.ts";
import { promptParts } from "../replay/explain/neighbours.ts";
import { promptCause } from "../replay/explain/prompt-cause.ts";
import { reuseOf } from "../replay/explain/reuse.ts";
import { diffPrompts, type PromptDifference } from "../replay/prompt-diff.ts";
import { clean, countText, spanText } from "../stats/text.ts";
import { addDatabaseOptions, openRecordings, resolveId, type DatabaseOptions } from "./database.ts";
import { differenceJson } from "./explanation-json.ts";
import { EXIT, Failure, print, printJson, setExit, stdoutLook } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<id>", "the earlier exchange").argument("<id2>", "the later one"))
    .option("--json", "one JSON document")
    .addHelpText("after", "\nExit code: 0 the same prompt, or the first is a beginning of the second; 5 they part.")
    .action((first: string, second: string, options: Options) => diff(first, second, options));
}

async function diff(firstSpec: string, secondSpec: string, options: Options): Promise<void> {
  using reader = await openRecordings(options);
  const [first, second] = [load(reader, firstSpec), load(reader, secondSpec)];
  const [before, now] = [promptParts(first), promptParts(second)];
  const difference = diffPrompts(before, now);
  const reuse = reuseOf(first, second);
  const cause = promptCause(before, now, difference);
  setExit(difference === undefined || difference.change === "extended" ? EXIT.ok : EXIT.different);
  if (options.json) {
    return printJson({
      id: first.id,
      id2: second.id,
      same: difference === undefined,
      difference: difference && differenceJson(difference),
      cause: cause && { code: cause.code, text: cause.text, cure: cause.cure },
      cost: reuse && {
        prompt_tokens: second.metrics.promptTokens,
        cached_tokens: reuse.cachedTokens,
        left_by_first_tokens: reuse.leftTokens,
        shared_tokens_about: reuse.sharedTokens,
        reprocessed_tokens: reuse.lostTokens,
        reprocessed_ms: reuse.lostMs,
      },
    });
  }
  const { style } = stdoutLook();
  print(`${style.strong(first.id)} and ${style.strong(second.id)}`);
  for (const line of differenceLines(difference)) print(`  ${line}`);
  if (cause) print(`  ${clean(cause.text)}`);
  if (cause?.cure !== undefined) print(`  ${style.good("cure")}    ${cause.cure}`);
  if (!reuse) return print("  cost    unknown: token counts were not reported for both");
  const time = reuse.lostMs === undefined ? "" : ` in ${spanText(reuse.lostMs)}`;
  print(
    `  cost    ${countText(reuse.lostTokens)} tokens processed again${time}: ${countText(reuse.cachedTokens)} of ${countText(second.metrics.promptTokens ?? 0)} were cached, ${countText(reuse.leftTokens)} could have been`,
  );
}

function differenceLines(difference: PromptDifference | undefined): readonly string[] {
  if (!difference) return ["the same prompt"];
  const place = (difference.second ?? difference.first)?.name ?? "";
  const share = `${countText(difference.sharedChars)} characters in common`;
  if (difference.change === "extended") return [`the second goes on where the first ends, with ${clean(place)}; ${share}`];
  return [
    `they part at ${clean(place)}, character ${countText(difference.at)} (${difference.change}); ${share}`,
    `first   ${clean(difference.before) || "(nothing)"}`,
    `second  ${clean(difference.after) || "(nothing)"}`,
  ];
}

function load(reader: Reader, spec: string): Recording {
  const id = resolveId(reader, spec);
  const recording = reader.get(id);
  if (!recording) throw new Failure(EXIT.notFound, `exchange ${id} has just been removed from ${reader.path}`);
  if (recording.request.body.length === 0)
    throw new Failure(EXIT.failure, `the request body of ${id} was not kept, so there is no prompt to compare`);
  return recording;
}
