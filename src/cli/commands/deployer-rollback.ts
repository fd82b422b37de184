import { rollbackDeployment } from "../../deployer/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { DEPLOY_OPTIONS, readDeployment } from "../deploy/named-deployment.ts";

export default defineCommand({
  summary: "Go back to what was applied before",
  options: [
    ...DEPLOY_OPTIONS,
    { flags: "--to <revision>", summary: "the revision to go to (default: the one before)" },
  ],
  examples: ["greentic-deployer rollback --target desktop", "greentic-deployer rollback --target kubernetes --to 3"],
  async run(input, io) {
    const to = textOption(input, "to");
    if (to !== undefined && !/^[1-9]\d{0,6}$/.test(to))
      throw new GreenticError("CLI_USAGE_INVALID", `Read --to: expected a revision from 1, got ${quote(to)}`);
    const { target, deployment, tools } = await readDeployment(input, io);
    const { revision, from, isChanged } = await rollbackDeployment(target, deployment, {
      tools,
      nowMs: io.nowMs(),
      ...(to !== undefined && { to: Number(to) }),
    });
    if (hasFlag(input, "json"))
      printJson(io, {
        target: target.name,
        name: deployment.name,
        revision: revision.number,
        from,
        changed: isChanged,
      });
    else
      io.stdout.write(
        isChanged
          ? `${deployment.name} on ${target.name} is as revision ${from} again, as revision ${revision.number}\n`
          : `nothing to do: revision ${revision.number} is as ${from} was\n`,
      );
  },
});
