import type { Attributes } from "@opentelemetry/api";

/**
 * Attributes of a metric. The same attributes, named in the same order, are the same object, so that an instrument finds
 * their series without serializing them. Sets are kept: what goes into one must be of few different values.
 */
export class AttributeSet {
  readonly #more = new Map<string, Map<unknown, AttributeSet>>();
  readonly #none: AttributeSet;
  readonly attributes: Attributes;

  /** Without arguments the empty set, which all others come from. */
  constructor(none?: AttributeSet, attributes: Attributes = {}) {
    this.#none = none ?? this;
    this.attributes = attributes;
  }

  /** With one attribute more; undefined adds none. */
  with(name: string, value: string | number | undefined): AttributeSet {
    if (value === undefined) return this;
    let byValue = this.#more.get(name);
    if (!byValue) this.#more.set(name, (byValue = new Map()));
    let set = byValue.get(value);
    if (!set) byValue.set(value, (set = new AttributeSet(this.#none, { ...this.attributes, [name]: value })));
    return set;
  }

  withAll(attributes: Attributes): AttributeSet {
    return Object.entries(attributes).reduce<AttributeSet>(
      (set, [name, value]) => set.with(name, value as string | number | undefined),
      this,
    );
  }

  without(name: string): AttributeSet {
    if (!(name in this.attributes)) return this;
    const { [name]: _left, ...kept } = this.attributes;
    return this.#none.withAll(kept);
  }
}
