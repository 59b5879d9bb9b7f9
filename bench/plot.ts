/**
 * Draws a results file: cost per frame and memory over streams, cost over the size of frames, time to
 * the first byte over the size of requests.
 *
 *   node bench/plot.ts results.json docs/performance.svg
 */
import { readFileSync, writeFileSync } from "node:fs";
import { rowsOf, type Results, type Row } from "./report.ts";

interface Panel {
  readonly title: string;
  readonly unit: string;
  /** Scenario name and where it stands on the horizontal axis. */
  readonly along: readonly (readonly [scenario: string, label: string])[];
  readonly value: (row: Row) => number;
}

const PANELS: readonly Panel[] = [
  {
    title: "CPU per frame, 240 B frames, by streams",
    unit: "us",
    along: [
      ["streams-1", "1"],
      ["streams-8", "8"],
      ["streams-100", "100"],
      ["streams-1000", "1,000"],
    ],
    value: ({ cpuUs }) => cpuUs,
  },
  {
    title: "CPU per frame, 100 streams, by frame size",
    unit: "us",
    along: [
      ["frames-80", "80 B"],
      ["frames-1k", "1 KB"],
      ["frames-4k", "4 KB"],
      ["frames-16k", "16 KB"],
    ],
    value: ({ cpuUs }) => cpuUs,
  },
  {
    title: "Memory (RSS of the process tree), by streams",
    unit: "MB",
    along: [
      ["streams-1", "1"],
      ["streams-8", "8"],
      ["streams-100", "100"],
      ["streams-1000", "1,000"],
    ],
    value: ({ rssMb }) => rssMb,
  },
  {
    title: "Time to first byte, 4 at a time, by request size",
    unit: "ms",
    along: [
      ["request-1k", "1 KB"],
      ["request-100k", "100 KB"],
      ["request-1m", "1 MB"],
      ["request-10m", "10 MB"],
    ],
    value: ({ firstMs }) => firstMs,
  },
];

const COLOURS = ["#555", "#2a9d3a", "#9ecbff", "#4c9aff", "#0b5cd5", "#062a6b", "#e69138", "#cc4125", "#8e44ad"];
const [WIDTH, HEIGHT, LEFT, TOP] = [430, 250, 56, 40];

function draw(results: Results): string {
  const names = [...new Set(results.measures.map(({ contestant }) => contestant))];
  const colour = (name: string) => COLOURS[names.indexOf(name) % COLOURS.length] ?? "#000";
  const panels = PANELS.map(
    (panel, i) =>
      `<g transform="translate(${(i % 2) * (WIDTH + 80)} ${Math.floor(i / 2) * (HEIGHT + 80)})">${drawPanel(results, panel, colour)}</g>`,
  );
  const legend = names
    .map(
      (name, i) =>
        `<rect x="${(i % 5) * 190}" y="${Math.floor(i / 5) * 20}" width="12" height="12" fill="${colour(name)}"/><text x="${(i % 5) * 190 + 18}" y="${Math.floor(i / 5) * 20 + 11}">${name}</text>`,
    )
    .join("");
  const height = 2 * (HEIGHT + 80) + 70;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 ${height}" font-family="sans-serif" font-size="12">` +
    `<rect width="1000" height="${height}" fill="#fff"/>${panels.join("")}<g transform="translate(20 ${height - 50})">${legend}</g></svg>\n`
  );
}

/** Both axes logarithmic where the values span more than a factor of thirty, else from zero. */
function drawPanel(results: Results, panel: Panel, colour: (name: string) => string): string {
  const lines = new Map<string, { x: number; value: number }[]>();
  panel.along.forEach(([name], x) => {
    const scenario = results.scenarios.find((one) => one.name === name);
    if (!scenario) return;
    for (const row of rowsOf(results, scenario)) {
      const value = panel.value(row);
      if (!(value > 0)) continue;
      const line = lines.get(row.contestant) ?? [];
      line.push({ x, value });
      lines.set(row.contestant, line);
    }
  });
  const values = [...lines.values()].flat().map(({ value }) => value);
  if (values.length === 0) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = high / low > 30;
  const from = log ? Math.log10(low) : 0;
  const span = (log ? Math.log10(high) : high) - from || 1;
  const y = (value: number) => TOP + HEIGHT - (((log ? Math.log10(value) : value) - from) / span) * HEIGHT;
  const x = (at: number) => LEFT + 20 + (at / Math.max(1, panel.along.length - 1)) * (WIDTH - 60);
  const ticks = log
    ? Array.from({ length: Math.ceil(span) + 2 }, (_none, i) => 10 ** (Math.floor(from) + i)).filter(
        (tick) => tick >= low * 0.99 && tick <= high,
      )
    : [0, 0.25, 0.5, 0.75, 1].map((part) => high * part);
  const axis = ticks
    .map(
      (tick) =>
        `<line x1="${LEFT}" x2="${WIDTH}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(tick) + 4}" text-anchor="end">${tick >= 10 ? Math.round(tick) : tick.toFixed(1)}</text>`,
    )
    .join("");
  const labels = panel.along
    .map(([, label], at) => `<text x="${x(at)}" y="${TOP + HEIGHT + 18}" text-anchor="middle">${label}</text>`)
    .join("");
  const paths = [...lines].map(([name, points]) => {
    const path = points.map((point) => `${x(point.x)},${y(point.value).toFixed(1)}`).join(" ");
    const dots = points.map(
      (point) =>
        `<circle cx="${x(point.x)}" cy="${y(point.value).toFixed(1)}" r="3" fill="${colour(name)}"><title>${name}: ${point.value.toFixed(1)} ${panel.unit}</title></circle>`,
    );
    return `<polyline points="${path}" fill="none" stroke="${colour(name)}" stroke-width="1.5"/>${dots.join("")}`;
  });
  return `<text x="${LEFT}" y="20" font-weight="bold">${panel.title}, ${panel.unit}${log ? " (log)" : ""}</text>${axis}${labels}${paths.join("")}`;
}

const [file, out] = process.argv.slice(2);
if (!file || !out) throw new Error("results.json and out.svg");
writeFileSync(out, draw(JSON.parse(readFileSync(file, "utf8")) as Results));
