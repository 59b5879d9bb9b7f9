import { createHash } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import { bodyOf, checksumOf, type Order } from "./backend.ts";

export interface Tally {
  right: number;
  /** A reply that is not, byte for byte, what the backend said. */
  wrong: number;
  /** No whole reply. */
  failed: number;
  aborted: number;
  readonly reasons: Map<string, number>;
}

export const newTally = (): Tally => ({ right: 0, wrong: 0, failed: 0, aborted: 0, reasons: new Map() });

/** Connections are kept and used again, as clients do. */
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

/** Asks once. `leaveAfter`: closes the connection at that many bytes of body. */
export function ask(url: string, order: Order, tally: Tally, leaveAfter?: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const body = bodyOf(order);
  let over = false;
  function finish(kind: "right" | "wrong" | "failed" | "aborted", reason?: string): void {
    if (over) return;
    over = true;
    tally[kind] += 1;
    if (reason !== undefined) tally.reasons.set(reason, (tally.reasons.get(reason) ?? 0) + 1);
    resolve();
  }
  const request = httpRequest(
    `${url}/v1/chat/completions`,
    { method: "POST", agent, headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } },
    (response) => {
      const hash = createHash("sha256");
      let received = 0;
      response.on("data", (chunk: Buffer) => {
        hash.update(chunk);
        received += chunk.length;
        if (leaveAfter !== undefined && received >= leaveAfter) {
          finish("aborted");
          request.destroy();
        }
      });
      response.on("end", () => {
        if (response.statusCode !== 200) finish("failed", `status ${response.statusCode}`);
        else finish(hash.digest("hex") === checksumOf(order) ? "right" : "wrong");
      });
      response.on("error", (cause: NodeJS.ErrnoException) => finish("failed", cause.code ?? cause.message));
    },
  );
  request.on("error", (cause: NodeJS.ErrnoException) => finish("failed", cause.code ?? cause.message));
  request.end(body);
  return promise;
}

/** `count` pieces of work, `width` at a time. */
export async function inParallel(count: number, width: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < count) await work(next++);
    }),
  );
}

export function closeConnections(): void {
  agent.destroy();
}
