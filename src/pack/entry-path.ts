/**
 * Says what is wrong with a path inside a pack, or undefined where it is fine: relative, `/` between segments, characters
 * `[A-Za-z0-9._-]` (ASCII, hence NFC), no empty, `.` or `..` segment. Public packs may use any printable characters in NFC.
 */
export function entryPathProblem(
  path: string,
  { characters = "strict" }: { readonly characters?: "strict" | "any" } = {},
): string | undefined {
  if (path === "") return "empty name";
  if (path.length > MAX_PATH_LENGTH) return `longer than ${MAX_PATH_LENGTH} characters`;
  if (path.startsWith("/")) return "absolute path";
  if (path.includes("\\")) return "backslash";
  if (path.includes("\0")) return "NUL character";
  if (/^[A-Za-z]:/.test(path)) return "drive letter";
  if (characters === "any" && (/[[\p{C}\p{Z}]--[ ]]/v.test(path) || path !== path.normalize("NFC")))
    return "control character, or not in NFC";
  if (characters === "strict" && !/^[A-Za-z0-9._/-]+$/.test(path)) return "character outside [A-Za-z0-9._/-]";
  for (const segment of path.split("/")) {
    if (segment === "") return "empty segment";
    if (segment === "." || segment === "..") return `segment ${JSON.stringify(segment)}`;
  }
  return undefined;
}

const MAX_PATH_LENGTH = 1024;

/** Compares two entry paths bytewise; they are ASCII, so that code units are bytes. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
