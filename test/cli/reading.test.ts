import { createHash } from "node:crypto";
import { copyFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { callsOf, cli, recordedDatabase, type RecordedDatabase } from "./support.ts";

const NAMES = ["chat-hello-stream", "chat-hello", "anthropic-tool-stream", "tool-duplicate-optional-param-differs-stream"];
const calls = callsOf(...NAMES);
let recorded: RecordedDatabase;

beforeAll(async () => {
  recorded = await recordedDatabase(calls);
}, 30_000);

/** Names every module on stderr as it is loaded. */
const LOADS = `--import=${encodeURI(
  'data:text/javascript,import{registerHooks}from"node:module";registerHooks({load(u,c,n){process.stderr.write(u+"\\n");return n(u,c)}})',
)}`;

async function json(...args: readonly string[]) {
  const ran = await cli([...args, "--db", recorded.db, "--json"]);
  return { ...ran, json: JSON.parse(ran.stdout.toString()) };
}

describe("ls", () => {
  test("--json has the fields that other programs rely on, newest first", async () => {
    const { code, json: document } = await json("ls");
    expect(code).toBe(0);
    expect(document.schema_version).toBe(1);
    expect(document.exchanges.map((exchange: { id: string }) => exchange.id)).toEqual(recorded.ids.toReversed());
    expect(document.exchanges[3]).toMatchObject({
      method: "POST",
      path: "/v1/chat/completions",
      dialect: "openai.chat_completions",
      model: "qwen3-coder-script",
      status: 200,
      outcome: "completed",
      stream: true,
      prompt_tokens: 48,
      completion_tokens: 18,
      cached_tokens: 47,
      fixes: [],
    });
    expect(document.exchanges[3].started_at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(document.exchanges[3].ttft_ms).toBeGreaterThan(0);
    expect(document.exchanges[0].fixes).toEqual(["toolcall_bad_filepath"]);
  });

  test("filters narrow, and no prompt text is shown without --content", async () => {
    expect((await json("ls", "--fixed")).json.exchanges).toHaveLength(1);
    expect((await json("ls", "-n", "2")).json.exchanges).toHaveLength(2);
    expect((await json("ls", "--errors")).json.exchanges).toHaveLength(0);
    const plain = await cli(["ls", "--db", recorded.db]);
    expect(plain.stdout.toString().split("\n")[0]).toMatch(/^ID +STARTED +MODEL/);
    expect(plain.stdout.toString()).not.toContain("Say hello");
    expect(plain.stdout.includes(0x1b)).toBe(false);
    const content = await cli(["ls", "--content", "--db", recorded.db]);
    expect(content.stdout.toString().length).toBeGreaterThan(plain.stdout.length);
  });

  test.each([["ls"], ["show", "last"], ["stats"], ["sql", "SELECT 1"], ["explain", "last"], ["diff", "last~1", "last~1"]])(
    "%s loads neither OpenTelemetry nor undici nor the configuration's schema",
    async (...args) => {
      const { code, stderr } = await cli([...args, "--db", recorded.db], { NODE_OPTIONS: LOADS });
      expect(code).toBe(0);
      expect(stderr).toContain("better-sqlite3");
      expect(stderr).not.toMatch(/@opentelemetry|node_modules\/undici|node_modules\/zod/);
    },
  );
});

test("what the watching of loads sees: replay does load the schema", async () => {
  const { stderr } = await cli(["replay", "last", "--db", recorded.db], { NODE_OPTIONS: LOADS });
  expect(stderr).toContain("node_modules/zod");
});

describe("show", () => {
  test("--request, --upstream and --sent write exactly those bytes and nothing else", async () => {
    for (const [i, call] of calls.entries()) {
      const id = recorded.ids[i] ?? "";
      const request = await cli(["show", id, "--request", "--db", recorded.db]);
      expect(request.stdout.equals(call.body)).toBe(true);
      expect(request.stderr).toBe("");
    }
    const mended = recorded.ids[3] ?? "";
    const upstream = await cli(["show", mended, "--upstream", "--db", recorded.db]);
    const sent = await cli(["show", "last:fixed", "--sent", "--db", recorded.db]);
    expect(upstream.stdout.toString()).toContain("[DONE]");
    expect(upstream.stdout.equals(sent.stdout)).toBe(false);
    const { json: report } = await json("replay", "--id", mended);
    expect(createHash("sha256").update(upstream.stdout).digest("hex")).toBe(report.upstream_sha256);
    expect(createHash("sha256").update(sent.stdout).digest("hex")).toBe(report.then_sha256);
  });

  test("--json has request, response frames, timings and fix notes", async () => {
    const { json: document } = await json("show", "last:fixed");
    expect(JSON.parse(document.request.body).stream).toBe(true);
    expect(document.request.headers[0]).toHaveLength(2);
    expect(document.response.frames[0]).toMatchObject({ seq: 0, upstream: expect.stringContaining("data: ") });
    expect(document.response.frames.some((frame: { sent: string; upstream: string }) => frame.sent !== frame.upstream)).toBe(true);
    expect(document.timings.predicted_n).toBeGreaterThan(0);
    expect(document.details.timings).toEqual(document.timings);
    expect(JSON.stringify(Object.keys(document.details))).not.toMatch(/[A-Z]/);
    expect(document.fix_notes[0]).toMatchObject({ fix: "toolcall_bad_filepath", action: "fixed" });
    const whole = (await json("show", recorded.ids[1] ?? "")).json;
    expect(JSON.parse(whole.response.body).choices).toHaveLength(1);
    expect(whole.response.sent_body).toBe(whole.response.body);
  });

  test("for a person: what was asked and answered; --frames the timeline", async () => {
    const text = (await cli(["show", "last", "--db", recorded.db])).stdout.toString();
    expect(text).toContain("→ call");
    expect(text).toContain("toolcall_bad_filepath");
    const frames = (await cli(["show", "last", "--frames", "--db", recorded.db])).stdout.toString();
    expect(frames).toMatch(/ +0 +\d+\.\d ms +\+/);
    expect(frames).toContain("(nothing)");
  });

  test("ids: unique prefix, last, last~2; what is not there exits 3 and names the newest", async () => {
    const ids = await Promise.all(["last", "last~2", recorded.ids[0] ?? ""].map((id) => json("show", id)));
    expect(ids.map((ran) => ran.json.id)).toEqual([recorded.ids[3], recorded.ids[1], recorded.ids[0]]);
    const unknown = await cli(["show", "zzzz", "--db", recorded.db]);
    expect(unknown.code).toBe(3);
    expect(unknown.stdout.length).toBe(0);
    expect(unknown.stderr).toContain(recorded.ids[3]);
    expect((await cli(["show", "last~99", "--db", recorded.db])).code).toBe(3);
  });
});

describe("stats, sessions and sql", () => {
  test("stats --json has totals and rows", async () => {
    const { json: document } = await json("stats", "--since", "1h");
    expect(document.totals).toMatchObject({ requests: 4, errors: 0, fixed: 1 });
    expect(document.rows[0]).toMatchObject({ key: "qwen3-coder-script", requests: 4 });
    expect(document.rows[0].ttft_ms.p50).toBeGreaterThan(0);
    expect(document.since).toMatch(/Z$/);
    expect((await json("stats", "--by", "route")).json.rows).toHaveLength(2);
    expect((await cli(["stats", "--by", "colour", "--db", recorded.db])).code).toBe(2);
  });

  test("stats --by fix is the ledger of the fixes: seen, fixed, refused, idle since; and which saw nothing", async () => {
    const { json: document } = await json("stats", "--by", "fix");
    expect(document.rows).toEqual([
      { key: "toolcall_bad_filepath", model: "qwen3-coder-script", seen: 1, fixed: 1, refused: 0, idle_since: expect.stringMatching(/Z$/) },
    ]);
    expect(document.idle).toContain("content_qwen_xml");
    expect(document.idle).not.toContain("toolcall_bad_filepath");
    expect((await json("stats", "--by", "fix", "--until", "1h")).json.rows).toEqual([]);
  });

  test("sql answers over the views and cannot write", async () => {
    const { json: document } = await json("sql", "SELECT count(*) AS n, max(prompt_tokens) AS most FROM exchanges");
    expect(document.rows).toEqual([{ n: 4, most: 826 }]);
    for (const query of ["DELETE FROM exchange", "VACUUM INTO 'x.db'", "ATTACH 'x.db' AS x", "PRAGMA user_version = 9"]) {
      const ran = await cli(["sql", query, "--db", recorded.db]);
      expect([query, ran.code === 0]).toEqual([query, false]);
    }
    expect((await json("ls")).json.exchanges).toHaveLength(4);
  });

  test("sessions lists without failing", async () => {
    expect((await json("sessions")).json.sessions).toBeInstanceOf(Array);
  });
});

describe("replay", () => {
  test("every recording is same as then and exits 0, also cut elsewhere", async () => {
    for (const id of recorded.ids) {
      const { code, json: report } = await json("replay", "--id", id);
      expect([code, report.same_as_then]).toEqual([0, true]);
    }
    const recut = await json("replay", "--id", "last", "--recut", "bytes:1");
    expect([recut.code, recut.json.same_as_then, recut.json.changed_frames.length > 0]).toEqual([0, true, true]);
    const many = await json("replay", "--since", "1h");
    expect([many.code, many.json.replayed, many.json.same_as_then]).toEqual([0, 4, 4]);
  });

  test("without the fix it is a difference and exits 5", async () => {
    const { code, json: report } = await json("replay", "--id", "last:fixed", "--without", "toolcall_bad_filepath");
    expect(code).toBe(5);
    expect(report).toMatchObject({ same_as_then: false, same_as_upstream: true });
    expect((await cli(["replay", "--since", "1h", "--without", "toolcall_bad_filepath", "--db", recorded.db])).code).toBe(5);
  });

  test("usage errors exit 2 and name the cure", async () => {
    const typo = await cli(["replay", "--id", "last", "--with", "toolcall_bad_filepth", "--db", recorded.db]);
    expect([typo.code, typo.stderr]).toEqual([2, expect.stringContaining("did you mean toolcall_bad_filepath?")]);
    expect((await cli(["replay", "--db", recorded.db])).code).toBe(2);
    expect((await cli(["replay", "last", "--recut", "x", "--db", recorded.db])).code).toBe(2);
  });

  test("--live against a backend that is not there exits 6", async () => {
    const ran = await cli(["replay", "last", "--live", "--backend", "http://127.0.0.1:9", "--db", recorded.db]);
    expect([ran.code, ran.stderr]).toEqual([6, expect.stringContaining("test-backend")]);
  });
});

test("prune removes what is old and leaves the rest", async () => {
  const copy = `${recorded.db}.copy`;
  copyFileSync(recorded.db, copy);
  expect((await cli(["prune", "--db", copy])).code).toBe(2);
  const kept = JSON.parse((await cli(["prune", "--older-than", "1h", "--db", copy, "--json"])).stdout.toString());
  expect(kept.removed).toBe(0);
  const gone = JSON.parse((await cli(["prune", "--older-than", "0s", "--db", copy, "--json"])).stdout.toString());
  expect(gone.removed).toBe(4);
  expect((await cli(["ls", "--db", copy])).stdout.length).toBe(0);
});
