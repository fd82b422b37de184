import { checkValue } from "./check-value.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { ComponentError, placeOf } from "./component-error.ts";
import { hostFunctions } from "./host-functions.ts";
import type { HostFunctions, HostModules } from "./host-functions.ts";
import type { NodeExport, WitEnvelope, WitIoSchema, WitNodeError, WitResult } from "./node-export.ts";
import type { JsonSchema, Schema } from "./schema.ts";
import { answerSetup, keysOf, questionsOf } from "./setup.ts";
import type { Setup } from "./setup.ts";

/** What an operation knows and reaches beside its input. */
export interface ComponentContext<C> extends HostFunctions {
  /** The configuration, checked against the component's `config`. */
  readonly config: C;
  readonly operation: string;
  readonly env: string;
  readonly tenant: string;
  readonly team: string | undefined;
  readonly user: string | undefined;
  readonly flow: string;
  readonly node: string;
  /** From 1. */
  readonly attempt: number;
  /** The person's language, BCP 47. */
  readonly locale: string;
  readonly traceId: string;
  readonly correlationId: string;
  readonly idempotencyKey: string | undefined;
  /** Gives a text of `i18n` in the person's language, then the language without its region, then English; the key where none has it. */
  readonly t: (key: string, values?: Readonly<Record<string, string | number>>) => string;
}

/** Texts by language, then key. */
type Texts = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface OperationInput<I, C> {
  readonly summary?: string;
  readonly input: Schema<I>;
  run(input: NoInfer<I>, ctx: ComponentContext<NoInfer<C>>): unknown;
}

interface OperationOutput<O> {
  readonly output: Schema<O>;
  run(...args: never): NoInfer<O>;
}

interface AnyOperation {
  readonly summary?: string;
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  run(input: never, ctx: never): unknown;
}

/** A component as its author describes it. `run` is synchronous: calls of the host wait for their answers. */
export interface ComponentDefinition<I, O, C> {
  readonly name: string;
  readonly version: string;
  readonly summary?: string;
  /** Schema of the configuration that packs give. */
  readonly config?: Schema<C>;
  readonly operations: { readonly [K in keyof I]: OperationInput<I[K], C> } & {
    readonly [K in keyof O]: OperationOutput<O[K]>;
  };
  /** Questions whose answers become the configuration. */
  readonly setup?: Setup<keyof C & string>;
  readonly i18n?: Texts;
}

/** A component that a build can bind to the host's modules. */
export interface DefinedComponent {
  /** Makes the component's exports; called by what the build writes. */
  bind(modules: HostModules): NodeExport;
}

/**
 * Defines a component with typed operations; the entry file exports it as default. Inputs are checked against their schemas before
 * `run` sees them, outputs after it; what `run` throws becomes the error that the flow sees.
 */
export function defineComponent<I, O, C = Readonly<Record<string, unknown>>>(
  definition: ComponentDefinition<I, O, C>,
): DefinedComponent {
  const operations = new Map(Object.entries<AnyOperation>(definition.operations));
  return {
    bind: (modules) => {
      const host = hostFunctions(modules);
      return {
        node: {
          describe: () => describe(definition, operations),
          invoke: (name, envelope) => invoke({ definition, operations, host }, name, envelope),
        },
        componentQa: {
          qaSpec: (mode) => encodeCbor(questionsOf(definition.setup, mode)),
          applyAnswers: (mode, config, answers) => encodeCbor(answerSetup(definition, mode, { config, answers })),
        },
        componentI18n: { i18nKeys: () => keysOf(definition) },
      };
    },
  };
}

interface Bound<C> {
  readonly definition: { readonly name: string; readonly config?: Schema<C>; readonly i18n?: Texts };
  readonly operations: ReadonlyMap<string, AnyOperation>;
  readonly host: HostFunctions;
}

function describe<I, O, C>(
  { name, version, summary, config, setup }: ComponentDefinition<I, O, C>,
  operations: ReadonlyMap<string, AnyOperation>,
): ReturnType<NodeExport["node"]["describe"]> {
  const configCbor = config === undefined ? undefined : encodeCbor(config);
  return {
    name,
    version,
    summary: summary ?? null,
    capabilities: [],
    ops: [...operations].map(([operation, { summary, input, output }]) => ({
      name: operation,
      summary: summary ?? null,
      input: ioSchema(input),
      output: ioSchema(output),
      examples: [],
    })),
    schemas:
      configCbor === undefined
        ? []
        : [{ id: "config", contentType: JSON_SCHEMA, blake3Hash: "", version, bytes: configCbor, uri: null }],
    setup:
      setup === undefined
        ? null
        : {
            qaSpec: { tag: "inline-cbor", val: encodeCbor(questionsOf(setup, "setup")) },
            answersSchema: { tag: "inline-cbor", val: configCbor ?? encodeCbor({ type: "object" }) },
            examples: [],
            outputs: [{ tag: "config-only" }],
          },
  };
}

