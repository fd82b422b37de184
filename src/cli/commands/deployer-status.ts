import { planDeployment, revisionsOf } from "../../deployer/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { DEPLOY_OPTIONS, readDeployment } from "../deploy/named-deployment.ts";

export default defineCommand({
  summary: "Say what was applied, whether it is still so, and how it is doing",
  options: [...DEPLOY_OPTIONS],
  examples: ["greentic-deployer status --target desktop", "greentic-deployer status --target kubernetes --json"],
  async run(input, io) {
    const { target, deployment, tools } = await readDeployment(input, io);
    const revisions = await revisionsOf(target, deployment);
    const { changes, current, isUnfinished } = await planDeployment(target, deployment);
    const running = current === undefined ? [] : await target.status(deployment, tools);
    if (hasFlag(input, "json")) {
      const listed = revisions.map(({ number, at, outcome }) => ({ number, at, outcome }));
      const revision = current?.number ?? null;
      const { name } = deployment;
      printJson(io, {
        target: target.name,
        name,
        revision,
        changes,
        unfinished: isUnfinished,
        running,
        revisions: listed,
      });
      return;
    }
    for (const { number, at, outcome } of revisions)
      io.stdout.write(`${number === current?.number ? "*" : " "} revision ${number}  ${at}  ${outcome}\n`);
    if (current === undefined) io.stdout.write(`${deployment.name} was not applied on ${target.name}\n`);
    for (const line of running) io.stdout.write(`  ${line}\n`);
    for (const { file, kind } of current === undefined ? [] : changes) io.stdout.write(`  ${file}: ${kind}\n`);
  },
});
