import type { GrantOwner } from "../oauth/index.ts";
import type { EnvId, JsonObject, JsonValue, TenantId } from "../types/index.ts";
import { GreenticError, quote, teamId } from "../types/index.ts";

/** Whose host token a request carries. */
export interface BrokerScope {
  readonly env: EnvId;
  readonly tenant: TenantId;
}

const MAX_SCOPES = 64;
const MAX_HEADERS = 64;

/** Reads a text field. @throws OAUTH_REQUEST_INVALID */
export function textField(body: JsonObject, name: string, maxLength = 2_048): string {
  const value = optionalText(body, name, maxLength);
  if (value !== undefined) return value;
  throw new GreenticError("OAUTH_REQUEST_INVALID", `Read request: expected ${quote(name)}, got nothing`);
}

/** Reads a text field that may be absent. @throws OAUTH_REQUEST_INVALID */
export function optionalText(body: JsonObject, name: string, maxLength = 2_048): string | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "" && value.length <= maxLength) return value;
  throw new GreenticError(
    "OAUTH_REQUEST_INVALID",
    `Read request: expected ${quote(name)} to be a text of at most ${maxLength} characters`,
  );
}

/** Reads `scopes`. @throws OAUTH_REQUEST_INVALID */
export function scopesField(body: JsonObject): readonly string[] | undefined {
  const value: JsonValue | undefined = body["scopes"];
  if (value === undefined || value === null) return undefined;
  const isList = Array.isArray(value) && value.length <= MAX_SCOPES;
  if (isList && value.every((one) => typeof one === "string" && /^[!#-[\]-~]{1,256}$/.test(one)))
    return value as readonly string[];
  throw new GreenticError(
    "OAUTH_REQUEST_INVALID",
    `Read request: expected "scopes" to list at most ${MAX_SCOPES} scopes`,
  );
}

/** Checks that a body means the tenant whose token came with it: a body never chooses. @throws OAUTH_ACCESS_DENIED */
export function checkScope(body: JsonObject, { env, tenant }: BrokerScope): void {
  for (const [name, own] of [
    ["env", env],
    ["tenant", tenant],
  ] as const)
    if (body[name] !== undefined && body[name] !== own)
      throw new GreenticError("OAUTH_ACCESS_DENIED", "Handle request: the token isn't good for this");
}

/** Reads whose grant a body means. @throws OAUTH_REQUEST_INVALID, TYPES_ID_INVALID */
export function ownerField(body: JsonObject, scope: BrokerScope): GrantOwner {
  const kind = textField(body, "owner_kind");
  if (kind !== "user" && kind !== "service")
    throw new GreenticError("OAUTH_REQUEST_INVALID", 'Read request: expected "owner_kind" to be user or service');
  const team = optionalText(body, "team");
  return {
    ...scope,
    ...(team !== undefined && { team: teamId(team) }),
    provider: textField(body, "provider", 63),
    kind,
    id: textField(body, "owner_id", 512),
  };
}

/** Reads `headers`, `[{ name, value }]`. @throws OAUTH_REQUEST_INVALID */
export function headersField(body: JsonObject): readonly { readonly name: string; readonly value: string }[] {
  const value: JsonValue = body["headers"] ?? [];
  const isHeader = (one: unknown): one is { readonly name: string; readonly value: string } => {
    const { name, value: text } = (one ?? {}) as Readonly<Record<string, unknown>>;
    return typeof name === "string" && typeof text === "string";
  };
  if (Array.isArray(value) && value.length <= MAX_HEADERS && value.every(isHeader))
    return value.map(({ name, value: text }) => ({ name, value: text }));
  throw new GreenticError("OAUTH_REQUEST_INVALID", 'Read request: expected "headers" to be a list of { name, value }');
}
