import { Kept } from "../kept.ts";

/** Text kept per call. */
const MAX_TEXT = 64 * 1024;

/**
 * A call's arguments as they came (to know a resend of all of it) and as they were sent. The two are
 * mostly one text, and kept as one until they differ. Beyond a limit neither is known.
 */
export class CallText {
  #sent: Kept | undefined = new Kept();
  /** What came and is not sent. Undefined once something else was sent, or too much came. */
  #ahead: string | undefined = "";
  /** What came, once that is not what was sent. */
  #came: Kept | undefined;

  get nothingCame(): boolean {
    return this.#ahead === "" && this.#sent?.length === 0;
  }
  get sent(): string | undefined {
    return this.#sent?.text;
  }

  /** All that came, where `piece` is long enough to hold it; undefined where that is nothing, or not known. */
  cameBefore(piece: string): string | undefined {
    const length = this.#ahead === undefined ? this.#came?.length : this.#ahead.length + (this.#sent?.length ?? 0);
    if (length === undefined || length === 0 || piece.length < length) return undefined;
    return this.#ahead === undefined ? this.#came?.text : (this.#sent?.text ?? "") + this.#ahead;
  }

  /** Came, and is sent at once. */
  passed(text: string): void {
    if (this.#ahead === "") this.#add(text);
    else {
      this.came(text);
      this.went(text);
    }
  }

  came(text: string): void {
    if (this.#ahead !== undefined) {
      this.#ahead += text;
      if (this.#ahead.length + (this.#sent?.length ?? 0) > MAX_TEXT) this.#ahead = undefined;
      return;
    }
    this.#came?.add(text);
    if (this.#came && this.#came.length > MAX_TEXT) this.#came = undefined;
  }

  went(text: string): void {
    if (text === "") return;
    if (this.#ahead?.startsWith(text)) this.#ahead = this.#ahead.slice(text.length);
    else if (this.#ahead !== undefined) {
      this.#came = new Kept();
      this.#came.add((this.#sent?.text ?? "") + this.#ahead);
      this.#ahead = undefined;
    }
    this.#add(text);
  }

  #add(text: string): void {
    if (!this.#sent) return;
    this.#sent.add(text);
    if (this.#sent.length > MAX_TEXT) this.#sent = this.#ahead = undefined;
  }
}
