import { GreenticError } from "../../types/index.ts";
import type { SecretStore } from "../secret-store.ts";
import type { SecretUri } from "../secret-uri.ts";
import { formatSecretUri } from "../secret-uri.ts";
import { VaultApi } from "./vault-api.ts";
import type { SendToVault } from "./vault-api.ts";
import type { VaultAuth } from "./vault-login.ts";
import { VaultLogin } from "./vault-login.ts";

export interface VaultOptions {
  /** `https://vault.example.com:8200` */
  readonly url: string;
  /** Where the key/value engine of version 2 is mounted. Default `secret`. */
  readonly mount?: string | undefined;
  /** What stands before every path. Default `greentic`. */
  readonly prefix?: string | undefined;
  readonly namespace?: string | undefined;
  readonly auth: VaultAuth;
  /** Where the login method is mounted. Default its own name. */
  readonly authMount?: string | undefined;
  readonly send: SendToVault;
  readonly monotonicMs: () => number;
}

/** The field of a secret that holds its text. */
const FIELD = "value";

/**
 * Reads secrets from HashiCorp Vault or OpenBao, key/value engine version 2: the field `value` of
 * `{mount}/data/{prefix}/{env}/{tenant}/{team}/{category}/{name}`.
 */
export class VaultSecretStore implements SecretStore {
  readonly #api: VaultApi;
  readonly #login: VaultLogin;
  readonly #root: string;

  constructor(options: VaultOptions) {
    const { mount = "secret", prefix = "greentic", auth, authMount = auth.kind } = options;
    this.#api = new VaultApi(options);
    this.#login = new VaultLogin(this.#api, { auth, authMount, monotonicMs: options.monotonicMs });
    this.#root = `${mount}/data/${prefix}`;
  }

  /** @throws SECRETS_BACKEND_UNAVAILABLE, SECRETS_BACKEND_DENIED, SECRETS_VALUE_INVALID */
  async read(uri: SecretUri): Promise<string | undefined> {
    const { env, tenant, team, category, name, version } = uri;
    // Vault counts versions; another spelling names none of its own.
    if (version !== undefined && !/^[1-9]\d{0,8}$/.test(version)) return undefined;
    const query = version === undefined ? "" : `?version=${version}`;
    const path = `${this.#root}/${[env, tenant, team, category, name].join("/")}${query}`;
    const token = await this.#login.token();
    let answer = await this.#api.call("GET", path, { token });
    if (answer.status === 403) {
      // A token that was revoked looks like one that may not.
      this.#login.forget(token);
      answer = await this.#api.call("GET", path, { token: await this.#login.token() });
    }
    if (answer.status === 404) return undefined;
    if (answer.status !== 200)
      throw new GreenticError(
        "SECRETS_BACKEND_DENIED",
        `Read ${formatSecretUri(uri)} from Vault: status ${answer.status}`,
      );
    const fields = answer.data?.["data"];
    // A version that was deleted is there and empty.
    if (fields === undefined || fields === null) return undefined;
    const value =
      typeof fields === "object" && !Array.isArray(fields) ? (fields as Record<string, unknown>)[FIELD] : undefined;
    if (typeof value !== "string")
      throw new GreenticError(
        "SECRETS_VALUE_INVALID",
        `Read ${formatSecretUri(uri)} from Vault: expected a text in "value"`,
      );
    return value;
  }
}
