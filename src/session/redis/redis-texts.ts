/** Small texts that processes share, in the Redis of their sessions: `{prefix}:text:{scope}:{name}`, a string each. */
import type { SharedText, SharedTexts } from "../../files/index.ts";
import { createRedisClient } from "./client.ts";
import { unavailable } from "../unavailable.ts";
import { redisFailure } from "./failure.ts";
import { parseRedisUrl } from "./redis-url.ts";

export interface RedisTextsOptions {
  /** As the session store's. */
  readonly url: string;
  /** Whose texts: those of another scope are others. */
  readonly scope: string;
  /** Starts the name of every key. Default `greentic`. */
  readonly prefix?: string;
}

const CONNECT_MS = 5_000;
const STALL_MS = 5_000;

// KEYS: the text. ARGV: what it is written over ("" for nothing), the text. What is there already was written, and its answer lost.
const WRITE = `
local now = redis.call('GET', KEYS[1]) or ''
if now == ARGV[2] then return 1 end
if now ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1`;

/** Opens the texts of a scope. @throws STORE_URL_INVALID, STORE_UNAVAILABLE */
export async function openRedisTexts({ url, scope, prefix = "greentic" }: RedisTextsOptions): Promise<SharedTexts> {
  const client = await createRedisClient(parseRedisUrl(url), CONNECT_MS);
  try {
    await client.connect();
  } catch (error) {
    client.close();
    throw redisFailure(client.lastError() ?? error, "Open Redis store of shared texts");
  }
  const ask = async (add: (pipeline: ReturnType<typeof client.pipeline>) => unknown): Promise<unknown> => {
    const pipeline = client.pipeline();
    add(pipeline);
    const stall = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => stall.reject(unavailable("Ask Redis for a shared text", "the server says nothing")),
      STALL_MS,
    );
    try {
      const [error, answer] = (await Promise.race([pipeline.exec(), stall.promise]))?.[0] ?? [new Error("no answer")];
      if (error !== null) throw error;
      return answer;
    } catch (error) {
      throw redisFailure(error, "Ask Redis for a shared text");
    } finally {
      clearTimeout(timer);
    }
  };
  const textOf = (name: string): SharedText => {
    const key = `${prefix}:text:${scope}:${name}`;
    return {
      place: `${name} of the Redis store`,
      read: async () => {
        const text = await ask((pipeline) => pipeline.get(key));
        return typeof text === "string" ? text : undefined;
      },
      write: async (text, over = "") => (await ask((pipeline) => pipeline.eval(WRITE, 1, key, over, text))) === 1,
    };
  };
  return {
    of: textOf,
    [Symbol.asyncDispose]: () => Promise.resolve(client.close()),
  };
}
