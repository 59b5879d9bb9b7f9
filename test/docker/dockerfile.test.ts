import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { CONFIG_SCHEMA } from "../../src/config/schema.ts";
import { read, ROOT, withoutComments } from "./files.ts";

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** Lines that end in a backslash go on. */
const instructions: readonly Instruction[] = withoutComments(read("docker/Dockerfile"))
  .replaceAll(/\\\n/g, " ")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return { name, rest: rest.trim() };
  });

function all(name: string): string[] {
  return instructions.filter((one) => one.name === name).map(({ rest }) => rest);
}

/** What runs: everything behind the last FROM. */
const final = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));

function last(name: string): string {
  return final.findLast((one) => one.name === name)?.rest ?? "";
}

describe("docker/Dockerfile", () => {
  test("bases are pinned, the same for building and running, and of the Node this is developed on", () => {
    const { devDependencies } = JSON.parse(read("package.json")) as { devDependencies: Record<string, string> };
    const images = all("FROM").map((rest) => rest.split(" ")[0]);
    expect(images).toHaveLength(2);
    expect(new Set(images).size).toBe(1);
    expect(images[0]).toBe(`node:${devDependencies["node"]}-bookworm-slim`);
  });

  test("known bad habits are absent", () => {
    expect(instructions.every(({ name }) => name !== "")).toBe(true);
    expect(all("ADD")).toEqual([]);
    for (const name of ["ENTRYPOINT", "CMD"]) for (const rest of all(name)) expect(() => JSON.parse(rest) as unknown).not.toThrow();
    for (const rest of all("RUN")) expect(rest).not.toMatch(/\bsudo\b|\bcurl\b|\bwget\b|npm install|\bcd\b|apt-get/);
    for (const rest of all("WORKDIR")) expect(rest).toMatch(/^\//);
    expect(final.filter(({ name }) => ["CMD", "ENTRYPOINT", "HEALTHCHECK", "USER"].includes(name)).map(({ name }) => name)).toEqual([
      "USER",
      "HEALTHCHECK",
      "ENTRYPOINT",
      "CMD",
    ]);
  });

  test("runs as a user of its own, who may write the recording and nothing else", () => {
    expect(last("USER")).toBe("node");
    expect(final.filter(({ name }) => name === "COPY").some(({ rest }) => rest.includes("--chown"))).toBe(false);
    const path = loadConfig({ env: { ...variables(), XDG_CONFIG_HOME: "/nowhere" } }).config.recorder.path ?? "";
    expect(path.startsWith(`${last("VOLUME")}/`)).toBe(true);
    expect(last("RUN")).toContain(`chown node:node ${last("VOLUME")}`);
  });

  test("its variables are keys, and open the port that it exposes", () => {
    const { config, warnings } = loadConfig({ env: { ...variables(), XDG_CONFIG_HOME: "/nowhere" } });
    expect(warnings).toEqual([]);
    expect(config.server.host).toBe("0.0.0.0");
    expect(String(config.server.port)).toBe(last("EXPOSE"));
  });

  test("what is copied exists, and is let through by the ignore file", () => {
    const ignore = withoutComments(read("docker/Dockerfile.dockerignore"))
      .split("\n")
      .filter((line) => line !== "");
    expect(ignore[0]).toBe("*");
    const let_through = new Set(ignore.slice(1).map((line) => line.replace(/^!/, "")));
    const sources = all("COPY")
      .filter((rest) => !rest.startsWith("--from"))
      .flatMap((rest) => rest.split(/\s+/).slice(0, -1));
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) {
      expect(existsSync(new URL(source, ROOT)), `at ${source}`).toBe(true);
      expect(let_through, `at ${source}`).toContain(source);
    }
    expect(new Set(sources)).toEqual(let_through);
  });

  test("what it starts is there: the launcher, the build's command and output", () => {
    const [node, program] = JSON.parse(last("ENTRYPOINT")) as [string, string];
    expect(node).toBe("node");
    const { bin, scripts } = JSON.parse(read("package.json")) as { bin: Record<string, string>; scripts: Record<string, string> };
    expect(program).toBe(`/app/${bin["llama-proxy"]}`);
    expect(JSON.parse(last("CMD"))).toEqual(["run"]);
    expect(all("RUN")).toContain(scripts["prepare"]);
    expect(last("RUN")).toContain(`ln -s ${program} /usr/local/bin/llama-proxy`);
    expect((readFileSync(new URL("bin/llama-proxy.mjs", ROOT), "utf8").split("\n")[0] ?? "").trim()).toBe("#!/usr/bin/env node");
  });

  test("stops by a signal that the program handles", () => {
    expect(last("STOPSIGNAL")).toBe("SIGTERM");
    expect(read("src/cli/run.ts")).toContain('"SIGTERM"');
  });
});

describe("the health check", () => {
  const [command, ...args] = JSON.parse(/CMD (\[.*\])$/.exec(last("HEALTHCHECK"))?.[1] ?? "[]") as string[];

  async function check(status: number): Promise<{ code: number | null; asked: string[] }> {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(status).end();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    const child = spawn(process.execPath, args, { env: { LLAMA_PROXY_SERVER_PORT: String(port) }, stdio: "ignore" });
    const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
    server.close();
    return { code, asked };
  }

  test("asks a route of the sidecar, on the port it was given, and says what came", async () => {
    expect(command).toBe("node");
    expect(await check(200)).toEqual({ code: 0, asked: ["/_llama-proxy/live"] });
    expect((await check(503)).code).toBe(1);
    expect(read("src/sidecar/own-routes.ts")).toContain('case "live"');
  });

  test("fails where nothing listens, and knows the default port", async () => {
    const child = spawn(process.execPath, args, { env: { LLAMA_PROXY_SERVER_PORT: "9" }, stdio: "ignore" });
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(1);
    expect(args.join(" ")).toContain(`|| ${CONFIG_SCHEMA.parse({}).server.port}`);
  });
});

function variables(): Record<string, string> {
  const pairs = final.filter(({ name }) => name === "ENV").flatMap(({ rest }) => rest.split(/\s+/).map((pair) => pair.split("=")));
  return Object.fromEntries(pairs.filter(([name]) => name?.startsWith("LLAMA_PROXY_")).map(([name = "", value = ""]) => [name, value]));
}
