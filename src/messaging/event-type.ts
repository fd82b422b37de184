const SEGMENT = /[^A-Za-z0-9_-]+/g;
const MAX_UNITS = 200;

/**
 * Joins what a sender calls an event to the name under which flows subscribe to it: `github`, `issues`, `opened` → `github.issues.opened`.
 * Dots within a part stay; other characters that no entrypoint can name become hyphens.
 */
export function eventType(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split("."))
    .map((part) => part.replaceAll(SEGMENT, "-"))
    .filter((part) => part !== "")
    .join(".")
    .slice(0, MAX_UNITS);
}
