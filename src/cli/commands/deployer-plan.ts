import { planDeployment } from "../../deployer/index.ts";
import type { Plan } from "../../deployer/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { DEPLOY_OPTIONS, readDeployment } from "../deploy/named-deployment.ts";

const SIGN = { create: "+", change: "~", delete: "-", restore: "!" } as const;
const DIFFERENT = 2;

export default defineCommand({
  summary: "Show what applying would change, and what has to be there beforehand",
  options: [
    ...DEPLOY_OPTIONS,
    { flags: "--detailed-exitcode", summary: "exit with 0 where nothing would change, 2 where something would" },
  ],
  examples: [
    "greentic-deployer plan --target kubernetes",
    "greentic-deployer plan --target desktop --detailed-exitcode",
  ],
  async run(input, io) {
    const { target, deployment } = await readDeployment(input, io);
    const plan = await planDeployment(target, deployment);
    const needs = plan.current === undefined ? target.needs(deployment) : [];
    const isDifferent = plan.changes.length > 0 || plan.isUnfinished;
    if (hasFlag(input, "json"))
      printJson(io, {
        target: target.name,
        name: deployment.name,
        revision: plan.current?.number ?? null,
        changes: plan.changes,
        unfinished: plan.isUnfinished,
        needs,
      });
    else {
      io.stdout.write(textOf(plan));
      for (const need of needs) io.stdout.write(`first  ${need}\n`);
    }
    return isDifferent && hasFlag(input, "detailedExitcode") ? DIFFERENT : 0;
  },
});

function textOf({ changes, current, isUnfinished }: Plan): string {
  const lines = changes.map(({ file, kind }) => `${SIGN[kind]} ${file}  ${kind}\n`);
  if (isUnfinished) lines.push("! the last try didn't come to its end: applying tries again\n");
  return lines.length === 0 ? `nothing to do: revision ${current?.number} is what is wanted\n` : lines.join("");
}
