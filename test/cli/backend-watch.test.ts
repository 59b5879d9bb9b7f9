import { expect, test } from "vitest";
import { watchBackend } from "../../src/cli/backend-watch.ts";
import { jsonReply, startFakeLlama } from "../support/fake-llama.ts";

test("tells health and slots, and that the backend went away", async () => {
  const llama = await startFakeLlama((request, socket) => {
    socket.end(jsonReply(request.path === "/slots" ? '[{"is_processing":true},{"is_processing":false},{}]' : '{"status":"ok"}'));
  });
  using watch = watchBackend({ url: llama.url.origin, apiKey: undefined }, 30);
  await expect.poll(() => watch.slots()).toEqual({ idle: 2, processing: 1, limit: 3 });
  expect(watch.server()).toBe("ok");
  await llama[Symbol.asyncDispose]();
  await expect.poll(() => watch.server()).toBe("unreachable");
  expect(watch.slots()).toBeUndefined();
});
