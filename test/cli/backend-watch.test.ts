/** A small JSON collaborator, so msw stands in for llama-server here; the relay is tested on real sockets. */
import { HttpRequestInterceptor } from "@mswjs/interceptors/http";
import { http, HttpResponse } from "msw";
import { defineNetwork, InterceptorSource } from "msw/experimental";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { watchBackend } from "../../src/cli/backend-watch.ts";

const BACKEND = { url: "http://llama.test:8080", apiKey: "k" };

const network = defineNetwork({
  sources: [new InterceptorSource({ interceptors: [new HttpRequestInterceptor()] })],
  context: { quiet: true },
  handlers: [
    http.get(`${BACKEND.url}/health`, () => HttpResponse.json({ status: "ok" })),
    http.get(`${BACKEND.url}/slots`, ({ request }) =>
      request.headers.get("authorization") === "Bearer k"
        ? HttpResponse.json([{ is_processing: true }, { is_processing: false }, { is_processing: true }])
        : HttpResponse.json({ error: { message: "Invalid API Key" } }, { status: 401 }),
    ),
  ],
});

beforeAll(() => network.enable());
afterEach(() => network.resetHandlers());
afterAll(() => network.disable());

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((done) => setTimeout(done, 10));
}

test("slots and health are what llama-server says, asked with the backend's key", async () => {
  using watch = watchBackend(BACKEND, 60_000);
  await until(() => watch.slots() !== undefined);
  expect(watch.slots()).toEqual({ idle: 1, processing: 2, limit: 3 });
  expect(watch.server()).toBe("ok");
});

test.each([
  [503, "loading"],
  [500, "error"],
])("health %i is %s", async (status, state) => {
  network.use(http.get(`${BACKEND.url}/health`, () => HttpResponse.json({}, { status })));
  using watch = watchBackend(BACKEND, 60_000);
  await until(() => watch.server() !== undefined);
  expect(watch.server()).toBe(state);
});

test("a server without /slots gives no slots, and is fine", async () => {
  network.use(http.get(`${BACKEND.url}/slots`, () => HttpResponse.json({ error: { message: "off" } }, { status: 501 })));
  using watch = watchBackend(BACKEND, 60_000);
  await until(() => watch.server() !== undefined);
  await new Promise((done) => setTimeout(done, 50));
  expect(watch.server()).toBe("ok");
  expect(watch.slots()).toBeUndefined();
});
