// Same component, same host, same arguments: what an export answers here and under jco. jco turns a component into source text,
// so this is for a machine that may be lost, not for a host.
import { isDeepStrictEqual } from "node:util";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";
import { familyOf } from "../../src/component/families/families.ts";
import type { FunctionType, ValueType } from "../../src/component/linker/component-types.ts";
import type { ComponentInstance, HostFunction, ImportRef, LinkedComponent } from "../../src/component/linker/index.ts";
import {
  ComponentErr,
  createWasi,
  linkComponent,
  parseComponent,
  resolveWasi,
  Trap,
} from "../../src/component/linker/index.ts";
import { fieldName } from "../../src/component/linker/names.ts";
import type { JcoComponent } from "../../src/component/linker/testing/jco-oracle.ts";
import { jcoComponent } from "../../src/component/linker/testing/jco-oracle.ts";
import type { ComponentDescription } from "../../src/component/index.ts";
import { inspectComponent } from "../../src/component/index.ts";
import { deriveCalls } from "./derive-calls.ts";
import { CTX } from "./exercise.ts";

/** How one component's exports compare. */
export interface Difference {
  readonly calls: number;
  readonly same: number;
  /** Of those that are the same, how many ended in an error on both sides. */
  readonly sameErrors: number;
  readonly differences: readonly string[];
}

/** How a call ended, comparable across both. */
type Ending =
  | { readonly kind: "answer"; readonly value: unknown }
  | { readonly kind: "err"; readonly value: unknown }
  | { readonly kind: "trap" };

interface RecordedCall {
  readonly ref: { readonly interface: string | null; readonly name: string };
  readonly args: readonly unknown[];
  readonly ending: Ending;
}

const NOW_MS = Date.UTC(2026, 0, 2);
const MAX_CALLS = 60;

/** Compares every export that a family reaches with derived arguments; imports but WASI's are refused alike on both sides. */
export async function compareWithJco(bytes: Uint8Array): Promise<Difference | undefined> {
  const plan = parseComponent(bytes);
  // The shim's HTTP is a network; ours asks the parent for one.
  if (plan.imports.some(({ instance }) => instance?.startsWith("wasi:http/"))) return undefined;
  const stubs = new Map(
    plan.imports
      .filter((ref) => resolveWasi(ref) === undefined)
      .map((ref) => [`${ref.instance ?? ""}#${ref.name}`, ref] as const),
  );
  const linked = linkComponent(plan, (ref) => {
    const stub = stubs.get(`${ref.instance ?? ""}#${ref.name}`);
    return stub === undefined ? resolveWasi(ref) : refusing(stub.type);
  });
  const recorded = await record(bytes, linked);
  if (recorded.length === 0) return { calls: 0, same: 0, sameErrors: 0, differences: [] };
  await using jco = await jcoComponent(bytes);
  const differences: string[] = [];
  let sameErrors = 0;
  for (const call of recorded) {
    const other = await underJco(jco, [...stubs.values()], call);
    if (!isDeepStrictEqual(other, call.ending)) {
      differences.push(`${call.ref.interface ?? ""}#${call.ref.name}: ${tell(call.ending)}, under jco ${tell(other)}`);
    } else if (other.kind !== "answer") sameErrors++;
  }
  return { calls: recorded.length, same: recorded.length - differences.length, sameErrors, differences };
}

/** Makes the calls here, through the families, and keeps what reached the exports. */
async function record(bytes: Uint8Array, linked: LinkedComponent): Promise<readonly RecordedCall[]> {
  const family = familyOf(linked.exports);
  if (family === undefined) return [];
  const recorded = new Map<string, RecordedCall>();
  const recorder = (): ComponentInstance => ({
    stats: { fuel: 0, peakMemoryBytes: 0 },
    async call(ref, args) {
      // A fresh instance for every call: the other side has one too.
      using wasi = createWasi({ nowMs: () => NOW_MS, randomBytes: (count) => new Uint8Array(count) });
      const instance = linked.instantiate({ wasi }, { deadlineAtMs: performance.now() + 20_000 });
      const ending = await endingOf(() => instance.call(ref, args));
      const key = JSON.stringify([ref.interface, ref.name, args], (_key, value: unknown) =>
        typeof value === "bigint" ? `${value}` : value,
      );
      if (recorded.size < MAX_CALLS) recorded.set(key, { ref, args, ending });
      if (ending.kind === "answer") return ending.value;
      throw ending.kind === "err" ? new ComponentErr(ending.value) : new Trap("unreachable", "It broke off");
    },
  });
  const description = await family
    .describe(recorder())
    .catch((): ComponentDescription => ({ operations: [], i18nKeys: [] }));
  for (const call of deriveCalls(inspectComponent(bytes), description)) {
    // What a family makes of an answer is not compared here.
    const asked = { ...call, ctx: CTX, component: "compat", config: undefined };
    await Promise.resolve()
      .then(() => family.call(recorder(), asked))
      .catch(() => undefined);
  }
  return [...recorded.values()];
}

