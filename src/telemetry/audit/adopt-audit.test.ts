import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { adoptAudit } from "./adopt-audit.ts";
import type { AuditLog } from "./audit-log.ts";
import { openAuditLog } from "./file-audit-log.ts";
import { readAudit, verifyAudit } from "./read-audit.ts";

/** As versions before the chain wrote them. */
const OLD = [
  `{"at":"2026-05-01T00:00:00.000Z","event":"pack.downgrade.refused","tenant":"acme","pack":"desk","version":"1.0.0","pack_hash":"ab","previous":"1.1.0","code":"PACK_VERSION_DOWNGRADE"}`,
  `{"at":"2026-05-02T00:00:00.000Z","event":"session.erased","tenant":"acme","env":"prod","team":"sales","user_hash":"cd","erased":{"sessions":2,"files":1}}`,
  `{"at":"2026-05-03T00:`,
  `{"at":"2026-05-04T00:00:00.000Z","event":"pack.unloaded","tenant":"globex","pack":"desk","code":"PACK_SIGNER_REVOKED"}`,
];

function oldFile(): { readonly file: string; readonly dir: string } {
  const data = mkdtempSync(join(tmpdir(), "greentic-adopt-"));
  const file = join(data, "audit.jsonl");
  writeFileSync(file, `${OLD.join("\n")}\n`);
  return { file, dir: join(data, "audit") };
}

test("adoptAudit() chains what an older version kept, under its own time, once", async () => {
  verifies("audit.one");
  const { file, dir } = oldFile();
  await using log = await openAuditLog(dir);
  await log.record({ actor: "host", action: "pack.restored", target: "desk", outcome: "allowed" });
  await Promise.all([adoptAudit(file, { log, dir }), adoptAudit(file, { log, dir })]);
  await adoptAudit(file, { log, dir });
  const [, ...adopted] = await Array.fromAsync(readAudit(dir));
  const actor = expect.stringMatching(/^audit\.jsonl:[0-9a-f]{16}$/) as string;
  expect(adopted).toEqual([
    {
      at: "2026-05-01T00:00:00.000Z",
      actor,
      action: "pack.downgrade.refused",
      target: "pack desk, version 1.0.0, pack_hash ab, previous 1.1.0",
      outcome: "denied",
      tenant: "acme",
      code: "PACK_VERSION_DOWNGRADE",
    },
    {
      at: "2026-05-02T00:00:00.000Z",
      actor,
      action: "session.erased",
      target: "user_hash cd, sessions 2, files 1",
      outcome: "allowed",
      env: "prod",
      tenant: "acme",
      team: "sales",
    },
    { at: expect.any(String), actor, action: "audit.unread", target: "line 3", outcome: "failed" },
    expect.objectContaining({ at: "2026-05-04T00:00:00.000Z", tenant: "globex", target: "pack desk" }),
  ]);
  expect(await verifyAudit(dir)).toMatchObject({ entries: 5, findings: [] });
  expect([existsSync(file), existsSync(`${file}.adopted`)]).toEqual([false, true]);
});

test("adoptAudit() goes on where it was interrupted, and doubles nothing", async () => {
  verifies("audit.one");
  const { file, dir } = oldFile();
  await using log = await openAuditLog(dir);
  let room = 2;
  const full: AuditLog = {
    ...log,
    record: (entry) => (room-- > 0 ? log.record(entry) : Promise.reject(new Error("no room"))),
  };
  await expect(adoptAudit(file, { log: full, dir })).rejects.toThrow("no room");
  expect(existsSync(file)).toBe(true);
  await adoptAudit(file, { log, dir });
  const actions = (await Array.fromAsync(readAudit(dir))).map(({ action }) => action);
  expect(actions).toEqual(["pack.downgrade.refused", "session.erased", "audit.unread", "pack.unloaded"]);
});
