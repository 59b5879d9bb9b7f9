import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const ROOT = new URL("../", import.meta.url);
const SRC = new URL("src/", ROOT);

/** Who may know whom: the table of docs/architecture.md, which this test reads. */
function readTable(): Map<string, { rooms: Set<string>; packages: Set<string> }> {
  const text = readFileSync(new URL("docs/architecture.md", ROOT), "utf8");
  const rows = text.matchAll(/^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$/gm);
  const names = (cell: string): Set<string> => new Set([...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""));
  return new Map([...rows].map(([, room = "", rooms = "", packages = ""]) => [room, { rooms: names(rooms), packages: names(packages) }]));
}

function filesOf(room: string): string[] {
  return readdirSync(new URL(`${room}/`, SRC), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${room}/${name.replaceAll("\\", "/")}`);
}

/** `a/b.ts` → [room or package, whether only types are imported]. */
function importsOf(file: string): { target: string; specifier: string }[] {
  const text = readFileSync(new URL(file, SRC), "utf8");
  const specifiers = [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|(?:^|\n)import\s+["']([^"']+)["']/g,
    ),
  ];
  return specifiers.map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    if (!specifier.startsWith(".")) return { target: specifier, specifier };
    const path = new URL(specifier, new URL(file, SRC)).pathname.slice(SRC.pathname.length);
    return { target: path.split("/")[0] ?? "", specifier };
  });
}

const table = readTable();
const rooms = readdirSync(SRC, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

test("the table of docs/architecture.md names every room, and only those", () => {
  expect([...table.keys()].sort()).toEqual([...rooms].sort());
});

describe("imports follow the table", () => {
  test.each(rooms)("%s", (room) => {
    const allowed = table.get(room);
    const wrong = filesOf(room).flatMap((file) =>
      importsOf(file).flatMap(({ target, specifier }) => {
        if (specifier.startsWith(".")) return target === room || allowed?.rooms.has(target) ? [] : [`${file} imports room ${target}`];
        const known = [...(allowed?.packages ?? [])].some(
          (name) =>
            specifier === name || specifier.startsWith(`${name}/`) || (name.endsWith("*") && specifier.startsWith(name.slice(0, -1))),
        );
        return known ? [] : [`${file} imports ${specifier}`];
      }),
    );
    expect(wrong).toEqual([]);
  });
});

test("rooms are acyclic", () => {
  const edges = new Map([...table].map(([room, { rooms: known }]) => [room, [...known]]));
  const open = new Set<string>();
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (room: string, path: readonly string[]): void => {
    if (done.has(room)) return;
    if (open.has(room)) return void cycles.push([...path, room].join(" → "));
    open.add(room);
    for (const next of edges.get(room) ?? []) visit(next, [...path, room]);
    open.delete(room);
    done.add(room);
  };
  for (const room of edges.keys()) visit(room, []);
  expect(cycles).toEqual([]);
});

test("process.env, process.exit and console are used by the command line and the config loader only", () => {
  const wrong = rooms
    .filter((room) => room !== "cli")
    .flatMap(filesOf)
    .filter((file) => file !== "config/load.ts")
    .filter((file) =>
      /\bprocess\.(env|exit)\b|\bconsole\./.test(
        readFileSync(new URL(file, SRC), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|`[^`]*`/g, ""),
      ),
    );
  expect(wrong).toEqual([]);
});
