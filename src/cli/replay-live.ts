/** `replay --live`: the request again, to a backend that is there now, and both answers side by side. */
import type { Config } from "../config/schema.ts";
import type { Recording } from "../core/recording.ts";
import { DIALECTS } from "../dialects/index.ts";
import type { FixPlan } from "../fixes/fix.ts";
import { treatmentOf } from "../fixes/treatment.ts";
import { answerOf, sameAnswer, type Answer } from "../replay/answer.ts";
import { replay, type ReplayReport } from "../replay/replay.ts";
import { replayJson, reportText } from "../replay/report.ts";
import { resend } from "../replay/resend.ts";
import { clean, cut, spanText } from "../stats/text.ts";
import { isObject, parseExact, parseOrUndefined } from "../wire/json.ts";
import { sentOf } from "./exchange-json.ts";
import { EXIT, Failure, print, printJson, setExit, stdoutLook } from "./print.ts";
import { backendOf } from "./probe.ts";

export async function replayLive(
  recording: Recording,
  plan: FixPlan,
  config: Config,
  options: { json?: boolean; frames?: boolean; model?: string },
): Promise<void> {
  const dialect = DIALECTS.find((each) => each.name === recording.dialect);
  if (!dialect || recording.request.body.length === 0) {
    throw new Failure(
      EXIT.failure,
      `${recording.id} cannot be sent again: ${dialect ? "its request body was not kept" : "its route is passed through unread"}`,
    );
  }
  const recorded = replay(recording, plan).request.forward;
  const forward = options.model === undefined ? recorded : withModel(recorded, options.model);
  const backend = backendOf(config);
  const asked = options.model === undefined ? recording : { ...recording, request: { ...recording.request, body: forward } };
  const again = await resend(asked, forward, {
    backend: backend.url,
    apiKey: backend.apiKey,
    timeoutMs: config.backend.timeout_seconds * 1000,
  }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Failure(EXIT.unreachable, `${backend.url} gave no whole answer (${reason}); llama-proxy test-backend looks closer`, {
      cause,
    });
  });
  const report = replay(again, plan);
  const view = dialect.readRequest(parseOrUndefined(new TextDecoder().decode(recording.request.body)));
  const now = answerOf(dialect, view, report.treatment, Buffer.concat(report.frames.map((frame) => frame.sentNow)));
  const { response } = recording;
  const then = response && answerOf(dialect, view, treatmentOf(response, dialect, view), sentOf(response.pieces));
  const same = then !== undefined && sameAnswer(then, now);
  if (options.json) {
    printJson({
      ...replayJson(report),
      live: {
        backend: backend.url,
        model: options.model,
        status: again.response?.status,
        duration_ms: again.metrics.durationMs,
        same_answer: same,
        answer_then: then,
        answer_now: now,
      },
    });
  } else showAnswers(recording, again, report, then, now, same, options.frames === true);
  setExit(same ? EXIT.ok : EXIT.different);
}

/** The body with another model; numbers keep their spelling, everything else its value. */
function withModel(body: Uint8Array, model: string): Uint8Array {
  const parsed = parseExact(new TextDecoder().decode(body));
  return isObject(parsed) ? Buffer.from(JSON.stringify({ ...parsed, model })) : body;
}

function showAnswers(
  recording: Recording,
  again: Recording,
  report: ReplayReport,
  then: Answer | undefined,
  now: Answer,
  same: boolean,
  frames: boolean,
): void {
  const { width, style } = stdoutLook();
  print(`${style.strong(recording.id)} sent again: ${again.response?.status ?? "no reply"} in ${spanText(again.metrics.durationMs)}`);
  print(`  same answer       ${same ? style.good("yes") : style.bad("no")}`);
  for (const line of lines(then)) print(cut(style.faint(`  then  ${line}`), width));
  for (const line of lines(now)) print(cut(`  now   ${line}`, width));
  print(style.strong("what the fixes make of the new answer"));
  print(reportText(report, frames, { width, ...style }));
}

function lines(answer: Answer | undefined): readonly string[] {
  if (!answer) return ["(no reply)"];
  return [
    ...(answer.reasoning === "" ? [] : [`thinks ${clean(answer.reasoning)}`]),
    ...(answer.text === "" ? [] : [`text   ${clean(answer.text)}`]),
    ...answer.tools.map((tool) => `call   ${clean(`${tool.name} ${tool.arguments}`)}`),
    ...(answer.error === undefined ? [] : [`error  ${clean(answer.error)}`]),
    `finish ${answer.finish.join(", ") || "(none)"}`,
  ];
}
