import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startNatsServer } from "../stand-ins/nats-server.ts";
import { hasRedis, startRedis } from "../stand-ins/redis-server.ts";
import { runGtc } from "../stand-ins/run-gtc.ts";
import { freePort, hasServer } from "../stand-ins/server-program.ts";
import { verifies } from "../verifies.ts";

type Told = Readonly<Record<string, readonly [ok: boolean, detail: string]>>;

async function doctor(environment: Readonly<Record<string, string>>, ...flags: readonly string[]): Promise<Told> {
  const cwd = mkdtempSync(join(tmpdir(), "greentic-doctor-"));
  const { stdout } = await runGtc(["doctor", "--json", ...flags], { cwd, environment });
  const checks = JSON.parse(stdout) as readonly {
    readonly check: string;
    readonly ok: boolean;
    readonly detail: string;
  }[];
  return Object.fromEntries(checks.map(({ check, ok, detail }) => [check, [ok, detail]]));
}

test("gtc doctor says what keeps sessions and wakes workers, and asks nobody unasked", async () => {
  verifies("operators.doctor");
  expect(await doctor({}, "--online")).toMatchObject({
    store: [true, "sqlite, in the data directory"],
    bus: [true, "in this process"],
  });
  const nobody = `127.0.0.1:${await freePort()}`;
  expect(
    await doctor({ GREENTIC_REDIS_URL: `redis://${nobody}`, GREENTIC_NATS_URL: `nats://${nobody}` }),
  ).toMatchObject({ store: [true, "redis, not asked"], bus: [true, "nats, not asked"] });
});

test.skipIf(!hasRedis || !hasServer("nats-server"))(
  "gtc doctor --online asks a shared store and NATS, and tells of those that are away",
  async () => {
    verifies("operators.doctor");
    await using redis = await startRedis();
    await using nats = await startNatsServer();
    const here = { GREENTIC_REDIS_URL: redis.url, GREENTIC_NATS_URL: nats.url };
    expect(await doctor(here, "--online")).toMatchObject({
      store: [true, "redis, answers: 0 sessions, 0 unread messages"],
      bus: [true, "nats, answers"],
    });
    const nobody = `127.0.0.1:${await freePort()}`;
    const away = { GREENTIC_REDIS_URL: `redis://:hunter2@${nobody}`, GREENTIC_NATS_URL: `nats://${nobody}` };
    const told = await doctor(away, "--online");
    expect([told["store"]?.[0], told["bus"]?.[0]]).toEqual([false, false]);
    expect(told["store"]?.[1]).toMatch(/^STORE_UNAVAILABLE: /);
    expect(told["bus"]?.[1]).toMatch(/^BUS_UNAVAILABLE: /);
    expect(JSON.stringify(told)).not.toContain("hunter2");
  },
);
