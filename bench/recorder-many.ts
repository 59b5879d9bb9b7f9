/** Many short exchanges: eight conversations at a time, a dozen turns each, as several agents would have them. */
import { createQueue, type Queue } from "../src/recorder/queue.ts";
import { createTap } from "../src/recorder/tap.ts";
import { endAfter, random, startAt, writer } from "./recorder-traffic.ts";

const SESSIONS = 8;
const TURNS = 12;
const MODELS = ["qwen3-coder-30b", "gpt-oss-20b", "gemma-3-27b", "glm-4.6-air"];
const CLIENTS = ["claude-code", "opencode", "codex", "qwen-code", "cline"];

const nothing = () => undefined;

interface Conversation {
  readonly id: string;
  readonly messages: string[];
  readonly client: string;
}

export interface ManyExchanges {
  readonly queue: Queue;
  /** Puts exchange number `x`, begun at `at`, into the queue. Two that are given the same `name` and `x` are the same. */
  readonly tell: (x: number, at: number) => void;
}

/** Bounded by nothing: the caller takes what it tells. */
export function manyExchanges(name: string, wallMs: () => number): ManyExchanges {
  const queue = createQueue(1e12);
  const next = random(11);
  const text = writer(next);
  // Written ahead: making up text must not be part of what is measured.
  const texts = Array.from({ length: 4096 }, () => text(300 + Math.floor(next() * 600)));
  const tools = JSON.stringify(
    Array.from({ length: 10 }, (_, i) => ({ type: "function", function: { name: `tool_${i}`, description: texts[i] } })),
  );
  const frames = Array.from({ length: 512 }, (_, i) =>
    Buffer.from(
      `data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":${JSON.stringify(texts[i]?.slice(0, 6))}}}],"created":1789000000,"id":"chatcmpl-${i % 9}","object":"chat.completion.chunk"}\n\n`,
    ),
  );
  let conversations = 0;
  function conversation(): Conversation {
    conversations += 1;
    return {
      id: `ses_${Math.floor(next() * 2 ** 40).toString(36)}${name}${conversations}`,
      messages: [],
      client: CLIENTS[conversations % CLIENTS.length] ?? "",
    };
  }
  const running = Array.from({ length: SESSIONS }, conversation);

  function turnOf(x: number): { session: Conversation; body: Uint8Array } {
    const which = x % SESSIONS;
    let session = running[which] ?? conversation();
    if (session.messages.length > TURNS * 2) session = conversation();
    running[which] = session;
    // Numbered, so that no two messages are the same piece.
    session.messages.push(JSON.stringify({ role: "user", content: `${name}${x} ${texts[x % texts.length]}` }));
    const body = Buffer.from(`{"model":"m","messages":[${session.messages.join(",")}],"tools":${tools},"stream":true}`);
    session.messages.push(JSON.stringify({ role: "assistant", content: `${name}${x} ${texts[(x * 7) % texts.length]}` }));
    return { session, body };
  }

  return {
    queue,
    tell(x, at) {
      const { session, body } = turnOf(x);
      const id = `${Math.floor(at).toString(36).padStart(9, "0")}${name}${x.toString(36).padStart(6, "0")}`;
      const start = startAt(id, at, { client: session.client, ...(x % 3 === 0 ? {} : { session: session.id }) });
      queue.push(1, { op: "begin", x, start, resumed: false });
      const tap = createTap(x, start, {
        queue,
        redactHeaders: (headers) => [...headers],
        trace: undefined,
        wallMs,
        pushed: nothing,
        full: nothing,
        ended: nothing,
      });
      tap.request?.(undefined, body);
      tap.head?.(2, 200, ["Content-Type", "text/event-stream"]);
      const length = 10 + (x % 20);
      for (let i = 0; i < length; i++) {
        const raw = frames[(x + i) % frames.length] ?? Buffer.alloc(0);
        tap.step?.(100 + i * 12 + next(), { frame: { raw, event: undefined, data: undefined }, deltas: [], out: [], sent: [raw] });
      }
      const prompt = Math.round(body.length / 4);
      const end = endAfter(200 + next() * 4000, prompt, Math.round(prompt * next() * 0.9), length, {
        ...(x % 97 === 0 ? { status: 500, errorType: "server_error" } : {}),
        notes:
          x % 41 === 0 ? [{ fix: "toolcall_bad_filepath", action: "fixed", target: "tool_call.arguments", before: "a", after: "b" }] : [],
      });
      tap.end({ ...end, summary: { ...end.summary, model: MODELS[Math.floor(next() * MODELS.length)] ?? "m" } });
    },
  };
}
