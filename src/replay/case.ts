/** A recording as a test case: what was asked, what came, what the client has to get. */
import type { Recording } from "../core/recording.ts";
import { answerIn } from "./answer.ts";
import { bytesJson, headersJson, responseJson, type TestCase } from "./format.ts";
import { createHash } from "node:crypto";

/** Undefined: no whole reply was recorded, so there is nothing to hold a client to. */
export function caseOf(recording: Recording, name: string): TestCase | undefined {
  const { request, response } = recording;
  if (!response || recording.outcome !== "completed" || recording.truncated || request.body.length === 0) return undefined;
  const answer = answerIn(recording);
  return {
    format: "llama-proxy-case",
    version: 1,
    name,
    recording: recording.id,
    ...(recording.dialect === undefined ? {} : { dialect: recording.dialect }),
    request: {
      method: recording.method,
      path: recording.path,
      headers: headersJson(request.headers),
      body: bytesJson(request.body),
      ...(Buffer.compare(request.forwarded, request.body) === 0 ? {} : { forwarded: bytesJson(request.forwarded) }),
    },
    response: responseJson(response),
    expected: {
      upstream_sha256: sha256(response.pieces.map((piece) => piece.upstream)),
      sent_sha256: sha256(response.pieces.map((piece) => piece.sent)),
      text: answer?.text ?? "",
      reasoning: answer?.reasoning ?? "",
      tools: [...(answer?.tools ?? [])],
      finish: [...(answer?.finish ?? [])],
      fixes: [...recording.metrics.fixes],
    },
  };
}

function sha256(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
