import type { Delta } from "../../core/delta.ts";
import type { Emit } from "../fix.ts";

/**
 * A reply that comes in one piece may wait until it is read: then what was cut into pieces and put
 * out unchanged is put out as the very deltas that came, and the body stays its own bytes.
 */
export class WholeReply {
  #came: Delta[] = [];
  #said: Delta[] = [];

  came(delta: Delta): void {
    this.#came.push(delta);
  }

  readonly emit: Emit = (delta) => void this.#said.push(delta);

  flush(emit: Emit): void {
    const came = this.#came;
    const said = this.#said;
    this.#came = [];
    this.#said = [];
    const same = textOf(came, "text") === textOf(said, "text") && textOf(came, "reasoning") === textOf(said, "reasoning");
    for (const delta of same ? came : said) emit(delta);
  }
}

function textOf(deltas: readonly Delta[], kind: "text" | "reasoning"): string {
  return deltas.map((delta) => (delta.kind === kind ? delta.text : "")).join("");
}
