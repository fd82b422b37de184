import { probeComponent } from "../../conformance/index.ts";
import { inspectPack } from "../../pack/index.ts";
import type { PackGrants } from "../../pack/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { readPackInput } from "../pack-input.ts";

export default defineCommand({
  summary: "Show what a pack holds",
  arguments: [{ name: "pack", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [{ flags: "--json", summary: "print as JSON" }],
  examples: ["gtc pack inspect my-feature-1.0.0.gtpack --json"],
  async run(input, io) {
    const pack = await inspectPack(await readPackInput(io, input.args[0] ?? ""), { probeComponent });
    if (hasFlag(input, "json")) return printJson(io, pack);
    io.stdout.write(`${pack.name} ${pack.version} (${pack.kind})\n`);
    for (const flow of pack.flows) io.stdout.write(`flow       ${flow.id}  ${flow.type}\n`);
    for (const component of pack.components) {
      io.stdout.write(`component  ${component.id}  ${component.abi}  ${component.sha256.slice(0, 16)}\n`);
      for (const grant of grantLines(component.grants)) io.stdout.write(`  asks for ${grant}\n`);
      if (component.reuse === "tenant") io.stdout.write("  asks to serve a tenant's calls with one instance\n");
    }
    io.stdout.write(`assets     ${pack.assets.length}\n`);
    return undefined;
  },
});

/** What a component asks for, one line a grant: whoever installs a pack decides by them. */
function grantLines({ http, secrets, secretsWrite, state, tools, assets, oauth }: PackGrants): readonly string[] {
  const lists = { http, secrets, "secrets to write": secretsWrite, tools, oauth };
  return [
    ...Object.entries(lists).flatMap(([name, items]) => (items.length > 0 ? [`${name}: ${items.join(", ")}`] : [])),
    ...(state === "none" ? [] : [`state: ${state}`]),
    ...(assets ? ["assets"] : []),
  ];
}