async function endingOf(ask: () => unknown): Promise<Ending> {
  try {
    return { kind: "answer", value: await ask() };
  } catch (error) {
    if (error instanceof ComponentErr) return { kind: "err", value: error.value };
    // Whoever holds a stranger's error by its payload is jco.
    if (error instanceof Error && Object.hasOwn(error, "payload")) {
      return { kind: "err", value: (error as Error & { readonly payload: unknown }).payload };
    }
    return { kind: "trap" };
  }
}

async function underJco(
  jco: JcoComponent,
  stubs: readonly (ImportRef & { readonly type: FunctionType })[],
  { ref, args }: RecordedCall,
): Promise<Ending> {
  const shim = new WASIShim({ sandbox: { preopens: {}, env: {}, args: [], enableNetwork: false } });
  const imports: Record<string, Record<string, unknown>> = {
    ...(shim.getImportObject() as unknown as Record<string, Record<string, unknown>>),
    ...FIXED_WASI,
  };
  for (const stub of stubs) {
    const of = (stub.instance ?? "").replace(/@.*$/, "");
    const stubbed = { ...imports[of], [fieldName(stub.name)]: jcoStub(stub.type) };
    imports[of] = stubbed;
  }
  const instance = await jco.instantiate(imports);
  const holder = (ref.interface === null ? instance : instance[ref.interface]) as Record<string, unknown>;
  const called = holder[fieldName(ref.name)] as (...args: readonly unknown[]) => unknown;
  return await endingOf(() => called(...args));
}

/** The shim would end this process where the guest ends itself. */
function exited(): never {
  throw new Error("The guest exited");
}

const FIXED_WASI: Readonly<Record<string, Record<string, unknown>>> = {
  "wasi:cli/exit": { exit: exited, exitWithCode: exited },
  "wasi:random/random": { getRandomBytes: (count: bigint) => new Uint8Array(Number(count)), getRandomU64: () => 0n },
  "wasi:random/insecure": {
    getInsecureRandomBytes: (count: bigint) => new Uint8Array(Number(count)),
    getInsecureRandomU64: () => 0n,
  },
  "wasi:random/insecure-seed": { insecureSeed: () => [0n, 0n] },
  "wasi:clocks/wall-clock": {
    now: () => ({ seconds: BigInt(NOW_MS / 1000), nanoseconds: 0 }),
    resolution: () => ({ seconds: 0n, nanoseconds: 1_000_000 }),
  },
};

/** Answers an import with the error side of its result, else with its type's emptiest value. */
function refusing({ result }: FunctionType): HostFunction {
  return {
    isAsync: false,
    call() {
      if (result?.kind === "result") throw new ComponentErr(emptyOf(result.err));
      return emptyOf(result);
    },
  };
}

function jcoStub({ result }: FunctionType): () => unknown {
  return () => {
    if (result?.kind === "result") throw Object.assign(new Error("refused"), { payload: emptyOf(result.err) });
    return emptyOf(result);
  };
}

function emptyOf(type: ValueType | null): unknown {
  switch (type?.kind) {
    case undefined:
    case "option":
      return undefined;
    case "bool":
      return false;
    case "string":
      return "refused";
    case "char":
      return "x";
    case "s64":
    case "u64":
      return 0n;
    case "list":
      return type.element.kind === "u8" ? new Uint8Array(0) : [];
    case "record":
      return Object.fromEntries(type.fields.map((field) => [fieldName(field.name), emptyOf(field.type)]));
    case "tuple":
      return type.items.map(emptyOf);
    case "enum":
      return type.names[0];
    case "variant":
      return { tag: type.cases[0]?.name, val: emptyOf(type.cases[0]?.type ?? null) };
    case "flags":
      return {};
    default:
      return 0;
  }
}

function tell(ending: Ending): string {
  if (ending.kind === "trap") return "a trap";
  const text = JSON.stringify(ending.value ?? null, (_key, value: unknown) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  return `${ending.kind} ${text.slice(0, 160)}`;
}
