import { GreenticError } from "../types/index.ts";
import { DeploymentState } from "./deployment-state.ts";
import type { Revision } from "./deployment-state.ts";
import type { Deployment, RenderedFiles, Target, TargetTools } from "./target.ts";

/** What applying would do with one file. */
export interface Change {
  readonly file: string;
  readonly kind: "create" | "change" | "delete" | "restore";
}

/** What applying would do. */
export interface Plan {
  readonly changes: readonly Change[];
  /** The revision that runs; undefined before the first. */
  readonly current?: Revision;
  readonly files: RenderedFiles;
  /** The last try didn't come to its end. */
  readonly isUnfinished: boolean;
}

const stateOf = ({ machine, name }: Deployment, target: Target): DeploymentState =>
  new DeploymentState(machine.dataDir, { name, target: target.name });

/** Compares what is rendered with what was applied, and with what is really there where the target can tell. */
export async function planDeployment(target: Target, deployment: Deployment): Promise<Plan> {
  return planFiles(target, deployment, await target.render(deployment));
}

async function planFiles(target: Target, deployment: Deployment, files: RenderedFiles): Promise<Plan> {
  const state = stateOf(deployment, target);
  const revisions = await state.revisions();
  const current = revisions.findLast(({ outcome }) => outcome === "applied");
  const before: RenderedFiles = current === undefined ? new Map() : await state.read(current);
  const changes: Change[] = [
    ...[...files].flatMap(([file, text]): Change[] => {
      const old = before.get(file);
      if (old === undefined) return [{ file, kind: "create" }];
      return old === text ? [] : [{ file, kind: "change" }];
    }),
    ...[...before.keys()].filter((file) => !files.has(file)).map((file): Change => ({ file, kind: "delete" })),
  ];
  const drifted = current === undefined ? [] : ((await target.drift?.(deployment, before)) ?? []);
  for (const file of drifted)
    if (!changes.some((change) => change.file === file)) changes.push({ file, kind: "restore" });
  const last = revisions.at(-1);
  return {
    changes,
    files,
    isUnfinished: last !== undefined && last.outcome !== "applied",
    ...(current && { current }),
  };
}

/** What came of applying: the revision that runs now, and whether anything was done for it. */
export interface Applied {
  readonly revision: Revision;
  readonly isChanged: boolean;
}

/**
 * Makes things as the deployment says. Where everything is so already, nothing is done; a try that failed is made again.
 * @throws what the target's program failed with; the revision is then noted as failed
 */
export async function applyDeployment(
  target: Target,
  deployment: Deployment,
  options: {
    readonly tools: TargetTools;
    readonly nowMs: number;
    readonly files?: RenderedFiles;
    readonly isForced?: boolean;
  },
): Promise<Applied> {
  const { tools, nowMs, isForced = false } = options;
  const plan = await planFiles(target, deployment, options.files ?? (await target.render(deployment)));
  const { current, files, changes, isUnfinished } = plan;
  if (current !== undefined && changes.length === 0 && !isUnfinished && !isForced)
    return { revision: current, isChanged: false };
  const state = stateOf(deployment, target);
  // A try that failed may have made some of its files: they too are to go where they are not wanted.
  const tried = (await state.revisions()).filter(({ number }) => number > (current?.number ?? 0));
  const before = new Map<string, string>();
  for (const one of [...(current ? [current] : []), ...tried])
    for (const [file, text] of await state.read(one)) before.set(file, text);
  const revision = await state.begin(files, nowMs);
  try {
    await target.apply({ deployment, before, after: files, dir: state.dirOf(revision.number) }, tools);
  } catch (error) {
    await state.end(revision, "failed");
    throw error;
  }
  await state.end(revision, "applied");
  return { revision: { ...revision, outcome: "applied" }, isChanged: true };
}

/**
 * Goes back to an earlier revision, the one before where none is named; that becomes a revision of its own, so that going back can
 * be gone back on.
 * @throws DEPLOYER_REVISION_MISSING
 */
export async function rollbackDeployment(
  target: Target,
  deployment: Deployment,
  options: { readonly tools: TargetTools; readonly nowMs: number; readonly to?: number },
): Promise<Applied & { readonly from: number }> {
  const state = stateOf(deployment, target);
  const applied = (await state.revisions()).filter(({ outcome }) => outcome === "applied");
  const wanted = options.to === undefined ? applied.at(-2) : applied.find(({ number }) => number === options.to);
  if (wanted === undefined)
    throw new GreenticError(
      "DEPLOYER_REVISION_MISSING",
      `Roll back ${deployment.name} on ${target.name}: ${options.to === undefined ? "there is no revision before" : `there is no revision ${options.to}`}, known are ${applied.map(({ number }) => number).join(", ") || "none"}`,
    );
  const done = await applyDeployment(target, deployment, { ...options, files: await state.read(wanted) });
  return { ...done, from: wanted.number };
}

/** The revisions of a deployment, oldest first. */
export function revisionsOf(target: Target, deployment: Deployment): Promise<readonly Revision[]> {
  return stateOf(deployment, target).revisions();
}
