import { resolve } from "node:path";
import { loadConfig } from "../../config/index.ts";
import { formatOciReference, parseOciReference, pushPack, pushProvenance } from "../../oci/index.ts";
import { readProvenanceBeside, TRUST_NOBODY, verifyPack } from "../../pack/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { readInputFile } from "../files.ts";
import { printReport } from "../print-report.ts";
import { openRegistries } from "../registries.ts";

export default defineCommand({
  summary: "Push a pack to a registry",
  arguments: [
    { name: "pack", summary: "the pack file" },
    { name: "ref", summary: "oci://host[:port]/name[:tag]; without a tag the pack's version is it" },
  ],
  options: [
    { flags: "--data <dir>", summary: "the data directory" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc pack push weather-1.0.0.gtpack oci://registry.example.com/acme/weather:1.0.0"],
  async run(input, io) {
    const config = loadConfig({ cwd: io.cwd, environment: io.environment, flags: { data: textOption(input, "data") } });
    const [file = "", place = ""] = input.args;
    const named = parseOciReference(place);
    if (named.digest !== undefined)
      throw new GreenticError("CLI_USAGE_INVALID", "Push pack: a digest follows from the content; name a tag, or none");
    if (config.registry.offline) throw new GreenticError("OCI_OFFLINE", "Push pack: offline");
    const bytes = await readInputFile(io, file);
    // Who trusts it is for its readers to say; what is broken isn't published.
    const provenance = await readProvenanceBeside(resolve(io.cwd, file));
    const trust = { ...TRUST_NOBODY, rejectUnsigned: false };
    const report = await verifyPack(bytes, { trust, nowMs: io.nowMs(), provenance });
    const { name, version, packHash, signature } = report;
    if (!report.ok || name === null || version === null || packHash === null) {
      printReport(io, report);
      return 4;
    }
    if (signature.status === "none") io.stderr.write(`warning: ${name} ${version} is unsigned; most hosts refuse it\n`);
    // Versions may hold a plus, tags may not.
    const reference = { ...named, tag: named.tag ?? version.replaceAll("+", "_") };
    const { client, cache } = openRegistries(config, io);
    const digest = await pushPack(client, reference, { bytes, labels: { name, version, packHash } });
    // What this directory pushes is what it means by the tag.
    await cache.lockTag(formatOciReference(reference), digest);
    for (const envelope of provenance) await pushProvenance(client, { ...reference, digest }, envelope);
    const pushed = formatOciReference({ ...reference, digest });
    if (hasFlag(input, "json"))
      printJson(io, {
        reference: pushed,
        digest,
        name,
        version,
        packHash,
        sizeBytes: bytes.byteLength,
        provenance: provenance.length > 0,
      });
    else io.stdout.write(`${pushed}\n`);
    return 0;
  },
});
