import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { isAuditFile } from "./audit-chain.ts";
import type { AuditEntry } from "./audit-log.ts";
import { memoryAuditLog } from "./audit-log.ts";
import { openAuditLog } from "./file-audit-log.ts";
import { readAudit, verifyAudit } from "./read-audit.ts";

const folder = () => mkdtempSync(join(tmpdir(), "greentic-audit-"));
const read = (target: string): Omit<AuditEntry, "at"> => ({
  actor: "component:weather",
  action: "secret.read",
  target,
  outcome: "allowed",
  tenant: "acme",
});
const files = (dir: string) => readdirSync(dir).filter(isAuditFile).sort();
const targets = async (dir: string): Promise<string[]> =>
  (await Array.fromAsync(readAudit(dir))).map(({ target }) => target);

test("openAuditLog() keeps notes and records in order, for their owner alone, on disk when record resolves", async () => {
  verifies("audit.log");
  const dir = folder();
  await using log = await openAuditLog(dir, { nowMs: () => 0 });
  log.note(read("a"));
  log.note(read("b"));
  await log.record(read("c"));
  expect(await targets(dir)).toEqual(["a", "b", "c"]);
  const [name = ""] = files(dir);
  expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, "head")).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(join(dir, name), "utf8").split("\n")[0] ?? "")).toEqual({
    seq: 1,
    prev: "0".repeat(64),
    at: "1970-01-01T00:00:00.000Z",
    ...read("a"),
  });
});

test("openAuditLog() is one chain for all logs of a folder, and goes on where it ended", async () => {
  verifies("audit.log");
  const dir = folder();
  {
    await using one = await openAuditLog(dir, { maxBytes: 1_000 });
    await using two = await openAuditLog(dir, { maxBytes: 1_000 });
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await one.record(read(`one ${index}`));
        await two.record(read(`two ${index}`));
      }),
    );
  }
  await using again = await openAuditLog(dir);
  await again.record(read("again"));
  expect(files(dir).length).toBeGreaterThan(1);
  const verdict = await verifyAudit(dir);
  expect(verdict).toMatchObject({ entries: 41, findings: [] });
  expect(verdict.last.seq).toBe(41);
});

test("AuditLog goes on after half a line that a crash left, and after lines that the head doesn't know yet", async () => {
  const dir = folder();
  {
    await using log = await openAuditLog(dir);
    await log.record(read("a"));
  }
  const before = readFileSync(join(dir, "head"));
  {
    await using log = await openAuditLog(dir);
    await log.record(read("b"));
  }
  appendFileSync(join(dir, files(dir)[0] ?? ""), '{"seq":3,"prev":"');
  expect((await verifyAudit(dir)).findings).toEqual([]);
  writeFileSync(join(dir, "head"), before);
  {
    await using log = await openAuditLog(dir);
    await log.record(read("c"));
  }
  expect(await targets(dir)).toEqual(["a", "b", "c"]);
  expect((await verifyAudit(dir)).findings).toEqual([]);
});

test("verifyAudit() finds a cut end, a removed file, a removed head, and that a kept head is gone", async () => {
  verifies("audit.chain");
  const dir = folder();
  const write = async (): Promise<void> => {
    await using log = await openAuditLog(dir, { maxBytes: 1 });
    for (const target of ["a", "b", "c"]) await log.record(read(target));
  };
  const problems = async (head?: string) => (await verifyAudit(dir, head)).findings.map(({ problem }) => problem);
  await write();
  const { last } = await verifyAudit(dir);
  expect(await problems(last.hash)).toEqual([]);
  expect(await problems("0".repeat(63) + "1")).toEqual(["the line with the hash that was kept is missing"]);
  const [first = "", , third = ""] = files(dir);
  truncateSync(join(dir, third), 0);
  expect(await problems()).toEqual(["entries up to 3 were written, and are missing"]);
  rmSync(join(dir, first));
  expect(await problems()).toContain("expected entry 1, got 2");
  rmSync(join(dir, "head"));
  expect(await problems()).toContain("is missing or damaged: where the log ends isn't known");
  await write();
  expect(await problems()).not.toEqual([]);
});

test("AuditLog removes files that are old enough, and what is left verifies", async () => {
  verifies("audit.retention");
  const dir = folder();
  {
    await using log = await openAuditLog(dir, { maxBytes: 1 });
    for (const target of ["a", "b", "c"]) await log.record(read(target));
  }
  for (const name of files(dir).slice(0, 2)) utimesSync(join(dir, name), 1_000, 1_000);
  await using log = await openAuditLog(dir, { keepDays: 30 });
  await log.record(read("d"));
  expect(await targets(dir)).toEqual(["c", "d"]);
  expect(await verifyAudit(dir)).toMatchObject({ entries: 2, findings: [] });
});

test("AuditLog rejects what isn't on disk, and says later how many notes were lost", async () => {
  verifies("audit.failed");
  const dir = folder();
  const errors: string[] = [];
  await using log = await openAuditLog(dir, { onError: ({ code }) => errors.push(code) });
  await log.record(read("a"));
  rmSync(dir, { recursive: true });
  log.note(read("b"));
  log.note(read("c"));
  await expect(log.record(read("d"))).rejects.toMatchObject({ code: "TELEMETRY_AUDIT_FAILED", kind: "unavailable" });
  expect(errors).toEqual(["TELEMETRY_AUDIT_FAILED"]);
  mkdirSync(dir);
  await log.record(read("e"));
  expect(await targets(dir)).toEqual(["2 entries", "e"]);
});

test("openAuditLog() refuses a folder that can't be written", async () => {
  const dir = folder();
  appendFileSync(join(dir, "file"), "");
  await expect(openAuditLog(join(dir, "file", "audit"))).rejects.toMatchObject({ code: "TELEMETRY_AUDIT_FAILED" });
});

test("AuditLog cuts long texts, keeps control characters out and drops fields that aren't an entry's", async () => {
  const dir = folder();
  await using log = await openAuditLog(dir);
  await log.record({ ...read(`${"x".repeat(600)}\n`), rule: "a\u001b[2Jb", value: "hunter2" } as Omit<
    AuditEntry,
    "at"
  >);
  const [entry] = await Array.fromAsync(readAudit(dir));
  expect(entry?.target).toHaveLength(513);
  expect(entry?.rule).toBe("a\ufffd[2Jb");
  expect(readFileSync(join(dir, files(dir)[0] ?? ""), "utf8")).not.toContain("hunter2");
});

test("memoryAuditLog() keeps entries in order", async () => {
  const log = memoryAuditLog(() => 0);
  log.note(read("a"));
  await log.record(read("b"));
  expect(log.entries.map(({ target, at }) => [target, at])).toEqual([
    ["a", "1970-01-01T00:00:00.000Z"],
    ["b", "1970-01-01T00:00:00.000Z"],
  ]);
});
