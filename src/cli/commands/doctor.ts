import { existsSync } from "node:fs";
import { access, constants, mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig, readBundle } from "../../config/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { channelProblems, channelSecret } from "../channels.ts";
import { secretReader } from "../secret-stores.ts";
import { trustOf } from "../trust.ts";

interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

export default defineCommand({
  summary: "Check this machine and this directory",
  options: [{ flags: "--json", summary: "print as JSON" }],
  async run(input, io) {
    const checks = await examine(io);
    if (hasFlag(input, "json")) printJson(io, checks);
    else for (const { check, ok, detail } of checks) io.stdout.write(`${ok ? "ok  " : "FAIL"}  ${check}: ${detail}\n`);
    return checks.every((check) => check.ok) ? 0 : 1;
  },
});

async function examine(io: CommandIo): Promise<readonly Check[]> {
  const attempt = async (check: string, run: () => string | Promise<string>): Promise<Check> => {
    try {
      return { check, ok: true, detail: await run() };
    } catch (error) {
      return {
        check,
        ok: false,
        detail: error instanceof GreenticError ? `${error.code}: ${error.message}` : String(error),
      };
    }
  };
  return Promise.all([
    attempt("Node", () => {
      if (Number(process.versions.node.split(".")[0]) < 26)
        throw new Error(`expected 26 or later, got ${process.versions.node}`);
      return process.versions.node;
    }),
    attempt("asynchronous host calls", () => {
      if (!("Suspending" in (globalThis as unknown as { WebAssembly: object }).WebAssembly))
        throw new Error("this Node has no JSPI");
      return "JSPI is there";
    }),
    attempt("processors", () => String(availableParallelism())),
    attempt("configuration", () => loadConfig({ cwd: io.cwd, environment: io.environment }).file ?? "defaults"),
    attempt(
      "trusted publishers",
      async () => `${(await trustOf(loadConfig({ cwd: io.cwd, environment: io.environment }))).publishers.length}`,
    ),
    attempt("bundle", () => (existsSync(join(io.cwd, "greentic.demo.yaml")) ? readBundle(io.cwd).file : "none here")),
    ...channelChecks(io),
    attempt("data directory", async () => {
      const { dataDir } = loadConfig({ cwd: io.cwd, environment: io.environment });
      await mkdir(dataDir, { recursive: true, mode: 0o700 });
      await access(dataDir, constants.R_OK | constants.W_OK);
      return dataDir;
    }),
    attempt("page", () => {
      if (!existsSync(fileURLToPath(new URL("../../../web/dist/index.html", import.meta.url))))
        throw new Error("not built: npm run build");
      return "built";
    }),
  ]);
}

/** One check for each channel of the directory's bundle, where both can be read: what they say of themselves is told by other checks. */
function channelChecks(io: CommandIo): readonly Promise<Check>[] {
  if (!existsSync(join(io.cwd, "greentic.demo.yaml"))) return [];
  try {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment });
    const secrets = secretReader(config, io.environment);
    return readBundle(io.cwd).providers.map(async (provider) => {
      const problems = await channelProblems(provider, channelSecret(provider, { config, secrets }));
      const ok = problems.length === 0;
      const detail = ok ? `${provider.type ?? ""} has its settings and secrets` : problems.join("; ");
      return { check: `channel ${provider.name}`, ok, detail };
    });
  } catch {
    return [];
  }
}
