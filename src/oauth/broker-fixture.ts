/** A broker over stand-ins, as tests drive it: a browser with cookies, secrets in memory, a store that several brokers share. */
import type { OAuthConfig, OAuthProviderConfig } from "../config/index.ts";
import type { SecretUri } from "../secrets/index.ts";
import { createSecretReader, formatSecretUri, parseSecretUri } from "../secrets/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import { envId, tenantId } from "../types/index.ts";
import type { World } from "../types/index.ts";
import { OAuthBroker } from "./broker.ts";
import type { Arrival } from "./broker.ts";
import { BrokerKeys } from "./broker-keys.ts";
import type { ConsentRequest } from "./consent.ts";
import type { GrantOwner } from "./grant-owner.ts";
import type { OAuthAuditEntry } from "./oauth-audit.ts";
import type { GrantSecrets } from "./token-vault.ts";

const ENV = envId("test");
export const TENANT = tenantId("acme");
export const BASE = "http://127.0.0.1:9";

/** Time that a test moves, over the machine's own timers. */
export class MovedWorld implements World {
  aheadMs = 0;

  nowMs(): number {
    return Date.now() + this.aheadMs;
  }

  monotonicMs(): number {
    return performance.now() + this.aheadMs;
  }

  randomBytes(size: number): Uint8Array {
    return crypto.getRandomValues(new Uint8Array(size));
  }

  /** Waits don't last in tests; what polls looks again at once. */
  schedule(delayMs: number, task: () => void): () => void {
    const timer = setTimeout(task, Math.min(delayMs, 5));
    return () => clearTimeout(timer);
  }
}

/** Secrets in memory. */
export class MemorySecrets implements GrantSecrets {
  readonly kept = new Map<string, string>();
  /** The next write fails. */
  failsOnce = false;

  async read(uri: SecretUri): Promise<string | undefined> {
    return this.kept.get(formatSecretUri(uri));
  }

  async write(uri: SecretUri, value: string): Promise<void> {
    if (this.failsOnce) {
      this.failsOnce = false;
      throw new Error("no space left");
    }
    parseSecretUri(formatSecretUri(uri));
    this.kept.set(formatSecretUri(uri), value);
  }

  async remove(uri: SecretUri): Promise<boolean> {
    return this.kept.delete(formatSecretUri(uri));
  }

  async list(): Promise<readonly SecretUri[]> {
    return [...this.kept.keys()].map(parseSecretUri);
  }
}

/** A provider that an issuer's discovery describes. */
export function declare(name: string, issuer: string, more: Partial<OAuthProviderConfig> = {}): OAuthProviderConfig {
  return {
    name,
    preset: "oidc",
    issuer,
    clientId: `${name}-client`,
    auth: "basic",
    scopes: ["openid", "files"],
    params: {},
    origins: [issuer],
    tenants: ["*"],
    ...more,
  };
}

export interface BrokerFixture {
  readonly broker: OAuthBroker;
  readonly world: MovedWorld;
  readonly store: SessionStore;
  readonly secrets: MemorySecrets;
  readonly notes: OAuthAuditEntry[];
}

/** Opens a broker; what it shares with another one is given. */
export function openBroker(
  config: Partial<OAuthConfig>,
  shared: {
    readonly world?: MovedWorld;
    readonly store?: SessionStore;
    readonly secrets?: MemorySecrets;
    /** Where grants are kept, where that isn't with the other secrets. */
    readonly grants?: GrantSecrets;
  } = {},
): BrokerFixture {
  const world = shared.world ?? new MovedWorld();
  const store = shared.store ?? openMemoryStore(world);
  const secrets = shared.secrets ?? new MemorySecrets();
  const notes: OAuthAuditEntry[] = [];
  const broker = new OAuthBroker({
    env: ENV,
    world,
    config: { providers: [], returnUrls: [], ...config },
    store,
    secrets: createSecretReader([secrets]),
    grants: shared.grants ?? secrets,
    keys: new BrokerKeys(new Uint8Array(32).fill(7)),
    baseUrl: () => BASE,
    http: { privateAddresses: ["127.0.0.0/8"] },
    note: (entry) => notes.push(entry),
  });
  return { broker, world, store, secrets, notes };
}

/** Somebody's grant at a provider. */
export function ownerAt(provider: string, id = "chat:ana"): GrantOwner {
  return { env: ENV, tenant: TENANT, provider, kind: "user", id };
}

/** A person's browser: it keeps cookies and follows where it is sent, up to the broker's callback. */
export class Browser {
  readonly cookies = new Map<string, string>();

  /** Opens a consent's link and leaves for the provider. @returns where the browser went */
  async leave(broker: OAuthBroker, link: string): Promise<URL> {
    const departure = await broker.leave(link.slice(`${BASE}/authorize/`.length), { isSure: true });
    if (departure.kind !== "leave") throw new TypeError("The browser was to leave");
    this.cookies.set(departure.cookie.name, departure.cookie.value);
    return new URL(departure.location);
  }

  /** Consents at the provider. @returns where the provider sends the browser back to */
  async consent(page: URL): Promise<URL> {
    const answer = await fetch(page, { redirect: "manual" });
    await answer.body?.cancel();
    return new URL(answer.headers.get("location") ?? "none:");
  }

  /** Comes back. */
  arrive(broker: OAuthBroker, back: URL): Promise<Arrival> {
    return broker.arrive(back.pathname, back.searchParams, (name) => this.cookies.get(name));
  }

  /** A whole consent. */
  async connect(broker: OAuthBroker, request: ConsentRequest): Promise<Arrival> {
    const { url } = await broker.ask(request);
    return this.arrive(broker, await this.consent(await this.leave(broker, url)));
  }
}
