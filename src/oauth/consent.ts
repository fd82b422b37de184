import { hash, timingSafeEqual } from "node:crypto";
import type { JsonObject } from "../types/index.ts";
import type { AuthorizationRequest } from "./authorization-code.ts";
import type { GrantOwner } from "./grant-owner.ts";
import type { Grant } from "./token-vault.ts";

/** Which consent is asked for, and what goes on when it is there. */
export interface ConsentRequest {
  readonly owner: GrantOwner;
  /** Default all that the provider's declaration lists; never more. */
  readonly scopes?: readonly string[];
  readonly visibility?: Grant["visibility"];
  /** Where the browser goes afterwards; one of the listed pages, or a path of this host. */
  readonly returnUrl?: string;
  readonly prompt?: string;
  /** Whose flow waits, and under which code. */
  readonly waiting?: WaitingFlow;
  /** Show a page before leaving: programs that look at links in chats would use the link up. */
  readonly asksFirst?: boolean;
  /** Whether whoever asked must repeat digits that the browser shows, so that nobody's consent becomes another one's grant. */
  readonly needsConfirmation?: boolean;
}

/** A flow that waits for a consent. */
interface WaitingFlow {
  /** The session's key. */
  readonly session: string;
  /** Made for this wait; a later wait of the same session has another. */
  readonly code: string;
}

/** A consent that is under way. */
export interface Pending {
  readonly step: "asked" | "sent";
  readonly request: ConsentRequest & { readonly scopes: readonly string[] };
  /** Once the person was sent to the provider. */
  readonly authorization?: AuthorizationRequest;
  /** Hash of what the person's browser keeps. */
  readonly browser?: string;
}

/** How a consent ended, for whoever waits. */
export interface ConsentEnd {
  readonly waiting: WaitingFlow;
  readonly outcome: "connected" | "denied";
  /** Why it wasn't given. */
  readonly error?: string;
}

/** Reads what {@link keepPending} made. */
export function readPending(value: JsonObject | undefined): Pending | undefined {
  return value as unknown as Pending | undefined;
}

/** Makes a pending consent plain data. */
export function keepPending(pending: Pending): JsonObject {
  return pending as unknown as JsonObject;
}

/** Compares a text with the hash of the right one, in the same time for all. */
export function isHashOf(text: string, expected: string): boolean {
  return timingSafeEqual(hash("sha256", text, "buffer"), Buffer.from(expected, "hex"));
}
