import { relative } from "node:path";
import { findingsToSarif } from "../../flow/index.ts";
import { checkBundle } from "../bundle/check-bundle.ts";
import { readNamedBundle } from "../bundle/named-bundle.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { POLICY_OPTION } from "../pack-input.ts";
import { hasSecretIn } from "../secret-stores.ts";
import { VERSION } from "../version.ts";

export default defineCommand({
  summary: "Check a bundle: its packs, flows, channels, secrets and access maps",
  arguments: [
    { name: "bundle", summary: "a bundle's directory, its file, or a .gtbundle image (default: here)", optional: true },
  ],
  options: [
    POLICY_OPTION,
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--data <dir>", summary: "the data directory, where secrets are" },
    { flags: "--json", summary: "print the findings as JSON" },
    { flags: "--sarif", summary: "print the findings as SARIF 2.1.0" },
  ],
  examples: ["gtc bundle doctor .", "gtc bundle doctor shop.gtbundle --policy devok --json"],
  async run(input, io) {
    const { bundle, packs, config } = await readNamedBundle(input, io);
    const found = await checkBundle(bundle, { packs, hasSecret: hasSecretIn(config, io.environment) });
    const findings = found.map((one) => ({ ...one, at: { ...one.at, file: shortName(io.cwd, one.at.file) } }));
    const ok = findings.every(({ severity }) => severity !== "error");
    if (hasFlag(input, "sarif"))
      printJson(io, findingsToSarif(findings, { name: "gtc bundle doctor", version: VERSION }));
    else if (hasFlag(input, "json")) printJson(io, { ok, bundle: shortName(io.cwd, bundle.file), findings });
    else {
      for (const { severity, code, message, at } of findings)
        io.stdout.write(`${at.file}:${at.line}:${at.column}  ${severity}[${code}]: ${message}\n`);
      const count = findings.length;
      io.stdout.write(
        `${shortName(io.cwd, bundle.file)}  ${count === 0 ? "ok" : `${count} finding${count === 1 ? "" : "s"}`}\n`,
      );
    }
    return ok ? 0 : 2;
  },
});

function shortName(cwd: string, file: string): string {
  const short = relative(cwd, file);
  return short.startsWith("..") ? file : short;
}
