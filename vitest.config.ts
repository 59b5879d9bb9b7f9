import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/seed.ts", "test/support/telemetry-watch.ts"],
    testTimeout: 20_000,
    // Sockets, kills and child processes on a machine that may be busy with other work: CI gives a test a second try, people see the first.
    retry: process.env["CI"] ? 1 : 0,
    // CI reads the counts from the report.
    reporters: process.env["CI"] ? ["default", "json"] : ["default"],
    outputFile: { json: ".cache/test-report.json" },
  },
});
