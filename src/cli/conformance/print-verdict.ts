import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { ConformanceReport } from "../../conformance/index.ts";
import { toJunit } from "../../conformance/index.ts";
import { writeFileAtomic } from "../../pack/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { hasFlag, printJson, textOption } from "../command.ts";

/** The options of every suite. */
export const SUITE_OPTIONS = [
  { flags: "--json", summary: "print the report as JSON" },
  { flags: "--junit <file>", summary: "also write it as JUnit XML, for build servers" },
] as const;

const WORDS = { pass: "ok     ", fail: "FAILED ", skip: "skipped" } as const;
/** As of other commands that find something wrong with what they are given. */
const NOT_OK = 2;

/** Prints a suite's report as it was asked for, and gives the exit code: 0 where it is ok, 2 where it isn't. */
export async function printVerdict(input: CommandInput, io: CommandIo, report: ConformanceReport): Promise<number> {
  const junit = textOption(input, "junit");
  if (junit !== undefined) {
    const file = resolve(io.cwd, junit);
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, Buffer.from(toJunit([report])));
  }
  if (hasFlag(input, "json")) printJson(io, report);
  else {
    for (const { id, title, status, reason, durationMs } of report.cases) {
      io.stdout.write(`${WORDS[status]}  ${id}  ${title}  ${durationMs} ms\n`);
      if (reason !== undefined) io.stdout.write(`         ${reason}\n`);
    }
    const count = (status: keyof typeof WORDS): number => report.cases.filter((one) => one.status === status).length;
    io.stdout.write(
      `${report.ok ? "ok" : "FAILED"}  ${report.suite} ${report.target}: ${count("pass")} passed, ${count("fail")} failed, ${count("skip")} skipped\n`,
    );
  }
  return report.ok ? 0 : NOT_OK;
}
