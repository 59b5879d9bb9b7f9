/**
 * The probes of test/hygiene against the sidecar, nginx and HAProxy, as the table in docs/reliability.md.
 *
 *   node scripts/hygiene.ts [--nginx BINARY] [--haproxy BINARY] [--write]
 *
 * Either one that is not given is left out. `--write` puts the table into the document.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fire, PROBES, type Probe } from "../test/hygiene/probes.ts";
import { startStrictBackend, type StrictBackend } from "../test/hygiene/strict-backend.ts";
import { sleep } from "../test/support/fake-llama.ts";
import { startTestSidecar } from "../test/support/sidecar.ts";

const { values } = parseArgs({
  options: { nginx: { type: "string" }, haproxy: { type: "string" }, write: { type: "boolean", default: false } },
});
const folder = mkdtempSync(join(tmpdir(), "llama-proxy-hygiene-"));
const children: ChildProcess[] = [];

interface Contestant {
  readonly name: string;
  readonly port: number;
}

function nginxConfig(port: number, backend: number): string {
  return `daemon off; pid ${folder}/nginx.pid; error_log /dev/null;
events {}
http { access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${backend}; proxy_http_version 1.1; } } }`;
}

function haproxyConfig(port: number, backend: number): string {
  return `defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  server s 127.0.0.1:${backend}
`;
}

async function start(name: string, binary: string, args: readonly string[], port: number): Promise<Contestant> {
  const child = spawn(binary, args, { stdio: ["ignore", "ignore", "inherit"] });
  children.push(child);
  for (let i = 0; i < 100; i++) {
    const up = await new Promise<boolean>((done) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        done(true);
      }).on("error", () => done(false));
    });
    if (up) return { name, port };
    await sleep(50);
  }
  throw new Error(`${name} did not start`);
}

/** `200` passed on as one request, `200 ×2` as two, `400` refused, `closed`; what was not well-formed is marked. */
async function outcome(probe: Probe, { port }: Contestant, backend: StrictBackend): Promise<string> {
  backend.reset();
  const { statuses } = await fire(port, probe.bytes);
  const status = statuses[0] === undefined ? "closed" : String(statuses[0]);
  const smuggled = backend.requests.some(({ target }) => target === "/smuggled");
  const marks = [
    backend.requests.length > 1 ? ` ×${backend.requests.length}` : "",
    backend.requests.length > 0 && status !== "200" ? " but passed on" : "",
    backend.malformed.length > 0 ? ` **malformed upstream** (${backend.malformed[0]?.split(":")[0]})` : "",
    smuggled ? " **smuggled**" : "",
  ];
  return status + marks.join("");
}

await using backend = await startStrictBackend();
await using proxy = await startTestSidecar({ backend: new URL(`http://127.0.0.1:${backend.port}`) });
try {
  const contestants: Contestant[] = [{ name: "llama-proxy", port: Number(proxy.url.port) }];
  if (values.nginx !== undefined) {
    const file = join(folder, "nginx.conf");
    writeFileSync(file, nginxConfig(18_071, backend.port));
    contestants.push(await start("nginx", values.nginx, ["-c", file, "-p", folder, "-e", "/dev/null"], 18_071));
  }
  if (values.haproxy !== undefined) {
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, haproxyConfig(18_072, backend.port));
    contestants.push(await start("HAProxy", values.haproxy, ["-f", file, "-db"], 18_072));
  }
  const lines = [`| probe | ${contestants.map(({ name }) => name).join(" | ")} |`, `|---|${contestants.map(() => "---|").join("")}`];
  for (const probe of PROBES) {
    const cells: string[] = [];
    for (const one of contestants) cells.push(await outcome(probe, one, backend));
    lines.push(`| ${probe.name} | ${cells.join(" | ")} |`);
  }
  const table = lines.join("\n");
  if (values.write) {
    const file = new URL("../docs/reliability.md", import.meta.url);
    const text = readFileSync(file, "utf8");
    writeFileSync(
      file,
      text.replace(/(<!-- hygiene -->\n)[\s\S]*?(<!-- \/hygiene -->)/, (_all, from: string, to: string) => `${from}\n${table}\n\n${to}`),
    );
  } else process.stdout.write(`${table}\n`);
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
