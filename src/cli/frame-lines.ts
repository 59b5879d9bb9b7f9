import type { Recording } from "../core/recording.ts";
import { bodyOf, excerpt } from "../replay/report.ts";
import { clean, spanText } from "../stats/text.ts";
import { sameBytes } from "./exchange-json.ts";

/** The timeline of a reply: number, time, gap, size and text of each frame, and what was sent for it where that differs. */
export function frameLines(recording: Recording, width: number): readonly string[] {
  let before = 0;
  return (recording.response?.pieces ?? []).flatMap(({ seq, atMs, upstream, sent }) => {
    const gap = Math.max(0, atMs - before);
    before = atMs;
    const head = `${String(seq).padStart(5)} ${`${atMs.toFixed(1)} ms`.padStart(12)} ${`+${spanText(gap)}`.padStart(8)} ${String(upstream.length).padStart(6)} B  `;
    const show = (bytes: Uint8Array): string => {
      const text = visible(bytes);
      return excerpt(text, bodyOf(text), width - head.length);
    };
    const line = head + show(upstream);
    if (sameBytes(upstream, sent)) return [line];
    return [line, `${"sent".padStart(head.length - 2)}  ${sent.length === 0 ? "(nothing)" : show(sent)}`];
  });
}

function visible(bytes: Uint8Array): string {
  return clean(new TextDecoder().decode(bytes).trimEnd().replaceAll("\n", "\\n"));
}
