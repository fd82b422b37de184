import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyDeployment, planDeployment } from "../deployer/index.ts";
import type { Deployment, RenderedFiles, Target, TargetTools } from "../deployer/index.ts";
import { isGreenticError } from "../types/index.ts";
import type { CaseSpec, ConformanceReport, Verdict } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip } from "./report.ts";

/** A target, and what opens the deployment anew each time it is called. */
export interface JudgedTarget {
  readonly target: Target;
  readonly open: () => Promise<Deployment>;
  /** Somebody asked for this one: what it lacks is a failure, and its image is built. Otherwise such cases are left out. */
  readonly isAsked?: boolean;
}

/**
 * Judges what a deployment makes of targets: rendered twice it is the same, applied twice the second time nothing is done. It is
 * applied in a directory of its own with programs that only say yes: no service manager, cluster or cloud hears of it.
 */
export function judgeDeployer(
  targets: readonly JudgedTarget[],
  options: { readonly target: string; readonly nowMs: number },
): Promise<ConformanceReport> {
  return runSuite("deployer", options.target, casesOf(targets, options.nowMs));
}

/** Keys that only an operator can give. */
const UNSET = "DEPLOYER_SETTING_MISSING";

async function* casesOf(targets: readonly JudgedTarget[], nowMs: number): AsyncGenerator<CaseSpec> {
  for (const { target, open, isAsked = false } of targets) {
    const { name } = target;
    let missing: string | undefined;
    yield {
      id: `deployer.render:${name}`,
      title: `${name}: read and rendered twice, it is the same`,
      judge: async () => {
        const [first, second] = [await open(), await open()];
        try {
          return failIfAny(differences(await target.render(first), await target.render(second)));
        } catch (error) {
          const isSetUp = isAsked || Object.keys(first.table).length > 0;
          if (isSetUp || !isGreenticError(error, UNSET)) throw error;
          missing = error.message;
          return skip(missing);
        }
      },
    };
    const buildsImage = name === "container";
    yield {
      id: `deployer.apply:${name}`,
      title: `${name}: applied twice, the second time nothing is done`,
      judge: async () => {
        if (missing !== undefined) return skip(missing);
        if (buildsImage && !isAsked)
          return skip("it builds an image, which takes minutes: ask for it by --target container");
        return inScratch((dir) => judgeApply(target, { open, dir, nowMs }));
      },
    };
  }
}

function differences(first: RenderedFiles, second: RenderedFiles): readonly string[] {
  if (first.size === 0) return ["nothing is rendered"];
  return [...new Set([...first.keys(), ...second.keys()])]
    .filter((file) => first.get(file) !== second.get(file))
    .map((file) => `${file} differs`);
}

async function judgeApply(
  target: Target,
  { open, dir, nowMs }: { readonly open: () => Promise<Deployment>; readonly dir: string; readonly nowMs: number },
): Promise<Verdict> {
  let programs: string[] = [];
  const tools: TargetTools = {
    run: async (program, args) => {
      programs.push([program, ...args].join(" "));
      return { code: 0, stdout: "", stderr: "" };
    },
    tell: () => undefined,
    isStored: true,
  };
  const opened = async (): Promise<Deployment> => elsewhere(target, await open(), dir);
  const first = await applyDeployment(target, await opened(), { tools, nowMs });
  if (!first.isChanged) return fail("the first time nothing is done");
  programs = [];
  const plan = await planDeployment(target, await opened());
  if (plan.changes.length > 0 || plan.isUnfinished)
    return fail(`once applied it still wants to change ${plan.changes.map(({ file }) => file).join(", ")}`);
  const second = await applyDeployment(target, await opened(), { tools, nowMs });
  if (second.isChanged || programs.length > 0)
    return fail(`the second time something is done: ${programs.join("; ") || `revision ${second.revision.number}`}`);
  return PASS;
}

/** The same deployment on a machine of its own: its home, data and configuration are in `dir`, and nothing is pushed from it. */
function elsewhere(target: Target, deployment: Deployment, dir: string): Deployment {
  const { machine, table } = deployment;
  return {
    ...deployment,
    table: Object.fromEntries(Object.entries(table).filter(([key]) => !(OUTSIDE[target.name] ?? []).includes(key))),
    at: (...path) => deployment.at(...path),
    machine: { ...machine, home: dir, dataDir: join(dir, "data"), configHome: join(dir, "config") },
  };
}

/** Settings by which applying would reach out of its directory. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = { desktop: ["data_dir"], container: ["push"] };

async function inScratch<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-conformance-"));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
