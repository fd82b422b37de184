/** `{ "tokens": [{ id, name, tenant, role, digest, created_at_ms, expires_at_ms?, revoked_at_ms? }] }`; holds no token. */
import { GreenticError, isJsonObject, parseJson, quote, tenantId } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { ROLES } from "../roles.ts";
import type { TokenRecord } from "./admin-tokens.ts";

/** Writes the file's text. */
export function formatTokens(records: readonly TokenRecord[]): string {
  const tokens = records.map(({ id, name, tenant, role, digest, createdAtMs, expiresAtMs, revokedAtMs }) => ({
    id,
    name,
    tenant,
    role,
    digest,
    created_at_ms: createdAtMs,
    expires_at_ms: expiresAtMs,
    revoked_at_ms: revokedAtMs,
  }));
  return `${JSON.stringify({ tokens }, null, 2)}\n`;
}

/** Reads the file; one that isn't whole lets nobody in. @throws ADMIN_TOKENS_INVALID */
export function readTokens(text: string, place: string): readonly TokenRecord[] {
  try {
    const root = parseJson(text, { maxBytes: 4 << 20 });
    const tokens = isJsonObject(root) ? root["tokens"] : undefined;
    if (Array.isArray(tokens)) return (tokens as readonly JsonValue[]).map(readToken);
  } catch {
    // Told below.
  }
  throw new GreenticError("ADMIN_TOKENS_INVALID", `Read admin tokens: ${quote(place)} is damaged`);
}

function readToken(value: JsonValue): TokenRecord {
  if (!isJsonObject(value)) throw new RangeError("no object");
  const { id, name, tenant, digest, created_at_ms: created, expires_at_ms: expires, revoked_at_ms: revoked } = value;
  const role = ROLES.find((known) => known === value["role"]);
  if (
    typeof id !== "string" ||
    typeof name !== "string" ||
    typeof tenant !== "string" ||
    typeof created !== "number" ||
    typeof digest !== "string" ||
    !/^[0-9a-f]{64}$/.test(digest) ||
    role === undefined ||
    !["undefined", "number"].includes(typeof expires) ||
    !["undefined", "number"].includes(typeof revoked)
  )
    throw new RangeError("no token");
  return {
    id,
    name,
    tenant: tenant === "*" ? "*" : tenantId(tenant),
    role,
    digest,
    createdAtMs: created,
    ...(typeof expires === "number" && { expiresAtMs: expires }),
    ...(typeof revoked === "number" && { revokedAtMs: revoked }),
  };
}
