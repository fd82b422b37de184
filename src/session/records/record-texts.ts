/** Small texts that processes share, in the database of records of their sessions. */
import { randomUUID } from "node:crypto";
import type { SharedTexts } from "../../files/index.ts";
import { Records } from "./records.ts";
import type { RecordSpace } from "./space.ts";

/** Opens the texts of a scope; those of another scope are others. The space is closed with them. */
export function openRecordTexts(space: RecordSpace, scope: string): SharedTexts {
  const records = new Records(space);
  return {
    of: (name) => {
      const key = { partition: `texts:${scope}`, sort: name };
      return {
        place: `${name} of the shared store`,
        read: () =>
          records.run("text_read", async (attempt) => {
            const [found] = await records.get(attempt, [key]);
            return found && (JSON.parse(found.body) as string);
          }),
        write: (text, over) =>
          records.run("text_write", async (attempt) => {
            const [found] = await records.get(attempt, [key]);
            const now = found && (JSON.parse(found.body) as string);
            if (now !== over) return false;
            const change = { ...key, body: JSON.stringify(text), expected: found?.version ?? null };
            return records.write(attempt, [change], randomUUID());
          }),
      };
    },
    [Symbol.asyncDispose]: () => records.close(),
  };
}
