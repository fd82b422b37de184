import { GreenticError, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { LoadedComponent, LoadedPack } from "../loaded-pack.ts";
import { readError, resultOf } from "./component-output.ts";
import { invokeComponent } from "./invoke-component.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, text } from "./kind.ts";

/** `provider.invoke`: calls an operation of a provider, of this pack or of another one of the team. */
export const providerInvoke: Kind = {
  name: "provider.invoke",
  summary: "Calls an operation of a provider's component, found by its id or type among the team's packs.",
  effect: "effectful",
  statuses: "any",
  rerunsOnMessage: true,
  argument: "input",
  mapsInInput: true,
  input: {
    type: "object",
    properties: {
      provider: { type: "string", description: "The provider's id or type" },
      provider_id: { type: "string", description: "The component's name, or what its pack provides" },
      provider_type: { type: "string", description: "Like messaging.telegram.bot" },
      op: { type: "string" },
      operation: { type: "string" },
      input: { description: "What the operation takes" },
      config: { description: "Instead of the configuration of the provider's pack" },
      in_map: { description: "Makes the operation's input; sees `input`" },
      out_map: { description: "Makes the node's output; sees `result`" },
      err_map: { description: "Makes the output of a failure; sees `error` and `result`" },
    },
    allOf: [
      { anyOf: [{ required: ["provider"] }, { required: ["provider_id"] }, { required: ["provider_type"] }] },
      { anyOf: [{ required: ["op"] }, { required: ["operation"] }] },
    ],
    additionalProperties: false,
  },
  output: { description: "The operation's output" },
  run: (input, call) => invoke(fields(input), call),
};

async function invoke(input: JsonObject, call: NodeCall): Promise<KindResult> {
  const operation = text(input["op"]) ?? text(input["operation"]);
  if (operation === undefined)
    throw new GreenticError("RUNNER_INPUT_INVALID", 'Read "op": expected the name of an operation, got nothing');
  const names = [input["provider_id"], input["provider_type"], input["provider"]].flatMap((name) => text(name) ?? []);
  const provider = findProvider(call.packs, names);
  const result = await invokeComponent(
    { ...provider, operation, input: input["input"] ?? null, config: input["config"] },
    call,
  );
  return result.kind === "error" ? { kind: "error", error: result.error } : readOutput(result.output, call);
}

/** Providers say `ok: false` with a text or a message where a component has an error record. @see upstream reference §4.1 */
function readOutput(output: JsonValue, call: NodeCall): KindResult {
  const { ok, error, message, retryable } = fields(output);
  if (ok !== false || (error !== undefined && error !== null)) return resultOf(output, call);
  const failure = readError({
    code: "PROVIDER_FAILED",
    ...(typeof message === "string" ? { message } : {}),
    retryable: retryable === true,
  });
  return { kind: "error", error: failure, output: { ...fields(output), error: { ...failure } } };
}

interface FoundProvider {
  readonly name: string;
  readonly component: LoadedComponent;
  readonly pack: LoadedPack;
}

/**
 * Finds the component behind a provider's id or type: one of that name, or the only one of a pack that provides it. The running
 * pack comes first, then the team's others in the order of their loading.
 * @throws RUNNER_PROVIDER_MISSING, RUNNER_PROVIDER_AMBIGUOUS
 */
function findProvider(packs: readonly LoadedPack[], names: readonly string[]): FoundProvider {
  for (const pack of packs) {
    for (const name of names) {
      const component = pack.components.get(name);
      if (component !== undefined) return { name, component, pack };
    }
    if (!names.some((name) => pack.provides.includes(name))) continue;
    const callable = [...pack.components].filter(([, { abi }]) => abi !== "none");
    const [only, ...others] = callable;
    if (only === undefined) continue;
    if (others.length > 0) {
      throw new GreenticError(
        "RUNNER_PROVIDER_AMBIGUOUS",
        `Invoke provider ${names.map(quote).join(", ")}: pack ${quote(pack.name)} has ${callable.length} components; name one`,
      );
    }
    return { name: only[0], component: only[1], pack };
  }
  throw new GreenticError(
    "RUNNER_PROVIDER_MISSING",
    `Invoke provider ${names.map(quote).join(", ")}: no pack of the team has it`,
  );
}
