import type { IncomingMessage } from "node:http";
import type { Refusal } from "./refusals.ts";

/**
 * Why a request that node's parser lets through is no HTTP/1.1 request after all (RFC 9112), undefined
 * when it is one. Two readers could take such a request for two different things.
 */
export function faultOf(request: IncomingMessage): Refusal | undefined {
  const { httpVersion, rawHeaders } = request;
  // The parser also takes a line without a version (HTTP/0.9), and HTTP/2.0.
  if (httpVersion !== "1.1" && httpVersion !== "1.0") {
    return { status: 505, type: "invalid_request_error", message: "llama-proxy: HTTP/1.1 is spoken here" };
  }
  if (httpVersion === "1.0" && request.headers["transfer-encoding"] !== undefined) {
    return badRequest("Transfer-Encoding does not exist in HTTP/1.0");
  }
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === "host") hosts += 1;
  return hosts > 1 ? badRequest("more than one Host field") : undefined;
}

function badRequest(why: string): Refusal {
  return { status: 400, type: "invalid_request_error", message: `llama-proxy: ${why}` };
}
