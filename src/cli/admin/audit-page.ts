import type { AuditFilter, AuditRow } from "../../admin/index.ts";
import { readAudit } from "../../telemetry/index.ts";

/** Reads a page of the audit log, newest first. The log is read from its beginning: it is for reading after the fact. */
export async function auditPage(dir: string, { tenant, limit, before }: AuditFilter): Promise<readonly AuditRow[]> {
  const page: AuditRow[] = [];
  let seq = 0;
  for await (const entry of readAudit(dir)) {
    seq++;
    if (before !== undefined && seq >= before) break;
    if (tenant !== undefined && entry.tenant !== tenant) continue;
    page.push({ seq, entry: { ...entry } });
    if (page.length > limit) page.shift();
  }
  return page.toReversed();
}
