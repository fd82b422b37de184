import type { TenantCtx } from "../types/index.ts";

/**
 * What the engine tells about its work, as it happens. Spans, metrics, logs and the page's side pane are all made from these,
 * so they can't disagree; nobody listening costs nothing. Events hold names, codes and durations: never texts, never values.
 * Where something that took `durationMs` is told of, `atMs` is when it ended.
 */
export type TurnEvent =
  | {
      /** A turn begins to run a flow: from its entry, or from where it waited. */
      readonly kind: "flow.started";
      readonly ctx: TenantCtx;
      readonly flow: string;
      readonly pack: string;
      readonly packVersion?: string;
      /** When the message was accepted that the turn is about; absent where a timer runs it. */
      readonly acceptedAtMs?: number;
      readonly atMs: number;
    }
  | {
      readonly kind: "node.ended";
      readonly ctx: TenantCtx;
      readonly flow: string;
      readonly node: string;
      /** The node's kind, `qa` or `tool.invoke`. */
      readonly operation: string;
      readonly outcome: "ok" | "error" | "waiting";
      readonly status: string;
      readonly atMs: number;
      readonly durationMs: number;
      readonly errorCode?: string;
      /** The tool or component that was called. */
      readonly target?: string;
      /** What the component's last call cost. */
      readonly cost?: ComponentCost;
      /** State keys that the node wrote. */
      readonly wrote?: readonly string[];
    }
  | {
      /** A tool says how far a long call is. */
      readonly kind: "tool.progress";
      readonly ctx: TenantCtx;
      readonly flow: string;
      readonly node: string;
      readonly target: string;
      readonly progress: number;
      readonly total?: number;
      readonly atMs: number;
    }
  | {
      /** A language model answered, or didn't: figures and names, never a prompt or an answer. */
      readonly kind: "model.ended";
      readonly ctx: TenantCtx;
      readonly flow: string;
      readonly node: string;
      /** What the operator calls the model. */
      readonly name: string;
      /** What its server was told. */
      readonly requestModel: string;
      readonly responseModel?: string;
      readonly server: { readonly address: string; readonly port: number };
      readonly maxTokens: number;
      readonly outcome: "ok" | "error";
      readonly finishReason?: string;
      readonly inputTokens?: number;
      readonly outputTokens?: number;
      readonly firstChunkMs?: number;
      /** When it ended. */
      readonly atMs: number;
      readonly durationMs: number;
      readonly errorCode?: string;
    }
  | {
      readonly kind: "flow.ended";
      readonly ctx: TenantCtx;
      readonly flow: string;
      readonly pack: string;
      readonly outcome: "done" | "waiting" | "error";
      readonly atMs: number;
      readonly durationMs: number;
      readonly errorCode?: string;
    }
  | {
      /** A message is in its session's inbox, or was there already. */
      readonly kind: "message.accepted";
      readonly ctx: TenantCtx;
      readonly duplicate: boolean;
      /** When it came. */
      readonly atMs: number;
      /** How long the inbox took to keep it, from then on. */
      readonly durationMs: number;
    }
  | {
      readonly kind: "send.ended";
      readonly ctx: TenantCtx;
      readonly outcome: "sent" | "retry" | "failed" | "unknown" | "abandoned";
      readonly atMs: number;
      readonly durationMs: number;
      readonly errorCode?: string;
    }
  | {
      /** A channel doesn't show a part of what a turn said as it is; told before the turn's commit. */
      readonly kind: "message.degraded";
      readonly ctx: TenantCtx;
      /** `element.dropped`, `action.told`. */
      readonly code: string;
      /** A type of Adaptive Cards' schema, or `other`. */
      readonly element: string;
      /** `cards[0].body[2]`. */
      readonly path: string;
      /** Which of the turn's messages, from 0. */
      readonly message: number;
      /** The first of a message's findings says how many there are; only the first 20 are told. */
      readonly count?: number;
      readonly atMs: number;
    }
  | {
      /** Policy, or a quota, turned something away. */
      readonly kind: "policy.denied";
      readonly ctx: TenantCtx;
      /** `component.http`, `quota`. */
      readonly point: string;
      readonly rule: string;
      readonly code: string;
      readonly flow?: string;
      readonly node?: string;
      readonly atMs: number;
    }
  | {
      /** Policy, quotas, residency or retention were read anew while the host runs. */
      readonly kind: "policy.changed";
      /** Of the host's own tenant. */
      readonly ctx: TenantCtx;
      /** What can't be read or compiled is refused, and changes nothing. */
      readonly outcome: "changed" | "refused";
      /** `policy, quota` */
      readonly sections?: string;
      readonly errorCode?: string;
      readonly atMs: number;
    }
  /** A turn that came too late: another worker has its session, and nothing of it was committed. */
  | { readonly kind: "fence.refused"; readonly ctx: TenantCtx; readonly atMs: number }
  | {
      readonly kind: "warning";
      readonly ctx: TenantCtx;
      readonly code: string;
      readonly flow?: string;
      readonly node?: string;
      readonly path?: string;
    };

/** What one call of a component cost. */
export interface ComponentCost {
  readonly wallMs: number;
  readonly fuel: number;
  readonly peakMemoryBytes: number;
  /** How many calls of the host it made. */
  readonly hostCalls: number;
}

/** Hears the engine's events; must not throw and must not block. */
export type TurnObserver = (event: TurnEvent) => void;
