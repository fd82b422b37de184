import type { PolicyPoint } from "../config/index.ts";
import type { EnvId, TeamId, TenantId } from "../types/index.ts";

/** What is about to happen, and for whom; only what is known at the point is there. Never contents. */
export interface PolicyQuestion {
  readonly point: PolicyPoint;
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team?: TeamId | undefined;
  readonly user?: string | undefined;
  readonly channel?: string | undefined;
  readonly pack?: string | undefined;
  /** Lower-case hex. */
  readonly packHash?: string | undefined;
  /** Ids of the keys that the pack is signed with and trusted by, with spaces between them. */
  readonly publisher?: string | undefined;
  readonly flow?: string | undefined;
  readonly node?: string | undefined;
  /** The node's kind, `tool.invoke`. */
  readonly operation?: string | undefined;
  readonly component?: string | undefined;
  readonly tool?: string | undefined;
  /** A secret's name. */
  readonly secret?: string | undefined;
  /** An event's type. */
  readonly event?: string | undefined;
  readonly url?: string | undefined;
  readonly method?: string | undefined;
}

/** What was decided; `rule` names what did, where something did. */
export type PolicyDecision =
  | { readonly kind: "allow"; readonly rule?: string }
  | { readonly kind: "deny"; readonly rule: string; readonly message: string };

/** Decides what may happen. */
export interface PolicyEngine {
  /** Whether anything could be denied at a point: asked first, so that nobody makes a question that has one answer. */
  judges(point: PolicyPoint): boolean;
  /** Decides at once where all that counts is in this process; never rejects. */
  decide(question: PolicyQuestion): PolicyDecision | Promise<PolicyDecision>;
}

export const ALLOWED: PolicyDecision = Object.freeze({ kind: "allow" });

/** Denies nothing and costs nothing. */
export const ALLOW_ALL: PolicyEngine = { judges: () => false, decide: () => ALLOWED };
