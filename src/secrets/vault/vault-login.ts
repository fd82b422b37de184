import { GreenticError } from "../../types/index.ts";
import type { VaultApi } from "./vault-api.ts";

/** How the host proves to Vault who it is. What is in files is read anew for each login, so that it can be rotated. */
export type VaultAuth =
  | { readonly kind: "token"; readonly token: () => Promise<string> }
  | { readonly kind: "approle"; readonly roleId: () => Promise<string>; readonly secretId: () => Promise<string> }
  | { readonly kind: "kubernetes"; readonly role: string; readonly jwt: () => Promise<string> };

interface Session {
  readonly token: string;
  /** By the monotonic clock; past it the token is asked for anew. Infinite where it doesn't end. */
  readonly renewAtMs: number;
  readonly endsAtMs: number;
  readonly isRenewable: boolean;
}

/** A share of a token's life after which it is renewed. */
const RENEW_AT = 2 / 3;

/** Keeps one living token: logs in, renews it in good time, and logs in again where that is refused. */
export class VaultLogin {
  readonly #api: VaultApi;
  readonly #auth: VaultAuth;
  readonly #mount: string;
  readonly #monotonicMs: () => number;
  #session: Session | undefined;
  #pending: Promise<string> | undefined;

  constructor(
    api: VaultApi,
    options: { readonly auth: VaultAuth; readonly authMount: string; readonly monotonicMs: () => number },
  ) {
    this.#api = api;
    this.#auth = options.auth;
    this.#mount = options.authMount;
    this.#monotonicMs = options.monotonicMs;
  }

  /** The token to ask with. Everybody who asks meanwhile waits for the same login. @throws SECRETS_BACKEND_DENIED, SECRETS_BACKEND_UNAVAILABLE */
  token(): Promise<string> {
    const session = this.#session;
    if (session !== undefined && this.#monotonicMs() < session.renewAtMs) return Promise.resolve(session.token);
    this.#pending ??= this.#fresh(session).finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  /** Forgets a token that was refused, unless another has taken its place already. */
  forget(token: string): void {
    if (this.#session?.token === token) this.#session = undefined;
  }

  async #fresh(session: Session | undefined): Promise<string> {
    if (session?.isRenewable === true && this.#monotonicMs() < session.endsAtMs) {
      const renewed = await this.#renew(session);
      if (renewed !== undefined) return renewed;
    }
    this.#session = await this.#login();
    return this.#session.token;
  }

  async #renew({ token }: Session): Promise<string | undefined> {
    const answer = await this.#api.call("POST", "auth/token/renew-self", { token, body: {} });
    if (answer.status !== 200) return undefined;
    this.#session = this.#sessionOf(answer.auth, token);
    return this.#session.token;
  }

  async #login(): Promise<Session> {
    const auth = this.#auth;
    switch (auth.kind) {
      case "token":
        return this.#ownToken(await auth.token());
      case "approle": {
        const [roleId, secretId] = await Promise.all([auth.roleId(), auth.secretId()]);
        return this.#loginWith({ role_id: roleId, secret_id: secretId });
      }
      case "kubernetes":
        break;
    }
    return this.#loginWith({ role: auth.role, jwt: await auth.jwt() });
  }

  async #loginWith(body: Readonly<Record<string, string>>): Promise<Session> {
    const answer = await this.#api.call("POST", `auth/${this.#mount}/login`, { body });
    if (answer.status !== 200 || answer.auth?.client_token === undefined)
      throw new GreenticError("SECRETS_BACKEND_DENIED", `Log in to Vault: status ${answer.status}`);
    return this.#sessionOf(answer.auth, answer.auth.client_token);
  }

  /** A token that was given tells itself how long it lives. */
  async #ownToken(token: string): Promise<Session> {
    const answer = await this.#api.call("GET", "auth/token/lookup-self", { token });
    if (answer.status !== 200)
      throw new GreenticError("SECRETS_BACKEND_DENIED", `Look up Vault's token: status ${answer.status}`);
    const { ttl, renewable } = answer.data ?? {};
    const lease_duration = typeof ttl === "number" ? ttl : 0;
    return this.#sessionOf({ lease_duration, renewable: renewable === true }, token);
  }

  #sessionOf(
    auth: { readonly lease_duration?: number; readonly renewable?: boolean } | undefined,
    token: string,
  ): Session {
    const nowMs = this.#monotonicMs();
    const lifeMs = (auth?.lease_duration ?? 0) * 1_000;
    // Zero is Vault's word for a token without an end.
    if (lifeMs === 0) return { token, renewAtMs: Infinity, endsAtMs: Infinity, isRenewable: false };
    return {
      token,
      renewAtMs: nowMs + lifeMs * RENEW_AT,
      endsAtMs: nowMs + lifeMs,
      isRenewable: auth?.renewable === true,
    };
  }
}
