import { domainToASCII } from "node:url";

// Quoted local parts and comments have no honest use left, and every one of their signs means something to some mail server.
const LOCAL = /^[^\s\p{C}<>()[\]\\,;:"@]{1,64}$/u;
const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const THREAD = /^[A-Za-z0-9_-]{22}$/;

/**
 * Reads an address as this channel knows a person by it: in lower case, its domain as DNS has it. Undefined where it isn't one, or is
 * written in a way that mail servers read differently. A server might tell upper case from lower before the `@`; none does.
 */
export function readAddress(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length > 320) return undefined;
  const at = value.lastIndexOf("@");
  const local = value.slice(0, Math.max(at, 0)).normalize("NFC").toLowerCase();
  const domain = domainToASCII(value.slice(at + 1)).toLowerCase();
  if (!LOCAL.test(local) || local.startsWith(".") || local.endsWith(".") || local.includes("..")) return undefined;
  return DOMAIN.test(domain) && domain !== "" ? `${local}@${domain}` : undefined;
}

/** The part behind the `@`. */
export const domainOf = (address: string): string => address.slice(address.lastIndexOf("@") + 1);

/** Whom a conversation is with, and its thread; `anna@example.com` without one is what a flow writes to out of the blue. */
export interface MailPlace {
  /** As `readAddress` gives it. */
  readonly person: string;
  /** 22 characters of base64url; empty for what was never a thread. */
  readonly thread: string;
}

/** Writes a conversation's name. */
export const formatPlace = ({ person, thread }: MailPlace): string => (thread === "" ? person : `${person}/${thread}`);

/** Reads a conversation's name: an address, or an address, a slash and a thread. */
export function readPlace(conversation: string): MailPlace | undefined {
  // A domain has no slash, so that the first one behind the last @ is ours.
  const at = conversation.lastIndexOf("@");
  const slash = conversation.indexOf("/", at);
  const person = readAddress(slash < 0 ? conversation : conversation.slice(0, slash));
  const thread = slash < 0 ? "" : conversation.slice(slash + 1);
  if (at < 0 || person === undefined || (slash >= 0 && !THREAD.test(thread))) return undefined;
  return { person, thread };
}