const JSON_SCHEMA = "application/schema+json";

function ioSchema(schema: JsonSchema): WitIoSchema {
  return {
    schema: { tag: "inline-cbor", val: encodeCbor(schema) },
    contentType: "application/cbor",
    schemaVersion: null,
  };
}

function invoke<C>(bound: Bound<C>, name: string, envelope: WitEnvelope): WitResult {
  try {
    const operation = bound.operations.get(name);
    if (operation === undefined) throw unknownOperation(bound, name);
    const input = checked(operation.input, decodeCbor(envelope.payloadCbor), "INPUT_INVALID", "input");
    const context = contextOf(bound, name, envelope);
    const output = operation.run(input as never, context as never);
    if (typeof (output as { then?: unknown } | null | undefined)?.then === "function")
      throw new ComponentError(
        "OUTPUT_INVALID",
        `${name} is async: calls of the host wait by themselves, so drop async and await`,
      );
    const outputCbor = encodeCbor(checked(operation.output, output ?? null, "OUTPUT_INVALID", "output"));
    return { ok: true, outputCbor, outputMetadataCbor: null };
  } catch (error) {
    // The engine turns a thrown record into the error side of the export's result.
    // oxlint-disable-next-line typescript/only-throw-error
    throw nodeError(error);
  }
}

function unknownOperation<C>({ definition, operations }: Bound<C>, name: string): ComponentError {
  const known = [...operations.keys()].join(", ");
  return new ComponentError(
    "OPERATION_UNKNOWN",
    `${definition.name} has no ${JSON.stringify(name)}: expected ${known}`,
  );
}

/** A value within its schema, defaults in place. Throws a ComponentError that names the place. */
function checked(schema: JsonSchema, value: unknown, code: string, what: string): unknown {
  const result = checkValue(schema, value);
  if ("value" in result) return result.value;
  const { path, expected, got } = result.problem;
  const place = [what, ...path.split("/").slice(1)].join(".");
  throw new ComponentError(code, `${place}: expected ${expected}, got ${got}`, { details: { path, expected, got } });
}

function contextOf<C>({ definition, host }: Bound<C>, operation: string, envelope: WitEnvelope): ComponentContext<C> {
  const { ctx, flowId, stepId, metadataCbor } = envelope;
  const metadata = metadataCbor === null ? null : decodeCbor(metadataCbor);
  const config = (metadata as { config?: unknown } | null)?.config ?? {};
  const locale = ctx.i18nId === "" ? "en" : ctx.i18nId;
  const { i18n = {} } = definition;
  return {
    ...host,
    config: checked(definition.config ?? {}, config, "CONFIG_INVALID", "config") as C,
    operation,
    env: ctx.envId,
    tenant: ctx.tenantId,
    team: ctx.teamId ?? undefined,
    user: ctx.userId ?? undefined,
    flow: flowId,
    node: stepId,
    attempt: ctx.attempt,
    locale,
    traceId: ctx.traceId,
    correlationId: ctx.correlationId,
    idempotencyKey: ctx.idempotencyKey ?? undefined,
    t: (key, values = {}) => {
      const tables = [i18n[locale], i18n[locale.split("-", 1)[0] ?? ""], i18n["en"]];
      const text = tables.find((table) => table !== undefined && Object.hasOwn(table, key))?.[key] ?? key;
      return text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => String(values[name] ?? whole));
    },
  };
}

function nodeError(error: unknown): WitNodeError {
  const at = placeOf(error);
  if (error instanceof ComponentError) {
    const { code, message, retryable, backoffMs, details } = error;
    return {
      code,
      message,
      retryable,
      backoffMs: backoffMs === undefined ? null : Math.max(0, Math.round(backoffMs)),
      details: details === undefined && at === undefined ? null : encodeCbor(details ?? { at }),
    };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : "something that is no error was thrown";
  return {
    code: "COMPONENT_FAILED",
    message,
    retryable: false,
    backoffMs: null,
    details: at === undefined ? null : encodeCbor({ at }),
  };
}
