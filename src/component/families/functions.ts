import type { JsonValue } from "../../types/index.ts";
import { isJsonObject, quote } from "../../types/index.ts";
import type { ExportRef } from "../linker/index.ts";
import { ComponentErr } from "../linker/index.ts";
import type { NamedType, ValueType } from "../linker/component-types.ts";
import { fieldName } from "../linker/names.ts";
import type { ExportTable } from "./export-table.ts";
import type { BoundFamily, FamilyAnswer } from "./family.ts";
import { failure, payloadFailure } from "./guest-error.ts";
import { guestValue, plainText } from "./guest-text.ts";
import { operationUnknown } from "./operation-unknown.ts";
import { fromWit, hasJson, jsonName, recordOf, toWit } from "./wit-json.ts";
import { schemaOfParams, schemaOfType } from "./wit-schema.ts";

// Interfaces whose functions only make sense to the family or the runtime that knows them.
const NOT_FUNCTIONS =
  /^(?:wasi:|wasix:mcp\/|provider:common\/(?:ingress|subscriptions)@|greentic:(?:provider-schema-core|provider-instance-identity|pack-validate)\/|greentic:component\/(?:node|component-[a-z0-9]+|runtime|descriptor|qa)@)/;

/**
 * Functions of no known family, at the top level or in an interface of any name: JSON by their types. An operation is the
 * function's name, or `interface#name` where several interfaces have it.
 */
export const functions = {
  abi: "functions",
  bind(exports: ExportTable): BoundFamily | undefined {
    const served = new Map<string, ExportRef>();
    for (const ref of exports.all.filter(isOffered)) {
      if (ref.interface !== null) served.set(`${ref.interface}#${ref.name}`, ref);
      if (ref.interface === null || !served.has(ref.name)) served.set(ref.name, ref);
    }
    if (served.size === 0) return undefined;
    const names = [...served.keys()].filter((name) => !name.includes("#"));
    return {
      abi: "functions",
      operations: [...served.keys()],
      isOpen: false,
      async call(instance, { operation, input }) {
        const ref = served.get(operation);
        if (ref === undefined) throw operationUnknown(operation, names);
        const args = argumentsOf(ref, input);
        return await answer(ref, () => instance.call(ref, args));
      },
      describe: () =>
        Promise.resolve({ operations: names.map((name) => describedFunction(name, served)), i18nKeys: [] }),
    };
  },
} as const;

function isOffered({ interface: of, name, type }: ExportRef): boolean {
  if (of !== null && NOT_FUNCTIONS.test(of)) return false;
  // Methods of resources can't be reached by JSON; `init` is what a builder of interpreters leaves behind.
  if (name.startsWith("[") || (of === null && name === "init" && isLeftover(type.params))) return false;
  return type.params.every((param) => hasJson(param.type)) && hasJson(type.result);
}

function isLeftover(params: ExportRef["type"]["params"]): boolean {
  return (
    params.length === 0 ||
    params
      .map((param) => param.name)
      .join()
      .startsWith("shim,script")
  );
}

function describedFunction(name: string, served: ReadonlyMap<string, ExportRef>) {
  const type = served.get(name)?.type;
  const ok = type?.result?.kind === "result" ? type.result.ok : (type?.result ?? null);
  return {
    name,
    inputSchema: schemaOfParams(type?.params ?? []),
    // Texts that look like JSON are taken for it.
    ...(ok?.kind === "string" ? {} : { outputSchema: schemaOfType(ok) }),
  };
}

/** Takes an object of the parameters, a list of them in order, or the one parameter's value itself. */
function argumentsOf({ type: { params } }: ExportRef, input: JsonValue): readonly unknown[] {
  if (params.length === 0) return [];
  if (Array.isArray(input) && (params.length > 1 || params[0]?.type.kind !== "list")) {
    const items = input as readonly JsonValue[];
    if (items.length === params.length)
      return params.map((param, index) => argument(param, items[index] ?? null, `/${index}`));
  }
  const names = params.flatMap(({ name }) => [name, jsonName(name), fieldName(name)]);
  const [only] = params;
  if (params.length === 1 && only !== undefined && !(isJsonObject(input) && names.some((name) => name in input))) {
    return [argument(only, input, "")];
  }
  const texts = isJsonObject(input)
    ? Object.fromEntries(Object.entries(input).map(([key, value]) => [key, asText(params, key, value)]))
    : input;
  const record = recordOf(params, texts, "");
  return params.map(({ name }) => record[fieldName(name)]);
}

/** A parameter that is a text takes any JSON as its text: such functions speak JSON. */
function argument({ type }: NamedType, value: JsonValue, path: string): unknown {
  return toWit(type, type.kind === "string" && typeof value !== "string" ? JSON.stringify(value) : value, path);
}

function asText(params: readonly NamedType[], key: string, value: JsonValue): JsonValue {
  const param = params.find(({ name }) => [name, jsonName(name), fieldName(name)].includes(key));
  return param?.type.kind === "string" && typeof value !== "string" ? JSON.stringify(value) : value;
}

async function answer({ name, type }: ExportRef, ask: () => Promise<unknown>): Promise<FamilyAnswer> {
  try {
    const value = await ask();
    const ok = type.result?.kind === "result" ? type.result.ok : type.result;
    // A function says by its result that it failed: `{ ok: false }` is what one that judges has found.
    return { kind: "ok", output: ok === null ? null : outputOf(ok, value) };
  } catch (error) {
    if (!(error instanceof ComponentErr)) throw error;
    const err = type.result?.kind === "result" ? type.result.err : null;
    const details = err === null ? null : outputOf(err, error.value);
    const failed = payloadFailure({ error: details, ok: false }, "COMPONENT_FAILED");
    if (failed !== undefined && isJsonObject(details)) return failure({ ...failed, details });
    const said = typeof details === "string" ? plainText(details) : "";
    return failure({
      code: "COMPONENT_FAILED",
      message: said || `The component's function ${quote(name)} reported a failure`,
      retryable: false,
      ...(details === null || typeof details === "string" ? {} : { details }),
    });
  }
}

function outputOf(type: ValueType, value: unknown): JsonValue {
  const output = fromWit(type, value);
  return type.kind === "string" ? guestValue(output as string) : output;
}
