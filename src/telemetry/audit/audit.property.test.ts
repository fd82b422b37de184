import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import type { AuditEntry } from "./audit-log.ts";
import { isAuditFile } from "./audit-chain.ts";
import { openAuditLog } from "./file-audit-log.ts";
import { verifyAudit } from "./read-audit.ts";

const text = fc.string({ maxLength: 40, unit: "binary" });
const entry: fc.Arbitrary<Omit<AuditEntry, "at">> = fc.record(
  {
    actor: text,
    action: text,
    target: text,
    outcome: fc.constantFrom("allowed", "denied", "failed"),
    tenant: text,
    rule: text,
  },
  { requiredKeys: ["actor", "action", "target", "outcome"] },
);

async function written(entries: readonly Omit<AuditEntry, "at">[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-audit-"));
  await using log = await openAuditLog(dir, { maxBytes: 600 });
  // Each in a flush of its own, so that they spread over files.
  for (const each of entries) await log.record(each);
  return dir;
}

/** All lines of a folder, and how to put others in their places. */
function linesOf(dir: string): readonly { readonly file: string; readonly line: string }[] {
  return readdirSync(dir)
    .filter(isAuditFile)
    .sort()
    .flatMap((file) =>
      readFileSync(join(dir, file), "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => ({ file, line })),
    );
}

function rewrite(dir: string, lines: readonly { readonly file: string; readonly line: string }[]): void {
  for (const file of readdirSync(dir).filter(isAuditFile))
    writeFileSync(join(dir, file), lines.flatMap((each) => (each.file === file ? [`${each.line}\n`] : [])).join(""));
}

const entries = fc.array(entry, { minLength: 2, maxLength: 8 });
const runs = { numRuns: 25 };

test("verifyAudit() finds any changed byte", async () => {
  verifies("audit.chain");
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), async (list, at, where, by) => {
      const dir = await written(list);
      expect(await verifyAudit(dir)).toMatchObject({ entries: list.length, findings: [] });
      const files = readdirSync(dir)
        .filter((name) => isAuditFile(name) && readFileSync(join(dir, name)).length > 0)
        .sort();
      const file = join(dir, files[at % files.length] ?? "");
      const bytes = readFileSync(file);
      const index = where % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ by;
      writeFileSync(file, bytes);
      expect((await verifyAudit(dir)).findings).not.toEqual([]);
      rmSync(dir, { recursive: true });
    }),
    runs,
  );
});

test("verifyAudit() finds any removed, doubled and reordered line, and goes on finding it after more was written", async () => {
  verifies("audit.chain");
  const edit = fc.constantFrom("remove", "double", "swap");
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), edit, async (list, at, edit) => {
      const dir = await written(list);
      const lines = [...linesOf(dir)];
      const index = at % (edit === "swap" ? lines.length - 1 : lines.length);
      const [one, two] = [lines[index], lines[index + 1]];
      if (one === undefined) throw new RangeError("no line");
      if (edit === "remove") lines.splice(index, 1);
      else if (edit === "double") lines.splice(index, 0, one);
      else if (two !== undefined) lines.splice(index, 2, { ...one, line: two.line }, { ...two, line: one.line });
      rewrite(dir, lines);
      expect((await verifyAudit(dir)).findings).not.toEqual([]);
      {
        await using log = await openAuditLog(dir, { maxBytes: 600 });
        await log.record({ actor: "a", action: "b", target: "c", outcome: "allowed" });
      }
      expect((await verifyAudit(dir)).findings).not.toEqual([]);
      rmSync(dir, { recursive: true });
    }),
    runs,
  );
});
