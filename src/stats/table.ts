import type { Look } from "./format.ts";
import { clean, cut, displayWidth, fit } from "./text.ts";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
  /** Shortened first where the terminal is too narrow. */
  readonly flexible?: boolean;
  /** Colours a cell by its text. */
  readonly paint?: (text: string, cell: string) => string;
}

const GAP = 2;
const NARROWEST = 8;

/**
 * Rows under titles, as lines without line ends. On a terminal flexible columns give way until a row
 * fits; piped (`width` infinite) nothing is shortened.
 */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[], look: Look): readonly string[] {
  const cells = rows.map((row) => row.map(clean));
  const widths = columns.map((column, i) => Math.max(displayWidth(column.title), ...cells.map((row) => displayWidth(row[i] ?? ""))));
  shrink(widths, columns, look.width - GAP * (columns.length - 1));

  function line(row: readonly string[], paint: boolean): string {
    const parts = columns.map((column, i) => {
      const cell = row[i] ?? "";
      const last = i === columns.length - 1 && column.align !== "right";
      const text = last ? cut(cell, widths[i] ?? 0) : fit(cell, widths[i] ?? 0, column.align);
      return paint && column.paint ? column.paint(text, cell) : text;
    });
    return parts.join(" ".repeat(GAP)).trimEnd();
  }

  return [
    look.style.faint(
      line(
        columns.map((column) => column.title),
        false,
      ),
    ),
    ...cells.map((row) => line(row, true)),
  ];
}

/** Takes columns off the widest flexible one, again and again, until all fit or none can give. */
function shrink(widths: number[], columns: readonly Column[], room: number): void {
  if (!Number.isFinite(room)) return;
  for (let over = widths.reduce((sum, width) => sum + width, 0) - room; over > 0; over--) {
    let widest = -1;
    for (const [i, column] of columns.entries()) {
      if (column.flexible && (widths[i] ?? 0) > Math.max(NARROWEST, widths[widest] ?? 0)) widest = i;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}
