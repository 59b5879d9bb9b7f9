// Plays a llama-proxy test case, and reads replies. Written by llama-proxy make-test; yours to edit.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

export const bytesOf = (value) => (typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value.base64, "base64"));
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The reply's pieces: side "upstream" as llama-server sent them, "sent" as the client got them through llama-proxy. */
export function piecesOf(testCase, side) {
  return testCase.response.pieces
    .map((piece) => ({ atMs: piece.at_ms, bytes: bytesOf(side === "sent" ? (piece.sent ?? piece.upstream) : piece.upstream) }))
    .filter((piece) => piece.bytes.length > 0);
}

/** Headers of the reply without those that belong to one connection or to a length that a fix may have changed. */
export function replyHeaders(testCase) {
  const dropped = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);
  return testCase.response.headers.filter(([name]) => !dropped.has(name.toLowerCase()));
}

/** Answers the recorded request; anything else is 404 with what was different. `pace`: 1 as recorded, 0 at once. */
export async function startBackend(testCase, { side = "sent", pace = 0 } = {}) {
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const wrong = difference(testCase, request.method, request.url, Buffer.concat(parts));
    if (wrong) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { code: 404, type: "not_found_error", message: wrong } }));
      return;
    }
    response.writeHead(testCase.response.status, replyHeaders(testCase));
    let last = 0;
    for (const { atMs, bytes } of piecesOf(testCase, side)) {
      if (pace > 0 && atMs > last) await new Promise((done) => setTimeout(done, (atMs - last) * pace));
      last = atMs;
      response.write(bytes);
    }
    response.end();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((done) => (server.closeAllConnections(), server.close(done))) };
}

/** What an asked request differs in from the recorded one; undefined when it is the same (JSON compared by value). */
export function difference(testCase, method, path, body) {
  const recorded = testCase.request;
  if (method !== recorded.method || path !== recorded.path) return `recorded is ${recorded.method} ${recorded.path}, asked ${method} ${path}`;
  // What llama-proxy makes of the request, where a fix of it changes the request, is as good.
  if ([recorded.body, recorded.forwarded].some((known) => known !== undefined && body.equals(bytesOf(known)))) return undefined;
  const [then, now] = [bytesOf(recorded.body), body].map((bytes) => {
    try {
      return JSON.parse(bytes.toString());
    } catch {
      return undefined;
    }
  });
  if (!then || !now) return "the body is not JSON";
  const keys = [...new Set([...Object.keys(then), ...Object.keys(now)])];
  const key = keys.find((name) => JSON.stringify(then[name]) !== JSON.stringify(now[name]));
  return key === undefined ? undefined : `"${key}" is not what was recorded`;
}

const textOf = (value) => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));

/** Text, reasoning, calls and finish reasons of a reply's bytes: chat, completions (both APIs), Responses and Messages, streamed or whole. */
export function readReply(bytes) {
  const said = { text: "", reasoning: "", tools: [], finish: [] };
  const calls = new Map();
  const call = (key, name, text) => {
    if (!calls.has(key)) calls.set(key, said.tools[said.tools.push({ name: "", arguments: "" }) - 1]);
    const one = calls.get(key);
    if (name) one.name += name;
    if (text) one.arguments += text;
  };
  const block = (key, part, whole) => {
    if (part.type === "text") said.text += part.text ?? "";
    if (part.type === "thinking") said.reasoning += part.thinking ?? "";
    if (part.type === "tool_use") call(key, part.name, whole ? textOf(part.input) : "");
  };
  const item = (one) => {
    if (one.type === "function_call") call(one.id ?? one.call_id, one.name, one.arguments);
    else for (const part of one.content ?? []) said[one.type === "reasoning" ? "reasoning" : "text"] += part.text ?? "";
  };
  const read = (message) => {
    for (const choice of message.choices ?? []) {
      const delta = choice.delta ?? choice.message ?? choice;
      said.text += delta.content ?? delta.text ?? "";
      said.reasoning += delta.reasoning_content ?? "";
      (delta.tool_calls ?? []).forEach((one, i) => call(`${choice.index}/${one.index ?? i}`, one.function?.name, textOf(one.function?.arguments)));
      if (choice.finish_reason) said.finish.push(choice.finish_reason);
    }
    if (typeof message.content === "string" && !message.choices) said.text += message.content;
    if (message.type === "message") (message.content ?? []).forEach((part, i) => block(i, part, true));
    if (message.type === "content_block_start") block(message.index, message.content_block, false);
    if (message.type === "content_block_delta") {
      said.text += message.delta.text ?? "";
      said.reasoning += message.delta.thinking ?? "";
      if (message.delta.partial_json) call(message.index, "", message.delta.partial_json);
    }
    const stop = message.stop_reason ?? message.delta?.stop_reason;
    if (stop) said.finish.push(stop);
    if (message.object === "response") message.output.forEach(item);
    if (message.type === "response.output_item.added" && message.item.type === "function_call") call(message.item.id ?? message.item.call_id, message.item.name, "");
    if (message.type === "response.function_call_arguments.delta") call(message.item_id, "", message.delta);
    if (message.type === "response.output_text.delta") said.text += message.delta;
    if (message.type === "response.reasoning_text.delta") said.reasoning += message.delta;
  };
  const text = bytes.toString("utf8");
  if (/^\s*\{/.test(text)) read(JSON.parse(text));
  else
    for (const frame of text.split(/\r?\n\r?\n/)) {
      const data = frame.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
      if (data !== "" && data !== "[DONE]") read(JSON.parse(data));
    }
  return said;
}

/** The recorded request, with fetch. Put your own client in its place: that is what the test is for. */
export async function ask(testCase, origin) {
  const { method, path, headers, body } = testCase.request;
  const kept = headers.filter(([name]) => !["connection", "accept-encoding", "expect"].includes(name.toLowerCase()));
  const response = await fetch(origin + path, { method, headers: kept, ...(method === "GET" ? {} : { body: bytesOf(body) }) });
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}
