import { readFile, stat } from "node:fs/promises";
import { relative } from "node:path";
import { buildPack, findPackSource } from "../pack/index.ts";
import type { Pack } from "../pack/index.ts";
import { GreenticError, isGreenticError, quote } from "../types/index.ts";
import { checkFlowFiles } from "./check-flows.ts";
import { checkPack, checkPackSource, openAnyPack } from "./check-pack.ts";
import type { PackCheck } from "./check-pack.ts";
import { runConversationFile, testFilesBelow } from "./flow-test/test-files.ts";
import { probeComponent } from "./full-checks.ts";
import type { CaseSpec, ConformanceReport } from "./report.ts";
import { fail, failIfAny, findingText, runSuite, skip } from "./report.ts";

/** What flows are judged with. */
export interface FlowSuiteOptions {
  readonly target: string;
  /** The directory that names of files are shown from. */
  readonly cwd: string;
  readonly nowMs: number;
  /** A directory with conversations; default the target, where it is a directory. */
  readonly tests?: string;
  /** How long a step of a conversation may take. Default 30,000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;
const MAX_CONVERSATIONS = 1_000;

/**
 * Judges the flows of a pack file, of a pack's source directory, of a directory, or of one flow file: doctor finds no error, and
 * every recorded conversation goes as it was recorded.
 * @throws CLI_FILE_MISSING where there is nothing at `path`
 */
export async function judgeFlows(path: string, options: FlowSuiteOptions): Promise<ConformanceReport> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined)
    throw new GreenticError("CLI_FILE_MISSING", `Judge flows: nothing at ${quote(options.target)}`);
  return runSuite("flow", options.target, casesOf(path, info.isDirectory(), options));
}

async function* casesOf(path: string, isDirectory: boolean, options: FlowSuiteOptions): AsyncGenerator<CaseSpec> {
  const { cwd } = options;
  const { pack, problem } = await packAt(path, isDirectory, options);
  let check: PackCheck | undefined;
  yield {
    id: "flow.found",
    title: "There are flows, and the pack that holds them can be made",
    judge: async () => {
      if (problem !== undefined) throw problem;
      if (pack === undefined) check = { flows: await checkFlowFiles(cwd, [path]), files: [] };
      else check = (isDirectory ? await checkPackSource(cwd, path) : undefined) ?? (await checkPack(pack));
      return check.flows.length > 0 ? { status: "pass" } : fail("no flow there");
    },
  };
  const { flows = [], files = [] } = check ?? {};
  for (const { file, id, findings } of flows)
    yield {
      id: `flow.doctor:${id === "" ? file : id}`,
      title: `Doctor finds no error in ${file}`,
      judge: () => failIfAny(findings.filter(({ severity }) => severity === "error").map(findingText)),
    };
  yield {
    id: "flow.files",
    title: "Doctor finds no error in cards, templates, texts, grants and the tool map",
    judge: () =>
      pack === undefined
        ? skip(problem === undefined ? "flows alone have no other files" : "the pack can't be made")
        : failIfAny(
            files.flatMap(({ findings }) => findings.filter(({ severity }) => severity === "error").map(findingText)),
          ),
  };
  yield* conversations(pack, options.tests ?? (isDirectory ? path : undefined), options);
}

async function* conversations(
  pack: Pack | undefined,
  directory: string | undefined,
  { cwd, timeoutMs = TIMEOUT_MS }: FlowSuiteOptions,
): AsyncGenerator<CaseSpec> {
  const files = directory === undefined ? [] : (await testFilesBelow(directory)).slice(0, MAX_CONVERSATIONS);
  const why =
    directory === undefined ? "no directory of conversations was named" : "no *.test.yaml there, nothing is recorded";
  if (files.length === 0)
    yield { id: "flow.conversation", title: "Recorded conversations go as recorded", judge: () => skip(why) };
  for (const file of files) {
    const shown = relative(cwd, file);
    yield {
      id: `flow.conversation:${relative(directory ?? cwd, file)}`,
      title: `${shown} goes as recorded`,
      judge: async () => {
        if (pack === undefined) return skip("there is no pack to hold it with");
        const { failures } = await runConversationFile(shown, {
          path: file,
          pack: () => Promise.resolve(pack),
          timeoutMs,
        });
        return failIfAny(
          failures.map(
            ({ step, message, expected, got, at }) =>
              `${at.file}:${at.line}:${at.column}: ${step === undefined ? "" : `step ${step}: `}${message}${expected === undefined ? "" : `, expected ${expected}, got ${got ?? ""}`}`,
          ),
        );
      },
    };
  }
}

/** The pack that is judged; neither where flows stand alone, the problem where it can't be made. */
async function packAt(
  path: string,
  isDirectory: boolean,
  { nowMs }: FlowSuiteOptions,
): Promise<{ readonly pack?: Pack; readonly problem?: unknown }> {
  try {
    if (!isDirectory) {
      if (/\.(?:ygtc|ya?ml|json)$/.test(path)) return {};
      return { pack: await openAnyPack(await readFile(path), nowMs) };
    }
    const source = await findPackSource(path).catch((error: unknown) => {
      if (isGreenticError(error, "PACK_SOURCE_MISSING")) return undefined;
      throw error;
    });
    if (source === undefined) return {};
    return { pack: await openAnyPack((await buildPack(source, { probeComponent })).bytes, nowMs) };
  } catch (problem) {
    return { problem };
  }
}
