import { GreenticError, quote } from "../types/index.ts";
import { Authorizer } from "./authorizer.ts";
import type { AccessScope } from "./authorizer.ts";
import { parseChallenges } from "./challenge.ts";
import type { CredentialSource } from "./credentials.ts";
import { exchange } from "./exchange.ts";
import type { ExchangeRequest, RegistryResponse } from "./exchange.ts";
import { isPlainHttp, resolveRegistry } from "./registry-address.ts";
import type { AddressOptions } from "./registry-address.ts";

export interface SessionOptions extends AddressOptions {
  /** Default nobody's. */
  readonly credentials?: CredentialSource;
  /** How long nothing may arrive. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** For the lifetime of tokens. Default the machine's clock. */
  readonly nowMs?: () => number;
  readonly signal?: AbortSignal;
}

/** A request to a repository; `path` is what follows `/v2/<name>/`, or a URL that the registry gave. */
export interface RegistryRequest {
  readonly method: ExchangeRequest["method"];
  readonly path: string | URL;
  readonly access: "pull" | "push";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Statuses beside 2xx that the caller reads itself. */
  readonly accept?: readonly number[];
  /** Blobs alone are redirected, to the storage behind a registry. */
  readonly isBlob?: boolean;
}

/** Where a request goes. */
export type Repository = Pick<AccessScope, "registry" | "repository">;

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Docker Hub's name and the host that speaks its protocol: the one alias there is. */
const HUB = { name: "docker.io", host: "registry-1.docker.io" } as const;

/** Speaks HTTP to registries: https, authentication, redirects, and statuses as errors. */
export class RegistrySession {
  readonly #options: SessionOptions;
  readonly #authorizer: Authorizer;
  readonly #idleTimeoutMs: number;

  constructor(options: SessionOptions = {}) {
    this.#options = options;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 30_000;
    this.#authorizer = new Authorizer({
      credentials: options.credentials ?? (() => Promise.resolve(undefined)),
      nowMs: options.nowMs ?? Date.now,
      idleTimeoutMs: this.#idleTimeoutMs,
      isPlainAllowed: (url) => isPlainHttp(url.host, options),
      addressesOf: (url, registry) => resolveRegistry(url, { ...options, registry: this.#originOf(registry) }),
      signal: options.signal,
    });
  }

  /**
   * Sends a request and gives 2xx and accepted statuses back.
   * @throws OCI_AUTH_…, OCI_ACCESS_DENIED, OCI_NOT_FOUND, OCI_RATE_LIMITED, OCI_REDIRECT_REFUSED, OCI_RESPONSE_INVALID,
   * OCI_REGISTRY_UNAVAILABLE
   */
  async send(target: Repository, request: RegistryRequest): Promise<RegistryResponse> {
    const scope: AccessScope = { registry: target.registry, repository: target.repository, access: request.access };
    const url = this.#urlOf(target, request.path);
    const known = this.#authorizer.known(scope);
    let response = await this.#follow(url, request, known);
    // What a redirect led to has no say in who we are.
    if (response.status === 401 && response.url.origin === url.origin) {
      await response.cancel();
      this.#authorizer.forget(scope);
      const challenges = parseChallenges(response.headers.get("www-authenticate") ?? "");
      const header = await this.#authorizer.authorize(scope, challenges);
      response = await this.#follow(url, request, header);
      if (response.status === 401) this.#authorizer.forget(scope);
    }
    if ((response.status >= 200 && response.status < 300) || request.accept?.includes(response.status) === true)
      return response;
    await response.cancel();
    throw statusError(response, `${request.method} ${quote(`${target.registry}/${target.repository}`)}`);
  }

  /** Reads a place that the registry named, which must be its own. @throws OCI_REDIRECT_REFUSED */
  locate(target: Repository, place: string, base: URL): URL {
    const origin = this.#originOf(target.registry);
    const url = URL.parse(place, base);
    // A registry behind a proxy that ends TLS often calls itself http: the name is what counts, and the scheme stays ours.
    if (url !== null && /^https?:$/.test(url.protocol) && url.hostname === origin.hostname) {
      const isSameDoor = url.port === origin.port || (url.protocol !== origin.protocol && url.port === "");
      if (isSameDoor && url.username === "") return new URL(`${url.pathname}${url.search}`, origin);
    }
    throw new GreenticError(
      "OCI_REDIRECT_REFUSED",
      `Go on at ${quote(target.registry)}: it names ${quote(url?.origin ?? "no URL")}`,
    );
  }

  #originOf(registry: string): URL {
    const host = registry === HUB.name ? HUB.host : registry;
    return new URL(`${isPlainHttp(registry, this.#options) ? "http" : "https"}://${host}`);
  }

  #urlOf(target: Repository, path: string | URL): URL {
    return path instanceof URL ? path : new URL(`/v2/${target.repository}/${path}`, this.#originOf(target.registry));
  }

  async #follow(first: URL, request: RegistryRequest, authorization: string | undefined): Promise<RegistryResponse> {
    let url = first;
    for (let redirects = 0; ; redirects++) {
      const response = await exchange({
        method: request.method,
        url,
        addresses: await resolveRegistry(url, { ...this.#options, registry: first }),
        headers: {
          ...request.headers,
          // The storage behind a registry is somebody else: whom we are to the registry is none of its business.
          ...(authorization !== undefined && url.origin === first.origin && { authorization }),
        },
        ...(request.body && { body: request.body }),
        idleTimeoutMs: this.#idleTimeoutMs,
        signal: this.#options.signal,
      });
      if (!REDIRECTS.has(response.status)) return response;
      await response.cancel();
      const next = URL.parse(response.headers.get("location") ?? "", url);
      const refuse = (state: string): GreenticError =>
        new GreenticError("OCI_REDIRECT_REFUSED", `Follow ${quote(url.origin)}: ${state}`);
      if (request.isBlob !== true) throw refuse("only blobs are redirected");
      if (redirects === MAX_REDIRECTS) throw refuse(`more than ${MAX_REDIRECTS} redirects`);
      const isSafe =
        next?.protocol === "https:" || (next?.protocol === "http:" && isPlainHttp(next.host, this.#options));
      const isDowngrade = first.protocol === "https:" && next?.protocol === "http:";
      if (next === null || !isSafe || isDowngrade || next.username !== "")
        throw refuse(`it leads to ${quote(next?.origin ?? "no URL")}`);
      url = next;
    }
  }
}

function statusError({ status, headers }: RegistryResponse, doing: string): GreenticError {
  const message = `${doing}: status ${status}`;
  if (status === 401) return new GreenticError("OCI_AUTH_REFUSED", message);
  if (status === 403) return new GreenticError("OCI_ACCESS_DENIED", message);
  if (status === 404) return new GreenticError("OCI_NOT_FOUND", `${doing}: there is none`);
  if (status === 429) {
    const seconds = Number(headers.get("retry-after") ?? Number.NaN);
    return new GreenticError("OCI_RATE_LIMITED", message, {
      ...(seconds >= 0 && { retryAfterMs: Math.min(seconds, 3_600) * 1_000 }),
    });
  }
  if (status >= 500) return new GreenticError("OCI_REGISTRY_UNAVAILABLE", message);
  return new GreenticError("OCI_RESPONSE_INVALID", message);
}
