/** Inputs that look enough like the real thing to get past the first check, and are wrong behind it. */
import fc from "fast-check";
import { chatFrame, DONE } from "../support/fake-llama.ts";
import { exchangeOf, isEventStream, recordingNames, requestBody, responseBody } from "../support/recordings.ts";

/** Words of the protocols, and of the markup that models leak. */
const KEYS = [
  ..."id object created model choices index delta message role content reasoning_content tool_calls function name arguments finish_reason usage timings error type".split(
    " ",
  ),
  ..."prompt_tokens completion_tokens cache_n prompt_n predicted_n content_block text thinking input partial_json stop_reason item output response item_id".split(
    " ",
  ),
  ..."output_index content_index arguments stop stream tools tool_choice parameters properties required messages system code __proto__ constructor toString length".split(
    " ",
  ),
];

const WORDS = [
  ...KEYS,
  ..."chat.completion.chunk content_block_start content_block_delta content_block_stop message_start message_delta message_stop input_json_delta text_delta".split(
    " ",
  ),
  ..."response.created response.output_item.added response.function_call_arguments.delta response.output_text.delta response.completed function_call".split(
    " ",
  ),
  ..."tool_use assistant user stop length end_turn <tool_call> </tool_call> <think> </think> [TOOL_CALLS] <|im_end|> <|channel|> read bash".split(
    " ",
  ),
  '{"filePath":"a"',
  '{"filePath": "a"}',
  "<function=read><parameter=filePath>",
  '\\"',
  "\\u00",
  "\ud800",
  "\0",
  "🚀",
  "",
];

const leaf = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.constantFrom(null, true, false, 0, -1, 1, 2, 1e21, -0, 4294967296, 0.1),
  fc.string({ maxLength: 6 }),
);

const { json } = fc.letrec<{ json: unknown; object: unknown }>((tie) => ({
  json: fc.oneof({ maxDepth: 6, depthSize: "small" }, leaf, tie("object"), fc.array(tie("json"), { maxLength: 3 })),
  object: fc
    .array(fc.tuple(fc.constantFrom(...KEYS), tie("json")), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries.filter(([key]) => key !== "__proto__"))),
}));

/** Any JSON made of protocol words. */
export const jsonTexts: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: json.map((value) => JSON.stringify(value) ?? "null") },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
);

/** Recorded bodies, as latin1. */
export const RECORDED: readonly { readonly name: string; readonly stream: boolean; readonly text: string }[] = recordingNames().flatMap(
  (name) => {
    const exchange = exchangeOf(name);
    const text = responseBody(exchange).toString("latin1");
    return text.length === 0 || text.length > 20_000 ? [] : [{ name, stream: isEventStream(exchange), text }];
  },
);

/** Recorded requests. */
export const REQUESTS: readonly string[] = recordingNames()
  .map((name) => requestBody(exchangeOf(name)).toString("latin1"))
  .filter((text) => text.length > 0 && text.length < 20_000);

/** Changes of a text: at a place (0 to 1 of its length), take away, double, put in, or overwrite. */
const change = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 0, max: 40 }),
  put: fc.oneof(
    fc.constantFrom(...WORDS, "\n\n", "\r\n", "\r", "data: ", "data: [DONE]\n\n", ": x\n\n", '"', "}", "{", "[", "]"),
    fc.string({ unit: "binary", maxLength: 3 }),
  ),
  double: fc.boolean(),
});

/** A text with up to four changes: what a broken backend makes of a good reply. */
export function broken(texts: readonly string[]): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom(...texts), fc.array(change, { maxLength: 4 })).map(([text, changes]) => {
    let out = text;
    for (const { at, length, put, double } of changes) {
      const from = Math.floor(at * out.length);
      const kept = double ? out.slice(from, from + length) : "";
      out = out.slice(0, from) + kept + Buffer.from(put).toString("latin1") + kept + out.slice(from + length);
    }
    return out;
  });
}

/** Frames of any JSON, with odd line ends and fields. */
export const framesOfAnything: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(
      fc.constantFrom("", "event: content_block_delta\n", "event: message_start\n", "id: 1\n", ": \n", "event:\n"),
      fc.constantFrom("data: ", "data:", "data", "dat: "),
      fc.oneof({ weight: 8, arbitrary: jsonTexts }, { weight: 1, arbitrary: fc.constantFrom("[DONE]", "{", "", "null") }),
      fc.constantFrom("\n\n", "\r\n\r\n", "\r\r", "\n", "\n\n\n"),
    ),
    { maxLength: 6 },
  )
  .map((frames) => Buffer.from(frames.flat().join("")).toString("latin1"));

const piece = fc.oneof(
  fc.constantFrom(...WORDS),
  fc.constantFrom(":", ",", " ", '"', "{", "}", "'", "\n", '"filePath":', '"a"', "True", "None", "```json\n", "```"),
);
const delta = fc.oneof(
  piece.map((content) => ({ content })),
  piece.map((text) => ({ reasoning_content: text })),
  fc
    .record(
      {
        index: fc.constantFrom(0, 1, 7),
        id: fc.constantFrom("", "a", "b"),
        name: fc.constantFrom("read", "bash", "re", "", "functions.read"),
        text: piece,
      },
      { requiredKeys: ["index", "text"] },
    )
    .map(({ index, id, name, text }) => ({
      tool_calls: [
        {
          index,
          ...(id === undefined ? {} : { id }),
          type: "function",
          function: { ...(name === undefined ? {} : { name }), arguments: text },
        },
      ],
    })),
);

/** A chat stream in the right form, that says anything. */
export const chatStreams: fc.Arbitrary<string> = fc
  .tuple(fc.array(delta, { maxLength: 12 }), fc.constantFrom("stop", "length", "tool_calls", "", "function_call"), fc.boolean())
  .map(([deltas, finish, ended]) => {
    const frames = deltas.map((one, i) => chatFrame(i === 0 ? { role: "assistant", ...one } : one));
    if (finish !== "") frames.push(chatFrame({}, finish));
    return Buffer.from(frames.join("") + (ended ? DONE : "")).toString("latin1");
  });
