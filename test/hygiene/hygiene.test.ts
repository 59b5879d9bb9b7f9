/** What goes upstream is one well-formed request for each one that was accepted, whatever came in. */
import { describe, expect, test } from "vitest";
import { chatFrame, chatRequest, DONE, httpChunk, LAST_CHUNK, startFakeLlama, STREAM_HEAD } from "../support/fake-llama.ts";
import { send } from "../support/raw-client.ts";
import { startTestSidecar } from "../support/sidecar.ts";
import { fire, PROBES } from "./probes.ts";
import { startStrictBackend } from "./strict-backend.ts";

async function ask(bytes: string, answers = 1) {
  await using backend = await startStrictBackend();
  await using proxy = await startTestSidecar({ backend: new URL(`http://127.0.0.1:${backend.port}`) });
  const got = await fire(Number(proxy.url.port), bytes, answers);
  return { ...got, requests: [...backend.requests], malformed: [...backend.malformed] };
}

test.each(PROBES)("$name", async ({ bytes, status, upstream }) => {
  const got = await ask(bytes, Math.max(1, upstream));
  expect(got.malformed).toEqual([]);
  expect(got.requests.map((request) => request.target)).not.toContain("/smuggled");
  expect({ status: got.statuses[0] ?? 0, upstream: got.requests.length }).toEqual({ status, upstream });
  expect(got.statuses.filter((one) => one === 200)).toHaveLength(upstream);
});

describe("what becomes of a request", () => {
  test("targets keep every byte: what a path means is the backend's affair", async () => {
    for (const target of ["/x/../y/%2e%2e/z", "//x\\y", "/p%0d%0aX-A:%201", "/a?b=/../c", "/caf%C3%A9", "/%00"]) {
      expect((await ask(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).requests[0]?.target).toBe(target);
    }
  });

  test("fields that Connection names end here, and framing that it names is made anew", async () => {
    const { requests } = await ask(
      "POST /p HTTP/1.1\r\nHost: a\r\nConnection: X-Hop, Content-Length\r\nX-Hop: 1\r\nContent-Length: 3\r\nX-Kept: 2\r\n\r\nabc",
    );
    const names = requests[0]?.fields.map(([name]) => name);
    expect(names).toContain("x-kept");
    expect(names).not.toContain("x-hop");
    expect(requests[0]?.body).toBe("abc");
  });

  test("Expect is answered here, trailers end here", async () => {
    const expecting = await ask("POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    expect(expecting.text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    expect(expecting.requests[0]?.fields.map(([name]) => name)).not.toContain("expect");
    const trailing = await ask(
      "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nAuthorization: x\r\n\r\n",
    );
    expect(JSON.stringify(trailing.requests)).not.toContain("uthorization");
  });

  test("an odd but legal field is no fault of ours: any byte a value may hold goes through, or the client is refused", async () => {
    await using backend = await startStrictBackend();
    await using proxy = await startTestSidecar({ backend: new URL(`http://127.0.0.1:${backend.port}`) });
    const wrong: string[] = [];
    for (let code = 1; code < 256; code++) {
      const odd = String.fromCharCode(code);
      for (const line of [`X-A: a${odd}b`, `X${odd}A: b`, `X-A:${odd}`, `Cookie: ${odd}`]) {
        const { statuses, text } = await fire(Number(proxy.url.port), `GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${line}\r\n\r\n`);
        if (![200, 400].includes(statuses[0] ?? 0)) wrong.push(`${JSON.stringify(line)}: ${text.slice(0, 40)}`);
      }
      const { statuses } = await fire(Number(proxy.url.port), `GET /p${odd}q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      if (![200, 400, 505].includes(statuses[0] ?? 0)) wrong.push(`target ${JSON.stringify(odd)}: ${statuses[0] ?? "none"}`);
    }
    expect(wrong).toEqual([]);
    expect(backend.malformed).toEqual([]);
  });
});

test("content that looks like framing stays content, also in a frame that is mended", async () => {
  const evil = "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nX-Evil: 1\r\n\r\n";
  // A call whose arguments lack their last brace is mended, so the frame is written anew.
  const call = { index: 0, id: "c1", type: "function", function: { name: "say", arguments: `{"text":${JSON.stringify(evil)}` } };
  const stream = chatFrame({ role: "assistant", content: evil, tool_calls: [call] }) + chatFrame({}, "tool_calls") + DONE;
  await using llama = await startFakeLlama(
    (_request, socket) => void socket.end(Buffer.concat([Buffer.from(STREAM_HEAD), httpChunk(stream), Buffer.from(LAST_CHUNK)])),
  );
  await using proxy = await startTestSidecar({ backend: llama.url });
  const tools = [{ type: "function", function: { name: "say", parameters: { type: "object", properties: { text: { type: "string" } } } } }];
  const got = await send(proxy.url, { method: "POST", path: "/v1/chat/completions", body: chatRequest({ tools }) });
  expect(got.complete).toBe(true);
  expect(got.body.toString()).not.toBe(stream);
  expect(got.body.toString()).toContain("X-Evil");
  expect(got.body.includes("\r\n")).toBe(false);
  expect(got.bytes.toString("latin1").match(/^HTTP\/1\.1/gm)).toHaveLength(1);
  const seen = await proxy.ended();
  expect(seen[0]?.ends[0]?.notes.length).toBeGreaterThan(0);
});
