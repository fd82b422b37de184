import type { GreenticError } from "../types/index.ts";
import type { GrantOwner } from "./grant-owner.ts";
import { grantAddress } from "./grant-owner.ts";

/** What is noted of each use of the broker; never a token, a code or a state. */
export interface OAuthAuditEntry {
  readonly actor: string;
  readonly action: "oauth.consent" | "oauth.token" | "oauth.refresh" | "oauth.revoke";
  /** The grant's address. */
  readonly target: string;
  readonly outcome: "allowed" | "denied" | "failed";
  readonly env: string;
  readonly tenant: string;
  readonly team?: string;
  readonly rule?: string;
  readonly code?: string;
}

/** Notes one act on a grant. */
export type OAuthAudit = (
  action: OAuthAuditEntry["action"],
  owner: GrantOwner,
  end: {
    readonly outcome: OAuthAuditEntry["outcome"];
    readonly code?: string;
    readonly rule?: string;
    /** Default the broker itself. */
    readonly actor?: string;
  },
) => void;

/** Makes the notes of a log. */
export function createAudit(note: (entry: OAuthAuditEntry) => void): OAuthAudit {
  return (action, owner, { actor = "oauth:broker", ...end }) => {
    const { env, tenant, team } = owner;
    note({ actor, action, target: grantAddress(owner), env, tenant, ...(team !== undefined && { team }), ...end });
  };
}

/** How an error stands in the audit. */
export function outcomeOf({ kind }: GreenticError): "denied" | "failed" {
  return kind === "unavailable" || kind === "internal" || kind === "timeout" ? "failed" : "denied";
}
