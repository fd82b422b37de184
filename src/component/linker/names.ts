/** Spells a WIT label as a JavaScript name, as jco does: `http-status` → `httpStatus`, `HTTP-url` → `httpUrl`. */
export function fieldName(label: string): string {
  return label
    .split("-")
    .map((word, index) =>
      index === 0 ? word.toLowerCase() : word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase(),
    )
    .join("");
}
