import type {
  OAuthClientMetadata,
  OAuthClientProvider,
  OAuthDiscoveryState,
  StoredOAuthClientInformation,
  StoredOAuthTokens,
} from "@modelcontextprotocol/client";
import { GreenticError } from "../../types/index.ts";

/** What an authorization leaves behind, as JSON: registration, tokens, and what is needed between sending and coming back. */
export interface OAuthRecord {
  readonly client?: StoredOAuthClientInformation;
  readonly tokens?: StoredOAuthTokens;
  readonly verifier?: string;
  readonly discovery?: OAuthDiscoveryState;
}

/** Sends a person to a page and waits until they are sent back, as long as it takes. */
export type VisitPage = (url: URL) => Promise<URLSearchParams | undefined>;

export interface OAuthSessionOptions {
  /** Where the authorization server sends the person back to. */
  readonly redirectUrl: string;
  /** Our own page of client metadata, for servers that take it in the place of a registration. */
  readonly clientMetadataUrl?: string;
  /** A registration that was made by hand. */
  readonly client?: { readonly id: string; readonly secret?: string };
  readonly scope?: string;
  /**
   * Takes metadata that names another issuer than the one that was asked: servers of revision 2025-03-26 do, which had no such
   * check. It weakens the defence against a server that sends people elsewhere; name the authorization server instead.
   */
  readonly acceptsOtherIssuer?: boolean;
  /** Makes the value that ties the answer to the question. */
  readonly state: () => string;
  readonly load: () => Promise<OAuthRecord | undefined>;
  readonly save: (record: OAuthRecord) => Promise<void>;
  /** Sends the person to a page; resolves with the query with which they came back, or undefined where nobody can be sent. */
  readonly visit: VisitPage;
}

/**
 * A server's authorization by a person's consent: OAuth's authorization code with PKCE, found and registered as MCP wants it.
 * @see MCP 2025-11-25, basic/authorization
 */
export class OAuthSession implements OAuthClientProvider {
  readonly clientMetadataUrl?: string;
  readonly #options: OAuthSessionOptions;
  #state: string | undefined;
  #answer: Promise<URLSearchParams | undefined> | undefined;

  constructor(options: OAuthSessionOptions) {
    this.#options = options;
    if (options.clientMetadataUrl !== undefined) this.clientMetadataUrl = options.clientMetadataUrl;
  }

  get acceptsOtherIssuer(): boolean {
    return this.#options.acceptsOtherIssuer === true;
  }

  get redirectUrl(): string {
    return this.#options.redirectUrl;
  }

  get clientMetadata(): OAuthClientMetadata {
    const { redirectUrl, scope, client } = this.#options;
    return {
      client_name: "greentic",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      ...(client?.secret === undefined ? {} : { token_endpoint_auth_method: "client_secret_basic" }),
      ...(scope === undefined ? {} : { scope }),
    };
  }

  state(): string {
    return (this.#state = this.#options.state());
  }

  async clientInformation(): Promise<StoredOAuthClientInformation | undefined> {
    const { client } = this.#options;
    const stored = (await this.#record()).client;
    if (stored !== undefined || client === undefined) return stored;
    return { client_id: client.id, ...(client.secret === undefined ? {} : { client_secret: client.secret }) };
  }

  saveClientInformation(client: StoredOAuthClientInformation): Promise<void> {
    return this.#change({ client });
  }

  async tokens(): Promise<StoredOAuthTokens | undefined> {
    return (await this.#record()).tokens;
  }

  saveTokens(tokens: StoredOAuthTokens): Promise<void> {
    return this.#change({ tokens });
  }

  /** Doesn't wait: the request that led here has a time of its own, people take theirs. */
  redirectToAuthorization(url: URL): void {
    this.#answer = this.#options.visit(url);
  }

  saveCodeVerifier(verifier: string): Promise<void> {
    return this.#change({ verifier });
  }

  async codeVerifier(): Promise<string> {
    return (await this.#record()).verifier ?? "";
  }

  saveDiscoveryState(discovery: OAuthDiscoveryState): Promise<void> {
    return this.#change({ discovery });
  }

  async discoveryState(): Promise<OAuthDiscoveryState | undefined> {
    return (await this.#record()).discovery;
  }

  async invalidateCredentials(scope: "all" | "client" | "tokens" | "verifier" | "discovery"): Promise<void> {
    const { client, tokens, verifier, discovery } = await this.#record();
    const keeps = (part: typeof scope): boolean => scope !== "all" && scope !== part;
    await this.#options.save({
      ...(client !== undefined && keeps("client") ? { client } : {}),
      ...(tokens !== undefined && keeps("tokens") ? { tokens } : {}),
      ...(verifier !== undefined && keeps("verifier") ? { verifier } : {}),
      ...(discovery !== undefined && keeps("discovery") ? { discovery } : {}),
    });
  }

  /** Takes the query with which the person came back, once. @throws MCP_SERVER_UNAUTHORIZED where it answers another question */
  async takeAnswer(): Promise<URLSearchParams | undefined> {
    const answer = await this.#answer;
    this.#answer = undefined;
    if (answer !== undefined && answer.get("state") !== this.#state) {
      throw new GreenticError(
        "MCP_SERVER_UNAUTHORIZED",
        "Authorize at an MCP server: the answer is to another question",
      );
    }
    return answer;
  }

  async #record(): Promise<OAuthRecord> {
    return (await this.#options.load()) ?? {};
  }

  async #change(part: OAuthRecord): Promise<void> {
    await this.#options.save({ ...(await this.#record()), ...part });
  }
}
