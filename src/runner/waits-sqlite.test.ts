import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { openInProcessBus } from "../bus/index.ts";
import { InProcessComponentHost } from "../component/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import { createSecretReader } from "../secrets/index.ts";
import { openSqliteStore } from "../session/index.ts";
import { DENY_ALL } from "../types/index.ts";
import { createMachineWorld } from "./machine-world.ts";
import { openRuntime } from "./open-runtime.ts";
import type { Runtime } from "./runtime.ts";
import { consoleChannel, ENV, makePack, TENANT } from "./runtime-fixture.ts";

const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: all
nodes:
  all: { for_each: { items: [1, 2], do: wait }, routing: [{ to: ask }] }
  wait: { delay: 400ms, routing: [{ to: give }] }
  give: { flow.return: { value: "{{in.text}}{{vars.item}}" } }
  ask: { qa: { questions: [{ id: x, prompt: "{{json all.results}}" }] }, routing: [{ to: tell }] }
  tell: { message.send: { text: "got {{ask.answers.x}}" }, routing: out }
`,
  },
});
const conversation = "test:acme:default:console:s1";

test("delays, items and kept messages live in SQLite, through a process that comes after", async () => {
  verifies("flow.delay", "flow.later", "flow.for-each.waits");
  const dir = await mkdtemp(join(tmpdir(), "greentic-waits-"));
  const channel = consoleChannel();
  const world = createMachineWorld();
  const open = async (): Promise<Runtime> => {
    const runtime = await openRuntime({
      env: ENV,
      world,
      store: await openSqliteStore({ dir, world }),
      bus: openInProcessBus(),
      components: new InProcessComponentHost(),
      secrets: createSecretReader([]),
      policy: () => DENY_ALL,
      providers: [channel],
      apps: [{ scope: { env: ENV, tenant: TENANT }, pack }],
    });
    runtime.start();
    return runtime;
  };
  const said = (id: string, text: string): ReturnType<typeof receiveConsole> =>
    receiveConsole(channel.address, { text }, { session: "s1", id });
  try {
    const first = await open();
    await first.request(channel, said("m1", "hi"), { timeoutMs: 20_000 });
    await first.request(channel, said("m2", "later"), { timeoutMs: 20_000 });
    await first[Symbol.asyncDispose]();
    const second = await open();
    const { promise, resolve } = Promise.withResolvers<void>();
    const texts = async (): Promise<readonly unknown[]> => {
      const log = await second.store.readLog(conversation, { after: -1, limit: 10 });
      return log.map(({ activity }) => (activity as { readonly text?: string }).text);
    };
    const look = (): void => void texts().then((all) => all.length >= 2 && resolve());
    second.watchLog(conversation, look);
    look();
    await promise;
    expect(await texts()).toEqual(['["hi1","hi2"]', "got later"]);
    await second[Symbol.asyncDispose]();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
