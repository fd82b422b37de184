import { hash } from "node:crypto";
import type { IngressEntry, Lease, SessionStore } from "../session/index.ts";
import type { EnvId, JsonObject, TenantId, World } from "../types/index.ts";
import {
  channelId,
  conversationId,
  DEFAULT_TEAM,
  formatSessionKey,
  isJsonObject,
  randomHex,
  tenantId,
  userId,
} from "../types/index.ts";
import type { BrokerKeys } from "./broker-keys.ts";
import { randomText } from "./broker-keys.ts";

/** What a person has to be back for: 15 minutes. */
export const PENDING_TTL_MS = 15 * 60_000;

const CHANNEL = channelId("greentic-oauth");
const OWNER = userId("greentic");
const LEASE_MS = 10_000;
const ID = /^([a-z0-9][a-z0-9-]{0,62})\.([\w-]{43})$/;

export interface PendingStoreOptions {
  readonly env: EnvId;
  readonly world: World;
  readonly store: Pick<SessionStore, "accept" | "commit" | "read">;
  readonly keys: BrokerKeys;
}

/**
 * Keeps what stands between sending a person to a provider and their coming back, in the store that all gateways share: each is a
 * session of its own under the hash of its id, encrypted, taken out once. Taking is a delivery that counts once and one commit, so
 * that of two gateways that are asked at the same time one gets it. A crash in between loses it: the person begins anew.
 */
export class PendingStore {
  readonly #options: PendingStoreOptions;

  constructor(options: PendingStoreOptions) {
    this.#options = options;
  }

  /** Keeps a value for 15 minutes. @returns its id, `tenant.random`, 256 bits of which nobody can guess */
  async put(tenant: TenantId, value: JsonObject): Promise<string> {
    const { world, keys, store } = this.#options;
    const id = `${tenant}.${randomText(world.randomBytes(32))}`;
    const untilMs = world.nowMs() + PENDING_TTL_MS;
    const snapshot = await keys.seal("pending", { id: hash("sha256", id), untilMs, value });
    const { lease } = await store.accept(this.#entry(id, "put"), { leaseTo: this.#worker() });
    // Nobody else knows the id yet.
    if (lease === undefined) throw new TypeError("Keep a pending consent: its place is taken");
    await store.commit(lease, {
      ...NOTHING,
      session: {
        waitReason: "oauth",
        pack: "oauth",
        packHash: "",
        locale: "en",
        revision: 1,
        expiresAtMs: untilMs,
        snapshot,
      },
      consumed: ordersOf(lease),
    });
    return id;
  }

  /** Looks at a value without taking it; undefined where {@link take} would find none. */
  async peek(id: string): Promise<JsonObject | undefined> {
    if (!ID.test(id)) return undefined;
    const found = await this.#options.store.read(this.#key(id));
    return this.#open(id, found?.session?.snapshot);
  }

  /** Takes a value out; undefined where it never was, was taken before or is too old. */
  async take(id: string): Promise<JsonObject | undefined> {
    if (!ID.test(id)) return undefined;
    const { store } = this.#options;
    // Whoever makes ids up is told no before anything is written.
    if ((await store.read(this.#key(id)))?.session === undefined) return undefined;
    const { kind, lease } = await store.accept(this.#entry(id, "take"), { leaseTo: this.#worker() });
    if (kind === "duplicate" || lease === undefined) return undefined;
    await store.commit(lease, { ...NOTHING, session: null, consumed: ordersOf(lease) });
    return this.#open(id, lease.session?.snapshot);
  }

  async #open(id: string, snapshot: unknown): Promise<JsonObject | undefined> {
    if (typeof snapshot !== "string") return undefined;
    const { id: own, untilMs, value } = await this.#options.keys.open("pending", snapshot);
    const isGood = own === hash("sha256", id) && Number(untilMs) > this.#options.world.nowMs();
    return isGood && value !== undefined && isJsonObject(value) ? value : undefined;
  }

  #worker(): { readonly worker: string; readonly ttlMs: number } {
    return { worker: `oauth-${randomHex(this.#options.world, 8)}`, ttlMs: LEASE_MS };
  }

  #key(id: string): IngressEntry["key"] {
    const tenant = tenantId(ID.exec(id)?.[1] ?? "");
    const conversation = conversationId(hash("sha256", id));
    return formatSessionKey({
      env: this.#options.env,
      tenant,
      team: DEFAULT_TEAM,
      channel: CHANNEL,
      conversation,
      user: OWNER,
    });
  }

  #entry(id: string, what: "put" | "take"): IngressEntry {
    const { env, world } = this.#options;
    const tenant = tenantId(ID.exec(id)?.[1] ?? "");
    const name = hash("sha256", id);
    return {
      key: this.#key(id),
      dedupeKey: `${what}:${name}`,
      receivedAtMs: world.nowMs(),
      traceId: randomHex(world, 16),
      dedupeTtlMs: 2 * PENDING_TTL_MS,
      // Where a crash leaves it unread, a worker reads it as a goodbye and does nothing.
      envelope: {
        id: name,
        tenant: { env, tenant, team: DEFAULT_TEAM },
        channel: CHANNEL,
        session_id: name,
        text: "",
        attachments: [],
        metadata: { event: "endOfConversation" },
      },
    };
  }
}

const NOTHING = { state: [], timersDone: [], timersNew: [], outbox: [], log: [] } as const;

function ordersOf(lease: Lease): readonly number[] {
  return lease.inbox.map(({ order }) => order);
}
