import { GreenticError, isGreenticError, quote } from "../../types/index.ts";
import type { ListableSecretStore } from "../secret-store.ts";
import type { SecretUri } from "../secret-uri.ts";
import { formatSecretUri } from "../secret-uri.ts";
import type { Cloud } from "./cloud.ts";

/** More names than anybody reads. */
const MAX_NAMES = 10_000;

/** Reads secrets from a cloud's service by its official client, which is loaded when the first secret is asked for. */
export class CloudSecretStore implements ListableSecretStore {
  readonly #open: () => Promise<Cloud>;
  #cloud: Promise<Cloud> | undefined;

  constructor(open: () => Promise<Cloud>) {
    this.#open = open;
  }

  /** @throws SECRETS_BACKEND_UNAVAILABLE, SECRETS_BACKEND_DENIED, SECRETS_BACKEND_FAILED, SECRETS_VALUE_INVALID, SECRETS_SDK_MISSING */
  async read(uri: SecretUri): Promise<string | undefined> {
    const cloud = await this.#opened();
    const doing = `Read ${formatSecretUri(uri)} from ${cloud.title}`;
    let value: string | Uint8Array | null | undefined;
    try {
      value = await cloud.get(cloud.nameOf(uri), uri.version);
    } catch (error) {
      return refuse(cloud, { doing, error });
    }
    if (value === null || value === undefined) return undefined;
    if (typeof value === "string") return value;
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(value);
    } catch {
      throw new GreenticError("SECRETS_VALUE_INVALID", `${doing}: not UTF-8`);
    }
  }

  async list(): Promise<readonly SecretUri[]> {
    const cloud = await this.#opened();
    const uris: SecretUri[] = [];
    try {
      for await (const name of cloud.names()) {
        const uri = cloud.uriOf(name);
        if (uri !== undefined) uris.push(uri);
        if (uris.length >= MAX_NAMES) break;
      }
    } catch (error) {
      refuse(cloud, { doing: `List secrets of ${cloud.title}`, error });
    }
    return uris.sort((a, b) => (formatSecretUri(a) < formatSecretUri(b) ? -1 : 1));
  }

  #opened(): Promise<Cloud> {
    this.#cloud ??= this.#open().catch((error: unknown) => {
      // What is installed meanwhile is found the next time.
      this.#cloud = undefined;
      throw error;
    });
    return this.#cloud;
  }
}

/** What the client says may quote names of accounts and more: only its kind is told on. */
function refuse(cloud: Cloud, { doing, error }: { readonly doing: string; readonly error: unknown }): undefined {
  if (isGreenticError(error)) throw error;
  const failure = cloud.judge(error);
  const name = quote(error instanceof Error ? error.name : typeof error);
  switch (failure) {
    case "missing":
      return undefined;
    case "denied":
      throw new GreenticError("SECRETS_BACKEND_DENIED", `${doing}: ${name}`, { cause: error });
    case "unavailable":
      throw new GreenticError("SECRETS_BACKEND_UNAVAILABLE", `${doing}: ${name}`, { cause: error });
    case "failed":
      break;
  }
  throw new GreenticError("SECRETS_BACKEND_FAILED", `${doing}: ${name}`, { cause: error });
}
