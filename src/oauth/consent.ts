import { hash, timingSafeEqual } from "node:crypto";
import type { JsonObject } from "../types/index.ts";
import type { AuthorizationRequest, TokenSet } from "./authorization-code.ts";
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
  /** What helps the provider to find the person's account; see {@link hintsOf}. */
  readonly hints?: Readonly<Record<string, string>>;
  /** Where the browser takes a code, for which whoever asked gets the grant; without it the grant is theirs at once. */
  readonly exchange?: ExchangePlace;
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

/** Where a code is handed over. */
interface ExchangePlace {
  /** A path of this host; the code is good for who names the same one. */
  readonly path: string;
  /** Goes back with the code as it came, for who serves the path. */
  readonly state?: string;
}

/** A consent that is under way. */
export interface Pending {
  readonly step: "asked" | "sent" | "redeemed";
  readonly request: ConsentRequest & { readonly scopes: readonly string[] };
  /** Once the person was sent to the provider. */
  readonly authorization?: AuthorizationRequest;
  /** Hash of what the person's browser keeps. */
  readonly browser?: string;
  /** Once the provider gave them, until somebody exchanges the code for them. */
  readonly tokens?: TokenSet;
}

/** How a consent ended, for whoever waits. */
export interface ConsentEnd {
  readonly waiting: WaitingFlow;
  readonly outcome: "connected" | "denied";
  /** Why it wasn't given. */
  readonly error?: string;
}

const HINTS = ["login_hint", "domain_hint", "hd", "ui_locales"] as const;

/** Takes out of a caller's extras what only helps to find the account; all else is the operator's to declare, and left out. */
export function hintsOf(extra: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    HINTS.flatMap((name) => {
      const value = extra[name];
      return typeof value === "string" && /^[\x20-\x7e]{1,256}$/.test(value) ? [[name, value]] : [];
    }),
  );
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
