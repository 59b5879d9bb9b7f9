/**
 * What comes with an installation: `npm run audit:all`.
 *
 * Known vulnerabilities of what is installed with the package (npm audit), the licences of that tree, and
 * install scripts: only packages that package.json names under `allowScripts` may have any.
 *
 * Exit code 0: all is well. 1: something was found. 2: nothing was found, but the registry does not answer
 * audits, as mirrors often do not; run it again with one that does.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

const EXIT = { ok: 0, found: 1, unanswered: 2 } as const;
const ROOT = new URL("../", import.meta.url);

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly license?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

/** Licences that ask for no more than to be named. */
const ALLOWED = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "BlueOak-1.0.0", "Unlicense", "CC0-1.0"]);

const readJson = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(path, ROOT), "utf8")) as Record<string, unknown>;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);

const { packages } = readJson("package-lock.json") as { packages: Record<string, Locked> };
const { allowScripts = {} } = readJson("package.json") as { allowScripts?: Record<string, boolean> };
const installed = Object.entries(packages).filter(([path, { link }]) => path !== "" && !link);
const production = installed.filter(([, { dev }]) => !dev);
const faults: string[] = [];

function isAllowed(licence: string): boolean {
  const plain = licence.replaceAll(/[()]/g, "");
  return plain.includes(" AND ") ? plain.split(" AND ").every(isAllowed) : plain.split(" OR ").some((one) => ALLOWED.has(one.trim()));
}

for (const [path, locked] of production) {
  const manifest = `${path}/package.json`;
  const said = locked.license ?? (existsSync(new URL(manifest, ROOT)) ? readJson(manifest)["license"] : undefined);
  if (typeof said !== "string" || !isAllowed(said))
    faults.push(`${nameOf(path)}: licence ${JSON.stringify(said) ?? "unknown"} is not on the list`);
}
/** Tools of other platforms that the registry at hand did not have (scripts/complete-lock.ts). */
let unchecked = 0;
for (const [path, { integrity, dev, optional, hasInstallScript }] of installed) {
  if (integrity === undefined && dev && optional) unchecked += 1;
  else if (integrity === undefined) faults.push(`${nameOf(path)}: the lock file has no checksum for it`);
  if (hasInstallScript && !(nameOf(path) in allowScripts))
    faults.push(`${nameOf(path)}: has an install script that package.json's allowScripts does not name`);
}
for (const name of Object.keys(allowScripts)) {
  if (!installed.some(([path]) => nameOf(path) === name)) faults.push(`${name}: named in allowScripts, but not installed`);
}

/** What npm audit said; undefined where the registry has no such service. Its exit code says either. */
function askForAudit(): Record<string, number> | undefined {
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], { cwd: ROOT, encoding: "utf8" });
  try {
    return (JSON.parse(stdout) as { metadata?: { vulnerabilities?: Record<string, number> } }).metadata?.vulnerabilities;
  } catch {
    return undefined;
  }
}

const found = askForAudit();
const vulnerabilities = found?.["total"] ?? 0;

for (const fault of faults) say(fault);
say(
  `${production.length} packages in the production tree, ${installed.length} in all (${unchecked} tools of other platforms without a checksum)`,
);
say(`licences, checksums and install scripts: ${faults.length} faults`);
say(
  `known vulnerabilities: ${found ? `${vulnerabilities} ${JSON.stringify(found)}` : "not looked at, the registry does not answer audits"}`,
);
process.exit(faults.length + vulnerabilities > 0 ? EXIT.found : found ? EXIT.ok : EXIT.unanswered);
