import type { Bus } from "../bus/index.ts";
import type { ComponentHost } from "../component/index.ts";
import type { LlmModelConfig } from "../config/index.ts";
import type { RetentionConfig } from "../config/index.ts";
import type { HttpRewrite } from "../http/index.ts";
import type { FileKeeper, Provider } from "../messaging/index.ts";
import type { PolicyGate, Quotas } from "../policy/index.ts";
import type { FlowOAuth } from "../oauth/index.ts";
import type { SecretReader, SecretWriter } from "../secrets/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { AuditLog, TurnObserver } from "../telemetry/index.ts";
import type { EnvId, GreenticError, Policy, SessionKeyText, TenantCtx, World } from "../types/index.ts";
import type { StubChat } from "./chat-reach.ts";
import type { EngineLimits, StubWait } from "./engine-env.ts";
import type { PackApp } from "./load-pack.ts";
import type { StubTool } from "./loaded-pack.ts";
import type { PinnedPolicy } from "./resumption.ts";
import type { Scope } from "./runtime.ts";
import type { McpReachOptions } from "./tool-reach.ts";
import type { JournalMode } from "./turn-journal.ts";
import type { Role } from "./wake-ups.ts";

/** Who is who, as plain data; the runtime owns the store, everything else stays the caller's. */
export interface RuntimeOptions {
  readonly env: EnvId;
  readonly world: World;
  readonly store: SessionStore;
  readonly bus: Bus;
  readonly components: ComponentHost;
  readonly secrets: SecretReader;
  /** Where it is kept what components weren't let do. */
  readonly audit?: AuditLog;
  /** Where the secrets go that components write; without it they are denied. */
  readonly secretWriter?: SecretWriter;
  readonly providers: readonly Provider[];
  /** Keeps files, by the host's rules; its store is the runtime's to close. Without it messages name files as their channels do. */
  readonly files?: FileKeeper;
  /** Stands in for tools, for tests of flows; undefined lets the tool run. */
  readonly stubTool?: StubTool;
  /** Stands in for nodes that wait for time or for somebody outside, for tests of flows. */
  readonly stubWait?: StubWait;
  readonly apps: readonly PackApp[];
  readonly policy: (scope: Scope) => Policy;
  /** What rules of policy let through, beside what `policy` grants; default everything. */
  readonly gate?: PolicyGate;
  /** What each tenant may use; default as much as there is. */
  readonly quotas?: Quotas;
  /** How long what is kept of people stays, by tenant; default as long as the host has it. */
  readonly retention?: RetentionConfig;
  readonly observe?: TurnObserver;
  /** Lines of components and `emit.log`. */
  readonly log?: (ctx: TenantCtx, level: "debug" | "info" | "warn" | "error", message: string) => void;
  /** What the engine could not do; the cause is kept. */
  readonly onError?: (error: GreenticError, key: SessionKeyText | undefined) => void;
  /** Default all. */
  readonly roles?: readonly Role[];
  /** Whether other processes work on the same store. Default no. */
  readonly isShared?: boolean;
  readonly http?: { readonly rewrites?: readonly HttpRewrite[] };
  /** What becomes of flows that wait on a version of a pack that isn't the current one, unless its app says; default finish. */
  readonly pinnedPacks?: PinnedPolicy;
  /** Told of a version that no session waits on any more: it was let go. */
  readonly onPackForgotten?: (scope: Scope, pack: { readonly name: string; readonly packHash: string }) => void;
  /** MCP servers that the operator offers to packs. */
  readonly mcp?: McpReachOptions;
  /** Language models that the operator lends to packs. Default none. */
  readonly llmModels?: readonly LlmModelConfig[];
  /** Stands in for language models, for tests of flows. */
  readonly stubChat?: StubChat;
  /** Consents and tokens of OAuth providers; without it nodes and components that ask for one are told that there is none. */
  readonly oauth?: FlowOAuth;
  /** How much of each turn is kept for operators. Default off. */
  readonly journal?: JournalMode;
  readonly defaults?: Partial<EngineLimits> & {
    /** Turns under way at once. */
    readonly maxTurns?: number;
    readonly maxSends?: number;
    readonly leaseTtlMs?: number;
    /** How long a row stays with a sender that doesn't say that it is still there. */
    readonly claimTtlMs?: number;
    readonly sweepIntervalMs?: number;
  };
}
