import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { enqueue, entryOf, keyOf, leaseOf, turnOf } from "../../conformance/session-store/fixtures.ts";
import { openStore } from "../../src/cli/open-store.ts";
import { loadConfig } from "../../src/config/index.ts";
import type { SessionStore } from "../../src/session/index.ts";
import { hasRedis, startRedis } from "../stand-ins/redis-server.ts";
import { runGtc } from "../stand-ins/run-gtc.ts";
import type { GtcRun } from "../stand-ins/run-gtc.ts";
import { verifies } from "../verifies.ts";

interface Place {
  readonly dir: string;
  readonly environment: Readonly<Record<string, string>>;
}

const gtc = ({ dir, environment }: Place, line: string): Promise<GtcRun> =>
  runGtc(line.split(" ").slice(1), { cwd: dir, environment });

/** A session, a send and a dead letter of one tenant in an env. */
async function seed(store: SessionStore, env: string): Promise<void> {
  await enqueue(store, [`send-of-${env}`], keyOf({ env, conversation: "sends" }));
  const key = keyOf({ env });
  await store.accept(entryOf(`letter-of-${env}`, { key }));
  const lease = await leaseOf(store, key);
  const deadLetters = lease.inbox.map(({ order }) => ({ order, reason: "RUNNER_TURN_FAILED" }));
  await store.commit(lease, turnOf(lease, { consumed: [], deadLetters }));
}

async function judge(place: Place): Promise<void> {
  const io = { stderr: new PassThrough() } as unknown as Parameters<typeof openStore>[1];
  const config = loadConfig({ cwd: place.dir, environment: place.environment });
  {
    await using store = await openStore(config, io);
    for (const env of ["dev", "prod", "prod-eu"]) await seed(store, env);
  }
  const envsOf = async (line: string): Promise<readonly (string | undefined)[]> => {
    const { code, stdout } = await gtc(place, `${line} --json --tenant acme`);
    expect(code).toBe(0);
    return [...new Set((JSON.parse(stdout) as { readonly key: string }[]).map(({ key }) => key.split(":")[0]))];
  };
  expect(await envsOf("gtc session list")).toEqual(["dev"]);
  for (const line of ["gtc session list --limit 1", "gtc outbox list", "gtc dlq list"])
    expect(await envsOf(`${line} --env prod`)).toEqual(["prod"]);
  // Those of other envs are newer.
  expect(await envsOf("gtc outbox list --limit 1 --env dev")).toEqual(["dev"]);
  expect(await gtc(place, "gtc session list --env nowhere")).toEqual({
    code: 0,
    stdout: "",
    stderr: "nothing of env nowhere; the store has others, such as --env dev\n",
  });
  // What a bundle says to a host that is started here, it says here.
  writeFileSync(join(place.dir, "greentic.demo.yaml"), "tenant: acme\nenv: prod-eu\n");
  expect(await envsOf("gtc session list")).toEqual(["prod-eu"]);
  expect(await gtc(place, "gtc dlq redrive --all")).toMatchObject({ code: 0 });
  expect(await envsOf("gtc dlq list")).toEqual([]);
  expect(await envsOf("gtc dlq list --env prod")).toEqual(["prod"]);
  expect(await gtc(place, "gtc session erase --tenant acme --yes --json --env prod")).toMatchObject({ code: 0 });
  expect(await envsOf("gtc session list --env prod")).toEqual([]);
}

const here = (): string => mkdtempSync(join(tmpdir(), "greentic-envs-"));

test("store commands are about one env of the embedded store", { timeout: 120_000 }, async () => {
  verifies("operators.env");
  await judge({ dir: here(), environment: {} });
});

test.skipIf(!hasRedis)(
  "store commands are about one env of a shared store (skipped where Redis isn't installed)",
  { timeout: 60_000 },
  async () => {
    verifies("operators.env");
    await using server = await startRedis();
    await judge({ dir: here(), environment: { GREENTIC_REDIS_URL: server.url } });
  },
);
