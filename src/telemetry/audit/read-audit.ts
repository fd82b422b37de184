import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { withFileLock } from "../../files/index.ts";
import type { ChainHead, ChainPoint } from "./audit-chain.ts";
import { isAuditFile, parseAuditLine, pointOf } from "./audit-chain.ts";
import { readHead } from "./audit-head.ts";
import type { AuditEntry } from "./audit-log.ts";
import { LOCK_FILE } from "./file-audit-log.ts";

/** A line that isn't as it was written, or isn't there. */
export interface AuditFinding {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly problem: string;
}

/** What came of verifying a chain. */
export interface AuditVerdict {
  readonly entries: number;
  /** The last line; whoever keeps its hash elsewhere can tell later that nothing before it was rewritten. */
  readonly last: ChainPoint;
  readonly findings: readonly AuditFinding[];
}

/** Nobody reads more. */
const MAX_FINDINGS = 100;
const MAX_LINE = 1 << 16;

interface FileSpan {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Reads the entries of a folder, oldest first; lines that can't be read are left out (verifying names them). */
export async function* readAudit(dir: string): AsyncGenerator<AuditEntry> {
  for (const span of await spansOf(dir)) {
    for await (const { bytes } of linesOf(dir, span)) {
      const line = parseAuditLine(bytes);
      if (line !== undefined) yield line.entry;
    }
  }
}

/**
 * Verifies that each line of a folder is as it was written, in its place, and that none is missing.
 * @param expected a hash that `last` had once, kept elsewhere: it has to be in the chain still
 */
export async function verifyAudit(dir: string, expected?: string): Promise<AuditVerdict> {
  const { head, spans } = await snapshot(dir);
  const findings: AuditFinding[] = [];
  const find = (file: string, line: number, problem: string): void => {
    if (findings.length < MAX_FINDINGS) findings.push({ file, line, problem });
  };
  let entries = 0;
  let last: ChainPoint = head?.first ?? { seq: 0, hash: "0".repeat(64) };
  let hasHead = head === undefined || last.seq === head.last.seq;
  let hasExpected = expected === undefined || last.hash === expected;
  for (const span of spans) {
    let number = 0;
    for await (const { bytes, isWhole } of linesOf(dir, span)) {
      number++;
      const line = parseAuditLine(bytes);
      if (line === undefined || !isWhole) {
        // Half a line at the very end is what a crash leaves; where the head knows of it, it is missed below.
        if (isWhole || span !== spans.at(-1)) find(span.name, number, "isn't a line of this log");
        continue;
      }
      if (line.seq !== last.seq + 1) find(span.name, number, `expected entry ${last.seq + 1}, got ${line.seq}`);
      else if (line.prev !== last.hash) find(span.name, number, `entry ${last.seq} before it isn't as it was written`);
      last = pointOf(line.seq, bytes);
      entries++;
      if (last.seq === head?.last.seq) {
        hasHead = true;
        if (last.hash !== head.last.hash) find(span.name, number, `entry ${last.seq} isn't as it was written`);
      }
      hasExpected ||= last.hash === expected;
    }
  }
  const end = { file: spans.at(-1)?.name ?? "", line: 0 };
  if (head === undefined && spans.length > 0) find("head", 0, "is missing or damaged: where the log ends isn't known");
  if (!hasHead) find(end.file, end.line, `entries up to ${head?.last.seq} were written, and are missing`);
  if (!hasExpected) find(end.file, end.line, "the line with the hash that was kept is missing");
  return { entries, last, findings };
}

/** What is there at one moment: a writer may be at work. */
async function snapshot(
  dir: string,
): Promise<{ readonly head: ChainHead | undefined; readonly spans: readonly FileSpan[] }> {
  if ((await spansOf(dir)).length === 0 && (await readHead(dir)) === undefined) return { head: undefined, spans: [] };
  return withFileLock(join(dir, LOCK_FILE), async () => {
    const head = await readHead(dir);
    const spans = await spansOf(dir);
    // Files before the beginning were to be removed, and a crash came between.
    return { head, spans: spans.filter(({ name }) => Number.parseInt(name, 10) > (head?.first.seq ?? 0)) };
  });
}

async function spansOf(dir: string): Promise<readonly FileSpan[]> {
  const names = await readdir(dir).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  const files = names.filter(isAuditFile).sort();
  return Promise.all(files.map(async (name) => ({ name, sizeBytes: (await stat(join(dir, name))).size })));
}

async function* linesOf(
  dir: string,
  { name, sizeBytes }: FileSpan,
): AsyncGenerator<{ readonly bytes: Buffer; readonly isWhole: boolean }> {
  if (sizeBytes === 0) return;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(join(dir, name), { end: sizeBytes - 1 })) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let from = 0;
    for (let stop = rest.indexOf(0x0a); stop >= 0; stop = rest.indexOf(0x0a, from)) {
      yield { bytes: rest.subarray(from, stop), isWhole: true };
      from = stop + 1;
    }
    rest = rest.subarray(from);
    // No line is that long: whatever it is, it is told once and not held.
    if (rest.length > MAX_LINE) {
      yield { bytes: rest.subarray(0, 1), isWhole: true };
      rest = Buffer.alloc(0);
    }
  }
  if (rest.length > 0) yield { bytes: rest, isWhole: false };
}
