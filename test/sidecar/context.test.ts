import { expect, test } from "vitest";
import { createContextWatch } from "../../src/sidecar/context.ts";
import { jsonReply, sleep, startFakeLlama } from "../support/fake-llama.ts";
import { headerIn } from "../support/raw-client.ts";

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await sleep(10);
}

test("the slot's context is read from /props once, with the client's credentials", async () => {
  await using llama = await startFakeLlama(
    (_request, socket) => void socket.end(jsonReply('{"default_generation_settings":{"n_ctx":4096}}')),
    { props: false },
  );
  const watch = createContextWatch(llama.url, () => performance.now());
  expect(watch.total("m")).toBeUndefined();
  watch.want("m", { authorization: "Bearer k" });
  watch.want("m", {});
  await until(() => watch.total("m") !== undefined);
  expect(watch.total("m")).toBe(4096);
  watch.want("other", {});
  await sleep(30);
  expect(llama.requests.map((request) => `${request.method} ${request.path}`)).toEqual(["GET /props"]);
  expect(headerIn(llama.requests[0]?.headers ?? [], "authorization")).toBe("Bearer k");
});

test("after the backend went away it is asked again", async () => {
  let size = 4096;
  await using llama = await startFakeLlama(
    (_request, socket) => void socket.end(jsonReply(`{"default_generation_settings":{"n_ctx":${size}}}`)),
    { props: false },
  );
  const watch = createContextWatch(llama.url, () => performance.now());
  watch.want(undefined, {});
  await until(() => watch.total(undefined) !== undefined);
  size = 8192;
  watch.forget();
  expect(watch.total(undefined)).toBeUndefined();
  watch.want(undefined, {});
  await until(() => watch.total(undefined) !== undefined);
  expect(watch.total(undefined)).toBe(8192);
});

test("a restart that no request ran into is noticed within a minute, and until then nothing is unknown", async () => {
  let size = 4096;
  await using llama = await startFakeLlama(
    (_request, socket) => void socket.end(jsonReply(`{"default_generation_settings":{"n_ctx":${size}}}`)),
    { props: false },
  );
  let now = 0;
  const watch = createContextWatch(llama.url, () => now);
  watch.want(undefined, {});
  await until(() => watch.total(undefined) !== undefined);
  size = 8192;
  now += 59_000;
  watch.want(undefined, {});
  await sleep(30);
  expect(llama.requests).toHaveLength(1);
  now += 2_000;
  watch.want(undefined, {});
  expect(watch.total(undefined)).toBe(4096);
  await until(() => watch.total(undefined) === 8192);
  expect([watch.total(undefined), llama.requests.length]).toEqual([8192, 2]);
});

test("a router is asked per model, and never made to load one", async () => {
  await using llama = await startFakeLlama(
    (request, socket) => {
      const model = new URL(request.path, "http://x").searchParams.get("model");
      const body =
        model === null
          ? '{"role":"router","default_generation_settings":{"n_ctx":0}}'
          : `{"default_generation_settings":{"n_ctx":${model === "big" ? 9000 : 100}}}`;
      socket.end(jsonReply(body));
    },
    { props: false },
  );
  let now = 0;
  const watch = createContextWatch(llama.url, () => now);
  watch.want("big", {});
  await until(() => watch.total("big") !== undefined);
  now += 10_000;
  watch.want("small", {});
  await until(() => watch.total("small") !== undefined);
  expect([watch.total("big"), watch.total("small")]).toEqual([9000, 100]);
  expect(llama.requests.every((request) => request.path === "/props" || request.path.includes("autoload=false"))).toBe(true);
});

test("a backend that does not answer is not asked again at once, and nothing fails", async () => {
  const llama = await startFakeLlama(() => {}, { props: false });
  await llama[Symbol.asyncDispose]();
  const watch = createContextWatch(llama.url, () => performance.now());
  watch.want(undefined, {});
  await sleep(50);
  watch.want(undefined, {});
  expect(watch.total(undefined)).toBeUndefined();
});
