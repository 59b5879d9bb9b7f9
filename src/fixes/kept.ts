/** Pieces are joined in groups of so many. */
const GROUP = 32;

/** Text that comes in small pieces and is seldom read: a string joined piece by piece costs ten times its length. */
export class Kept {
  length = 0;
  #text = "";
  #parts: string[] | undefined;

  add(piece: string): void {
    this.length += piece.length;
    const parts = (this.#parts ??= []);
    parts.push(piece);
    if (parts.length === GROUP) this.#join();
  }

  get text(): string {
    if (this.#parts) this.#join();
    return this.#text;
  }

  #join(): void {
    this.#text += (this.#parts ?? []).join("");
    this.#parts = undefined;
  }
}
