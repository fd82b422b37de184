import { expect, test } from "vitest";
import type { RedisClient, RedisNode } from "./client.ts";
import { checkServers } from "./server-check.ts";

/** Answers as servers do that aren't at hand: managed ones that show no settings. */
function managed(version: string, replies: Readonly<Record<string, unknown>>): RedisNode {
  const refusal = Object.assign(new Error("NOPERM this user has no permissions"), { name: "ReplyError" });
  return {
    call: async (command: string) => {
      if (command === "INFO") return `# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n`;
      const reply = replies[command] ?? refusal;
      if (reply instanceof Error) throw reply;
      return reply;
    },
  } as RedisNode;
}

function clientOf(masters: readonly RedisNode[], replicas: readonly RedisNode[] = []): RedisClient {
  const nothing = (): void => undefined;
  return {
    kind: replicas.length > 0 ? "cluster" : "single",
    nodes: () => ({ masters, replicas }),
    pipeline: () => {
      throw new TypeError("nothing is sent");
    },
    onReady: nothing,
    onDown: nothing,
    lastError: () => undefined,
    connect: async () => undefined,
    reconnect: nothing,
    close: nothing,
  };
}

const STRICT = { durability: "strict", replicas: undefined } as const;
const WEAK = { code: "STORE_DURABILITY_WEAK" };

test("checkServers() asks a server that shows no settings after each write whether it is on its disk", async () => {
  expect(await checkServers(clientOf([managed("7.2.4", { WAITAOF: [1, 0] })]), STRICT)).toEqual({
    command: "WAITAOF",
    replicas: 0,
  });
  const node = managed("8.0.0", { WAITAOF: [1, 1], WAIT: 1 });
  expect(await checkServers(clientOf([node], [node]), STRICT)).toEqual({ command: "WAITAOF", replicas: 1 });
});

test("checkServers() refuses one that can't answer that, or has no log on its disk", async () => {
  await expect(checkServers(clientOf([managed("7.0.15", { WAITAOF: [1, 0] })]), STRICT)).rejects.toMatchObject(WEAK);
  await expect(checkServers(clientOf([managed("7.4.0", {})]), STRICT)).rejects.toMatchObject(WEAK);
  const relaxed = { durability: "relaxed", replicas: undefined } as const;
  expect(await checkServers(clientOf([managed("7.4.0", {})]), relaxed)).toBeUndefined();
});

test("checkServers() refuses versions without functions, and asks every server", async () => {
  const old = { code: "STORE_SERVER_UNFIT", message: expect.stringContaining("got 6.2") };
  await expect(checkServers(clientOf([managed("6.2.14", {})]), STRICT)).rejects.toMatchObject(old);
  const good = managed("7.4.0", { WAITAOF: [1, 1], WAIT: 1 });
  await expect(checkServers(clientOf([good], [managed("6.2.14", {})]), STRICT)).rejects.toMatchObject(old);
});

test("checkServers() lets a failing connection be what it is", async () => {
  const gone = new Error("Connection is closed.");
  await expect(checkServers(clientOf([managed("7.4.0", { CONFIG: gone })]), STRICT)).rejects.toBe(gone);
});
