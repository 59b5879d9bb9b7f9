/**
 * dist/ in a few files: three hundred modules loaded one by one cost twice the start-up time.
 * Every output file lies in dist/cli/, two folders below the package like its source, so that paths
 * relative to a module mean the same in both.
 */
import { defineConfig } from "rolldown";
import { thirdPartyNotices } from "./scripts/notices.ts";

export default defineConfig({
  input: { main: "src/cli/main.ts", worker: "src/recorder/worker.ts" },
  platform: "node",
  // A native addon, and what telemetry loads only when the environment asks for what it alone knows (src/otel/providers.ts).
  external: ["better-sqlite3", "@opentelemetry/sdk-node"],
  plugins: [thirdPartyNotices()],
  output: {
    dir: "dist/cli",
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "[name].js",
    sourcemap: true,
    cleanDir: true,
  },
});
