import { applyDeployment } from "../../deployer/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { DEPLOY_OPTIONS, readDeployment } from "../deploy/named-deployment.ts";

export default defineCommand({
  summary: "Make a target as it is described; twice changes nothing",
  options: [
    ...DEPLOY_OPTIONS,
    { flags: "--again", summary: "also where nothing changed: whatever else changed things there is set right" },
    { flags: "--store", summary: "layers of an image without compression: the same bytes whatever zlib a machine has" },
  ],
  examples: ["greentic-deployer apply --target desktop", "greentic-deployer apply --target kubernetes --dir shop"],
  async run(input, io) {
    const { target, deployment, tools } = await readDeployment(input, io);
    const { revision, isChanged } = await applyDeployment(target, deployment, {
      tools,
      nowMs: io.nowMs(),
      isForced: hasFlag(input, "again"),
    });
    if (hasFlag(input, "json"))
      printJson(io, { target: target.name, name: deployment.name, revision: revision.number, changed: isChanged });
    else
      io.stdout.write(
        isChanged
          ? `applied ${deployment.name} on ${target.name} as revision ${revision.number}\n`
          : `nothing to do: revision ${revision.number} is what is wanted\n`,
      );
  },
});
