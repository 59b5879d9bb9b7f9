import { readFileSync, existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createRedactor, redactPath } from "../../src/recorder/redact.ts";
import { pinExchange, pruneFile } from "../../src/recorder/prune-file.ts";
import { redactFile } from "../../src/recorder/redact-file.ts";
import { createRecorder } from "../../src/recorder/recorder.ts";
import { openReader } from "../../src/recorder/reader.ts";
import { bytes, chat, endOf, fixedNote, play, playBegin, startOf, temporary, until } from "./support.ts";

function redacted(rules: Parameters<typeof createRedactor>[0], body: string): string {
  return Buffer.from(createRedactor(rules).body(bytes(body))).toString();
}

describe("pointers", () => {
  const body = '{ "a" : {"b~/": [1, "x", {"c":true}]}, "a": 2, "ü": "ß" }';
  test.each([
    ["/a/b~0~1/1", '{ "a" : {"b~/": [1, "[redacted]", {"c":true}]}, "a": 2, "ü": "ß" }'],
    ["/a/b~0~1/*", '{ "a" : {"b~/": ["[redacted]", "[redacted]", "[redacted]"]}, "a": 2, "ü": "ß" }'],
    ["/a", '{ "a" : "[redacted]", "a": "[redacted]", "ü": "ß" }'],
    ["/ü", '{ "a" : {"b~/": [1, "x", {"c":true}]}, "a": 2, "ü": "[redacted]" }'],
    ["/nowhere/0", body],
  ])("%s", (pointer, expected) => {
    expect(redacted([{ pointer }], body)).toBe(expected);
  });

  test("leave what is not JSON alone", () => {
    for (const text of ["", "no", '{"a":', '{"a" 1}', "[1,"]) expect(redacted([{ pointer: "/a" }, { pointer: "/0" }], text)).toBe(text);
  });
});

test("patterns match text, and bytes that are no text", () => {
  expect(redacted([{ pattern: "sk-[a-z]+", flags: "i" }], "ä sk-Abc $& sk-x")).toBe("ä [redacted] $& [redacted]");
  const odd = Buffer.concat([Buffer.of(0xff), Buffer.from("sk-abc"), Buffer.of(0xfe)]);
  expect(createRedactor([{ pattern: "sk-[a-z]+" }]).frame(odd)).toEqual(
    Buffer.concat([Buffer.of(0xff), Buffer.from("[redacted]"), Buffer.of(0xfe)]),
  );
});

test("a rule that is none is refused when the recorder is made", () => {
  expect(() => createRecorder({ path: "unused.db", redactBodies: [{ pattern: "(" }] })).toThrow(SyntaxError);
  expect(() => createRecorder({ path: "unused.db", redactBodies: [{ pointer: "a" }] })).toThrow(SyntaxError);
});

test("secret parameters of a path", () => {
  expect(redactPath("/v1/x?a=1&api_key=SECRET&b=2&key=S2#token=x")).toBe("/v1/x?a=1&api_key=[redacted]&b=2&key=[redacted]#token=x");
  expect(redactPath("/v1/monkey=1")).toBe("/v1/monkey=1");
});

test("no planted secret is found in the database or its journal", async () => {
  using folder = temporary();
  const path = folder.file();
  const secret = "PLANTED-7f3a9c";
  await using recorder = createRecorder({
    path,
    redactHeaders: ["X-Internal"],
    redactBodies: [{ pattern: "PLANTED-[0-9a-f]+" }, { pointer: "/messages/*/content" }],
  });
  play(
    recorder,
    chat("01A", {
      start: startOf("01A", {
        path: `/v1/chat/completions?api_key=${secret}`,
        headers: ["AUTHORIZATION", `Bearer ${secret}`, "x-internal", secret, "Cookie", secret, "X-Api-Key", secret, "X-Odd", `<${secret}>`],
        client: `cli ${secret}`,
        session: secret,
      }),
      body: bytes(`{"messages":[{"role":"user","content":"${secret} and more"}],"note":"${secret}"}`),
      forwarded: bytes(`{"note":"${secret}!"}`),
      frames: [{ atMs: 1, upstream: bytes(`data: ${secret}\n\n`), sent: bytes(`data: mended ${secret}\n\n`) }],
      end: endOf({
        outcome: "upstream-broke",
        reason: `bad ${secret}`,
        notes: [{ ...fixedNote, before: secret, after: secret, reason: secret }],
        summary: { finishReasons: [], toolCalls: 0, chunks: 0, error: { message: secret, type: undefined } },
      }),
    }),
  );
  // A reply in pieces, the secret across their border.
  play(
    recorder,
    chat("01B", {
      framed: false,
      frames: [
        { atMs: 1, upstream: bytes("x PLANTED-7f") },
        { atMs: 2, upstream: bytes("3a9c y") },
      ],
    }),
  );
  await until(() => recorder.stats().written === 2, "both");
  const files = [path, `${path}-wal`].filter((file) => existsSync(file)).map((file) => readFileSync(file).toString("latin1"));
  expect(files).toHaveLength(2);
  for (const file of files) expect(file).not.toContain(secret);
  using reader = openReader(path);
  for (const id of ["01A", "01B"]) {
    const all = reader.get(id);
    const text = JSON.stringify(all, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
    );
    expect(text).not.toContain(secret);
    expect(text).toContain("[redacted]");
  }
  expect(Buffer.from(reader.get("01A")?.request.body ?? []).toString()).toBe(
    '{"messages":[{"role":"user","content":"[redacted]"}],"note":"[redacted]"}',
  );
  expect(reader.query("SELECT id, redacted FROM exchanges").rows).toEqual([
    ["01A", 1],
    ["01B", 1],
  ]);
});

