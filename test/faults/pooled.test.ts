/** A connection to the backend that served a request before. */
import { expect, test } from "vitest";
import { jsonReply, startFakeLlama } from "../support/fake-llama.ts";
import { send } from "../support/raw-client.ts";
import { startTestSidecar } from "../support/sidecar.ts";

test.each([
  ["half a head", "HTTP/1.1 200 OK\r\nContent-Ty"],
  ["garbage", "garbage\r\n\r\n"],
  ["100 Continue nobody asked for", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
])("begins to answer with %s and is lost: the request is not sent a second time", async (_what, bytes) => {
  await using llama = await startFakeLlama(
    (request, socket) => void (request.path === "/first" ? socket.write(jsonReply("{}")) : socket.end(bytes)),
  );
  await using proxy = await startTestSidecar({ backend: llama.url });
  expect((await send(proxy.url, { path: "/first" })).status).toBe(200);
  expect((await send(proxy.url, { path: "/second" })).status).toBe(502);
  const [, second] = await proxy.ended(2);
  expect(second?.ends[0]).toMatchObject({ outcome: "upstream-broke", attempts: 1 });
  expect(llama.requests.map(({ path }) => path)).toEqual(["/first", "/second"]);
  expect(llama.connections).toBe(1);
});
