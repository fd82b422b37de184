import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { buildPack, writeFileAtomic } from "../../pack/index.ts";
import { defineCommand, textOption } from "../command.ts";
import { formatFinding } from "../print-report.ts";
import { probeComponent } from "../full-checks.ts";

export default defineCommand({
  summary: "Build a pack from its source directory",
  arguments: [{ name: "dir", summary: "directory with pack.toml or pack.yaml", optional: true }],
  options: [
    { flags: "-p, --pack <file>", summary: "the pack.toml or pack.yaml, instead of the directory" },
    { flags: "-o, --out <file>", summary: "where the pack goes (default: NAME-VERSION.gtpack here)" },
    { flags: "--sbom <format>", summary: "cyclonedx or spdx", default: "cyclonedx" },
  ],
  examples: ["gtc pack build ./my-pack", "packc build -p examples/weather-demo/pack.yaml -o dist/weather.pack"],
  async run(input, io) {
    const source = resolve(io.cwd, input.args[0] ?? textOption(input, "pack") ?? ".");
    const built = await buildPack(source, {
      probeComponent,
      sbom: textOption(input, "sbom") === "spdx" ? "spdx" : "cyclonedx",
    });
    const out = resolve(io.cwd, textOption(input, "out") ?? built.fileName);
    await mkdir(dirname(out), { recursive: true });
    await writeFileAtomic(out, built.bytes);
    for (const finding of built.findings) io.stderr.write(`${formatFinding(finding)}\n`);
    io.stdout.write(`built ${out}\npack hash  ${built.packHash}\n`);
  },
});
