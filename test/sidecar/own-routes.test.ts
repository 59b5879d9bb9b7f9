import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { answerOwn, type OwnRoutes } from "../../src/sidecar/own-routes.ts";

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server = undefined;
});

async function ask(own: Partial<OwnRoutes>, path: string, method = "GET"): Promise<Response> {
  const routes: OwnRoutes = { status: () => ({}), backend: new URL("http://127.0.0.1:9"), ...own };
  const listening = createServer((request, response) => answerOwn(routes, request, response));
  server = listening;
  await new Promise<void>((done) => listening.listen(0, "127.0.0.1", done));
  const { port } = listening.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}/_llama-proxy/${path}`, { method });
}

describe("/_llama-proxy/metrics", () => {
  test("is off unless asked for, and says how to turn it on", async () => {
    const response = await ask({}, "metrics");
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("otel.pull");
  });

  test("answers the text as Prometheus text", async () => {
    const response = await ask({ metrics: async () => "a_total 1\n" }, "metrics");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toBe("a_total 1\n");
  });

  test.each([
    ["there is nothing yet", async () => undefined],
    ["reading fails", () => Promise.reject(new Error("no"))],
  ])("503 when %s", async (_when, metrics: () => Promise<string | undefined>) => {
    const response = await ask({ metrics }, "metrics");
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("/_llama-proxy/status");
  });

  test("answers GET and HEAD only", async () => {
    expect((await ask({ metrics: async () => "" }, "metrics", "POST")).status).toBe(405);
    expect(await (await ask({ metrics: async () => "a 1\n" }, "metrics", "HEAD")).text()).toBe("");
  });
});

test("an unknown route names the known ones", async () => {
  const response = await ask({}, "nothing");
  expect(response.status).toBe(404);
  expect(await response.text()).toContain("live, ready, status and metrics");
});

test("ready says why the backend is not", async () => {
  const response = await ask({}, "ready");
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ status: "unavailable", backend: "http://127.0.0.1:9" });
});
