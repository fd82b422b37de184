import { GreenticError } from "./errors.ts";

declare const brand: unique symbol;
/** A string that only its checking constructor makes. */
export type Brand<Name extends string> = string & { readonly [brand]: Name };

export type EnvId = Brand<"EnvId">;
export type TenantId = Brand<"TenantId">;
export type TeamId = Brand<"TeamId">;
export type ChannelId = Brand<"ChannelId">;
/** A person or conversation as the platform names it: any printable text, encoded wherever it becomes part of a key. */
export type UserId = Brand<"UserId">;
export type ConversationId = Brand<"ConversationId">;

const TOKEN = /^[a-z0-9][a-z0-9-]{0,62}$/;
// Foreign ids may hold anything printable; control characters have no honest use and break logs and terminals.
const FOREIGN = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,512}$/u;

function token<Name extends string>(what: Name, value: string): Brand<Name> {
  if (!TOKEN.test(value)) {
    throw new GreenticError("TYPES_ID_INVALID", `Read ${what}: expected [a-z0-9-], got ${quote(value)}`);
  }
  return value as Brand<Name>;
}

function foreign<Name extends string>(what: Name, value: string): Brand<Name> {
  if (!FOREIGN.test(value) || !value.isWellFormed()) {
    throw new GreenticError(
      "TYPES_KEY_INVALID",
      `Read ${what}: expected 1 to 512 printable characters, got ${quote(value)}`,
    );
  }
  return value as Brand<Name>;
}

/** Checks an env name. @throws TYPES_ID_INVALID */
export const envId = (value: string): EnvId => token("EnvId", value);
/** Checks a tenant name. @throws TYPES_ID_INVALID */
export const tenantId = (value: string): TenantId => token("TenantId", value);
/** Checks a team name. @throws TYPES_ID_INVALID */
export const teamId = (value: string): TeamId => token("TeamId", value);
/** Checks a channel name (a provider's instance). @throws TYPES_ID_INVALID */
export const channelId = (value: string): ChannelId => token("ChannelId", value);
/** Checks a platform's user id. @throws TYPES_KEY_INVALID */
export const userId = (value: string): UserId => foreign("UserId", value);
/** Checks a platform's conversation id. @throws TYPES_KEY_INVALID */
export const conversationId = (value: string): ConversationId => foreign("ConversationId", value);

/** The team of a message that names none. */
export const DEFAULT_TEAM = "default" as TeamId;

/** Quotes a foreign value for a message: escaped and at most 80 characters, so that it can't forge log lines. */
export function quote(value: string): string {
  const short = value.length > 80 ? `${value.slice(0, 77)}...` : value;
  return JSON.stringify(short).replaceAll(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
