import type { JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson } from "../../types/index.ts";

/** Sends one request to the server that the operator named; how it is reached is the caller's. */
export type SendToVault = (request: {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: Uint8Array;
}) => Promise<{ readonly status: number; readonly body: Uint8Array }>;

/** What Vault answers, as far as it is read. */
export interface VaultAnswer {
  readonly status: number;
  readonly data?: JsonObject;
  readonly auth?: { readonly client_token?: string; readonly lease_duration?: number; readonly renewable?: boolean };
}

const AWAY = new Set([429, 472, 473, 500, 502, 503, 504]);

/** Vault's HTTP API, of which OpenBao's is a copy. @see https://developer.hashicorp.com/vault/api-docs */
export class VaultApi {
  readonly #base: string;
  readonly #namespace: string | undefined;
  readonly #send: SendToVault;

  constructor(options: { readonly url: string; readonly namespace?: string | undefined; readonly send: SendToVault }) {
    this.#base = `${options.url.replace(/\/+$/, "")}/v1/`;
    this.#namespace = options.namespace;
    this.#send = options.send;
  }

  /** Asks once. @throws SECRETS_BACKEND_UNAVAILABLE where it is sealed, overloaded or not to be reached; nothing of an answer is in errors */
  async call(
    method: "GET" | "POST",
    path: string,
    { token, body }: { readonly token?: string; readonly body?: JsonObject },
  ): Promise<VaultAnswer> {
    const headers: (readonly [string, string])[] = [["x-vault-request", "true"]];
    if (token !== undefined) headers.push(["x-vault-token", token]);
    if (this.#namespace !== undefined) headers.push(["x-vault-namespace", this.#namespace]);
    if (body !== undefined) headers.push(["content-type", "application/json"]);
    let answer: Awaited<ReturnType<SendToVault>>;
    try {
      answer = await this.#send({
        method,
        url: this.#base + path,
        headers,
        ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
      });
    } catch (error) {
      const code = isGreenticError(error) ? error.code : "unknown";
      throw new GreenticError("SECRETS_BACKEND_UNAVAILABLE", `Ask Vault: ${code}`, { cause: error });
    }
    const { status } = answer;
    if (AWAY.has(status)) throw new GreenticError("SECRETS_BACKEND_UNAVAILABLE", `Ask Vault: status ${status}`);
    const said = status === 200 ? read(answer.body) : {};
    const { data, auth } = said;
    return {
      status,
      ...(isObject(data) && { data }),
      ...(isObject(auth) && { auth }),
    };
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return value !== undefined && isJsonObject(value);
}

function read(body: Uint8Array): JsonObject {
  try {
    const value = parseJson(body);
    if (isJsonObject(value)) return value;
  } catch {
    // Told below: what it was stays unsaid.
  }
  throw new GreenticError("SECRETS_BACKEND_FAILED", "Read Vault's answer: not a JSON object");
}
