import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { buildComponent } from "../../component/index.ts";
import { writeFileAtomic } from "../../pack/index.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";

export default defineCommand({
  summary: "Build a TypeScript component to WebAssembly",
  arguments: [{ name: "dir", summary: "directory with component.toml (default: here)", optional: true }],
  options: [
    { flags: "-o, --out <file>", summary: "where the component goes (default: DIR/dist/NAME.wasm)" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc component build components/forecast -o components/forecast.wasm"],
  async run(input, io) {
    const dir = resolve(io.cwd, input.args[0] ?? ".");
    const built = await buildComponent(dir);
    const out = resolve(io.cwd, textOption(input, "out") ?? join(dir, "dist", `${built.source.name}.wasm`));
    await mkdir(dirname(out), { recursive: true });
    await writeFileAtomic(out, built.bytes);
    if (hasFlag(input, "json"))
      printJson(io, { out, sha256: built.sha256, sizeBytes: built.bytes.length, wallMs: Math.round(built.wallMs) });
    else
      io.stdout.write(
        `built ${out}\n${built.bytes.length} bytes in ${Math.round(built.wallMs)} ms\nsha256  ${built.sha256}\n`,
      );
  },
});
