import type { SecretUri } from "../secret-uri.ts";

/** What a cloud's failure means for who asked. */
export type CloudFailure = "missing" | "denied" | "unavailable" | "failed";

/** A cloud's service for secrets, as far as all of them are alike: one folder each, with files of the same names. */
export interface Cloud {
  /** What operators know it by. */
  readonly title: string;
  /** The name under which the service keeps a secret. @throws SECRETS_URI_INVALID where the service allows none so long */
  nameOf(uri: SecretUri): string;
  /** The secret that a name is for; undefined where it is somebody else's. */
  uriOf(name: string): SecretUri | undefined;
  /** Asks for the value of a version, else the current one. Throws what the SDK throws. */
  get(name: string, version: string | undefined): Promise<string | Uint8Array | null | undefined>;
  /** Names that may be ours, over all pages. */
  names(): AsyncIterable<string>;
  /** Tells what the SDK's error means. */
  judge(error: unknown): CloudFailure;
}

/** Judges by an HTTP status; none means that nothing came back. */
export function judgeStatus(status: number | undefined): CloudFailure {
  if (status === 404) return "missing";
  if (status === 401 || status === 403) return "denied";
  if (status === undefined || status === 408 || status === 429 || status >= 500) return "unavailable";
  return "failed";
}

/** Reads a field of something thrown. */
export function fieldOf(error: unknown, name: string): unknown {
  return typeof error === "object" && error !== null ? (error as Readonly<Record<string, unknown>>)[name] : undefined;
}
