import type { JsonValue, OutcomeError, TenantCtx } from "../../types/index.ts";
import { envId, GreenticError, quote, teamId, tenantId } from "../../types/index.ts";
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
  /** Files by their path in the pack, `assets/…`. */
  readonly assets?: ReadonlyMap<string, Uint8Array>;
  readonly locale?: string;
  readonly timeoutMs?: number;
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
}

/**
 * Calls a component once with stand-ins for everything that it imports: given secrets and stubs, state in memory.
 * @throws COMPONENT_BINARY_INVALID, COMPONENT_IMPORT_UNGRANTED where it imports what no host has
 */
export async function testComponent(bytes: Uint8Array, test: ComponentTest): Promise<ComponentTestReport> {
  const { sha256 } = inspectComponent(bytes);
  const host = test.host ?? new InProcessComponentHost();
  try {
    const grants = grantsOf(test);
    await host.admit(bytes, grants);
    const result = await host.invoke(testCtx(test.locale ?? "en"), {
      sha256,
      component: "test",
      operation: test.operation,
      input: test.input,
      ...(test.config === undefined ? {} : { config: test.config }),
      grants,
      services: testServices(test),
      ...(test.timeoutMs === undefined ? {} : { timeoutMs: test.timeoutMs }),
    });
    return result.kind === "ok"
      ? { ok: true, output: result.output, ...result.stats }
      : { ok: false, output: null, error: result.error, ...result.stats };
  } finally {
    if (test.host === undefined) await host[Symbol.asyncDispose]();
  }
}

/** Every import is admitted, so that a component without stubs can be tried; what isn't given is missing when it is asked for. */
function grantsOf({ secrets, httpStubs }: ComponentTest): ComponentGrants {
  const origins = [...new Set((httpStubs ?? []).map((stub) => stub.url.origin))];
  return {
    http: [...origins, "https://stub.invalid"],
    secrets: [...Object.keys(secrets ?? {}), ""],
    state: "read-write",
    tools: [""],
    assets: true,
    secretsWrite: [""],
    oauth: [""],
  };
}

function testServices({ secrets = {}, httpStubs = [], assets = new Map() }: ComponentTest): HostServices {
  const state = new Map<string, Uint8Array>();
  return {
    http: async (_ctx, request) => answerFromStubs(httpStubs, request),
    secret: async (_ctx, name) => (Object.hasOwn(secrets, name) ? Buffer.from(secrets[name] ?? "") : undefined),
    stateRead: async (_ctx, key) => state.get(key),
    stateWrite: async (_ctx, key, value) => void state.set(key, value),
    stateDelete: async (_ctx, key) => void state.delete(key),
    tool: (_ctx, name) => Promise.reject(new GreenticError("MCP_TOOL_UNKNOWN", `Call tool: no tool ${quote(name)}`)),
    asset: async (path) => assets.get(path),
    assetList: async () => [...assets].map(([path, bytes]) => ({ path, sizeBytes: bytes.byteLength })),
    log: () => undefined,
  };
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
