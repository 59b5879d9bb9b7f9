/** Draws the answers to panel queries as one SVG, panel by panel, so that a person can look at what Grafana would show. */
import type { Answered } from "./checks.ts";
import type { Series } from "./prometheus.ts";

const WIDTH = 460;
const HEIGHT = 200;
const COLUMNS = 3;
const LEFT = 66;
const TOP = 26;
const LEGEND_LINES = 5;
const COLOURS = ["#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#5195ce", "#ba43a9", "#aea2e0", "#c0d8ff", "#9f9b98"];

interface Line {
  readonly name: string;
  readonly series: Series;
}

interface Drawn {
  readonly title: string;
  readonly unit: string;
  readonly words: Readonly<Record<string, string>>;
  readonly type: string;
  readonly lines: Line[];
}

export function draw(answered: readonly Answered[]): string {
  const panels: Drawn[] = [];
  for (const { query, series } of answered) {
    const title = `${query.dashboard.replace("llama-proxy: ", "")} / ${query.panel}`;
    let panel = panels.find((one) => one.title === title && one.type === query.type);
    if (!panel) panels.push((panel = { title, unit: query.unit, words: query.words, type: query.type, lines: [] }));
    panel.lines.push(...series.map((one) => ({ name: legend(query.legend, one.labels), series: one })));
  }
  const rows = Math.ceil(panels.length / COLUMNS);
  const cells = panels.map((panel, i) => cell(panel, (i % COLUMNS) * WIDTH, Math.floor(i / COLUMNS) * (HEIGHT + 10)));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${COLUMNS * WIDTH}" height="${rows * (HEIGHT + 10)}" font-family="sans-serif" font-size="10">
<rect width="100%" height="100%" fill="#111217"/>
${cells.join("\n")}
</svg>
`;
}

function cell({ title, unit, words, type, lines }: Drawn, x: number, y: number): string {
  const parts = [
    `<g transform="translate(${x},${y})"><rect x="3" y="3" width="${WIDTH - 6}" height="${HEIGHT}" fill="#181b1f" stroke="#333"/>`,
    `<text x="10" y="18" fill="#ddd" font-size="11">${escape(title)}</text>`,
  ];
  const last = lines[0]?.series.points.at(-1)?.[1];
  if (type === "stat") {
    parts.push(
      `<text x="${WIDTH / 2}" y="${HEIGHT / 2 + 15}" fill="#73bf69" font-size="34" text-anchor="middle">${last === undefined ? "-" : (words[String(last)] ?? withUnit(last, unit))}</text>`,
    );
  } else if (type === "heatmap") parts.push(heat(lines));
  else if (lines.length > 0) parts.push(plot(lines, unit));
  return `${parts.join("\n")}</g>`;
}

function plot(lines: readonly Line[], unit: string): string {
  const points = lines.flatMap(({ series }) => series.points);
  const xs = points.map(([at]) => at);
  const top = Math.max(...points.map(([, value]) => value)) || 1;
  const [from, until] = [Math.min(...xs), Math.max(...xs)];
  // Two columns only where one would push the plot away: long names need the width.
  const columns = lines.length > 3 ? 2 : 1;
  const named = lines.length > LEGEND_LINES * columns ? LEGEND_LINES * columns - 1 : lines.length;
  const bottom = HEIGHT - 16 - 12 * Math.min(LEGEND_LINES, Math.ceil(lines.length / columns));
  const place = (i: number): [number, number] => [LEFT + (i % columns) * 200, bottom + 14 + 12 * Math.floor(i / columns)];
  const px = (at: number) => LEFT + ((at - from) / Math.max(1, until - from)) * (WIDTH - LEFT - 14);
  const py = (value: number) => bottom - (value / top) * (bottom - TOP);
  const parts = [0, 0.5, 1].map((share) => {
    const at = py(top * share);
    return `<line x1="${LEFT}" x2="${WIDTH - 14}" y1="${at}" y2="${at}" stroke="#333"/><text x="${LEFT - 4}" y="${at + 3}" fill="#999" text-anchor="end">${withUnit(top * share, unit)}</text>`;
  });
  lines.forEach(({ name, series }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = series.points.map(([at, value]) => `${px(at).toFixed(1)},${py(value).toFixed(1)}`).join(" ");
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`);
    if (i >= named) return;
    const [lx, ly] = place(i);
    parts.push(
      `<rect x="${lx - 10}" y="${ly - 4}" width="7" height="3" fill="${colour}"/><text x="${lx}" y="${ly}" fill="#bbb">${escape(name.slice(0, columns === 1 ? 68 : 34))}</text>`,
    );
  });
  const [mx, my] = place(named);
  if (named < lines.length) parts.push(`<text x="${mx}" y="${my}" fill="#999">and ${lines.length - named} more</text>`);
  return parts.join("\n");
}

/** Buckets count up (`le`); what is drawn is each one's own share, the highest boundary on top. */
function heat(lines: readonly Line[]): string {
  const buckets = lines
    .map(({ series }) => ({ le: Number((series.labels["le"] ?? "").replace("+Inf", "Infinity")), points: new Map(series.points) }))
    .sort((a, b) => a.le - b.le);
  const times = [...(buckets[0]?.points.keys() ?? [])];
  const own = buckets.map(({ points }, i) => times.map((at) => (points.get(at) ?? 0) - (buckets[i - 1]?.points.get(at) ?? 0)));
  const most = Math.max(...own.flat()) || 1;
  const [w, h] = [(WIDTH - LEFT - 14) / times.length, (HEIGHT - TOP - 10) / buckets.length];
  return buckets
    .map(({ le }, row) => {
      const y = TOP + (buckets.length - 1 - row) * h;
      const cells = (own[row] ?? []).map(
        (value, i) =>
          `<rect x="${LEFT + i * w}" y="${y}" width="${w - 1}" height="${h - 1}" fill="#5794f2" fill-opacity="${value / most}"/>`,
      );
      return `<text x="${LEFT - 4}" y="${y + h - 3}" fill="#999" text-anchor="end">${le === Infinity ? "more" : le}</text>${cells.join("")}`;
    })
    .join("\n");
}

function legend(template: string, labels: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => labels[name] ?? "(none)");
}

function withUnit(value: number, unit: string): string {
  if (unit === "percentunit") return `${(value * 100).toPrecision(3)} %`;
  if (unit === "bytes") return `${(value / 1024).toFixed(0)} KiB`;
  if (unit === "s") return value < 1 ? `${(value * 1000).toPrecision(3)} ms` : `${value.toPrecision(3)} s`;
  const number = Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
  if (unit.startsWith("suffix:")) return number + unit.slice("suffix:".length);
  return unit === "reqps" ? `${number}/s` : number;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
