import { inspectComponent } from "../../component/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Show a component's interface",
  arguments: [{ name: "wasm", summary: "the component" }],
  options: [{ flags: "--json", summary: "print as JSON" }],
  async run(input, io) {
    const info = inspectComponent(await readInputFile(io, input.args[0] ?? ""));
    if (hasFlag(input, "json")) return printJson(io, info);
    io.stdout.write(`abi      ${info.abi}\nsize     ${info.sizeBytes} bytes\nsha256   ${info.sha256}\n`);
    for (const name of info.imports) io.stdout.write(`import   ${name}\n`);
    for (const name of info.exports) io.stdout.write(`export   ${name}\n`);
    return undefined;
  },
});
