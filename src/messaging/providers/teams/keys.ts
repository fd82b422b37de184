/**
 * The keys that Microsoft's connector signs with: `{keys: [{kty: "RSA", kid, n, e, endorsements: ["msteams", …]}]}` at the `jwks_uri`
 * of its OpenID metadata.
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
 */
import type { World } from "../../../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../../types/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { objectsIn, textIn } from "../../json-parts.ts";
import type { SendHttp } from "../entry.ts";

/** A key of the connector; nothing else of what the platform says of it is used. */
export interface ConnectorKey {
  /** The key to verify RS256 with, imported once. Rejects where it is none. */
  readonly verifying: () => Promise<CryptoKey>;
  /** The channels that it may speak for. */
  readonly endorsements: readonly string[];
}

const METADATA_ORIGIN = "https://login.botframework.com";
const METADATA_URL = `${METADATA_ORIGIN}/v1/.well-known/openidconfiguration`;
const FRESH_MS = 24 * 3_600_000;
/** A stranger can name any key: the platform is asked for new ones once an hour at most. */
const UNKNOWN_KEY_MS = 3_600_000;
const FAILED_MS = 10_000;
const MAX_BYTES = 1 << 20;

/** Fetches the connector's keys and keeps them for a day; in an outage yesterday's serve on. */
export class ConnectorKeys {
  readonly #http: SendHttp;
  readonly #world: Pick<World, "nowMs">;
  #keys: ReadonlyMap<string, ConnectorKey> | undefined;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(http: SendHttp, world: Pick<World, "nowMs">) {
    this.#http = http;
    this.#world = world;
  }

  /** Finds a key. @throws MESSAGING_PLATFORM_UNAVAILABLE where there are none at all and none can be had */
  async find(kid: string): Promise<ConnectorKey | undefined> {
    const nowMs = this.#world.nowMs();
    const known = this.#keys?.get(kid);
    const isStale = nowMs >= this.#fetchedAtMs + FRESH_MS;
    if (known !== undefined && !isStale) return known;
    const restMs = this.#keys === undefined || isStale ? FAILED_MS : UNKNOWN_KEY_MS;
    if (this.#fetching !== undefined || nowMs >= this.#askedAtMs + restMs) {
      this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
      await this.#fetching;
    }
    if (this.#keys === undefined)
      throw new GreenticError(
        "MESSAGING_PLATFORM_UNAVAILABLE",
        "Verify Teams request: the platform's keys can't be had",
      );
    return this.#keys.get(kid);
  }

  async #fetch(): Promise<void> {
    this.#askedAtMs = this.#world.nowMs();
    try {
      const metadata = await this.#get(METADATA_URL);
      const uri = textIn(metadata.jwks_uri) ?? "";
      // What answers for the metadata may not send us elsewhere for the keys.
      if (URL.parse(uri)?.origin !== METADATA_ORIGIN) return;
      const { keys } = await this.#get(uri);
      const found = objectsIn(keys).flatMap((key) => readKey(key));
      if (found.length === 0) return;
      this.#keys = new Map(found);
      this.#fetchedAtMs = this.#world.nowMs();
    } catch {
      // What is known serves on.
    }
  }

  async #get(url: string): Promise<JsonObject> {
    const { status, body } = await this.#http({
      method: "GET",
      url,
      headers: [["accept", "application/json"]],
      timeoutMs: 10_000,
      origins: [METADATA_ORIGIN],
      followRedirects: false,
    });
    const answer = status === 200 ? parseJson(body, { maxBytes: MAX_BYTES }) : {};
    return isJsonObject(answer) ? answer : {};
  }
}

async function importKey(jwk: { readonly kty: string; readonly n: string; readonly e: string }): Promise<CryptoKey> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  return crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
}

function readKey(key: JsonObject): [string, ConnectorKey][] {
  const { kty, use } = key;
  const [kid, n, e] = [textIn(key.kid), textIn(key.n), textIn(key.e)];
  if (kty !== "RSA" || (use !== undefined && use !== "sig")) return [];
  if (kid === undefined || n === undefined || e === undefined) return [];
  const endorsements = Array.isArray(key.endorsements)
    ? key.endorsements.filter((name) => typeof name === "string")
    : [];
  let imported: Promise<CryptoKey> | undefined;
  const verifying = (): Promise<CryptoKey> => (imported ??= importKey({ kty, n, e }));
  return [[kid, { verifying, endorsements }]];
}
