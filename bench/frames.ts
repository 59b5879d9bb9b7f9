/** The bytes the paced backend sends: made once, before any clock runs. */

/** What one run of the backend is like. */
export interface Script {
  /** Token frames of a streamed reply; a role frame comes before them, finish, usage and `[DONE]` behind. */
  readonly frames: number;
  /** Bytes of one frame, blank line included. */
  readonly frameBytes: number;
  /** Milliseconds from frame to frame of one stream; 0 sends as fast as the socket takes. */
  readonly paceMs: number;
  /** Frames that share one write, as when a slow reader lets them pile up. */
  readonly burst: number;
  /** Silence before the first frame, in milliseconds: prompt processing. */
  readonly prefillMs: number;
}

const encoder = new TextEncoder();

const NAMED = `"created":1795169553,"id":"chatcmpl-bench0000000000000000000000","model":"bench","system_fingerprint":"b10470-34af94cd9","object":"chat.completion.chunk"`;

function chatFrame(content: string, named: boolean): string {
  const choice = `"choices":[{"finish_reason":null,"index":0,"delta":{"content":"${content}"}}]`;
  return named ? `data: {${choice},${NAMED}}\n\n` : `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;
}

/** One chat chunk of exactly `bytes`; the envelope of a real one wherever it fits. */
export function frameOf(bytes: number, seq: number): string {
  const mark = ` t${String(seq % 100).padStart(2, "0")}`;
  const named = bytes >= chatFrame(mark, true).length;
  const empty = chatFrame(mark, named).length;
  if (bytes < empty) throw new Error(`a frame has at least ${empty} bytes`);
  return chatFrame(mark + "the quick brown fox ".repeat(Math.ceil((bytes - empty) / 20)).slice(0, bytes - empty), named);
}

const LAST = [
  `data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],${NAMED}}\n\n`,
  `data: {"choices":[],${NAMED},"usage":{"completion_tokens":200,"prompt_tokens":12,"total_tokens":212,"prompt_tokens_details":{"cached_tokens":0}},` +
    `"timings":{"cache_n":0,"prompt_n":12,"prompt_ms":40.5,"predicted_n":200,"predicted_ms":4000.25}}\n\n`,
];
const DONE = "data: [DONE]\n\n";
/** The role frame and the first token share a chunk, as llama-server sends them. */
const FIRST = `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],${NAMED}}\n\n`;

export const STREAM_HEAD = encoder.encode(
  "HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: \r\nContent-Type: text/event-stream\r\n" +
    "Transfer-Encoding: chunked\r\nKeep-Alive: timeout=5, max=100\r\n\r\n",
);

export const JSON_BODY = JSON.stringify({
  choices: [{ finish_reason: "stop", index: 0, message: { role: "assistant", content: "All is well on the wire, thank you." } }],
  created: 1_795_169_553,
  model: "bench",
  system_fingerprint: "b10470-34af94cd9",
  object: "chat.completion",
  usage: { completion_tokens: 9, prompt_tokens: 12, total_tokens: 21 },
  id: "chatcmpl-bench0000000000000000000000",
  timings: { cache_n: 0, prompt_n: 12, prompt_ms: 40.5, predicted_n: 9, predicted_ms: 180.25 },
});

export const JSON_REPLY = encoder.encode(
  `HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${JSON_BODY.length}\r\n` +
    `Keep-Alive: timeout=5, max=100\r\n\r\n${JSON_BODY}`,
);

function chunked(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

export interface StreamBytes {
  /** One entry per write: `burst` frames, each an HTTP chunk of its own, as llama-server sends them. */
  readonly writes: readonly Uint8Array[];
  /** Finish and usage in one chunk, `[DONE]` in another, end of body. */
  readonly tail: Uint8Array;
  /** The body as the client must see it once the chunks are taken off. */
  readonly body: string;
}

export function streamBytes(script: Script): StreamBytes {
  const writes: Uint8Array[] = [];
  let body = "";
  for (let seq = 0; seq < script.frames; seq += script.burst) {
    let text = "";
    for (let i = seq; i < Math.min(seq + script.burst, script.frames); i++) {
      const frame = (i === 0 ? FIRST : "") + frameOf(script.frameBytes, i);
      body += frame;
      text += chunked(frame);
    }
    writes.push(encoder.encode(text));
  }
  const tail = encoder.encode(`${chunked(LAST.join(""))}${chunked(DONE)}0\r\n\r\n`);
  return { writes, tail, body: body + LAST.join("") + DONE };
}

function turn(content: string): object {
  return { role: "user", content };
}

/** A chat request of about `bytes` bytes. */
export function requestBody(bytes: number, stream: boolean): Uint8Array {
  const tools = [
    { type: "function", function: { name: "look", parameters: { type: "object", properties: { path: { type: "string" } } } } },
  ];
  const bare = JSON.stringify({ model: "bench", stream, tools, messages: [turn("")] });
  const messages = [];
  let left = bytes - bare.length;
  do {
    const take = Math.max(0, Math.min(left, 4096));
    messages.push(turn("how goes it out there, old friend? ".repeat(Math.ceil(take / 34)).slice(0, take)));
    left -= take + turnOverhead;
  } while (left > 0);
  return encoder.encode(JSON.stringify({ model: "bench", stream, tools, messages }));
}

const turnOverhead = JSON.stringify({ role: "user", content: "" }).length + 1;
