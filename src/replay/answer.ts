/** What a reply said in the end, put together from its pieces: to lay two answers side by side. */
import type { Delta, RequestView } from "../core/delta.ts";
import type { Recording } from "../core/recording.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { DIALECTS } from "../dialects/index.ts";
import { createStreamPipeline } from "../fixes/pipeline.ts";
import { treatmentOf, type Treatment } from "../fixes/treatment.ts";
import { parseOrUndefined } from "../wire/json.ts";

export interface Answer {
  readonly text: string;
  readonly reasoning: string;
  readonly tools: readonly { readonly name: string; readonly arguments: string }[];
  readonly finish: readonly string[];
  readonly error: string | undefined;
}

export function answerOf(dialect: Dialect, request: RequestView, treatment: Treatment | "none", sent: Uint8Array): Answer {
  if (treatment !== "stream") return fold(dialect.readDocument(parseOrUndefined(new TextDecoder().decode(sent))));
  const pipeline = createStreamPipeline([], dialect, request);
  return fold([...pipeline.push(sent), ...pipeline.end()].flatMap((step) => step.deltas));
}

/** The recorded reply as the client got it, or as it came. Undefined where the API is not understood or nothing was kept. */
export function answerIn(recording: Recording, side: "sent" | "upstream" = "sent"): Answer | undefined {
  const dialect = DIALECTS.find((each) => each.name === recording.dialect);
  const { response } = recording;
  if (!dialect || !response) return undefined;
  const view = dialect.readRequest(parseOrUndefined(new TextDecoder().decode(recording.request.body)));
  return answerOf(dialect, view, treatmentOf(response, dialect, view), Buffer.concat(response.pieces.map((piece) => piece[side])));
}

function fold(deltas: readonly Delta[]): Answer {
  let text = "";
  let reasoning = "";
  let error: string | undefined;
  const finish: string[] = [];
  const tools = new Map<string, { name: string; arguments: string }>();
  for (const delta of deltas) {
    if (delta.kind === "text") text += delta.text;
    else if (delta.kind === "reasoning") reasoning += delta.text;
    else if (delta.kind === "finish") finish.push(delta.reason);
    else if (delta.kind === "error") error = delta.message;
    else if (delta.kind === "tool-open") tools.set(`${delta.choice}/${delta.tool}`, { name: delta.name, arguments: "" });
    else if (delta.kind === "tool-args") {
      const tool = tools.get(`${delta.choice}/${delta.tool}`);
      if (tool) tool.arguments += delta.text;
    }
  }
  return { text, reasoning, tools: [...tools.values()], finish, error };
}

export function sameAnswer(a: Answer, b: Answer): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
