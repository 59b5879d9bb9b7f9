/** How a reply is handled, decided by its head alone: the same rules for the sidecar and for replay. */
import type { RequestView } from "../core/delta.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { headerOf, headerValues, isJsonType, mediaType, type RawHeaders } from "../wire/headers.ts";
import type { FixPlan } from "./fix.ts";

/**
 *   stream  an event stream on a dialect route: through the pipeline, frame by frame
 *   whole   a JSON body whose fixes may change it: collected, then mended
 *   raw     everything else: bytes as they come
 */
export type Treatment = "stream" | "whole" | "raw";

export interface ReplyHead {
  readonly status: number;
  /** As the backend sent them. */
  readonly headers: RawHeaders;
}

/** `request` is undefined where the request could not be understood. */
export function treatmentOf(head: ReplyHead, dialect: Dialect | undefined, request: RequestView | undefined): Treatment {
  if (dialect === undefined || request === undefined || isEncoded(head.headers) || head.status < 200 || head.status > 299) return "raw";
  const contentType = headerOf(head.headers, "content-type");
  if (mediaType(contentType) === "text/event-stream") return "stream";
  return isJsonType(contentType) && dialect.tools ? "whole" : "raw";
}

/** Compressed, or otherwise not the bytes it stands for. */
export function isEncoded(headers: RawHeaders): boolean {
  return headerValues(headers, "content-encoding").some((value) => value.trim().toLowerCase() !== "identity");
}

/**
 * The plan for one request. A stream under X-Conversation-Id may be resumed by byte offset of the
 * unchanged body (`GET /v1/stream?from=`), so fixes only look at it.
 */
export function planForRequest(plan: FixPlan, request: RequestView, headers: RawHeaders): FixPlan {
  if (!isResumable(request, headers)) return plan;
  return plan.map((entry) => (entry.mode === "fix" && entry.fix.kind !== "request" ? { ...entry, mode: "observe" } : entry));
}

export function isResumable(request: RequestView, headers: RawHeaders): boolean {
  return request.stream && headerOf(headers, "x-conversation-id") !== undefined;
}
