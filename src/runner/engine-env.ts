import type { CallStats } from "../component/index.ts";
import type { RetentionConfig } from "../config/index.ts";
import type { FileKeeper, Provider } from "../messaging/index.ts";
import type { PolicyGate, Quotas } from "../policy/index.ts";
import type { FlowOAuth } from "../oauth/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { TurnObserver } from "../telemetry/index.ts";
import type { GreenticError, JsonValue, SessionKeyText, TenantCtx, World } from "../types/index.ts";
import type { ChatReach } from "./chat-reach.ts";
import type { EffectScope } from "./host-services.ts";
import type { PackRegistry } from "./pack-registry.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { StepReport } from "./runtime.ts";
import type { JournalMode } from "./turn-journal.ts";

/** What all turns of a runtime share. */
export interface EngineEnv {
  readonly world: World;
  readonly store: SessionStore;
  readonly registry: PackRegistry;
  readonly effects: EffectScope;
  readonly chat: ChatReach;
  /** Finds a channel by `env:tenant:team:channel`. */
  readonly providerOf: (channelKey: string) => Provider | undefined;
  /** Where files go; undefined where none are kept, and messages name them as their channels do. */
  readonly files: FileKeeper | undefined;
  readonly gate: PolicyGate;
  readonly quotas: Quotas;
  readonly retention: RetentionConfig;
  readonly observe: TurnObserver | undefined;
  readonly log: (ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void;
  /** Told of what the engine could not do; the operator's business. */
  readonly onError: (error: GreenticError, key: SessionKeyText | undefined) => void;
  readonly limits: EngineLimits;
  /** How much of each turn is kept for operators. */
  readonly journal: JournalMode;
  readonly retries: RetryBudget;
  readonly stubWait?: StubWait | undefined;
  /** Consents and tokens of OAuth providers; undefined where none is declared. */
  readonly oauth: FlowOAuth | undefined;
}

/** Stands in for a node that waits for time or a person, for tests of flows; undefined lets it wait. */
export type StubWait = (
  kind: string,
  input: JsonValue,
) => { readonly status: string; readonly output: JsonValue } | undefined;

/** Bounds and defaults of turns. */
export interface EngineLimits {
  /** BCP 47; where neither message nor session tells. */
  readonly locale: string;
  /** Nodes that one turn may run. */
  readonly maxNodes: number;
  /** Wall time of one attempt of a node with effects that sets none. */
  readonly nodeTimeoutMs: number;
  /** How long a session without messages is remembered. */
  readonly sessionTtlMs: number;
}

/** Flows that wait for flows that wait: how deep. */
export const MAX_CALL_DEPTH = 16;

/** A step report in the making; the component's figures come with its call. */
export type OpenStep = { -readonly [Field in keyof StepReport]: StepReport[Field] } & { stats?: CallStats };
