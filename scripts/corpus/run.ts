/** Every case of a corpus through the running sidecar, over HTTP, streamed and whole, at every chunking. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { startService } from "../../src/cli/service.ts";
import { CONFIG_SCHEMA, type Config } from "../../src/config/schema.ts";
import { PLAIN_LOOK } from "../../src/stats/format.ts";
import { assembleBody, assembleChat, assembleMessages, payloadsOf, type Assembled } from "./assemble.ts";
import { PATHS, requestOf, type Case } from "./case.ts";
import { compare } from "./compare.ts";
import { bodyOf, cut, cuttings, isText, streamOf, type Cutting } from "./reply.ts";

export interface Miss {
  /** How the reply was sent when it went wrong. */
  readonly how: string;
  readonly why: string;
}

export interface Result {
  readonly case: Case;
  readonly misses: readonly Miss[];
}

/** A backend that answers the next request with what it was told. */
async function startBackend() {
  let answer: ((response: ServerResponse) => void) | undefined;
  let received = "";
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/props")) {
      response.writeHead(404).end();
      return;
    }
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      received = body;
      answer?.(response);
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answerWith(next: (response: ServerResponse) => void): void {
      answer = next;
    },
    received: () => received,
    close: () => server.close(),
  };
}

function assemble(of: Case, body: Buffer): Assembled {
  return (of.api === "messages" ? assembleMessages : assembleChat)(payloadsOf(body));
}

/** `random`: random cuttings a case, beside whole and one by one. */
export async function runCorpus(cases: readonly Case[], random: number): Promise<{ results: Result[]; exchanges: number }> {
  const folder = await mkdtemp(join(tmpdir(), "llama-proxy-corpus-"));
  const backend = await startBackend();
  const parsed = CONFIG_SCHEMA.parse({ server: { port: 0 }, recorder: { path: join(folder, "corpus.db") }, stats: { enabled: false } });
  const config = { ...parsed, backend: { url: backend.url, timeout_seconds: 30, api_key_env: undefined } } as Config;
  const service = await startService({
    config,
    env: {},
    version: "corpus",
    write: () => {},
    look: () => ({ ...PLAIN_LOOK, terminal: false }),
    say: console.error,
  });

  let exchanges = 0;
  async function ask(of: Case, stream: boolean): Promise<{ body: Buffer; id: string }> {
    exchanges += 1;
    const response = await fetch(new URL(PATHS[of.api], service.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: requestOf(of, stream),
    });
    const id = response.headers.get("x-llama-proxy-request-id") ?? "";
    return { body: Buffer.from(await response.arrayBuffer()), id };
  }

  async function askStream(of: Case, cutting: Cutting): Promise<{ upstream: Buffer; body: Buffer; id: string }> {
    const upstream = streamOf(of, cutting);
    // A text is cut into deltas already; its bytes go out frame by frame, the others as the cutting says.
    const pieces = isText(of)
      ? upstream
          .toString()
          .split(/(?<=\n\n)/)
          .map((frame) => Buffer.from(frame))
      : cut(upstream, cutting.cuts(upstream.length));
    backend.answerWith((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const piece of pieces) response.write(piece);
      response.end();
    });
    return { upstream, ...(await ask(of, true)) };
  }

  /** What was asked of whole replies and requests. */
  async function tryWhole(of: Case): Promise<Miss[]> {
    if (of.direction === "request") {
      backend.answerWith((response) => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
      await ask(of, false);
      if (of.must_not_touch) return backend.received() === requestOf(of, false) ? [] : [{ how: "request", why: "request changed" }];
      const sent = JSON.parse(backend.received()) as { messages?: { tool_calls?: { function: { arguments: string } }[] }[] };
      const text = sent.messages?.find((message) => message.tool_calls)?.tool_calls?.[0]?.function.arguments ?? "";
      try {
        return isDeepStrictEqual(JSON.parse(text), of.expected.request_arguments)
          ? []
          : [{ how: "request", why: `request arguments are ${text.slice(0, 100)}` }];
      } catch {
        return [{ how: "request", why: "request arguments do not parse" }];
      }
    }
    const upstream = bodyOf(of);
    if (upstream === undefined) return [];
    backend.answerWith((response) => response.writeHead(200, { "content-type": "application/json" }).end(upstream));
    const { body, id } = await ask(of, false);
    if (of.must_not_touch && !of.expected.unchanged_text)
      return body.toString() === upstream ? [] : [{ how: "whole", why: `bytes changed (${id})` }];
    if (of.expected.refuse && body.toString() === upstream) return [];
    const why = compare(of, assembleBody(JSON.parse(body.toString())), false);
    return why === undefined ? [] : [{ how: "whole", why: `${why} (${id})` }];
  }

  async function tryStreams(of: Case): Promise<Miss[]> {
    if (of.kind === "message") return [];
    const misses: Miss[] = [];
    let first: Assembled | undefined;
    for (const cutting of cuttings(random)) {
      const { upstream, body, id } = await askStream(of, cutting);
      const how = `stream ${cutting.name}`;
      try {
        const got = assemble(of, body);
        if (of.must_not_touch && !isText(of) && !of.expected.unchanged_text && !body.equals(upstream))
          misses.push({ how, why: `bytes changed (${id})` });
        const why = compare(of, got, body.equals(upstream));
        if (why !== undefined) misses.push({ how, why: `${why} (${id})` });
        first ??= got;
        if (!isDeepStrictEqual({ ...got, body: 0 }, { ...first, body: 0 }))
          misses.push({ how, why: `not the same result as whole (${id})` });
      } catch (cause) {
        misses.push({ how, why: `${cause instanceof Error ? cause.message : String(cause)} (${id})` });
      }
    }
    return misses;
  }

  const results: Result[] = [];
  try {
    for (const of of cases) results.push({ case: of, misses: [...(await tryWhole(of)), ...(await tryStreams(of))] });
  } finally {
    await service.stop(1000);
    backend.close();
    await rm(folder, { recursive: true, force: true });
  }
  return { results, exchanges };
}
