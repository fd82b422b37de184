import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { doctorFlowPaced } from "../flow/index.ts";
import type { ComponentFactsByName, DoctorOptions, FlowFinding } from "../flow/index.ts";
import { parseToolMap, TOOL_MAP_FILES } from "../mcp/index.ts";
import type { Pack } from "../pack/index.ts";
import { KIND_CATALOG, kindCatalogFor } from "../runner/index.ts";
import { GreenticError, Pace, quote, runInTurns } from "../types/index.ts";

/** What doctor says of one flow, as `gtc flow doctor --json` prints it. */
export interface FlowCheck {
  readonly file: string;
  readonly id: string;
  readonly findings: readonly FlowFinding[];
}

/** Checks all flows of an opened pack against what the pack holds, and its components' calls where it is known what those take. */
export async function checkPackFlows(pack: Pack, facts?: ComponentFactsByName): Promise<readonly FlowCheck[]> {
  const toolMap = TOOL_MAP_FILES.map((path) => ({ path, text: pack.readText(path) })).find(
    ({ text }) => text !== undefined,
  );
  const options: DoctorOptions = {
    catalog: kindCatalogFor(new Set([...pack.components].flatMap(([name, { abi }]) => (abi === "none" ? [] : [name])))),
    components: new Set(pack.components.keys()),
    provides: new Set(pack.manifest.capabilities.provides),
    tools: new Set(toolMap?.text === undefined ? [] : parseToolMap(toolMap.text, toolMap.path).tools.keys()),
    assets: new Set(pack.assets.keys()),
    i18n: pack.i18n,
    ...(facts && { facts }),
  };
  const checks: FlowCheck[] = [];
  for (const flow of pack.flows.values())
    checks.push(await checkSource(pack.readText(flow.path) ?? "", flow.path, options));
  return checks;
}

/** Checks flow files and all flows below directories; references into a pack are judged only with `--pack`. @throws CLI_FILE_MISSING */
export async function checkFlowFiles(cwd: string, paths: readonly string[]): Promise<readonly FlowCheck[]> {
  const files = (await Promise.all(paths.map((path) => flowFilesAt(resolve(cwd, path))))).flat();
  return Promise.all(
    files.map(async (file) =>
      checkSource(await readFile(file, "utf8"), shortName(cwd, file), { catalog: KIND_CATALOG }),
    ),
  );
}

/** Lists the flow files that a path stands for. @throws CLI_FILE_MISSING */
async function flowFilesAt(path: string): Promise<readonly string[]> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new GreenticError("CLI_FILE_MISSING", `Read flows: nothing at ${quote(path)}`);
  if (info.isFile()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ygtc") && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function checkSource(source: string, file: string, options: DoctorOptions): Promise<FlowCheck> {
  const { flow, findings } = await runInTurns(doctorFlowPaced(source, { ...options, file, pace: new Pace() }));
  return { file, id: flow?.id ?? "", findings };
}

function shortName(cwd: string, file: string): string {
  const short = relative(cwd, file);
  return short.startsWith("..") || dirname(short) === "" ? file : short;
}
