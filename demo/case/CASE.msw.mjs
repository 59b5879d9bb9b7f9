// The test case CASE as an msw 3 handler, made by llama-proxy make-test.
import { readFileSync } from "node:fs";
import { HttpRequestInterceptor } from "@mswjs/interceptors/http";
import { defineNetwork, InterceptorSource } from "msw/experimental";
import { http } from "msw/http";
import { difference, piecesOf, replyHeaders } from "./llama-case.mjs";

export const testCase = JSON.parse(readFileSync(new URL("./CASE.case.json", import.meta.url), "utf8"));

/** Answers the recorded request at any origin; anything else on its path gets 404 with what was different. */
export function handlerFor(one, { side = "sent", pace = 0 } = {}) {
  const path = one.request.path.split("?", 1)[0];
  return http[one.request.method.toLowerCase()](`*${path}`, async ({ request }) => {
    const url = new URL(request.url);
    const wrong = difference(one, request.method, url.pathname + url.search, Buffer.from(await request.arrayBuffer()));
    if (wrong) return Response.json({ error: { code: 404, type: "not_found_error", message: wrong } }, { status: 404 });
    const body = new ReadableStream({
      async start(controller) {
        let last = 0;
        for (const { atMs, bytes } of piecesOf(one, side)) {
          if (pace > 0 && atMs > last) await new Promise((done) => setTimeout(done, (atMs - last) * pace));
          last = atMs;
          controller.enqueue(new Uint8Array(bytes));
        }
        controller.close();
      },
    });
    return new Response(body, { status: one.response.status, headers: replyHeaders(one) });
  });
}

// msw's setupServer does not see requests of the undici package; the interceptor of node:http's own level does.
export const network = defineNetwork({
  sources: [new InterceptorSource({ interceptors: [new HttpRequestInterceptor()] })],
  handlers: [handlerFor(testCase)],
  context: { quiet: true },
});
