import { mkdir } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { writeFileAtomic } from "../../pack/index.ts";
import { buildBundle } from "../bundle/build-bundle.ts";
import { readNamedBundle } from "../bundle/named-bundle.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { POLICY_OPTION } from "../pack-input.ts";
import { VERSION } from "../version.ts";

export default defineCommand({
  summary: "Build a .gtbundle image from a bundle's directory",
  arguments: [
    { name: "dir", summary: "directory with greentic.demo.yaml or bundle.yaml (default: here)", optional: true },
  ],
  options: [
    { flags: "-o, --out <file>", summary: "the image (default <bundle id>.gtbundle)" },
    { flags: "--store", summary: "store instead of deflating: the same bytes whatever zlib a machine has" },
    POLICY_OPTION,
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc bundle build .", "gtc bundle build shop -o dist/shop.gtbundle --store"],
  async run(input, io) {
    const { bundle, packs } = await readNamedBundle(input, io);
    const built = buildBundle(bundle, { packs, isStored: hasFlag(input, "store"), toolVersion: VERSION });
    const file = resolve(io.cwd, textOption(input, "out") ?? `${built.id}.gtbundle`);
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, built.image);
    const { id, sha256, files, locked, image } = built;
    for (const { name, content } of packs)
      if (content.report?.signature.status !== "valid")
        io.stderr.write(`warning: ${name} has no trusted signature (${content.report?.signature.status ?? "none"})\n`);
    if (hasFlag(input, "json")) printJson(io, { id, file, sha256, size: image.length, files, locked });
    else io.stdout.write(`${relative(io.cwd, file)}\nsha256  ${sha256}\nfiles   ${files.length}\n`);
  },
});
