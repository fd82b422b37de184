import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { judgeDeployer } from "../../conformance/index.ts";
import { findTarget, TARGET_NAMES } from "../../deployer/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";
import { readDeployment } from "../deploy/named-deployment.ts";

export default defineCommand({
  summary: "Judge a deployment: rendered twice the same, applied twice nothing new",
  arguments: [{ name: "target", summary: "the directory with deploy.toml or the bundle" }],
  options: [
    {
      flags: "--target <target>",
      summary: "desktop, container, serverless or kubernetes (default: all that are set up)",
    },
    { flags: "--file <file>", summary: "another deploy.toml" },
    { flags: "--config <file>", summary: "another greentic.toml" },
    ...SUITE_OPTIONS,
  ],
  examples: ["greentic-conformance deployer shop/", "greentic-conformance deployer shop/ --target kubernetes --json"],
  async run(input, io) {
    const dir = input.args[0] ?? "";
    if (!existsSync(resolve(io.cwd, dir)))
      throw new GreenticError("CLI_FILE_MISSING", `Judge deployment: nothing at ${quote(dir)}`);
    const asked = textOption(input, "target");
    const targets = (asked === undefined ? TARGET_NAMES : [findTarget(asked).name]).map((name) => ({
      target: findTarget(name),
      open: async () => {
        const named = { args: [], options: { ...input.options, target: name, dir } };
        return (await readDeployment(named, io)).deployment;
      },
      isAsked: asked !== undefined,
    }));
    return printVerdict(input, io, await judgeDeployer(targets, { target: dir, nowMs: io.nowMs() }));
  },
});
