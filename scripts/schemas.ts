/** Writes the JSON Schemas for editors below schemas/: `node scripts/schemas.ts`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CONVERSATION_SCHEMA } from "../src/conformance/flow-test/conversation-schema.ts";
import { editorSchema } from "../src/flow/index.ts";
import { toolMapSchema } from "../src/mcp/index.ts";
import { PACK_SCHEMA } from "../src/pack/index.ts";
import { KIND_CATALOG } from "../src/runner/index.ts";

export const SCHEMAS_DIR = join(resolve(import.meta.dirname, ".."), "schemas");

/** Makes every file's text by its name; a test fails while one differs. */
export function schemaFiles(): Readonly<Record<string, string>> {
  const text = (schema: unknown): string => `${JSON.stringify(schema, null, 2)}\n`;
  return {
    "flow.schema.json": text(editorSchema(KIND_CATALOG)),
    "pack.schema.json": text(PACK_SCHEMA),
    "tool-map.schema.json": text(toolMapSchema),
    "conversation-test.schema.json": text(CONVERSATION_SCHEMA),
  };
}

if (import.meta.main) {
  mkdirSync(SCHEMAS_DIR, { recursive: true });
  for (const [name, content] of Object.entries(schemaFiles())) writeFileSync(join(SCHEMAS_DIR, name), content);
}
