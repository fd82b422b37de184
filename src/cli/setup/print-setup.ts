import { mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { writeFileAtomic, writeZip } from "../../pack/index.ts";
import type { SetupStep } from "../../messaging/index.ts";
import { ERROR_CODES, exitCodeOf } from "../../types/index.ts";
import type { CommandIo } from "../command.ts";
import type { ChannelReport } from "./setup-channel.ts";

const MARK: Readonly<Record<SetupStep["state"], string>> = {
  ok: "ok  ",
  changed: "done",
  planned: "plan",
  todo: "todo",
  failed: "FAIL",
};

/** Writes what goes to platforms as files into a folder, and says where instead of what. */
export async function writeArchives(
  reports: readonly ChannelReport[],
  { dir, isDryRun, cwd }: { readonly dir: string; readonly isDryRun: boolean; readonly cwd: string },
): Promise<readonly ChannelReport[]> {
  const written: ChannelReport[] = [];
  for (const report of reports) {
    const steps: SetupStep[] = [];
    for (const { archive, ...step } of report.steps) {
      if (archive === undefined) {
        steps.push(step);
        continue;
      }
      const file = join(dir, report.tenant, report.channel, archive.name);
      if (!isDryRun) {
        mkdirSync(join(dir, report.tenant, report.channel), { recursive: true });
        const files = Object.entries(archive.files).map(([path, bytes]) => ({ path, bytes }));
        await writeFileAtomic(file, writeZip(files));
      }
      steps.push({ ...step, paste: relative(cwd, file) });
    }
    written.push({ ...report, steps });
  }
  return written;
}

/** Prints reports for a person: a line a step, and what is to be pasted to the letter. */
export function printReports(reports: readonly ChannelReport[], io: CommandIo): void {
  for (const { channel, type, callbackUrl, steps } of reports) {
    io.stdout.write(`${channel} (${type})${callbackUrl === undefined ? "" : `  ${callbackUrl}`}\n`);
    for (const { state, what, how, paste } of steps) {
      io.stdout.write(`  ${MARK[state]}  ${what}${state !== "todo" && how !== undefined ? `: ${how}` : ""}\n`);
      if (state === "todo" && how !== undefined) io.stdout.write(`        ${how}\n`);
      if (paste !== undefined) io.stdout.write(`${paste.replaceAll(/^/gm, "        ")}\n`);
    }
  }
}

/** Says in one line how it ended. */
export function summaryOf(reports: readonly ChannelReport[]): string {
  const steps = reports.flatMap((report) => report.steps);
  const count = (state: SetupStep["state"]): number => steps.filter((step) => step.state === state).length;
  if (count("changed") + count("planned") + count("todo") + count("failed") === 0)
    return "unchanged: everything is as it should be";
  const parts = [
    [count("changed"), "done"],
    [count("planned"), "planned"],
    [count("todo"), "left to you"],
    [count("failed"), "failed"],
  ] as const;
  return parts.flatMap(([number, word]) => (number === 0 ? [] : [`${number} ${word}`])).join(", ");
}

/** The exit code of the first failure; 0 where there is none. */
export function exitCodeFor(reports: readonly ChannelReport[]): number {
  const failed = reports.flatMap(({ steps }) => steps).find(({ state }) => state === "failed");
  return failed === undefined ? 0 : exitCodeOf(ERROR_CODES[failed.code ?? "CLI_SETUP_INCOMPLETE"].kind);
}
