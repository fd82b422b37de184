import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { formatOciReference } from "../../oci/index.ts";
import { openPack, writeFileAtomic } from "../../pack/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { isDevOk, POLICY_OPTION } from "../pack-input.ts";
import { openRegistries, pullPack } from "../registries.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Pull a pack from a registry and verify it",
  arguments: [{ name: "ref", summary: "oci://host[:port]/name[:tag][@sha256:…]" }],
  options: [
    { flags: "-o, --out <file>", summary: "where it goes (default: NAME-VERSION.gtpack here)" },
    { flags: "--update", summary: "ask the registry what the tag means now" },
    { flags: "--allow-unsigned", summary: "accept a pack without a trusted signature" },
    POLICY_OPTION,
    { flags: "--data <dir>", summary: "the data directory, whose oci/ is the cache" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc pack pull oci://registry.example.com/acme/weather:1.0.0 -o weather.gtpack"],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
    const { reference, bytes, isCached, before } = await pullPack(openRegistries(config, io), input.args[0] ?? "", {
      update: hasFlag(input, "update"),
    });
    if (before !== undefined) io.stderr.write(`note: the tag meant ${before} before\n`);
    const trust = await trustOf(config);
    const isLenient = isDevOk(input);
    const pack = await openPack(bytes, {
      trust: hasFlag(input, "allowUnsigned") || isLenient ? { ...trust, rejectUnsigned: false } : trust,
      nowMs: io.nowMs(),
      ...(isLenient && { policy: { sbom: "warn" } }),
    });
    const { name, version, packHash, report } = pack;
    const out = resolve(io.cwd, textOption(input, "out") ?? fileNameOf(name, version));
    await mkdir(dirname(out), { recursive: true });
    await writeFileAtomic(out, bytes);
    const pulled = formatOciReference(reference);
    const signature = report.signature.status;
    if (hasFlag(input, "json"))
      printJson(io, {
        reference: pulled,
        digest: reference.digest,
        file: out,
        name,
        version,
        packHash,
        signature,
        isCached,
      });
    else io.stdout.write(`${out}\n${pulled}\npack hash  ${packHash}\nsignature  ${signature}\n`);
  },
});

/** Makes the file's name of what was verified; a registry's word for it is never a path. */
function fileNameOf(name: string, version: string): string {
  const file = `${name}-${version}.gtpack`;
  if (/^[A-Za-z0-9][\w.+-]{0,199}$/.test(file)) return file;
  throw new GreenticError("CLI_USAGE_INVALID", `Pull pack: ${quote(name)} makes no file name; name one with --out`);
}