test("redact rewrites what is recorded already, and nothing of it stays in the file", async () => {
  using folder = temporary();
  const path = folder.file();
  const secret = "PLANTED-7f3a9c";
  const untouched = chat("01C");
  {
    await using recorder = createRecorder({ path });
    play(
      recorder,
      chat("01A", {
        start: startOf("01A", { headers: ["X-Odd", secret], path: `/v1?x=${secret}` }),
        body: bytes(`{"messages":["shared","${secret}"]}`),
        frames: [
          { atMs: 1.5, upstream: bytes(`data: ${secret}\n\n`), sent: bytes(`data: mended ${secret}\n\n`) },
          { atMs: 2, upstream: bytes("data: [DONE]\n\n") },
        ],
        end: endOf({ reason: secret, notes: [{ ...fixedNote, before: secret }] }),
      }),
    );
    play(
      recorder,
      chat("01B", {
        framed: false,
        frames: [
          { atMs: 1, upstream: bytes("x PLANTED-7f") },
          { atMs: 2, upstream: bytes("3a9c y") },
        ],
      }),
    );
    play(recorder, untouched);
  }
  pinExchange(path, "01A", true);
  expect(readFileSync(path).toString("latin1")).toContain(secret);
  expect(redactFile(path, [{ pattern: "PLANTED-[0-9a-f]+" }])).toEqual({ seen: 3, changed: 2 });
  expect(redactFile(path, [{ pattern: "PLANTED-[0-9a-f]+" }])).toEqual({ seen: 3, changed: 0 });
  expect(readFileSync(path).toString("latin1")).not.toContain(secret);
  expect(readFileSync(path).toString("latin1")).not.toContain("PLANTED");
  pruneFile(path, { maxAgeMs: 0, maxBytes: 1 }, Date.now() + 1e12);
  using reader = openReader(path);
  const recording = reader.get("01A");
  expect(Buffer.from(recording?.request.body ?? []).toString()).toBe('{"messages":["shared","[redacted]"]}');
  expect(recording?.response?.pieces.map((piece) => [piece.atMs, Buffer.from(piece.sent).toString()])).toEqual([
    [1.5, "data: mended [redacted]\n\n"],
    [2, "data: [DONE]\n\n"],
  ]);
  expect(recording).toMatchObject({ path: "/v1?x=[redacted]", reason: "[redacted]", request: { headers: ["X-Odd", "[redacted]"] } });
});

test("redact leaves nothing of what was journaled while the stream ran", async () => {
  using folder = temporary();
  const path = folder.file();
  const secret = "PLANTED-7f3a9c";
  {
    await using recorder = createRecorder({ path });
    const open = Array.from({ length: 3 }, (_, i) => {
      const played = chat(`01A${i}`, { frames: [{ atMs: 20, upstream: bytes(`data: ${i} ${secret}\n\n`) }] });
      return { played, tap: playBegin(recorder, played) };
    });
    await until(() => existsSync(`${path}-wal`) && readFileSync(`${path}-wal`).toString("latin1").includes(secret), "a row of the journal");
    for (const { played, tap } of open) tap.end(played.end);
  }
  expect(redactFile(path, [{ pattern: "PLANTED-[0-9a-f]+" }])).toEqual({ seen: 3, changed: 3 });
  const left = [path, `${path}-wal`].filter((file) => existsSync(file)).map((file) => readFileSync(file).toString("latin1"));
  expect(left.join("")).not.toContain("PLANTED");
});
