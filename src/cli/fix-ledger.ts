import { FIXES } from "../fixes/index.ts";
import type { Reader } from "../recorder/reader.ts";
import { renderTable, type Column } from "../stats/table.ts";
import { countText, dateText } from "../stats/text.ts";
import { print, printJson, stdoutLook } from "./print.ts";

export interface LedgerRange {
  readonly since: number | undefined;
  readonly until: number;
  readonly json: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: "FIX", flexible: true },
  { title: "MODEL" },
  { title: "SEEN", align: "right" },
  { title: "FIXED", align: "right" },
  { title: "REFUSED", align: "right" },
  { title: "IDLE SINCE" },
];

/** `stats --by fix`: what each fix saw, mended and refused, by model, and since when it has been idle. */
export function showFixLedger(reader: Reader, { since, until, json }: LedgerRange): void {
  const rows = reader.fixLedger({ until, ...(since === undefined ? {} : { since }) });
  const known = FIXES.map((fix) => fix.name);
  const idle = known.filter((name) => !rows.some((row) => row.fix === name));
  if (json) {
    return printJson({
      since: since === undefined ? null : new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      by: "fix",
      rows: rows.map(({ fix, model, seen, fixed, refused, lastAt }) => ({
        key: fix,
        model,
        seen,
        fixed,
        refused,
        idle_since: new Date(lastAt).toISOString(),
      })),
      idle,
    });
  }
  const cells = rows.map(({ fix, model, seen, fixed, refused, lastAt }) => [
    fix,
    model ?? "(none)",
    countText(seen),
    countText(fixed),
    countText(refused),
    dateText(lastAt),
  ]);
  if (rows.length > 0) for (const line of renderTable(COLUMNS, cells, stdoutLook())) print(line);
  print(
    `${rows.length === 0 ? "no fix saw anything" : `${countText(idle.length)} fixes saw nothing`} (llama-proxy list-fixes names all ${known.length})`,
  );
}
