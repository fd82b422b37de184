import { GreenticError } from "../../../types/index.ts";

/** Says why a mailbox can't be used, in words that are this program's or codes that are the server's; its texts may hold anything. */
export function whyUnreadable(error: unknown): { readonly isLogin: boolean; readonly why: string } {
  if (error instanceof GreenticError) return { isLogin: false, why: error.message };
  const { authenticationFailed, code, serverResponseCode } = (error ?? {}) as Readonly<Record<string, unknown>>;
  if (authenticationFailed === true) return { isLogin: true, why: "the server refused the login of imap_user" };
  const word = [serverResponseCode, code].find((one) => typeof one === "string" && /^[A-Za-z_]{2,40}$/.test(one));
  return { isLogin: false, why: typeof word === "string" ? word : "no good answer" };
}
