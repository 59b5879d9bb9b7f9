import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chatFrame, DONE } from "../../test/support/fake-llama.ts";

/** What a request asks the backend for: `frames` frames, one every `everyMs`, told apart by `seed`. */
export interface Order {
  readonly seed: number;
  readonly frames: number;
  readonly everyMs: number;
}

const frameOf = ({ seed }: Order, i: number): string =>
  chatFrame({ ...(i === 0 ? { role: "assistant" } : {}), content: `${seed}:${i} ${"word ".repeat((seed + i) % 7)}` });

const END = chatFrame({}, "stop") + DONE;

const JSON_REPLY = (seed: number): string =>
  JSON.stringify({
    id: `x${seed}`,
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: `answer ${seed}` } }],
  });

/** The checksum of the reply that an order gets: any byte lost, doubled or out of order changes it. */
export function checksumOf(order: Order): string {
  const hash = createHash("sha256");
  if (order.frames === 0) return hash.update(JSON_REPLY(order.seed)).digest("hex");
  for (let i = 0; i < order.frames; i++) hash.update(frameOf(order, i));
  return hash.update(END).digest("hex");
}

export function bodyOf(order: Order): string {
  return JSON.stringify({ model: "soak", stream: order.frames > 0, messages: [{ role: "user", content: JSON.stringify(order) }] });
}

export interface SoakBackend {
  readonly url: string;
  /** Streams whose reader left. */
  readonly left: number;
  readonly open: number;
  close(): void;
}

/** Speaks as llama-server does: streams are chunked and closed behind, whole replies keep the connection. */
export async function startSoakBackend(): Promise<SoakBackend> {
  const counts = { left: 0, open: 0 };
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      response.end('{"default_generation_settings":{"n_ctx":8192}}');
      return;
    }
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const { messages } = JSON.parse(text) as { messages: { content: string }[] };
      const order = JSON.parse(messages[0]?.content ?? "") as Order;
      if (order.frames === 0) {
        response.writeHead(200, { "content-type": "application/json" }).end(JSON_REPLY(order.seed));
        return;
      }
      counts.open += 1;
      response.writeHead(200, { "content-type": "text/event-stream", connection: "close" });
      let i = 0;
      const timer = setInterval(() => {
        if (i < order.frames) response.write(frameOf(order, i++));
        else {
          clearInterval(timer);
          response.end(END);
        }
      }, order.everyMs);
      response.on("close", () => {
        clearInterval(timer);
        counts.open -= 1;
        if (!response.writableFinished) counts.left += 1;
      });
    });
  });
  server.keepAliveTimeout = 5_000;
  await new Promise<void>((done) => server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get left() {
      return counts.left;
    },
    get open() {
      return counts.open;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
