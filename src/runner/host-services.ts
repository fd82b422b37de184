import type { HostServices } from "../component/index.ts";
import type { HttpRewrite } from "../http/index.ts";
import { sendHttp } from "../http/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import type { JsonValue, Policy, StateKey, TenantCtx } from "../types/index.ts";
import { GreenticError, isJsonObject, quote, stateKey } from "../types/index.ts";
import type { AttemptCall } from "./attempt-call.ts";
import type { EffectCall } from "./effect-call.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import type { Scope } from "./runtime.ts";

/** Makes the services that a component's host calls reach. */
export interface EffectScope {
  services(call: {
    readonly attempt: AttemptCall;
    readonly component: string;
    readonly pack: LoadedPack;
    readonly effect: EffectCall;
  }): HostServices;
}

export interface EffectScopeOptions {
  readonly secrets: SecretReader;
  readonly policy: (scope: Scope) => Policy;
  readonly rewrites: readonly HttpRewrite[];
  readonly log: (ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Makes the services of a runtime: each call is bound to one attempt and dies with it. */
export function createEffectScope(options: EffectScopeOptions): EffectScope {
  const { secrets, policy, rewrites, log } = options;
  return {
    services: ({ attempt, component, pack, effect }) => {
      const alive = (): void => {
        if (attempt.isOver)
          throw new GreenticError("RUNNER_NODE_TIMEOUT", `Serve component ${quote(component)}: its time is over`);
      };
      return {
        http: async (_ctx, request) => {
          alive();
          const { privateAddresses } = policy(pack.scope).network;
          return sendHttp(request, { privateAddresses, rewrites, signal: effect.signal });
        },
        secret: async (ctx, name) => {
          alive();
          const value = await secrets.get(ctx, pack.name, name);
          return value === undefined ? undefined : Buffer.from(value);
        },
        stateRead: async (_ctx, key) => {
          alive();
          return encodeBytes(attempt.read(component, checked(component, key).key));
        },
        stateWrite: async (_ctx, key, value) => {
          alive();
          attempt.write({ ...checked(component, key), value: decodeBytes(value) });
        },
        stateDelete: async (_ctx, key) => {
          alive();
          attempt.write(checked(component, key));
        },
        tool: async (_ctx, name, input) => {
          alive();
          return callTool({ pack, effect, name, input });
        },
        asset: async (path) => pack.asset(path),
        log,
      };
    },
  };
}

/** Keys with slashes are common in components and harmless: the slash is only ours as the separator. */
function checked(component: string, key: string): StateKey {
  return stateKey(component, key.replaceAll("%", "%25").replaceAll("/", "%2F"));
}

/** Bytes as JSON keeps them: text as it is, anything else in base64. */
function decodeBytes(bytes: Uint8Array): JsonValue {
  try {
    return utf8.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

function encodeBytes(value: JsonValue | undefined): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return Buffer.from(value);
  if (isJsonObject(value) && typeof value["base64"] === "string") return Buffer.from(value["base64"], "base64");
  return Buffer.from(JSON.stringify(value));
}

async function callTool(call: {
  readonly pack: LoadedPack;
  readonly effect: EffectCall;
  readonly name: string;
  readonly input: JsonValue;
}): Promise<JsonValue> {
  const { pack, effect, name, input } = call;
  if (pack.tools === undefined) {
    throw new GreenticError("RUNNER_TOOL_MISSING", `Invoke tool ${quote(name)}: the pack has no tool map`);
  }
  const outcome = await pack.tools.call(effect, { tool: name, input });
  if (outcome.error !== undefined) {
    throw new GreenticError(
      "RUNNER_TOOL_FAILED",
      `Invoke tool ${quote(name)}: it failed with ${quote(outcome.error.code)}`,
    );
  }
  return outcome.result ?? null;
}
