import type { JsonObject } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";
import type { BrokerKeys } from "./broker-keys.ts";
import type { GrantOwner } from "./grant-owner.ts";

const TYP = "greentic-token-handle+jwt";

/** Makes a handle: names a grant to this broker, and is worth nothing without the broker's own token. */
export function signHandle(keys: BrokerKeys, owner: GrantOwner): Promise<string> {
  const { env, tenant, team, provider, kind, id } = owner;
  return keys.sign(TYP, { env, tenant, ...(team !== undefined && { team }), provider, owner_kind: kind, owner_id: id });
}

/** Reads a handle. @throws OAUTH_HANDLE_INVALID for what this broker didn't sign, and for another tenant's */
export async function readHandle(
  keys: BrokerKeys,
  text: string,
  scope: { readonly env: string; readonly tenant: string },
): Promise<GrantOwner> {
  const claims = text.length <= 4_096 ? await keys.verify(TYP, text) : undefined;
  if (claims === undefined || claims["env"] !== scope.env || claims["tenant"] !== scope.tenant)
    throw new GreenticError("OAUTH_HANDLE_INVALID", "Read token handle: it isn't one of this tenant");
  return ownerOf(claims);
}

/** Claims that this broker signed have the shape that it gave them. */
function ownerOf({ env, tenant, team, provider, owner_kind: kind, owner_id: id }: JsonObject): GrantOwner {
  return { env, tenant, ...(team !== undefined && { team }), provider, kind, id } as unknown as GrantOwner;
}
