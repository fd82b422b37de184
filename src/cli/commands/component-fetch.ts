import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fetchComponent } from "../../component/index.ts";
import { loadConfig } from "../../config/index.ts";
import { parseOciReference, pullArtifact } from "../../oci/index.ts";
import { writeFileAtomic } from "../../pack/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { openRegistries } from "../registries.ts";

export default defineCommand({
  summary: "Fetch a component and keep it by its digest",
  arguments: [
    { name: "ref", summary: "a file, file:// or oci:// reference, or sha256: digest; @sha256:… behind it must hold" },
  ],
  options: [
    { flags: "-o, --out <file>", summary: "also write it there" },
    { flags: "--update", summary: "ask the registry what the tag means now" },
    { flags: "--data <dir>", summary: "the data directory, whose oci/ is the cache" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: [
    "gtc component fetch ./forecast.wasm",
    "gtc component fetch oci://registry.example.com/acme/forecast:1.0.0",
    "gtc component fetch sha256:… -o components/forecast.wasm",
  ],
  async run(input, io) {
    const config = loadConfig({
      cwd: io.cwd,
      environment: io.environment,
      flags: { data: textOption(input, "data") },
    });
    const { path, digest, sizeBytes, isCached, bytes } = await fetchComponent(input.args[0] ?? "", {
      cwd: io.cwd,
      // What registries gave and what files gave are the same content by the same digests: one cache.
      cacheDirectory: join(config.dataDir, "oci", "blobs"),
      pull: async (reference) => {
        const { library } = openRegistries(config, io);
        const update = hasFlag(input, "update");
        const pulled = await pullArtifact(library, parseOciReference(reference), { kind: "component", update });
        if (pulled.before !== undefined) io.stderr.write(`note: the tag meant ${pulled.before} before\n`);
        return pulled;
      },
    });
    const out = textOption(input, "out");
    if (out !== undefined) {
      await mkdir(dirname(resolve(io.cwd, out)), { recursive: true });
      await writeFileAtomic(resolve(io.cwd, out), bytes);
    }
    if (hasFlag(input, "json")) printJson(io, { path, digest, sizeBytes, isCached });
    else io.stdout.write(`${digest}\n${path}\n${sizeBytes} bytes${isCached ? ", from the cache" : ""}\n`);
  },
});
