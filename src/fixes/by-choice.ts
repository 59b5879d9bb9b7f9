/** What is kept for each choice of a reply. Nearly every reply has one choice, and asks for it again and again. */
export class ByChoice<T extends { readonly index: number }> {
  #last: T | undefined;
  #all: T[] | undefined;
  /** Where there is more than one. */
  #byIndex: Map<number, T> | undefined;

  /** In the order they came. */
  get all(): readonly T[] {
    return this.#all ?? [];
  }

  find(index: number): T | undefined {
    if (this.#last?.index === index) return this.#last;
    const found = this.#byIndex?.get(index);
    if (found) this.#last = found;
    return found;
  }

  add(one: T): T {
    if (!this.#all) this.#all = [one];
    else {
      this.#all.push(one);
      this.#byIndex ??= new Map(this.#all.map((each) => [each.index, each]));
      this.#byIndex.set(one.index, one);
    }
    return (this.#last = one);
  }
}
