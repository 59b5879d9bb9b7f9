#!/usr/bin/env node
// Starts llama-proxy on a Node that is new enough: this one, or the one in the npm package "node".
// Kept to what Node 20 understands.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST = 24;
/**
 * The sidecar shares its cores with a model: V8's four helpers, woken together for each collection, pushed its own thread
 * off the processor. With one of them a first byte's p99 was two to three times shorter (docs/performance.md).
 */
const FEW_HELPERS = "--v8-pool-size=1";
const self = fileURLToPath(import.meta.url);
const main = new URL("../dist/cli/main.js", import.meta.url);

if (Number.parseInt(process.versions.node, 10) >= OLDEST) {
  if (isSidecar() && canReplaceItself() && !process.execArgv.includes(FEW_HELPERS)) {
    process.execve(process.execPath, [process.execPath, FEW_HELPERS, ...process.execArgv, self, ...process.argv.slice(2)], process.env);
  }
  if (!existsSync(main)) give(`the compiled program is missing (${fileURLToPath(main)}); run: npm ci`);
  module.enableCompileCache?.();
  await import(main.href);
} else {
  const node = packagedNode();
  if (!node) {
    give(
      `Node ${OLDEST} or newer is needed, this is ${process.version}; install a newer Node, or next to llama-proxy: npm install node@26` +
        " (npm ci without --omit=dev does that in a checkout)",
    );
  }
  runOn(node, [...(isSidecar() ? [FEW_HELPERS] : []), self, ...process.argv.slice(2)]);
}

function isSidecar() {
  return process.argv[2] === "run";
}

/** Same process id, no second process. A channel to whoever forked this one would be lost. */
function canReplaceItself() {
  return typeof process.execve === "function" && process.platform !== "win32" && !process.channel;
}

/** The binary of the npm package "node", when it is installed and new enough. */
function packagedNode() {
  try {
    const manifest = module.createRequire(import.meta.url).resolve("node/package.json");
    const { version } = module.createRequire(import.meta.url)("node/package.json");
    const binary = path.join(path.dirname(manifest), "bin", process.platform === "win32" ? "node.exe" : "node");
    return Number.parseInt(version, 10) >= OLDEST && existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

function runOn(node, args) {
  // Node 22.15 and later can become the other program.
  if (canReplaceItself()) process.execve(node, [node, ...args], process.env);
  // The channel tells the program when this process was killed without a word: it ends then, too.
  const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  // A terminal sends its signals to the child as well; sent twice, the second would end a drain at once.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal === "SIGTERM" || !onTerminal) child.kill(signal);
    });
  }
  child.on("error", (cause) => give(`${node} cannot be started: ${cause.message}; run npm ci again`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

function give(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}
