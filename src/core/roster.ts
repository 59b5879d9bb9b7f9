/** Where a member stands; what `delete` wants back. */
export interface Place<T> {
  readonly member: T;
  at: number;
}

/**
 * A set of those who come and go all day, in no order. V8's Set and Map link every table they outgrow to the next one:
 * once such a table lies dead in the old generation, collections of the young one keep all that its successors held,
 * and here that is every exchange there was since.
 */
export class Roster<T> {
  readonly #places: Place<T>[] = [];

  get size(): number {
    return this.#places.length;
  }

  add(member: T): Place<T> {
    const place = { member, at: this.#places.length };
    this.#places.push(place);
    return place;
  }

  /** A place that was given back before is ignored. */
  delete(place: Place<T>): void {
    const places = this.#places;
    if (places[place.at] !== place) return;
    const last = places.pop();
    if (last === undefined || last === place) return;
    places[place.at] = last;
    last.at = place.at;
  }

  /** As they are now: members may leave while they are looked at. */
  members(): T[] {
    return this.#places.map(({ member }) => member);
  }
}
