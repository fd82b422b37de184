import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parse } from "yaml";
import { doctorFlow } from "../flow/index.ts";
import type { FlowFinding } from "../flow/index.ts";
import { writeFileAtomic } from "../pack/index.ts";
import { KIND_CATALOG } from "../runner/index.ts";
import { GreenticError, isGreenticError, parseJson, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { hasFlag, listOption, textOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import { diffText } from "./diff-text.ts";
import { readInputFile } from "./files.ts";

/** The options of every command that edits a flow. */
export const EDIT_OPTIONS = [
  { flags: "--dry-run", summary: "print the difference and write nothing" },
  { flags: "--force", summary: "write a flow that doctor finds broken, too" },
] as const;

/** A file that an edit writes beside the flow. */
export interface OtherFile {
  readonly file: string;
  readonly text: string;
}

/**
 * Edits a flow file: reads it, makes the new text, has doctor look at it, and writes it at once or prints the difference.
 * @throws CLI_FILE_MISSING, CLI_EDIT_REFUSED where the edit breaks what was whole; what the edit throws, with the flow's file
 */
export async function editFlowFile(
  from: { readonly input: CommandInput; readonly io: CommandIo; readonly components?: ReadonlySet<string> },
  edit: (source: string) => string | Promise<string>,
  others: (source: string) => Promise<readonly OtherFile[]> = async () => [],
): Promise<void> {
  const { input, io } = from;
  const file = input.args[0] ?? "";
  const before = new TextDecoder().decode(await readInputFile(io, file));
  const after = await edited(() => edit(before), file);
  if (!hasFlag(input, "force")) refuseBreaking({ before, after, file, components: from.components });
  const written = [{ file: resolve(io.cwd, file), name: file, text: after, before }];
  for (const other of await others(after)) {
    const old = await readFile(resolve(io.cwd, other.file), "utf8").catch(() => "");
    written.push({ file: resolve(io.cwd, other.file), name: other.file, text: other.text, before: old });
  }
  for (const one of written.filter(({ text, before: old }) => text !== old)) {
    if (hasFlag(input, "dryRun")) io.stdout.write(diffText(one.name, { before: one.before, after: one.text }));
    else {
      await writeFileAtomic(one.file, new TextEncoder().encode(one.text));
      io.stdout.write(`wrote ${one.name}\n`);
    }
  }
}

/** Places of the flow as it is parsed while it is edited name its file. */
async function edited(edit: () => string | Promise<string>, file: string): Promise<string> {
  try {
    return await edit();
  } catch (error) {
    if (!isGreenticError(error) || error.at?.file !== "flow") throw error;
    throw new GreenticError(error.code, error.message, { at: { ...error.at, file }, cause: error });
  }
}

function refuseBreaking(flow: {
  readonly before: string;
  readonly after: string;
  readonly file: string;
  readonly components: ReadonlySet<string> | undefined;
}): void {
  const { before, after, file, components } = flow;
  const errors = (source: string): readonly FlowFinding[] =>
    doctorFlow(source, { catalog: KIND_CATALOG, file }).filter(
      ({ severity, code, message }) =>
        // What is bound may be no kind: a component of that name is about to be there.
        severity === "error" &&
        !(code === "FLOW_KIND_UNKNOWN" && [...(components ?? [])].some((name) => message.includes(name))),
    );
  const known = new Set(errors(before).map(({ code, message }) => `${code} ${message}`));
  const broken = errors(after).find(({ code, message }) => !known.has(`${code} ${message}`));
  if (broken === undefined) return;
  const place = broken.node === undefined ? "" : ` at step ${quote(broken.node)}`;
  throw new GreenticError(
    "CLI_EDIT_REFUSED",
    `Edit ${file}: it would break the flow${place}: ${broken.code}: ${broken.message}`,
  );
}

/** Reads an option that is JSON or YAML. @throws CLI_USAGE_INVALID */
export function valueOption(input: CommandInput, name: string): JsonValue | undefined {
  const text = textOption(input, name);
  return text === undefined ? undefined : readValue(text, `--${name}`);
}

/** Reads `--set key=value`, which repeats; the value is JSON or YAML. @throws CLI_USAGE_INVALID */
export function membersOption(input: CommandInput): Readonly<Record<string, JsonValue>> {
  return Object.fromEntries(
    listOption(input, "set").map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new GreenticError("CLI_USAGE_INVALID", `Read --set: expected KEY=VALUE, got ${quote(pair)}`);
      return [pair.slice(0, at), readValue(pair.slice(at + 1), "--set")] as const;
    }),
  );
}

/** Reads `--routing`: `out`, `reply`, a step's id, or a list of entries. @throws CLI_USAGE_INVALID */
export function routingOption(input: CommandInput): JsonValue | undefined {
  const value = valueOption(input, "routing");
  return typeof value !== "string" || value === "out" || value === "reply" ? value : [{ to: value }];
}

function readValue(text: string, flag: string): JsonValue {
  try {
    // A template is a text, though YAML takes its braces for a map.
    if (text.trimStart().startsWith("{{")) return text;
    const value: unknown = parse(text, { version: "1.2", schema: "core", maxAliasCount: 0 });
    return parseJson(JSON.stringify(value ?? null));
  } catch (error) {
    throw new GreenticError("CLI_USAGE_INVALID", `Read ${flag}: expected JSON or YAML, got ${quote(text)}`, {
      cause: error,
    });
  }
}
