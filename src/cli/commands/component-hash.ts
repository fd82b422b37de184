import { createHash } from "node:crypto";
import { defineCommand } from "../command.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Print a component's SHA-256",
  arguments: [{ name: "wasm", summary: "the component" }],
  async run(input, io) {
    const bytes = await readInputFile(io, input.args[0] ?? "");
    io.stdout.write(`sha256:${createHash("sha256").update(bytes).digest("hex")}\n`);
  },
});
