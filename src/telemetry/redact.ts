import { createHash } from "node:crypto";

/** Field names whose values never leave the process. @see upstream reference §5.3 */
export const SECRET_FIELDS = [
  "secret",
  "token",
  "api_key",
  "apiKey",
  "authorization",
  "password",
  "client_secret",
  "access_token",
  "refresh_token",
  "bearer",
  "x-api-key",
  "cookie",
] as const;

/**
 * The name under which telemetry knows a session: 16 hex digits of the key's SHA-256. Platforms put phone numbers and
 * names into conversation and user ids, so the key itself stays inside; an operator finds a session by hashing its key.
 */
export function sessionPseudonym(session: string): string {
  return createHash("sha256").update(session).digest("hex").slice(0, 16);
}

/** Makes guest or platform text safe for one log line: no control characters, escapes or direction overrides, at most `maxLength`. */
export function logSafe(text: string, maxLength = 2_000): string {
  const clean = text
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, "\ufffd")
    .replaceAll(/[\t\n]/g, " ");
  return clean.length > maxLength ? `${clean.slice(0, maxLength)}…` : clean;
}
