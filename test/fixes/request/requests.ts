/** Requests through the request fixes, and what is forwarded for them. */
import { dialectFor } from "../../../src/dialects/index.ts";
import { planFixes, type FixConfig } from "../../../src/fixes/index.ts";
import { fixRequest } from "../../../src/fixes/request.ts";
import { REQUEST_FIXES } from "../../../src/fixes/request/index.ts";

const PATHS = { chat: "/v1/chat/completions", messages: "/v1/messages", responses: "/v1/responses", completions: "/v1/completions" };

export function forwarded(body: object | string, api: keyof typeof PATHS = "chat", modules: FixConfig["modules"] = {}) {
  const dialect = dialectFor("POST", PATHS[api]);
  if (!dialect) throw new Error("no dialect");
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const bytes = Buffer.from(text);
  const { forward, notes } = fixRequest(planFixes({ enabled: true, modules }, REQUEST_FIXES), dialect, bytes, JSON.parse(text));
  const sent = Buffer.from(forward).toString();
  return { text: sent, body: JSON.parse(sent), notes, untouched: forward === bytes };
}
