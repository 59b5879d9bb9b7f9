import { expect, test } from "vitest";
import { defaultPath } from "../../src/recorder/default-path.ts";

test.each([
  [{}, "linux", "/home/a", "/home/a/.local/share/llama-proxy/llama-proxy.db"],
  [{ XDG_DATA_HOME: "/data" }, "linux", "/home/a", "/data/llama-proxy/llama-proxy.db"],
  [{ XDG_DATA_HOME: "relative" }, "linux", "/home/a", "/home/a/.local/share/llama-proxy/llama-proxy.db"],
  [{}, "darwin", "/Users/a", "/Users/a/Library/Application Support/llama-proxy/llama-proxy.db"],
  [{ XDG_DATA_HOME: "/x" }, "darwin", "/Users/a", "/x/llama-proxy/llama-proxy.db"],
  [{}, "win32", "C:\\Users\\a", "C:\\Users\\a\\AppData\\Local\\llama-proxy\\llama-proxy.db"],
  [{ LOCALAPPDATA: "D:\\L" }, "win32", "C:\\Users\\a", "D:\\L\\llama-proxy\\llama-proxy.db"],
])("%j on %s", (env, platform, home, path) => {
  expect(defaultPath(env, platform, home)).toBe(path);
});
