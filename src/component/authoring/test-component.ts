import type { JsonObject, JsonValue, OutcomeError, TenantCtx } from "../../types/index.ts";
import {
  envId,
  formatStateKey,
  GreenticError,
  isJsonObject,
  parseJson,
  quote,
  stateKey,
  teamId,
  tenantId,
} from "../../types/index.ts";
import type { ComponentGrants } from "../grants.ts";
import type { ComponentHost, HostServices } from "../host.ts";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import type { HttpStub } from "./http-stubs.ts";
import { answerFromStubs } from "./http-stubs.ts";
import { inspectComponent } from "./inspect-component.ts";

/** What a component is tested with; nothing but this is behind its imports. */
export interface ComponentTest {
  readonly operation: string;
  readonly input: JsonValue;
  readonly config?: JsonValue;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly httpStubs?: readonly HttpStub[];
  /** What tools answer, by their names. */
  readonly tools?: JsonObject;
  /** What the component's state holds before the call, as JSON by key. */
  readonly state?: JsonObject;
  /** Files by their path in the pack, `assets/…`. */
  readonly assets?: ReadonlyMap<string, Uint8Array>;
  readonly locale?: string;
  readonly timeoutMs?: number;
  /** What each of the component's memories may grow to, in whole pages of 64 KiB. */
  readonly maxMemoryBytes?: number;
  /** Default: this process. */
  readonly host?: ComponentHost;
}

/** The report of one test call. */
export interface ComponentTestReport {
  readonly ok: boolean;
  readonly output: JsonValue;
  readonly error?: OutcomeError;
  readonly hostCalls: readonly string[];
  readonly fuel: number;
  readonly wallMs: number;
  readonly peakMemoryBytes: number;
  readonly log: string;
  /** What the state holds after the call; bytes that are no JSON as `{ "base64": … }`. */
  readonly state: JsonObject;
}

const COMPONENT = "test";
const PAGE_BYTES = 65_536;

/**
 * Calls a component once with stand-ins for everything that it imports: given secrets, stubs and state, in memory.
 * @throws COMPONENT_BINARY_INVALID, COMPONENT_IMPORT_UNGRANTED where it imports what no host has
 */
export async function testComponent(bytes: Uint8Array, test: ComponentTest): Promise<ComponentTestReport> {
  const { sha256 } = inspectComponent(bytes);
  const { maxMemoryBytes } = test;
  const limits = maxMemoryBytes === undefined ? {} : { maxMemoryPages: Math.floor(maxMemoryBytes / PAGE_BYTES) };
  const host = test.host ?? new InProcessComponentHost({ limits });
  const state = new Map(
    Object.entries(test.state ?? {}).map(([key, value]) => [
      formatStateKey(stateKey(COMPONENT, key)),
      Buffer.from(JSON.stringify(value)),
    ]),
  );
  try {
    const grants = grantsOf(test);
    await host.admit(bytes, grants);
    const result = await host.invoke(testCtx(test.locale ?? "en"), {
      sha256,
      component: COMPONENT,
      operation: test.operation,
      input: test.input,
      ...(test.config === undefined ? {} : { config: test.config }),
      grants,
      services: testServices(test, state),
      ...(test.timeoutMs === undefined ? {} : { timeoutMs: test.timeoutMs }),
    });
    const after = { ...result.stats, state: readState(state) };
    return result.kind === "ok"
      ? { ok: true, output: result.output, ...after }
      : { ok: false, output: null, error: result.error, ...after };
  } finally {
    if (test.host === undefined) await host[Symbol.asyncDispose]();
  }
}

/** Every import is admitted, so that a component without stubs can be tried; what isn't given is missing when it is asked for. */
function grantsOf({ secrets, httpStubs, tools }: ComponentTest): ComponentGrants {
  const origins = [...new Set((httpStubs ?? []).map((stub) => stub.url.origin))];
  return {
    http: [...origins, "https://stub.invalid"],
    secrets: [...Object.keys(secrets ?? {}), ""],
    state: "read-write",
    tools: [...Object.keys(tools ?? {}), ""],
    assets: true,
    secretsWrite: [""],
    oauth: [""],
  };
}

function testServices(
  { secrets = {}, httpStubs = [], assets = new Map(), tools = {}, config }: ComponentTest,
  state: Map<string, Uint8Array>,
): HostServices {
  return {
    http: async (_ctx, request) => answerFromStubs(httpStubs, request),
    secret: async (_ctx, name) => (Object.hasOwn(secrets, name) ? Buffer.from(secrets[name] ?? "") : undefined),
    stateRead: async (_ctx, key) => state.get(key),
    stateWrite: async (_ctx, key, value) => void state.set(key, value),
    stateDelete: async (_ctx, key) => void state.delete(key),
    tool: async (_ctx, name) => {
      const answer = Object.hasOwn(tools, name) ? tools[name] : undefined;
      if (answer === undefined) throw new GreenticError("MCP_TOOL_UNKNOWN", `Call tool: no tool ${quote(name)}`);
      return answer;
    },
    asset: async (path) => assets.get(path),
    assetList: async () => [...assets].map(([path, bytes]) => ({ path, sizeBytes: bytes.byteLength })),
    config: async (_ctx, key) => (isJsonObject(config) && Object.hasOwn(config, key) ? config[key] : undefined),
    log: () => undefined,
  };
}

function readState(state: ReadonlyMap<string, Uint8Array>): JsonObject {
  return Object.fromEntries(
    [...state].map(([key, bytes]) => [key.slice(COMPONENT.length + 1), readValue(bytes)] as const),
  );
}

function readValue(bytes: Uint8Array): JsonValue {
  try {
    return parseJson(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

function testCtx(locale: string): TenantCtx {
  return {
    env: envId("test"),
    tenant: tenantId("test"),
    team: teamId("default"),
    traceId: "0".repeat(32),
    correlationId: "component-test",
    attempt: 1,
    locale,
  };
}
