import type { SecretStore, SecretUri } from "../secrets/index.ts";
import type { EnvId, JsonObject, TenantId } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { BrokerKeys } from "./broker-keys.ts";
import type { GrantOwner } from "./grant-owner.ts";
import { grantAddress, grantUri, isSameOwner } from "./grant-owner.ts";

/** What a provider gave for one owner, and what became of it. */
export interface Grant {
  readonly owner: GrantOwner;
  readonly issuer: string;
  readonly clientId: string;
  /** Counts refreshes; the lease of one refresh carries it. */
  readonly generation: number;
  readonly accessToken: string;
  readonly tokenType: string;
  /** Absent where the provider doesn't say. */
  readonly expiresAtMs?: number;
  readonly refreshToken?: string;
  /** The last renewal brought another refresh token. */
  readonly isRotated?: boolean;
  readonly scopes: readonly string[];
  /** The account, as the provider names it in its id token. */
  readonly subject?: string;
  readonly visibility: "private" | "team" | "tenant";
  readonly createdAtMs: number;
  /** Why only a new consent helps. */
  readonly broken?: "revoked" | "reused";
  /** The code of the wait that asked for it. */
  readonly asked?: string;
  /** The answer that whoever asked still owes; nobody gets tokens before. */
  readonly confirm?: { readonly hash: string; readonly tries: number };
}

/** How a grant is: good, not confirmed yet, or good for nothing more. */
export function grantState({ broken, confirm }: Grant): "connected" | "unconfirmed" | "revoked" | "reused" {
  return broken ?? (confirm === undefined ? "connected" : "unconfirmed");
}

/** Where sealed grants are kept: the host's secrets. */
export interface GrantSecrets extends SecretStore {
  write(uri: SecretUri, value: string): Promise<void>;
  remove(uri: SecretUri): Promise<boolean>;
  list(): Promise<readonly SecretUri[]>;
}

/** Keeps grants as secrets, each a JWE that names its owner, so that a record that was copied elsewhere opens nothing there. */
export class TokenVault {
  readonly #secrets: GrantSecrets;
  readonly #keys: BrokerKeys;

  readonly #know: (token: string) => void;

  /** `know` hears every token, so that whatever writes logs can keep it out of them. */
  constructor(secrets: GrantSecrets, keys: BrokerKeys, know: (token: string) => void = () => undefined) {
    this.#know = know;
    this.#secrets = secrets;
    this.#keys = keys;
  }

  /** Reads a grant; undefined where there is none. @throws OAUTH_RECORD_INVALID */
  async read(owner: GrantOwner): Promise<Grant | undefined> {
    const sealed = await this.#secrets.read(grantUri(owner));
    if (sealed === undefined) return undefined;
    const grant = (await this.#keys.open("token", sealed)) as unknown as Grant;
    this.#hear(grant);
    if (isSameOwner(grant.owner, owner)) return grant;
    throw new GreenticError(
      "OAUTH_RECORD_INVALID",
      `Open kept tokens: what is at ${quote(grantAddress(owner))} is another owner's`,
    );
  }

  /** Keeps a grant; what was there is replaced. */
  async write(grant: Grant): Promise<void> {
    this.#hear(grant);
    await this.#secrets.write(grantUri(grant.owner), await this.#keys.seal("token", grant as unknown as JsonObject));
  }

  #hear({ accessToken, refreshToken = "" }: Grant): void {
    for (const token of [accessToken, refreshToken]) if (token !== "") this.#know(token);
  }

  /** Forgets a grant; false where there was none. */
  remove(owner: GrantOwner): Promise<boolean> {
    return this.#secrets.remove(grantUri(owner));
  }

  /** Lists the grants of a tenant; those that can't be opened are left out. */
  async list(env: EnvId, tenant: TenantId): Promise<readonly Grant[]> {
    const uris = (await this.#secrets.list()).filter(
      (uri) => uri.env === env && uri.tenant === tenant && uri.category.startsWith("oauth."),
    );
    const found = await Promise.all(
      uris.map(async (uri) => {
        const sealed = await this.#secrets.read(uri);
        if (sealed === undefined) return [];
        try {
          return [(await this.#keys.open("token", sealed)) as unknown as Grant];
        } catch {
          return [];
        }
      }),
    );
    return found.flat().filter(({ owner }) => owner.env === env && owner.tenant === tenant);
  }
}
