import { loadConfig } from "../../config/index.ts";
import { PackShelf } from "../../deployer/index.ts";
import { tenantId } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { auditOnDemand } from "../open-audit.ts";
import { isDevOk, POLICY_OPTION } from "../pack-input.ts";
import { registerPack } from "../register-pack.ts";
import { readPackAndProvenance } from "../registries.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Verify a pack and register it in the data directory",
  options: [
    { flags: "--pack <pack>", summary: "the pack file, or oci://host/name:tag", required: true },
    { flags: "--tenant <tenant>", summary: "whose pack (default: the configured tenant)" },
    { flags: "--allow-unsigned", summary: "accept a pack without a trusted signature" },
    POLICY_OPTION,
    { flags: "--allow-downgrade", summary: "accept a version older than the one that was loaded before" },
    {
      flags: "--without-dependencies",
      summary: "register it before what it was built with, which a bundle has or which comes later",
    },
    { flags: "--data <dir>", summary: "the data directory" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: [
    "greentic-runner load --pack dist/weather.pack --allow-unsigned",
    "greentic-runner load --pack oci://registry.example.com/acme/weather:1.0.0",
  ],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
    const tenant = tenantId(textOption(input, "tenant") ?? config.tenant);
    const file = String(input.options["pack"]);
    const allowMismatch = isDevOk(input);
    const allowUnsigned = hasFlag(input, "allowUnsigned") || allowMismatch;
    const trust = await trustOf(config);
    const shelf = new PackShelf(config.dataDir);
    const { bytes, provenance, reference } = await readPackAndProvenance(io, file, { config, trust });
    await using audit = auditOnDemand(config);
    const { pack, shelved, warnings } = await registerPack(tenant, bytes, {
      config,
      shelf,
      trust,
      nowMs: io.nowMs(),
      audit,
      provenance,
      allow: {
        unsigned: allowUnsigned,
        mismatch: allowMismatch,
        downgrade: hasFlag(input, "allowDowngrade"),
        missingDependencies: hasFlag(input, "withoutDependencies"),
      },
      artifact: reference?.digest,
    });
    for (const { code, message } of warnings) io.stderr.write(`warning[${code}]: ${message}\n`);
    const isSigned = pack.report.signature.status === "valid";
    if (!isSigned)
      io.stderr.write(
        `warning: ${pack.name} has no trusted signature (${pack.report.signature.status}); it was registered because ${allowMismatch ? "of --policy devok" : "of --allow-unsigned"}\n`,
      );
    if (pack.step === "downgrade")
      io.stderr.write(`warning: ${pack.name} goes back to ${pack.version} because of --allow-downgrade\n`);
    if (hasFlag(input, "json")) printJson(io, { ...shelved, signature: pack.report.signature.status, step: pack.step });
    else
      io.stdout.write(
        `loaded ${pack.name} ${pack.version} for ${tenant}\npack hash  ${pack.packHash}\nsignature  ${pack.report.signature.status}\n`,
      );
  },
});
