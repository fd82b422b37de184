import { loadConfig, readBundlePolicy } from "../../config/index.ts";
import { createMachineWorld } from "../../runner/index.ts";
import { bundleSettings } from "../bundle-settings.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { openPolicyEngine } from "../open-policy.ts";

export default defineCommand({
  summary: "Compile the rules of policy and list them with their places",
  arguments: [
    { name: "bundle", summary: "a bundle whose policy.toml files count too (default the one here)", optional: true },
  ],
  options: [
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--json", summary: "print as JSON" },
  ],
  async run(input, io) {
    const { bundle, configFile } = await bundleSettings(input, io);
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { config: configFile } });
    // What a host would refuse to start with is refused here.
    const own = bundle && readBundlePolicy(bundle.files);
    await openPolicyEngine({ ...config, bundle: own }, createMachineWorld());
    const rules = [...config.policy.rules, ...(own?.rules ?? [])];
    const network = [...config.policy.network, ...(own?.network ?? [])];
    if (hasFlag(input, "json")) {
      const { default: byDefault, defaultDenyAt, opa, labels } = config.policy;
      printJson(io, {
        default: byDefault,
        defaultDenyAt,
        rules,
        network,
        labels,
        opa: opa ?? null,
        residency: config.residency,
      });
      return;
    }
    for (const { id, at, effect, when, place, tenant } of rules)
      io.stdout.write(
        `${place.file}:${place.line}:${place.column}  ${effect} ${id} at ${at.join(", ")}${tenant === undefined ? "" : ` for ${tenant}`}: ${when}\n`,
      );
    for (const { id, domains, ports, protocols } of network)
      io.stdout.write(
        `${id}  ${[domains && `domains ${domains.join(", ")}`, ports && `ports ${ports.join(", ")}`, protocols && `protocols ${protocols.join(", ")}`].filter((part) => part !== undefined).join("; ")}\n`,
      );
    if (config.policy.opa !== undefined) io.stdout.write(`opa at ${config.policy.opa.at.join(", ")}\n`);
    io.stderr.write(`${rules.length} rules, ${network.length} allow-lists, by default ${config.policy.default}\n`);
  },
});
