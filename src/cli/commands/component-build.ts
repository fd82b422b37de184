import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { buildComponent } from "../../component/index.ts";
import { writeFileAtomic } from "../../pack/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";

export default defineCommand({
  summary: "Build a component's source to WebAssembly",
  arguments: [{ name: "dir", summary: "directory with component.toml (default: here)", optional: true }],
  options: [
    { flags: "-o, --out <file>", summary: "where the component goes (default: DIR/dist/NAME.wasm)" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc component build components/forecast -o components/forecast.wasm"],
  async run(input, io) {
    const dir = resolve(io.cwd, input.args[0] ?? ".");
    const { source, bytes, sha256, wallMs } = await buildComponent(dir);
    const out = resolve(io.cwd, textOption(input, "out") ?? join(dir, "dist", `${source.name}.wasm`));
    await mkdir(dirname(out), { recursive: true });
    await writeFileAtomic(out, bytes);
    const sizeBytes = bytes.length;
    const ms = Math.round(wallMs);
    if (hasFlag(input, "json")) printJson(io, { out, language: source.language, sha256, sizeBytes, wallMs: ms });
    else io.stdout.write(`built ${out}\n${sizeBytes} bytes of ${source.language} in ${ms} ms\nsha256  ${sha256}\n`);
  },
});
