import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { receiveConsole } from "../messaging/index.ts";
import { openMemoryStore, openSqliteStore } from "../session/index.ts";
import { GreenticError } from "../types/index.ts";
import { verifies } from "../../test/verifies.ts";
import { consoleChannel, makePack, openTestRuntime, settle, TestWorld } from "./runtime-fixture.ts";

const CHILD = join(import.meta.dirname, "suspects.child.ts");
const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "greentic-suspects-"));
afterAll(() => rmSync(root, { recursive: true }));

async function run(dir: string, mode: string): Promise<{ readonly signal: string | null; readonly output: string }> {
  const child = spawn(process.execPath, [CHILD, dir, mode], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => void (output += chunk));
  await new Promise((resolve) => void child.once("close", resolve));
  return { signal: child.signalCode, output };
}

test(
  "a message that ends its process goes to the dead letters after five, and nothing else does",
  { timeout: 120_000 },
  async () => {
    verifies("session.poison");
    const dir = join(root, "poison");
    // The first process ends while it waits, which the store can't tell from the others.
    await run(dir, "first");
    let deaths = 1;
    let last = await run(dir, "next");
    for (; last.signal === "SIGKILL" && deaths < 10; last = await run(dir, "next")) deaths++;
    expect(deaths).toBe(5);
    const { letters, logs } = JSON.parse(last.output) as { readonly letters: unknown; readonly logs: string };
    expect(letters).toEqual([{ reason: "RUNNER_PROCESS_ENDED", dedupeKey: "cli:bad-poison" }]);
    // Its session goes on with what came behind it.
    expect(logs).toContain("did after");
    expect(logs.match(/did hello/g)).toHaveLength(8);
  },
);

test("a message that waits while twenty processes die is handled by the next", async () => {
  const world = new TestWorld();
  const pack = await makePack({
    flows: {
      main: `
id: main
type: messaging
start: tell
nodes:
  tell:
    message.send: { text: "did {{in.text}}" }
    routing: out
`,
    },
  });
  let dir = join(root, "innocent-0");
  const channel = consoleChannel();
  {
    const store = await openSqliteStore({ dir, world });
    await using host = await openTestRuntime({ pack, world, store, roles: ["gateway"] });
    await host.runtime.accept(channel, receiveConsole(channel.address, { text: "hello" }, { session: "s1", id: "m1" }));
    // The files as they are while a process has them open are what it leaves behind when it is killed.
    cpSync(dir, join(root, "innocent-1"), { recursive: true });
  }
  for (let death = 1; death <= 20; death++) {
    dir = join(root, `innocent-${death}`);
    await using _store = await openSqliteStore({ dir, world });
    cpSync(dir, join(root, `innocent-${death + 1}`), { recursive: true });
  }
  const store = await openSqliteStore({ dir: join(root, "innocent-21"), world });
  await using host = await openTestRuntime({ pack, world, store });
  await world.advance(1_000);
  while ((await store.read((await store.list({}))[0]?.key ?? ("" as never)))?.unread !== 0) await settle();
  expect(await store.listDeadLetters({})).toEqual([]);
  const [session] = await store.list({});
  const log = await store.readLog(session?.key.slice(0, session.key.lastIndexOf(":")) ?? "", { after: -1, limit: 9 });
  expect(JSON.stringify(log)).toContain("did hello");
  expect(host.errors).toEqual([]);
});

test("a turn that its process outlives isn't taken for one that ends processes, though the store can't be told", async () => {
  const world = new TestWorld();
  const pack = await makePack({
    flows: {
      main: `
id: main
type: messaging
start: tell
nodes:
  tell:
    message.send: { text: "did {{in.text}}" }
    routing: out
`,
    },
  });
  const store = openMemoryStore(world);
  const refused = { times: 0 };
  const refuse = async (): Promise<never> => {
    throw new GreenticError("STORE_UNAVAILABLE", "Use session store: it refuses");
  };
  const commit = store.commit.bind(store);
  store.commit = (...args) => (refused.times++ < 8 ? refuse() : commit(...args));
  store.release = refuse;
  await using host = await openTestRuntime({ pack, world, store });
  const channel = consoleChannel();
  await host.runtime.accept(channel, receiveConsole(channel.address, { text: "hello" }, { session: "s1", id: "m1" }));
  for (let i = 0; i < 400 && refused.times <= 8; i++) await world.advance(1_000);
  expect(refused.times).toBeGreaterThan(8);
  expect(await store.listDeadLetters({})).toEqual([]);
  const [session] = await store.list({});
  const log = await store.readLog(session?.key.slice(0, session.key.lastIndexOf(":")) ?? "", { after: -1, limit: 9 });
  expect(JSON.stringify(log)).toContain("did hello");
});
