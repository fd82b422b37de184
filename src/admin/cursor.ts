import { GreenticError, isJsonObject, parseJson } from "../types/index.ts";

/** Makes the cursor behind an item of a list. What it names is looked at only within the tenant that the request is for. */
function cursorAfter(list: string, after: string | number): string {
  return Buffer.from(JSON.stringify({ list, after })).toString("base64url");
}

/** Reads what the function above made for the same list. @throws ADMIN_REQUEST_INVALID */
export function readCursor(list: string, cursor: string | number | boolean | undefined): string | number | undefined {
  if (cursor === undefined) return undefined;
  try {
    const value = parseJson(Buffer.from(String(cursor), "base64url"), { maxBytes: 1024, maxDepth: 2 });
    if (isJsonObject(value) && value["list"] === list) {
      const { after } = value;
      if (typeof after === "string" || (typeof after === "number" && Number.isSafeInteger(after))) return after;
    }
  } catch {
    // Told below.
  }
  throw new GreenticError("ADMIN_REQUEST_INVALID", "Read list: expected the cursor that this list gave, got another");
}

/** The numbered kind. @throws ADMIN_REQUEST_INVALID */
export function readNumberCursor(list: string, cursor: string | number | boolean | undefined): number | undefined {
  const after = readCursor(list, cursor);
  if (typeof after !== "string") return after;
  throw new GreenticError("ADMIN_REQUEST_INVALID", "Read list: expected the cursor that this list gave, got another");
}

/** Cuts `limit` items of `limit + 1` that were asked for, and says how to go on. */
export function pageOf<T>(
  list: string,
  {
    items,
    limit,
    at,
  }: { readonly items: readonly T[]; readonly limit: number; readonly at: (item: T) => string | number },
): { readonly items: readonly T[]; readonly next?: string } {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  return items.length <= limit || last === undefined
    ? { items: shown }
    : { items: shown, next: cursorAfter(list, at(last)) };
}
