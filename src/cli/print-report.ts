import type { PackFinding, PackReport } from "../pack/index.ts";
import type { CommandIo } from "./command.ts";

/** Prints a pack's report for a person. */
export function printReport(io: CommandIo, report: PackReport): void {
  io.stdout.write(`${report.ok ? "ok" : "FAILED"}  ${report.name ?? "(unreadable)"} ${report.version ?? ""}\n`);
  if (report.packHash !== null) io.stdout.write(`pack hash  ${report.packHash}\n`);
  io.stdout.write(
    `signature  ${report.signature.status}${report.signature.keyIds.map((id) => ` ${id.slice(0, 16)}`).join(",")}\n`,
  );
  io.stdout.write(`sbom       ${report.sbom.status}\n`);
  const { provenance } = report;
  if (provenance !== undefined) {
    const { status, builder, commit } = provenance;
    const facts = [status, ...(builder ? [builder] : []), ...(commit ? [`commit ${commit.slice(0, 12)}`] : [])];
    io.stdout.write(`provenance ${facts.join(" ")}\n`);
  }
  for (const finding of report.findings) io.stdout.write(`${formatFinding(finding)}\n`);
}

/** Formats one finding as a line. */
export function formatFinding(finding: PackFinding): string {
  return `${finding.severity}[${finding.code}]: ${finding.message}`;
}
