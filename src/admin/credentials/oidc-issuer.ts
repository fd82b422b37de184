import { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify } from "jose";
import type { JSONWebKeySet, JWTPayload } from "jose";
import { isJsonObject } from "../../types/index.ts";
import type { JsonValue, World } from "../../types/index.ts";
import { logSafe } from "../../telemetry/index.ts";
import type { OidcOptions } from "../options.ts";
import type { Grant, Principal } from "../roles.ts";

/** Only signatures that the issuer alone can make. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
const KEYS_TTL_MS = 10 * 60_000;
/** Made-up key ids must not become a storm on the issuer. */
const KEYS_AGAIN_MS = 30_000;
const SKEW_SECONDS = 30;
const MAX_GRANTS = 64;

/** Believes the tokens of one issuer: its keys, its name, for us, in their time. @see https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation */
export class OidcIssuer {
  readonly #options: OidcOptions;
  readonly #world: Pick<World, "nowMs" | "monotonicMs">;
  #keys: { readonly set: JSONWebKeySet; readonly atMs: number } | undefined;
  #fetching: Promise<JSONWebKeySet> | undefined;

  constructor(options: OidcOptions, world: Pick<World, "nowMs" | "monotonicMs">) {
    this.#options = options;
    this.#world = world;
  }

  /** Makes the principal of a token. @throws what says why it isn't one, for the host's log alone */
  async principalOf(token: string): Promise<Principal> {
    const { issuer, audience, grants } = this.#options;
    // Told before keys are asked for: nothing else is worth a request to the issuer.
    if (!ALGORITHMS.includes(decodeProtectedHeader(token).alg ?? "")) throw new Error("algorithm isn't taken");
    const options = {
      issuer,
      audience,
      algorithms: ALGORITHMS,
      clockTolerance: SKEW_SECONDS,
      requiredClaims: ["exp", "sub"],
      currentDate: new Date(this.#world.nowMs()),
    };
    const verify = async (set: JSONWebKeySet): Promise<JWTPayload> =>
      (await jwtVerify(token, createLocalJWKSet(set), options)).payload;
    let payload: JWTPayload;
    try {
      payload = await verify(await this.#keySet());
    } catch (error) {
      // The issuer may have changed its keys.
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#mayAskAgain()) throw error;
      payload = await verify(await this.#fetchKeys());
    }
    const found: Grant[] = grants
      .filter(({ claim, value }) => valuesOf(payload, claim).includes(value))
      .slice(0, MAX_GRANTS)
      .map(({ tenant, role }) => ({ tenant, role }));
    return { actor: `admin:oidc:${logSafe(payload.sub ?? "", 120)}`, kind: "oidc", grants: found };
  }

  async #keySet(): Promise<JSONWebKeySet> {
    const nowMs = this.#world.monotonicMs();
    if (this.#keys !== undefined && nowMs - this.#keys.atMs < KEYS_TTL_MS) return this.#keys.set;
    try {
      return await this.#fetchKeys();
    } catch (error) {
      // An issuer that is away for a while locks nobody out whose token its keys of before have signed.
      if (this.#keys === undefined) throw error;
      return this.#keys.set;
    }
  }

  #mayAskAgain(): boolean {
    return this.#keys === undefined || this.#world.monotonicMs() - this.#keys.atMs >= KEYS_AGAIN_MS;
  }

  #fetchKeys(): Promise<JSONWebKeySet> {
    this.#fetching ??= this.#askKeys().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #askKeys(): Promise<JSONWebKeySet> {
    const { issuer, jwksUrl, fetchJson } = this.#options;
    const url = jwksUrl ?? (await this.#jwksUrl(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`));
    const value = (await fetchJson(url)) as JsonValue;
    if (!isJsonObject(value) || !Array.isArray(value["keys"])) throw new Error("the issuer's keys can't be read");
    const set = { keys: value["keys"] };
    this.#keys = { set, atMs: this.#world.monotonicMs() };
    return set;
  }

  async #jwksUrl(metadataUrl: string): Promise<string> {
    const value = (await this.#options.fetchJson(metadataUrl)) as JsonValue;
    if (!isJsonObject(value) || value["issuer"] !== this.#options.issuer || typeof value["jwks_uri"] !== "string")
      throw new Error("the issuer's metadata names another issuer or no keys");
    return value["jwks_uri"];
  }
}

/** The texts of a claim: those of a list, a text by itself, and of `scope`, which is a list in one text, each word. */
function valuesOf(payload: JWTPayload, claim: string): readonly string[] {
  let value: unknown = payload;
  for (const part of Object.hasOwn(payload, claim) ? [claim] : claim.split("."))
    value = isJsonObject(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  if (Array.isArray(value)) return value.filter((one) => typeof one === "string");
  if (typeof value !== "string") return [];
  return claim === "scope" || claim === "scp" ? value.split(" ") : [value];
}
