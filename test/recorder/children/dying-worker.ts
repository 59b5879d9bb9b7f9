/** The recorder's worker, but it ends on an exchange whose id begins with DIE. */
import { parentPort } from "node:worker_threads";
import { opsOf, type ToWorker } from "../../../src/recorder/batch.ts";

parentPort?.on("message", (message: ToWorker) => {
  if (message.type !== "batch") return;
  if (opsOf(message).some((op) => op.op === "begin" && !op.resumed && op.start.id.startsWith("DIE"))) process.exit(1);
});
await import("../../../src/recorder/worker.ts");
