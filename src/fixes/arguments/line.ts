/**
 * The deltas of a reply in their order, on the way out.
 *
 * A piece of arguments waits until what the machine makes of it is known. When that is the piece
 * itself, the very delta goes on, so that its frame goes out as its own bytes. What comes behind a
 * waiting piece waits with it: order is kept across calls.
 */
import type { Delta, ToolArgs } from "../../core/delta.ts";
import type { Emit } from "../fix.ts";

export interface Item {
  readonly delta: Delta;
  /** What goes out in its place; undefined while that is not known. */
  sent: readonly Delta[] | undefined;
}

/** The pieces of one call that wait. */
export interface Waiting {
  readonly pieces: Item[];
  /** Mended text not yet given to a piece. */
  text: string;
  /** Characters the machine holds that belong to no waiting piece. */
  reserved: number;
}

export function createWaiting(): Waiting {
  return { pieces: [], text: "", reserved: 0 };
}

export class Line {
  readonly #items: Item[] = [];
  #waiting = 0;
  #reserved = 0;

  /** Characters held back, in deltas that wait and in machines. */
  get held(): number {
    return this.#waiting + this.#reserved;
  }
  /** Characters of deltas that wait. */
  get waiting(): number {
    return this.#waiting;
  }
  get empty(): boolean {
    return this.#items.length === 0;
  }

  /** A delta nothing has to be decided about. */
  add(delta: Delta): void {
    this.#items.push({ delta, sent: [delta] });
  }

  /** A delta that waits until `decide`. */
  hold(delta: Delta): Item {
    const item: Item = { delta, sent: undefined };
    this.#items.push(item);
    this.#waiting += sizeOf(delta);
    return item;
  }

  decide(item: Item, sent: readonly Delta[]): void {
    if (item.sent === undefined) this.#waiting -= sizeOf(item.delta);
    item.sent = sent;
  }

  /** The machine of these pieces holds so much of its own. */
  reserve(waiting: Waiting, count: number): void {
    this.#reserved += count - waiting.reserved;
    waiting.reserved = count;
  }

  /**
   * Matches mended text to the pieces that wait for it; what no piece is left for stays in
   * `waiting.text`. `more`: the machine holds input, so a piece may yet turn out whole.
   */
  match(waiting: Waiting, more: boolean): void {
    const { pieces, text } = waiting;
    let taken = 0;
    let at = 0;
    // By index: thousands of pieces may wait for one decision, and taking them one by one from the front moves all the others.
    for (let first = pieces[0]; first; first = pieces[taken]) {
      const piece = first.delta as ToolArgs;
      if (text.startsWith(piece.text, at)) {
        this.decide(first, [first.delta]);
        at += piece.text.length;
        taken += 1;
        continue;
      }
      const rest = text.slice(at);
      if (more && piece.text.startsWith(rest)) break;
      // It is not what came: the mended text takes the place of all that waits.
      for (; taken < pieces.length; taken++) this.decide(pieces[taken] as Item, []);
      if (rest !== "") this.decide(first, [{ ...piece, text: rest }]);
      at = text.length;
    }
    if (taken > 0) pieces.splice(0, taken);
    waiting.text = text.slice(at);
  }

  flush(emit: Emit): void {
    let count = 0;
    for (; count < this.#items.length; count++) {
      const sent = this.#items[count]?.sent;
      if (sent === undefined) break;
      for (const delta of sent) emit(delta);
    }
    if (count > 0) this.#items.splice(0, count);
  }

  /** Everything as it came. */
  release(emit: Emit): void {
    for (const item of this.#items) if (item.sent === undefined) this.decide(item, [item.delta]);
    this.flush(emit);
  }
}

/** A held delta that is no text still holds its frame. */
function sizeOf(delta: Delta): number {
  return "text" in delta ? Math.max(1, delta.text.length) : 1;
}
