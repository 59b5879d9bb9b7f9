/**
 * Puts platform packages into package-lock.json that the registry at hand did not have when it was
 * written (a mirror may hold only its own platform's). `npm ci` takes a lock without them for stale.
 *
 *   npm install … && node scripts/complete-lock.ts
 *
 * They are optional and bound to an operating system and processor, both read from their names; on
 * the platform they are for, npm fetches them as usual.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface LockPackage {
  version?: string;
  optional?: boolean;
  dev?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const LOCK = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(LOCK, "utf8")) as { packages: Record<string, LockPackage> };

const SYSTEMS: Readonly<Record<string, string>> = {
  android: "android",
  darwin: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  linuxmusl: "linux",
  netbsd: "netbsd",
  openbsd: "openbsd",
  openharmony: "openharmony",
  sunos: "sunos",
  aix: "aix",
  win32: "win32",
  windows: "win32",
};
const PROCESSORS: readonly string[] = ["arm64", "arm", "x64", "ia32", "ppc64", "riscv64", "s390x", "loong64", "mips64el", "wasm32"];

/** Undefined: the name does not say for which platform it is, so it is no platform package. */
function platformOf(name: string): Pick<LockPackage, "os" | "cpu" | "libc"> | undefined {
  const words = name.split(/[/-]/);
  const system = words.map((word) => SYSTEMS[word]).find((word) => word !== undefined);
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  if (system === undefined && cpu !== "wasm32") return undefined;
  const musl = words.some((word) => word.startsWith("musl") || word === "linuxmusl");
  return {
    ...(system === undefined ? {} : { os: [system] }),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(system === "linux" && words.some((word) => word.startsWith("gnu")) ? { libc: ["glibc"] } : musl ? { libc: ["musl"] } : {}),
  };
}

const added: string[] = [];
for (const owner of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    const platform = platformOf(name);
    if (lock.packages[path] || !platform || !/^\d/.test(version)) continue;
    lock.packages[path] = { version, ...platform, ...(owner.dev === true ? { dev: true } : {}), optional: true };
    added.push(name);
  }
}
const root = lock.packages[""] ?? {};
const sorted = Object.keys(lock.packages)
  .filter((path) => path !== "")
  .sort((a, b) => (a < b ? -1 : 1));
lock.packages = { "": root, ...Object.fromEntries(sorted.map((path) => [path, lock.packages[path] ?? {}])) };
writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "the lock is complete" : `added ${added.length}: ${added.join(" ")}`);
