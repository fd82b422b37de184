import { createHash } from "node:crypto";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Print a component's SHA-256",
  arguments: [{ name: "wasm", summary: "the component" }],
  options: [{ flags: "--json", summary: "print as JSON" }],
  async run(input, io) {
    const bytes = await readInputFile(io, input.args[0] ?? "");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (hasFlag(input, "json")) printJson(io, { sha256, sizeBytes: bytes.byteLength });
    else io.stdout.write(`sha256:${sha256}\n`);
  },
});
