import type { FixNote } from "../core/exchange.ts";
import type { FixMode, Note } from "./fix.ts";

/** More notes than this say nothing new about one reply. */
const MAX_NOTES = 1000;

/** Gives a fix its way of reporting. */
export type NoteBy = (fix: string, mode: FixMode) => Note;

export interface Notes {
  readonly list: FixNote[];
  readonly by: NoteBy;
}

/** The notes of one reply, bounded. */
export function createNotes(): Notes {
  const list: FixNote[] = [];
  return {
    list,
    by: (fix, mode) => (note) => {
      if (list.length >= MAX_NOTES) return;
      if (mode === "observe" && note.action === "fixed") {
        list.push({ ...note, fix, action: "skipped", reason: "mode is observe" });
      } else {
        list.push({ ...note, fix });
      }
    },
  };
}
