import { InProcessComponentHost, inspectComponent } from "../../component/index.ts";
import type { ComponentDescription } from "../../component/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Show a component's interface",
  arguments: [{ name: "wasm", summary: "the component" }],
  options: [
    { flags: "--describe", summary: "also ask it what it is: it runs once, with nothing granted" },
    { flags: "--json", summary: "print as JSON" },
  ],
  examples: ["gtc component inspect greeter.wasm --describe --json"],
  async run(input, io) {
    const bytes = await readInputFile(io, input.args[0] ?? "");
    const info = inspectComponent(bytes);
    const description = hasFlag(input, "describe") ? await describe(bytes) : undefined;
    if (hasFlag(input, "json")) return printJson(io, { ...info, ...(description && { description }) });
    io.stdout.write(`abi      ${info.abi}\nsize     ${info.sizeBytes} bytes\nsha256   ${info.sha256}\n`);
    for (const name of info.imports) io.stdout.write(`import   ${name}\n`);
    for (const name of info.exports) io.stdout.write(`export   ${name}\n`);
    if (description === undefined) return undefined;
    const { name = "", version = "", summary = "", operations, i18nKeys } = description;
    io.stdout.write(`name     ${[name, version, summary].filter((text) => text !== "").join("  ")}\n`);
    for (const { name, summary = "" } of operations) io.stdout.write(`op       ${name}  ${summary}\n`);
    if (i18nKeys.length > 0) io.stdout.write(`texts    ${i18nKeys.join(", ")}\n`);
    return undefined;
  },
});

async function describe(bytes: Uint8Array): Promise<ComponentDescription> {
  await using host = new InProcessComponentHost();
  const { sha256 } = await host.examine(bytes);
  // The host must outlive its answer.
  return await host.describe(sha256);
}
