import type { ChainableCommander, Cluster, Redis } from "ioredis";
import type { RedisPlace } from "./redis-url.ts";

/** A server that scripts have to be loaded into and whose settings count. */
export type RedisNode = Pick<Redis, "call">;

/** A connection to a server, to the master that sentinels name, or to a cluster. */
export interface RedisClient {
  readonly kind: RedisPlace["kind"];
  pipeline(): ChainableCommander;
  /** Those that take writes, and those that may take over. */
  nodes(): { readonly masters: readonly RedisNode[]; readonly replicas: readonly RedisNode[] };
  onReady(listener: () => void): void;
  onDown(listener: () => void): void;
  /** What a server said last that it would not let anybody in. */
  lastError(): Error | undefined;
  connect(): Promise<void>;
  /** Ends the connections and opens new ones: what is under way fails. */
  reconnect(): void;
  close(): void;
}

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;

/** How long to wait before the nth attempt to connect: doubling, and never twice the same for two processes. */
function retryDelayMs(attempt: number): number {
  const most = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 10));
  return most / 2 + (most / 2) * Math.random();
}

/** Makes a client that isn't connected yet. Requests are never queued in it nor sent again by it: the link above does that. */
export async function createRedisClient(place: RedisPlace, connectTimeoutMs: number): Promise<RedisClient> {
  const ioredis = await import("ioredis");
  const options = {
    ...(place.username === undefined ? {} : { username: place.username }),
    ...(place.password === undefined ? {} : { password: place.password }),
    ...(place.isTls ? { tls: {} } : {}),
    protocol: 2 as const,
    connectTimeout: connectTimeoutMs,
    connectionName: "greentic",
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    lazyConnect: true,
  };
  if (place.kind === "cluster") {
    const cluster = new ioredis.Cluster([...place.hosts], {
      redisOptions: options,
      enableOfflineQueue: false,
      lazyConnect: true,
      clusterRetryStrategy: retryDelayMs,
      slotsRefreshTimeout: connectTimeoutMs,
      slotsRefreshInterval: 5_000,
      maxRedirections: 4,
    });
    return clientOf(place.kind, cluster, () => {
      return { masters: cluster.nodes("master"), replicas: cluster.nodes("slave") };
    });
  }
  const server = place.hosts[0] ?? { host: "127.0.0.1", port: 6_379 };
  const single = { ...options, db: place.db, enableOfflineQueue: false, retryStrategy: retryDelayMs };
  const redis = new ioredis.Redis(
    place.kind === "single"
      ? { ...single, ...server }
      : {
          ...single,
          sentinels: [...place.hosts],
          name: place.master,
          ...(place.sentinelUsername === undefined ? {} : { sentinelUsername: place.sentinelUsername }),
          ...(place.sentinelPassword === undefined ? {} : { sentinelPassword: place.sentinelPassword }),
          enableTLSForSentinelMode: place.isTls,
          ...(place.isTls ? { sentinelTLS: {} } : {}),
          sentinelRetryStrategy: retryDelayMs,
          failoverDetector: true,
        },
  );
  return clientOf(place.kind, redis, () => {
    return { masters: [redis], replicas: [] };
  });
}

function clientOf(kind: RedisPlace["kind"], client: Redis | Cluster, nodes: RedisClient["nodes"]): RedisClient {
  // What fails is told by the requests; an event that nobody hears ends the process.
  let lastError: Error | undefined;
  client.on("error", (error: Error) => {
    if (error.name === "ReplyError") lastError = error;
  });
  return {
    kind,
    nodes,
    pipeline: () => client.pipeline(),
    onReady: (listener) => void client.on("ready", listener),
    lastError: () => lastError,
    onDown: (listener) => void client.on("close", listener),
    connect: () => client.connect(),
    reconnect: () => client.disconnect(true),
    close: () => client.disconnect(),
  };
}
