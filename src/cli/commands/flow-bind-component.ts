import { readFile } from "node:fs/promises";
import { basename, dirname, relative, resolve, sep } from "node:path";
import { InProcessComponentHost } from "../../component/index.ts";
import { bindInSidecar, parseFlow, sidecarOf, updateStep } from "../../flow/index.ts";
import type { ComponentOrigin } from "../../flow/index.ts";
import { didYouMean, GreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, textOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { readInputFile } from "../files.ts";
import { EDIT_OPTIONS, editFlowFile, valueOption } from "../flow-edit.ts";

export default defineCommand({
  summary: "Let a step call a component, and note where the component comes from",
  arguments: [
    { name: "file", summary: "the flow" },
    { name: "step", summary: "the step's id" },
    { name: "component", summary: "a .wasm file, or a reference such as oci://registry/name:1" },
  ],
  options: [
    { flags: "--operation <name>", summary: "what to call (default: the only operation that it describes)" },
    { flags: "--name <name>", summary: "the component's name in the pack (default: the file's)" },
    { flags: "--input <value>", summary: "what it takes, JSON or YAML (default: what the step takes)" },
    { flags: "--digest <digest>", summary: "the reference's digest, sha256:…" },
    { flags: "--pinned", summary: "let the step take exactly these bytes" },
    ...EDIT_OPTIONS,
  ],
  examples: ["gtc flow bind-component flows/main.ygtc greet components/greeter.wasm --operation greet"],
  async run(input, io) {
    const [file = "", step = "", component = ""] = input.args;
    const bound = await bind(component, { input, io, file });
    const { name, operation, source } = bound;
    const value = valueOption(input, "input");
    const binding = { source, mode: hasFlag(input, "pinned") ? "pinned" : "tracked" } as const;
    const sidecar = sidecarOf(file);
    await editFlowFile(
      { input, io, components: new Set([name]) },
      (text) => updateStep(text, step, { kind: `${name}.${operation}`, ...(value !== undefined && { input: value }) }),
      async (text) => {
        const old = await readFile(resolve(io.cwd, sidecar), "utf8").catch(() => "");
        const nodes = new Set(parseFlow(text, { file }).nodes.keys());
        return [{ file: sidecar, text: bindInSidecar(old, { flowName: basename(file), node: step, nodes, binding }) }];
      },
    );
  },
});

interface Bound {
  readonly name: string;
  readonly operation: string;
  readonly source: ComponentOrigin;
}

async function bind(
  component: string,
  { input, io, file }: { readonly input: CommandInput; readonly io: CommandIo; readonly file: string },
): Promise<Bound> {
  const operation = textOption(input, "operation");
  const scheme = /^(oci|repo|store):\/\//.exec(component)?.[1] as "oci" | "repo" | "store" | undefined;
  const digest = textOption(input, "digest");
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new GreenticError("CLI_USAGE_INVALID", `Bind component: expected --digest sha256:…, got ${quote(digest)}`);
  if (scheme !== undefined) {
    const name = textOption(input, "name") ?? basename(component).replace(/[:@].*$/, "");
    if (operation === undefined)
      throw new GreenticError(
        "CLI_USAGE_INVALID",
        "Bind component: a reference isn't fetched here; name the --operation",
      );
    return { name, operation, source: { kind: scheme, ref: component, ...(digest !== undefined && { digest }) } };
  }
  const { sha256, operations } = await describe(await readInputFile(io, component));
  if (digest !== undefined && digest !== `sha256:${sha256}`)
    throw new GreenticError("CLI_USAGE_INVALID", `Bind component: ${quote(component)} has digest sha256:${sha256}`);
  const path = relative(dirname(resolve(io.cwd, file)), resolve(io.cwd, component))
    .split(sep)
    .join("/");
  return {
    name: textOption(input, "name") ?? basename(component).replace(/\.wasm$/, ""),
    operation: chosen(operation, operations),
    source: { kind: "local", path, digest: `sha256:${sha256}` },
  };
}

async function describe(
  bytes: Uint8Array,
): Promise<{ readonly sha256: string; readonly operations: readonly string[] }> {
  await using host = new InProcessComponentHost();
  const { sha256 } = await host.examine(bytes);
  const { operations } = await host.describe(sha256);
  return { sha256, operations: operations.map(({ name }) => name) };
}

function chosen(asked: string | undefined, known: readonly string[]): string {
  const [only] = known;
  if (asked === undefined) {
    if (known.length === 1 && only !== undefined) return only;
    throw new GreenticError("CLI_USAGE_INVALID", `Bind component: name the --operation, one of ${known.join(", ")}`);
  }
  if (known.length === 0 || known.includes(asked)) return asked;
  throw new GreenticError(
    "CLI_USAGE_INVALID",
    `Bind component: it has no operation ${quote(asked)}${didYouMean(asked, known)}`,
  );
}
