import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { startRecordedLlama } from "../../src/demo/recorded-llama.ts";
import { loadRecordings, type RecordedCall } from "../../src/demo/recorded.ts";
import { withoutHopByHop } from "../../src/wire/headers.ts";
import { parseReply, rawExchange } from "../support/raw-client.ts";
import { startTestSidecar } from "../support/sidecar.ts";

const OWN = new URL("../streams/recordings/", import.meta.url);
const SHARED = new URL("../../../shared/llama-server/recordings/", import.meta.url);

/** What a person recorded over a socket that was left early, or that never got a reply, shows no whole reply. */
function playable(call: RecordedCall): boolean {
  return call.reads.length > 0 && call.endedBy !== "client" && call.path.startsWith("/");
}

function requestBytes(call: RecordedCall, host: string): Buffer {
  const headers = call.headers.map(([name, value]) => (name.toLowerCase() === "host" ? [name, host] : [name, value]));
  const head = `${call.method} ${call.path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const chunked = headers.some(([name]) => name?.toLowerCase() === "transfer-encoding");
  const body = chunked
    ? Buffer.concat([Buffer.from(`${call.body.length.toString(16)}\r\n`), call.body, Buffer.from("\r\n0\r\n\r\n")])
    : call.body;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** "(3000043 bytes left out)": as many bytes stand in for them. */
function withBody(call: RecordedCall): RecordedCall {
  const announced = call.headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
  return announced === undefined || Number(announced) === call.body.length ? call : { ...call, body: Buffer.alloc(Number(announced), "x") };
}

/**
 * `100 Continue` is answered by the sidecar itself, so Expect does not travel and a real backend would
 * not say it: it is taken out of the recorded reply.
 */
function withoutContinue(call: RecordedCall): RecordedCall {
  return { ...call, reads: call.reads.filter((read) => !read.data.toString("latin1").startsWith("HTTP/1.1 100 ")) };
}

/** Recordings whose replies, or requests, hold a defect that a fix mends: identity is not what they are for. */
const MENDED =
  /tool-history-bad-arguments|july-tool-grammar-crash|duplicate|unknown-name|bare|fenced|hermes|skip-parsing|missing|length-cut-name|choice-none|no-tools/;

describe.each([
  ["the project's own recordings", OWN],
  ["every recording beside the project", SHARED],
])("%s", (_title, folder) => {
  const all = existsSync(folder) ? [...loadRecordings(folder)] : [];
  describe.skipIf(all.length === 0)("on the wire", () => {
    test.each(all.filter(([, calls]) => calls.some(playable)))("%s passes through byte-identical", async (recording, calls) => {
      for (const call of calls.filter(playable).map(withBody).map(withoutContinue)) {
        await using llama = await startRecordedLlama([call], { speed: Number.POSITIVE_INFINITY });
        await using proxy = await startTestSidecar({ backend: llama.url, ...(MENDED.test(recording) ? { plan: [] } : {}) });
        const expected = parseReply(Buffer.concat(call.reads.map((read) => read.data)), call.method, true);
        if (expected.status === 0) continue;
        const got = await rawExchange(proxy.url, requestBytes(call, proxy.url.host), { method: call.method });
        expect(got.statusLine).toBe(expected.statusLine);
        expect(withoutHopByHop(got.headers.filter((_, i) => !isOwn(got.headers, i)))).toEqual(withoutHopByHop(expected.headers));
        // A reply that broke off must not look finished, and may end in an error frame.
        expect(got.complete).toBe(expected.complete);
        expect(got.body.equals(expected.body) || !expected.complete, `body of ${recording}`).toBe(true);
        expect(llama.unmatched.filter((line) => !line.endsWith("/props"))).toEqual([]);
      }
    });
  });
});

function isOwn(headers: readonly string[], i: number): boolean {
  return headers[i - (i % 2)]?.toLowerCase() === "x-llama-proxy-request-id";
}
