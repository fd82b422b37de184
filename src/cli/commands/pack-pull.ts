import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { formatOciReference } from "../../oci/index.ts";
import { openPack, provenancePathOf, writeFileAtomic } from "../../pack/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { isDevOk, POLICY_OPTION } from "../pack-input.ts";
import { openRegistries, provenanceOf, pullPack } from "../registries.ts";
import { trustOf } from "../trust.ts";

export default defineCommand({
  summary: "Pull a pack from a registry and verify it",
  arguments: [{ name: "ref", summary: "oci://host[:port]/name[:tag][@sha256:…]" }],
  options: [
    { flags: "-o, --out <file>", summary: "where it goes (default: NAME-VERSION.gtpack here)" },
    { flags: "--update", summary: "ask the registry what the tag means now" },
    { flags: "--provenance", summary: "fetch what says how it was built too, and refuse the pack without" },
    { flags: "--allow-unsigned", summary: "accept a pack without a trusted signature" },
    POLICY_OPTION,
    { flags: "--data <dir>", summary: "the data directory, whose oci/ is the cache" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc pack pull oci://registry.example.com/acme/weather:1.0.0 -o weather.gtpack"],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
    const registries = openRegistries(config, io);
    const { reference, bytes, isCached, before } = await pullPack(registries, input.args[0] ?? "", {
      update: hasFlag(input, "update"),
    });
    if (before !== undefined) io.stderr.write(`note: the tag meant ${before} before\n`);
    const configured = await trustOf(config);
    const trust = hasFlag(input, "provenance") ? { ...configured, requireProvenance: true } : configured;
    const provenance = await provenanceOf(registries, { reference, trust });
    const isLenient = isDevOk(input);
    const pack = await openPack(bytes, {
      trust: hasFlag(input, "allowUnsigned") || isLenient ? { ...trust, rejectUnsigned: false } : trust,
      nowMs: io.nowMs(),
      provenance,
      ...(isLenient && { policy: { sbom: "warn" } }),
    });
    const { name, version, packHash, report } = pack;
    const out = resolve(io.cwd, textOption(input, "out") ?? fileNameOf(name, version));
    await mkdir(dirname(out), { recursive: true });
    await writeFileAtomic(out, bytes);
    const [envelope] = pack.provenance;
    if (envelope !== undefined) await writeFileAtomic(provenancePathOf(out), envelope);
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
