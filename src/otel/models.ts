/** A model name is whatever the client sent: metrics carry a bounded number of them. */
export interface Models {
  /** The name as it may stand on a metric. */
  capped(model: string | undefined): string | undefined;
  readonly size: number;
}

const MAX_LENGTH = 200;

/** The first `max` distinct names are kept, later ones become `_OTHER`. */
export function createModels(max: number): Models {
  const known = new Set<string>();
  return {
    capped(model) {
      if (model === undefined || model === "" || known.has(model)) return model === "" ? undefined : model;
      if (known.size >= max || model.length > MAX_LENGTH) return "_OTHER";
      known.add(model);
      return model;
    },
    get size() {
      return known.size;
    },
  };
}
