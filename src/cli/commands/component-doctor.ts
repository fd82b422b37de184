import { resolve } from "node:path";
import { doctorComponent, readComponentSource } from "../../component/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { readComponentInput } from "../component-input.ts";

export default defineCommand({
  summary: "Check a component as a host would take it",
  arguments: [
    { name: "component", summary: "a binary, or a source directory, which is built (default: here)", optional: true },
  ],
  options: [{ flags: "--json", summary: "print the checks as JSON" }],
  examples: ["gtc component doctor dist/greeter.wasm --json"],
  async run(input, io) {
    const { bytes, directory } = await readComponentInput(io, input.args[0] ?? ".");
    const source = directory === undefined ? undefined : await readComponentSource(directory);
    const { ok, checks } = await doctorComponent(bytes, {
      directory: directory ?? resolve(io.cwd),
      ...(source && { source }),
    });
    if (hasFlag(input, "json")) printJson(io, { ok, checks });
    else
      for (const { id, status, message } of checks)
        io.stdout.write(`${status.padEnd(8)} ${id.padEnd(10)} ${message}\n`);
    return ok ? 0 : 2;
  },
});
