import { join } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { PackShelf } from "../../deployer/index.ts";
import { OciCache } from "../../oci/index.ts";
import { openPack } from "../../pack/index.ts";
import type { Pack } from "../../pack/index.ts";
import { GreenticError, tenantId } from "../../types/index.ts";
import { shelfDependencies } from "../app-dependencies.ts";
import { openAudited } from "../audit.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { fullChecks } from "../full-checks.ts";
import { isDevOk, POLICY_OPTION } from "../pack-input.ts";
import { refreshPins } from "../pins.ts";
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
    const open = (): Promise<Pack> =>
      openPack(bytes, {
        trust: allowUnsigned ? { ...trust, rejectUnsigned: false } : trust,
        nowMs: io.nowMs(),
        provenance,
        policy: {
          previous: (name) => shelf.previous(tenant, name),
          allowDowngrade: hasFlag(input, "allowDowngrade"),
          ...(allowMismatch && { sbom: "warn" }),
        },
      });
    const pack = await openAudited(open, { config, tenant, nowMs: io.nowMs() });
    const full = await fullChecks(bytes, { nowMs: io.nowMs() });
    for (const [name, component] of pack.components) {
      const [finding] = await full.checkComponent({
        ...component,
        name,
        bytes: pack.read(component.path) ?? new Uint8Array(),
      });
      if (finding?.severity === "error")
        throw new GreenticError("COMPONENT_IMPORT_UNGRANTED", `Load pack ${pack.name}: ${finding.message}`);
    }
    const { missing, broken } = await shelfDependencies(shelf, { tenant, pack, nowMs: io.nowMs() });
    const [lost] = missing;
    if (lost !== undefined && !hasFlag(input, "withoutDependencies")) throw new GreenticError(lost.code, lost.message);
    for (const { code, message } of [...missing, ...broken]) io.stderr.write(`warning[${code}]: ${message}\n`);
    const isSigned = pack.report.signature.status === "valid";
    if (!isSigned)
      io.stderr.write(
        `warning: ${pack.name} has no trusted signature (${pack.report.signature.status}); it was registered because ${allowMismatch ? "of --policy devok" : "of --allow-unsigned"}\n`,
      );
    if (pack.step === "downgrade")
      io.stderr.write(`warning: ${pack.name} goes back to ${pack.version} because of --allow-downgrade\n`);
    const shelved = await shelf.add(tenant, bytes, {
      pack,
      allowUnsigned: allowUnsigned && !isSigned,
      allowMismatch,
      ...(reference && { artifact: reference.digest }),
    });
    await refreshPins(new OciCache(join(config.dataDir, "oci")), shelf);
    if (hasFlag(input, "json")) printJson(io, { ...shelved, signature: pack.report.signature.status, step: pack.step });
    else
      io.stdout.write(
        `loaded ${pack.name} ${pack.version} for ${tenant}\npack hash  ${pack.packHash}\nsignature  ${pack.report.signature.status}\n`,
      );
  },
});
