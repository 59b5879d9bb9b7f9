/** JSON that other programs read is in snake_case throughout, also where it is made of our own objects. Values that are not plain stay as they are. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), snakeCased(member)]),
  );
}
