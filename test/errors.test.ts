import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERRORS_FILE, errorsMarkdown } from "../scripts/errors-doc.ts";
import { ERROR_CODES } from "../src/types/index.ts";

test("docs/errors.md tells of every code what it means (else: node scripts/errors-doc.ts)", () => {
  expect(readFileSync(ERRORS_FILE, "utf8")).toBe(errorsMarkdown());
});

test("error codes are LAYER_SUBJECT_PROBLEM and help says what to do", () => {
  for (const [code, { help }] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^[A-Z]+(?:_[A-Z0-9]+){1,4}$/);
    expect(help).toMatch(/[.!]$/);
  }
});
