import { mkdir, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { probeComponent } from "../../conformance/index.ts";
import {
  buildPack,
  loadSigningKey,
  makeProvenance,
  provenancePathOf,
  signPack,
  writeFileAtomic,
} from "../../pack/index.ts";
import type { SigningKey } from "../../pack/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, textOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { expandHome } from "../expand-home.ts";
import { formatFinding } from "../print-report.ts";
import { VERSION } from "../version.ts";

export default defineCommand({
  summary: "Build a pack from its source directory",
  arguments: [{ name: "dir", summary: "directory with pack.toml or pack.yaml", optional: true }],
  options: [
    { flags: "-p, --pack <file>", summary: "the pack.toml or pack.yaml, instead of the directory" },
    { flags: "-o, --out <file>", summary: "where the pack goes (default: NAME-VERSION.gtpack here)" },
    { flags: "--sbom <format>", summary: "cyclonedx or spdx", default: "cyclonedx" },
    { flags: "--key <file>", summary: "sign the pack with a private key, and its provenance" },
    { flags: "--provenance", summary: "say beside the pack, as OUT.intoto.json, what it was built of; needs --key" },
    { flags: "--builder <uri>", summary: "who builds, for the provenance", default: "urn:greentic:builder:local" },
  ],
  examples: [
    "gtc pack build ./my-pack",
    "gtc pack build ./my-pack --key my-key.pem --provenance",
    "packc build -p examples/weather-demo/pack.yaml -o dist/weather.pack",
  ],
  async run(input, io) {
    const source = resolve(io.cwd, input.args[0] ?? textOption(input, "pack") ?? ".");
    const sbom = textOption(input, "sbom") === "spdx" ? "spdx" : "cyclonedx";
    const key = await keyOption(input, io);
    const built = await buildPack(source, { probeComponent, sbom });
    const provenance = hasFlag(input, "provenance")
      ? await makeProvenance(source, built, {
          key: key ?? missingKey(),
          builder: builderOption(input),
          builderVersion: VERSION,
          parameters: { sbom },
        })
      : undefined;
    const bytes = key === undefined ? built.bytes : (await signPack(built.bytes, key)).bytes;
    const out = resolve(io.cwd, textOption(input, "out") ?? built.fileName);
    await mkdir(dirname(out), { recursive: true });
    await writeFileAtomic(out, bytes);
    // What an earlier build said isn't about this one.
    if (provenance === undefined) await rm(provenancePathOf(out), { force: true });
    else await writeFileAtomic(provenancePathOf(out), Buffer.from(provenance));
    for (const finding of built.findings) io.stderr.write(`${formatFinding(finding)}\n`);
    io.stdout.write(`built ${out}\npack hash  ${built.packHash}\n`);
    if (key !== undefined) io.stdout.write(`key id     ${key.id}\n`);
    if (provenance !== undefined) io.stdout.write(`provenance ${provenancePathOf(out)}\n`);
  },
});

async function keyOption(input: CommandInput, io: CommandIo): Promise<SigningKey | undefined> {
  const file = textOption(input, "key");
  if (file !== undefined) return loadSigningKey(resolve(io.cwd, expandHome(io, file)));
  return hasFlag(input, "provenance") ? missingKey() : undefined;
}

function missingKey(): never {
  throw new GreenticError("CLI_USAGE_INVALID", "Build pack: --provenance is signed: name a private key with --key");
}

function builderOption(input: CommandInput): string {
  const uri = textOption(input, "builder") ?? "";
  if (URL.canParse(uri)) return uri;
  throw new GreenticError("CLI_USAGE_INVALID", `Read --builder: expected a URI, got ${quote(uri)}`);
}
