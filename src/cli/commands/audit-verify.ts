import { loadConfig } from "../../config/index.ts";
import { verifyAudit } from "../../telemetry/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { upgradeAudit } from "../open-audit.ts";

export default defineCommand({
  summary: "Verify that the audit log is as it was written",
  options: [
    { flags: "--head <hash>", summary: "a head that an earlier verify printed: it has to be in the log still" },
    { flags: "--json", summary: "print as JSON" },
    { flags: "--data <dir>", summary: "the data directory" },
    { flags: "--config <file>", summary: "another greentic.toml" },
  ],
  examples: ["gtc audit verify", "gtc audit verify --head $(cat last-head)"],
  async run(input, io) {
    const flags = { config: textOption(input, "config"), data: textOption(input, "data") };
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags });
    await upgradeAudit(config);
    const head = textOption(input, "head");
    if (head !== undefined && !/^[0-9a-f]{64}$/.test(head))
      throw new GreenticError("CLI_USAGE_INVALID", "Read --head: expected 64 hex digits");
    const { entries, last, findings } = await verifyAudit(config.audit.dir, head);
    const ok = findings.length === 0;
    if (hasFlag(input, "json")) printJson(io, { ok, entries, head: last.hash, findings });
    else {
      for (const { file, line, problem } of findings) io.stdout.write(`FAIL  ${file}:${line}  ${problem}\n`);
      if (ok) io.stdout.write(`ok    ${entries} entries, head ${last.hash}\n`);
    }
    if (!ok && !hasFlag(input, "json"))
      throw new GreenticError(
        "TELEMETRY_AUDIT_DAMAGED",
        `Verify audit log ${quote(config.audit.dir)}: ${findings.length} finding${findings.length === 1 ? "" : "s"}`,
      );
    return ok ? 0 : 4;
  },
});
