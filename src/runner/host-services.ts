import type { HostOAuth, HostServices } from "../component/index.ts";
import type { HttpRewrite } from "../http/index.ts";
import { sendHttp } from "../http/index.ts";
import type { PolicyGate } from "../policy/index.ts";
import type { FlowOAuth } from "../oauth/index.ts";
import type { SecretReader, SecretWriter } from "../secrets/index.ts";
import { formatSecretUri, readAs, secretCandidates, writeAs } from "../secrets/index.ts";
import type { AuditLog } from "../telemetry/index.ts";
import type { JsonValue, Policy, StateKey, TenantCtx } from "../types/index.ts";
import { GreenticError, isJsonObject, quote, stateKey } from "../types/index.ts";
import type { AttemptCall } from "./attempt-call.ts";
import type { EffectCall } from "./effect-call.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import { judgeHttp, questionOf } from "./policy-questions.ts";
import type { Scope } from "./runtime.ts";
import { sendWithSecrets } from "./secret-headers.ts";

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
  /** Where components' own secrets go; without it none is written. */
  readonly secretWriter?: SecretWriter | undefined;
  readonly oauth?: FlowOAuth | undefined;
  readonly policy: (scope: Scope) => Policy;
  readonly gate: PolicyGate;
  readonly rewrites: readonly HttpRewrite[];
  /** Where denials go on record. */
  readonly audit?: AuditLog | undefined;
  readonly log: (ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Makes the services of a runtime: each call is bound to one attempt and dies with it. */
export function createEffectScope(options: EffectScopeOptions): EffectScope {
  const { secrets, secretWriter, oauth, policy, gate, rewrites, audit, log } = options;
  return {
    services: ({ attempt, component, pack, effect }) => {
      const alive = (): void => {
        if (attempt.isOver)
          throw new GreenticError("RUNNER_NODE_TIMEOUT", `Serve component ${quote(component)}: its time is over`);
      };
      const about = { pack: pack.name, packHash: pack.packHash };
      const actor = `component:${component}`;
      const reader = readAs(secrets, actor);
      const readSecret = async (ctx: TenantCtx, name: string): Promise<string | undefined> => {
        if (gate.judges("secret.read"))
          await gate.check({ ...questionOf(effect.ctx, "secret.read"), ...about, component, secret: name }, effect.ctx);
        return reader.get(ctx, pack.name, name);
      };
      return {
        secretDenied: (ctx, { name, isWrite }) => {
          const { env, tenant, team, traceId } = ctx;
          const [uri] = secretCandidates(ctx, pack.name, name);
          const target = uri === undefined ? name : formatSecretUri(uri);
          const code = "COMPONENT_REQUEST_DENIED";
          audit?.note({
            actor,
            action: isWrite ? "secret.write" : "secret.read",
            target,
            outcome: "denied",
            env,
            tenant,
            team,
            traceId,
            code,
          });
        },
        http: async (ctx, request) => {
          alive();
          const { privateAddresses } = policy(pack.scope).network;
          const judge = judgeHttp(gate, effect.ctx, { ...about, component });
          return sendWithSecrets(request, {
            read: (name) => readSecret(ctx, name),
            send: (filled) => sendHttp(filled, { privateAddresses, rewrites, signal: effect.signal, judge }),
          });
        },
        secret: async (ctx, name) => {
          alive();
          const value = await readSecret(ctx, name);
          return value === undefined ? undefined : Buffer.from(value);
        },
        ...(secretWriter === undefined
          ? {}
          : {
              secretWrite: async (ctx: TenantCtx, name: string, value: Uint8Array): Promise<void> => {
                alive();
                await writeAs(secretWriter, actor).put(ctx, pack.name, name, textOf(value));
              },
            }),
        ...(oauth === undefined ? {} : { oauth: whileAlive(oauth, alive) }),
        stateRead: async (_ctx, key) => {
          alive();
          const place = parseKey(key);
          return encodeBytes(attempt.read(place.prefix, place.key));
        },
        stateWrite: async (_ctx, key, value) => {
          alive();
          attempt.write({ ...parseKey(key), value: decodeBytes(value) });
        },
        stateDelete: async (_ctx, key) => {
          alive();
          attempt.write(parseKey(key));
        },
        tool: async (_ctx, name, input) => {
          alive();
          return callTool({ pack, effect, name, input });
        },
        asset: async (path) => pack.asset(path),
        assetList: async () => pack.assets,
        config: async (_ctx, key) => (Object.hasOwn(pack.config, key) ? pack.config[key] : undefined),
        log,
      };
    },
  };
}

/** What an attempt asks for after its end is nobody's any more. */
function whileAlive(oauth: FlowOAuth, alive: () => void): HostOAuth {
  return {
    consentUrl: async (ctx, request) => (alive(), oauth.consentUrl(ctx, request)),
    exchange: async (ctx, request) => (alive(), oauth.exchange(ctx, request)),
    token: async (ctx, request) => (alive(), oauth.token(ctx, request)),
  };
}

/** Takes `component/key` apart; a linked component keeps its own under its own name. */
function parseKey(text: string): StateKey {
  const slash = text.indexOf("/");
  return stateKey(text.slice(0, Math.max(0, slash)), text.slice(slash + 1));
}

/** Secrets are kept as text. */
function textOf(value: Uint8Array): string {
  try {
    return utf8.decode(value);
  } catch {
    throw new GreenticError("SECRETS_VALUE_INVALID", "Write secret: expected UTF-8 text");
  }
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
  if (outcome.elicitation !== undefined) {
    throw new GreenticError(
      "RUNNER_TOOL_FAILED",
      `Invoke tool ${quote(name)}: it asks the person, which a node can do`,
    );
  }
  return outcome.result ?? null;
}
