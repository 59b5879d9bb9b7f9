import type { Command } from "commander";
import type { Recording } from "../core/recording.ts";
import { answerIn } from "../replay/answer.ts";
import { noteText } from "../replay/report.ts";
import { formatRequest, type FinishedRequest } from "../stats/format.ts";
import { bytesText, clean, cut, dateText } from "../stats/text.ts";
import type { Outcome } from "../core/exchange.ts";
import { messagesOf } from "./conversation.ts";
import { addDatabaseOptions, openRecordings, resolveId, type DatabaseOptions } from "./database.ts";
import { recordingJson, sameBytes, sentOf, upstreamOf } from "./exchange-json.ts";
import { frameLines } from "./frame-lines.ts";
import { EXIT, Failure, print, printJson, stdoutLook, write } from "./print.ts";

interface Options extends DatabaseOptions {
  readonly frames?: boolean;
  readonly request?: boolean;
  readonly upstream?: boolean;
  readonly sent?: boolean;
  readonly full?: boolean;
  readonly json?: boolean;
}

export function configure(command: Command): void {
  addDatabaseOptions(command.argument("<id>", "an id, its beginning, last, last~2, last:fixed or last:error"))
    .option("--frames", "every frame with its time")
    .option("--request", "exactly the bytes of the request body, nothing else")
    .option("--upstream", "exactly the bytes that came from the backend")
    .option("--sent", "exactly the bytes that the client got")
    .option("--full", "texts uncut")
    .option("--json", "one JSON document")
    .action((spec: string, options: Options) => show(spec, options));
}

async function show(spec: string, options: Options): Promise<void> {
  if ([options.request, options.upstream, options.sent, options.json].filter(Boolean).length > 1) {
    throw new Failure(EXIT.usage, "give one of --request, --upstream, --sent and --json");
  }
  using reader = await openRecordings(options);
  const id = resolveId(reader, spec);
  const recording = reader.get(id);
  if (!recording) throw new Failure(EXIT.notFound, `exchange ${id} has just been removed from ${reader.path}`);
  if (options.request) return write(recording.request.body);
  if (options.upstream) return write(upstreamOf(recording.response?.pieces ?? []));
  if (options.sent) return write(sentOf(recording.response?.pieces ?? []));
  if (options.json) return printJson(recordingJson(recording));
  const look = stdoutLook();
  const width = options.full ? Number.POSITIVE_INFINITY : Math.min(look.width, 160);
  for (const line of headLines(recording)) print(line);
  print(formatRequest(finished(recording), "pretty", look).trimEnd());
  for (const line of options.frames ? frameLines(recording, width) : contentLines(recording, width)) print(line);
  for (const note of recording.notes) print(`note      ${noteText(note)}`);
}

function headLines(recording: Recording): readonly string[] {
  const { response, request } = recording;
  const forwarded = sameBytes(request.forwarded, request.body) ? "" : `, forwarded as ${bytesText(request.forwarded.length)}`;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["id", recording.id],
    ["started", dateText(recording.startedAt)],
    ["request", `${recording.method} ${recording.path}  ${bytesText(request.body.length)}${forwarded}`],
    [
      "reply",
      response &&
        `${response.status}, ${bytesText(sentOf(response.pieces).length)} in ${response.pieces.length} ${response.framed ? "frames" : "pieces"}`,
    ],
    ["dialect", recording.dialect],
    ["session", recording.session],
    ["trace", recording.traceId],
    ["truncated", recording.truncated ? "yes: not every byte was kept" : undefined],
  ];
  return facts.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(9)} ${clean(value)}`]));
}

function finished(recording: Recording): FinishedRequest {
  const outcome = recording.outcome as Outcome;
  return {
    id: recording.id,
    at: recording.startedAt,
    path: recording.path,
    metrics: { ...recording.metrics, outcome },
    reason: recording.reason,
  };
}

/** Messages shown without `--full`: the last ones say what was asked. */
const LAST_MESSAGES = 6;

function contentLines(recording: Recording, width: number): readonly string[] {
  const messages = messagesOf(recording);
  const shown = Number.isFinite(width) ? messages.slice(-LAST_MESSAGES) : messages;
  const lines = shown.length < messages.length ? [`          … ${messages.length - shown.length} earlier messages; --full shows all`] : [];
  for (const { role, text } of shown) lines.push(labelled(role, text, width));
  const answer = answerIn(recording);
  if (!answer) return lines;
  if (answer.reasoning !== "") lines.push(labelled("→ thinks", answer.reasoning, width));
  if (answer.text !== "") lines.push(labelled("→ text", answer.text, width));
  for (const tool of answer.tools) lines.push(labelled("→ call", `${tool.name} ${tool.arguments}`, width));
  if (answer.error !== undefined) lines.push(labelled("→ error", answer.error, width));
  return lines;
}

function labelled(label: string, text: string, width: number): string {
  return cut(`${clean(label).padEnd(9)} ${clean(text)}`, width);
}
