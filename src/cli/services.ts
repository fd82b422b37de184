import { join } from "node:path";
import type { BlobStore } from "../blob/index.ts";
import {
  openDirectoryBlobs,
  openMemoryBlobs,
  openPostgresBlobs,
  openRecordBlobs,
  openRedisBlobs,
} from "../blob/index.ts";
import type { Bus } from "../bus/index.ts";
import { openInProcessBus, openNatsBus } from "../bus/index.ts";
import type { Config, ServicesConfig } from "../config/index.ts";
import { createMachineWorld } from "../runner/index.ts";
import type { RuntimeOptions } from "../runner/index.ts";
import { openFileTexts } from "../files/index.ts";
import type { SharedTexts } from "../files/index.ts";
import {
  openDynamoSpace,
  openDynamoStore,
  openLibsqlSpace,
  openLibsqlStore,
  openMemoryStore,
  openPostgresStore,
  openPostgresTexts,
  openRecordTexts,
  openRedisStore,
  openRedisTexts,
  openSqliteStore,
} from "../session/index.ts";
import type { RecordSpace, SessionStore } from "../session/index.ts";
import type { JsonObject, World } from "../types/index.ts";
import { GreenticError } from "../types/index.ts";

/** Store and bus of one process, chosen by its configuration. */
export interface Services {
  readonly store: SessionStore;
  /** Where files are kept. */
  readonly blobs: BlobStore;
  readonly bus: Bus;
  /** What of the runtime goes by whether others work on the same store. */
  readonly runtime: Pick<RuntimeOptions, "roles" | "isShared" | "defaults">;
  /** Whether what comes in can be kept and told of. Asks the store at most once a second. */
  isReady(): Promise<boolean>;
  /** What `/status` tells of them. */
  status(): JsonObject;
}

export interface ServicesOptions {
  readonly config: Config;
  readonly world: World;
  readonly onError: (error: GreenticError) => void;
}

/**
 * How long the sessions and sends of a process that died, or fell silent, stay with it: with a sweep each second, others have
 * them within five.
 */
const SHARED_LEASE_MS = 3_500;
const SHARED_CLAIM_MS = 3_500;
const PROBE_MS = 1_000;
/** A bus that stays away is told of this often. */
const REPORT_MS = 60_000;

/**
 * Opens the configured store; `onDamage` is told of records that are not as they were written.
 * @throws STORE_UNAVAILABLE and what the store's configuration is refused with
 */
export function openConfiguredStore(
  config: Config,
  { world, onDamage }: { readonly world: World; readonly onDamage: (error: GreenticError) => void },
): Promise<SessionStore> {
  if (config.redis !== undefined) return openRedisStore({ ...config.redis, world });
  if (config.postgres !== undefined) return openPostgresStore({ ...config.postgres, world });
  if (config.libsql !== undefined) return openLibsqlStore({ ...config.libsql, world });
  if (config.dynamodb !== undefined) return openDynamoStore({ ...config.dynamodb, tags: tagsOf(config), world });
  return config.store === "memory"
    ? Promise.resolve(openMemoryStore(world))
    : openSqliteStore({ dir: config.dataDir, world, onDamage });
}

/** Opens the store of files that goes with the configured store. @throws STORE_URL_INVALID, STORE_UNAVAILABLE */
export async function openConfiguredBlobs(config: Config): Promise<BlobStore> {
  const { redis, postgres, store, dataDir } = config;
  if (redis !== undefined) return openRedisBlobs({ url: redis.url });
  if (postgres !== undefined) return openPostgresBlobs(postgres);
  const space = await openConfiguredSpace(config);
  if (space !== undefined) return openRecordBlobs(space);
  return store === "memory" ? openMemoryBlobs() : openDirectoryBlobs(join(dataDir, "files"));
}

/** Opens the small texts that hosts of an env agree on: in the store that they share, else in the data directory. @throws STORE_URL_INVALID, STORE_UNAVAILABLE */
export async function openConfiguredTexts(config: Config): Promise<SharedTexts> {
  const { env, redis, postgres, dataDir } = config;
  if (redis !== undefined) return openRedisTexts({ url: redis.url, scope: env });
  if (postgres !== undefined) return openPostgresTexts({ ...postgres, scope: env });
  const space = await openConfiguredSpace(config);
  if (space !== undefined) return openRecordTexts(space, env);
  return openFileTexts(dataDir);
}

