/** Writes docs/errors.md from the registry: `node scripts/errors-doc.ts`. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ERROR_CODES, exitCodeOf, httpStatusOf } from "../src/types/index.ts";
import type { ErrorKind } from "../src/types/index.ts";

export const ERRORS_FILE = join(resolve(import.meta.dirname, ".."), "docs/errors.md");

/** Makes the page; a test fails while the file differs. */
export function errorsMarkdown(): string {
  const rows = Object.entries(ERROR_CODES as Readonly<Record<string, { kind: ErrorKind; help: string }>>)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { kind, help }]) =>
        `| \`${code}\` | ${kind} | ${httpStatusOf(kind)} | ${exitCodeOf(kind)} | ${help.replaceAll("|", String.raw`\|`)} |`,
    );
  return `# Errors

Every code is public and never reused. The kind alone decides HTTP status, exit code and whether a caller should try again.
Made by \`node scripts/errors-doc.ts\` from \`src/types/error-codes/\`.

| code | kind | HTTP | exit | what to do |
|---|---|---|---|---|
${rows.join("\n")}
`;
}

if (import.meta.main) writeFileSync(ERRORS_FILE, errorsMarkdown());
