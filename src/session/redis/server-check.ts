import { GreenticError } from "../../types/index.ts";
import type { RedisClient, RedisNode } from "./client.ts";

/** What a store asks of its servers. */
export interface Demands {
  /** `strict`: what resolves is on a disk. `relaxed`: the server may lose the last second, or more. */
  readonly durability: "strict" | "relaxed";
  /** Replicas that must have what resolves; default: 1 where sentinels or a cluster may turn one into a master. */
  readonly replicas: number | undefined;
}

/** What has to be asked after writes so that they are as durable as demanded; undefined where the reply itself says so. */
export interface Barrier {
  readonly command: "WAIT" | "WAITAOF";
  readonly replicas: number;
}

const VERSION = [7, 0] as const;
const WAITAOF_VERSION = [7, 2] as const;
const PROBE_MS = 1_000;

/**
 * Holds every server of a client to the demands. @throws STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT; what the client throws where a
 * server can't be asked
 */
export async function checkServers(client: RedisClient, demands: Demands): Promise<Barrier | undefined> {
  const { masters, replicas } = client.nodes();
  const found = await Promise.all([...masters, ...replicas].map((node) => checkServer(node, demands)));
  if (demands.durability === "relaxed") return undefined;
  const mayTakeOver = client.kind === "sentinel" || replicas.length > 0;
  const wanted = demands.replicas ?? (mayTakeOver ? 1 : 0);
  if (wanted > 0) await Promise.all(masters.map((node) => checkReplicas(node, wanted)));
  if (found.includes("WAITAOF")) return { command: "WAITAOF", replicas: wanted };
  return wanted > 0 ? { command: "WAIT", replicas: wanted } : undefined;
}

async function checkServer(node: RedisNode, { durability }: Demands): Promise<"reply" | "WAITAOF"> {
  const version = await versionOf(node);
  if (!isAtLeast(version, VERSION)) {
    throw unfit(`expected version ${VERSION.join(".")} or newer, got ${version.join(".")}`);
  }
  const settings = await settingsOf(node);
  const policy = settings?.get("maxmemory-policy") ?? "noeviction";
  if (policy !== "noeviction") throw unfit(`expected maxmemory-policy "noeviction", got "${policy}"`);
  if (durability === "relaxed") return "reply";
  if (settings !== undefined) {
    for (const [name, wanted] of [
      ["appendonly", "yes"],
      ["appendfsync", "always"],
    ] as const) {
      const got = settings.get(name) ?? "";
      if (got !== wanted) throw weak(`expected ${name} "${wanted}", got "${got}"`);
    }
    return "reply";
  }
  // A managed server that shows no settings: it is asked after each write whether it is on the disk.
  if (!isAtLeast(version, WAITAOF_VERSION)) {
    throw weak(`its settings can't be read, and WAITAOF needs version ${WAITAOF_VERSION.join(".")}`);
  }
  const answer = await node.call("WAITAOF", 1, 0, PROBE_MS).catch((error: unknown) => error);
  if (!Array.isArray(answer)) throw weak("its settings can't be read, and it says that it keeps no log on disk");
  return "WAITAOF";
}

async function checkReplicas(node: RedisNode, wanted: number): Promise<void> {
  const got = Number(await node.call("WAIT", wanted, PROBE_MS));
  if (got < wanted) throw weak(`expected ${wanted} replica(s) that keep up, got ${got}`);
}

async function versionOf(node: RedisNode): Promise<number[]> {
  const info = String(await node.call("INFO", "server"));
  const text = /^redis_version:(\d+)\.(\d+)/m.exec(info);
  return text === null ? [0] : [Number(text[1]), Number(text[2])];
}

/** Undefined where the server refuses to tell. */
async function settingsOf(node: RedisNode): Promise<ReadonlyMap<string, string> | undefined> {
  const names = ["appendonly", "appendfsync", "maxmemory-policy"];
  const settings = new Map<string, string>();
  for (const name of names) {
    try {
      const pair = (await node.call("CONFIG", "GET", name)) as readonly string[];
      if (pair[1] !== undefined) settings.set(name, pair[1]);
    } catch (error) {
      if (error instanceof Error && error.name === "ReplyError") return undefined;
      throw error;
    }
  }
  return settings.size === 0 ? undefined : settings;
}

function isAtLeast([major = 0, minor = 0]: readonly number[], wanted: readonly [number, number]): boolean {
  return major > wanted[0] || (major === wanted[0] && minor >= wanted[1]);
}

function weak(state: string): GreenticError {
  return new GreenticError("STORE_DURABILITY_WEAK", `Check Redis server for durability "strict": ${state}`);
}

function unfit(state: string): GreenticError {
  return new GreenticError("STORE_SERVER_UNFIT", `Check Redis server: ${state}`);
}
