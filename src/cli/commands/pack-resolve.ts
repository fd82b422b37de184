import { relative, resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { defineCommand, hasFlag, listOption, printJson, textOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { openRegistries } from "../registries.ts";
import { resolvePack } from "../resolve/resolve-pack.ts";
import type { PackResolution } from "../resolve/resolve-pack.ts";
import { parseNamedRegistry } from "../resolve/scopes.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Resolve a pack's dependencies into pack.lock",
  arguments: [{ name: "dir", summary: "directory with pack.toml or pack.yaml (default: here)", optional: true }],
  options: [
    {
      flags: "--from <dir>",
      summary: "a directory of packs; may be repeated (default: DIR and the directory around it)",
      repeat: true,
    },
    {
      flags: "--registry <ref>",
      summary: "oci://host/prefix for names that no scope covers, or PATTERN=oci://host/prefix; may be repeated",
      repeat: true,
    },
    { flags: "--update <name>", summary: "take the newest of it, whatever is locked; may be repeated", repeat: true },
    { flags: "--locked", summary: "change nothing; fail where pack.lock doesn't do" },
    { flags: "--offline", summary: "ask no registry, only the cache" },
    { flags: "--allow-unsigned", summary: "take packs without a trusted signature too" },
    { flags: "--data <dir>", summary: "the data directory, whose oci/ is the cache" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: [
    "gtc pack resolve my-pack --from packs",
    "gtc pack resolve my-pack --registry 'acme-*=oci://registry.example.com/acme'",
    "gtc pack resolve my-pack --update acme-templates",
  ],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
    const isOffline = hasFlag(input, "offline") || config.registry.offline;
    const registry = { ...config.registry, offline: isOffline };
    const trust = await trustOf(config, io.nowMs());
    const resolution = await resolvePack(resolve(io.cwd, input.args[0] ?? "."), {
      config,
      registries: openRegistries({ ...config, registry }, io),
      trust: hasFlag(input, "allowUnsigned") ? { ...trust, rejectUnsigned: false } : trust,
      nowMs: io.nowMs(),
      from: listOption(input, "from").map((directory) => resolve(io.cwd, directory)),
      named: listOption(input, "registry").map(parseNamedRegistry),
      update: new Set(listOption(input, "update")),
      isLocked: hasFlag(input, "locked"),
      isOffline,
    });
    if (hasFlag(input, "json")) {
      const { lockFile, lock, ...rest } = resolution;
      printJson(io, { lockFile, packs: [...lock.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)), ...rest });
    } else print(io, resolution);
  },
});

function print(io: CommandIo, { lockFile, lock, changes, skipped, open }: PackResolution): void {
  for (const { place, code, message } of skipped) io.stderr.write(`left out ${place}: warning[${code}]: ${message}\n`);
  for (const { name, version, dependencies } of open)
    io.stderr.write(
      `warning: ${name} ${version} was built before ${dependencies.join(", ")} was resolved: it can't call it\n`,
    );
  for (const { name, before, after } of changes)
    io.stdout.write(
      after === undefined
        ? `- ${name} ${before}\n`
        : before === undefined
          ? `+ ${name} ${after}\n`
          : `~ ${name} ${before} → ${after}\n`,
    );
  const count = lock.size === 1 ? "1 pack" : `${lock.size} packs`;
  io.stdout.write(`${relative(io.cwd, lockFile) || lockFile}: ${count}${changes.length === 0 ? ", as it was" : ""}\n`);
}
