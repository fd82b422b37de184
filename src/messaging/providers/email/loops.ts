import { domainOf } from "./address.ts";
import type { ParsedMail } from "./parse-mail.ts";

const BULK = /^(?:bulk|junk|list|auto_reply)$/;
const MACHINES = /^(?:mailer-daemon|postmaster|bounces?)(?:[+=-].*)?$/;

/**
 * Says why a message is no person's: a program wrote it, it was sent to many, or it is our own. An answer to one could be answered in
 * turn, for ever. Undefined where a person may have written it.
 * @see https://www.rfc-editor.org/rfc/rfc3834#section-2
 */
export function loopReason(
  mail: ParsedMail,
  {
    own,
    returnPath,
  }: {
    /** The channel's own addresses. */
    readonly own: readonly string[];
    /** Of the envelope where it is known; empty is a bounce's. */
    readonly returnPath?: string;
  },
): string | undefined {
  const first = (name: string): string | undefined => mail.header(name)?.trim().toLowerCase();
  const auto = first("auto-submitted");
  if (auto !== undefined && auto.split(";", 1)[0]?.trim() !== "no") return "auto-submitted";
  for (const name of ["list-id", "list-unsubscribe", "list-post", "x-loop", "x-autoreply", "x-autorespond"])
    if (first(name) !== undefined) return name;
  if (BULK.test(first("precedence") ?? "")) return "precedence";
  if (/\b(?:all|autoreply)\b/.test(first("x-auto-response-suppress") ?? "")) return "x-auto-response-suppress";
  if (first("content-type")?.startsWith("multipart/report") === true) return "report";
  if ((returnPath ?? first("return-path")?.replaceAll(/[<>\s]/g, "")) === "") return "null return path";
  if (own.includes(mail.from)) return "own address";
  return MACHINES.test(mail.from.slice(0, -1 - domainOf(mail.from).length)) ? "no person's address" : undefined;
}
