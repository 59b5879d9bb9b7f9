import type { Database } from "better-sqlite3";
import { asArray, asString, isObject, parseOrUndefined } from "../wire/json.ts";
import { createLoader, type Loader } from "./load.ts";
import { isUtf8 } from "./redact.ts";
import { readToolCalls } from "./tool-calls.ts";

/**
 * The table functions behind the views `frames`, `messages` and `tool_calls`. They read through a
 * connection of their own: the one that runs the statement is busy with it.
 */
export function registerFunctions(db: Database, another: () => Database): { close(): void } {
  const inner = another();
  const loader = createLoader(inner);
  const parameters = ["exchange"];

  db.table("frames_of", {
    columns: ["seq", "at_ms", "upstream", "sent", "changed"],
    parameters,
    *rows(exchange: unknown) {
      for (const { seq, atMs, upstream, sent } of loader.pieces(Number(exchange))) {
        yield [seq, atMs, textOrBlob(upstream), textOrBlob(sent), sent === upstream ? 0 : 1];
      }
    },
  });
  db.table("messages_of", {
    columns: ["n", "role", "content", "json"],
    parameters,
    *rows(exchange: unknown) {
      for (const [n, message] of messagesOf(loader, Number(exchange)).entries()) {
        yield [n, message.role ?? null, message.content ?? null, message.json];
      }
    },
  });
  db.table("tool_calls_of", {
    columns: ["n", "choice", "call_id", "name", "arguments", "valid"],
    parameters,
    *rows(exchange: unknown) {
      const seq = Number(exchange);
      const framed = loader.head(seq)?.framed ?? false;
      const calls = readToolCalls(
        loader.pieces(seq).map((piece) => piece.sent),
        framed,
      );
      for (const [n, call] of calls.entries()) {
        yield [n, call.choice, call.id, call.name, call.arguments, parseOrUndefined(call.arguments) === undefined ? 0 : 1];
      }
    },
  });
  return { close: () => void inner.close() };
}

function textOrBlob(bytes: Uint8Array): string | Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return isUtf8(bytes) ? buffer.toString("utf8") : buffer;
}

interface MessageRow {
  readonly role: string | undefined;
  readonly content: string | undefined;
  readonly json: string;
}

/** The messages of a request in any of the shapes that llama-server takes. */
function messagesOf(loader: Loader, exchange: number): MessageRow[] {
  const bytes = loader.body(exchange, "request");
  const body = bytes && parseOrUndefined(Buffer.from(bytes).toString("utf8"));
  if (!isObject(body)) return [];
  const system = body["system"] ?? body["instructions"];
  const turns = body["messages"] ?? body["input"] ?? body["prompt"];
  return [
    ...(system === undefined || system === null ? [] : [toMessage(system, "system")]),
    ...(typeof turns === "string" ? [toMessage(turns, "user")] : asArray(turns).map((turn) => toMessage(turn, undefined))),
  ];
}

function toMessage(value: unknown, role: string | undefined): MessageRow {
  const content = isObject(value) ? (value["content"] ?? value["output"] ?? value["arguments"]) : value;
  return { role: (isObject(value) ? asString(value["role"]) : undefined) ?? role, content: textOf(content), json: JSON.stringify(value) };
}

function textOf(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  const texts = asArray(content).flatMap((part) => {
    if (typeof part === "string") return [part];
    return isObject(part) && typeof part["text"] === "string" ? [part["text"]] : [];
  });
  return texts.length === 0 ? undefined : texts.join("\n");
}