/** Opens the database of records that the store lies in, where it is one; what lies beside the sessions takes the machine's time. */
async function openConfiguredSpace(config: Config): Promise<RecordSpace | undefined> {
  const world = createMachineWorld();
  if (config.libsql !== undefined) return openLibsqlSpace({ ...config.libsql, world });
  if (config.dynamodb !== undefined) return openDynamoSpace({ ...config.dynamodb, tags: tagsOf(config), world });
  return undefined;
}

/** By what the bill of an account tells the table that a host made from others. */
function tagsOf({ env }: Config): Readonly<Record<string, string>> {
  return { "greentic-env": env };
}

/** Whether the store is one that processes share. */
export function isSharedStore({ redis, postgres, libsql, dynamodb }: ServicesConfig): boolean {
  return [redis, postgres, libsql, dynamodb].some((place) => place !== undefined);
}

/** Refuses roles that need other processes where there is nothing that processes share. @throws CLI_ROLE_ALONE */
function checkRoles(config: ServicesConfig): void {
  const { roles, store, nats } = config;
  if (roles.length === 3) return;
  const doing = `Start ${roles.join(" and ")}`;
  if (!isSharedStore(config))
    throw new GreenticError(
      "CLI_ROLE_ALONE",
      `${doing}: expected a store that processes share, got ${store}, which one process has to itself`,
    );
  if (nats === undefined)
    throw new GreenticError("CLI_ROLE_ALONE", `${doing}: expected a bus that processes share, got none`);
}

/** Opens store and bus. A NATS server that isn't there is waited for while everything else goes on. @throws CLI_ROLE_ALONE, BUS_…, STORE_… */
export async function openServices({ config, world, onError }: ServicesOptions): Promise<Services> {
  checkRoles(config);
  const opening = openConfiguredStore(config, { world, onDamage: onError });
  // What it is refused with is met below, whatever becomes of the bus.
  opening.catch(() => undefined);
  let bus: Bus;
  try {
    bus = await openBus({ config, world, onError });
  } catch (error) {
    await Promise.allSettled([opening.then((store) => store[Symbol.asyncDispose]())]);
    throw error;
  }
  try {
    const store = await opening;
    const blobs = await openConfiguredBlobs(config).catch(async (error: unknown) => {
      await store[Symbol.asyncDispose]();
      throw error;
    });
    const isShared = isSharedStore(config);
    return {
      store,
      blobs,
      bus,
      runtime: {
        roles: config.roles,
        isShared,
        ...(isShared && { defaults: { leaseTtlMs: SHARED_LEASE_MS, claimTtlMs: SHARED_CLAIM_MS } }),
      },
      // One process alone needs no bus to be told.
      isReady: readiness({ store, bus, world, needsBus: isShared && config.nats !== undefined }),
      status: () => ({
        roles: config.roles,
        store: config.store,
        bus: { kind: config.nats === undefined ? "in-process" : "nats", ready: bus.isReady, ...bus.stats() },
      }),
    };
  } catch (error) {
    await bus[Symbol.asyncDispose]();
    throw error;
  }
}

async function openBus({ config, world, onError }: ServicesOptions): Promise<Bus> {
  const { nats, env, roles } = config;
  if (nats === undefined)
    return openInProcessBus({
      onError: (error) => error instanceof GreenticError && onError(error),
    });
  let toldMs = Number.NEGATIVE_INFINITY;
  return openNatsBus({
    url: nats.url,
    env,
    world,
    name: `greentic ${roles.join(",")}`,
    ...(nats.credentials && { credentialsFile: nats.credentials }),
    ...(nats.tls && { tls: nats.tls }),
    onError: (error) => {
      if (error.kind === "unavailable") {
        if (world.monotonicMs() - toldMs < REPORT_MS) return;
        toldMs = world.monotonicMs();
      }
      onError(error);
    },
  });
}

/** Asks by writing: a store that can be read may still be full, or a replica. */
function readiness({
  store,
  bus,
  world,
  needsBus,
}: Pick<Services, "store" | "bus"> & { readonly world: World; readonly needsBus: boolean }): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;
  const ask = async (): Promise<boolean> => {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const cancel = world.schedule(PROBE_MS, () => resolve(false));
    const written = store.takeTokens("ready", { capacity: 1_000, perSecond: 1_000 }).then(
      () => true,
      () => false,
    );
    const isUp = await Promise.race([written, late]);
    cancel();
    return isUp;
  };
  return async () => {
    if (needsBus && !bus.isReady) return false;
    if (asking === undefined) {
      asking = ask();
      world.schedule(PROBE_MS, () => (asking = undefined));
    }
    return asking;
  };
}
