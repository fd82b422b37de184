import { GreenticError, quote } from "../../types/index.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { printJson, textOption } from "../command.ts";

/** The option of the public `check-…` verbs. */
export const FORMAT_OPTION = { flags: "--format <format>", summary: "json or text", default: "json" } as const;

/**
 * Prints a report of a public `check-…` verb as it was asked for; `heads` are the lines of text before its issues and warnings.
 * @throws CLI_USAGE_INVALID for another format
 */
export function printPublic(
  input: CommandInput,
  io: CommandIo,
  {
    report,
    heads,
  }: {
    readonly report: { readonly issues: readonly string[]; readonly warnings: readonly string[] };
    readonly heads: Readonly<Record<string, string | boolean>>;
  },
): void {
  const format = textOption(input, "format");
  if (format === "json") return printJson(io, report);
  if (format !== "text")
    throw new GreenticError("CLI_USAGE_INVALID", `Read --format: expected json or text, got ${quote(format ?? "")}`);
  const list = (title: string, items: readonly string[]): readonly string[] =>
    items.length === 0 ? [] : [title, ...items.map((item) => `- ${item}`)];
  const lines = [
    ...Object.entries(heads).map(([name, value]) => `${name}: ${value}`),
    ...list("Issues:", report.issues),
    ...list("Warnings:", report.warnings),
  ];
  io.stdout.write(`${lines.join("\n")}\n`);
}
