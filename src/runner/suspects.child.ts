// A host for the test of suspects: its component ends the process as a bug in native code would, whenever it is told "poison".
import { channelId } from "../types/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import { openSqliteStore } from "../session/index.ts";
import { createMachineWorld } from "./machine-world.ts";
import { consoleChannel, makePack, openTestRuntime } from "./runtime-fixture.ts";
import type { TestWorld } from "./runtime-fixture.ts";

const [dir = "", mode] = process.argv.slice(2);
const world = createMachineWorld() as unknown as TestWorld;
const pack = await makePack({
  flows: {
    main: `
id: main
type: messaging
start: work
nodes:
  work:
    component.exec: { component: worker, operation: run, input: { text: "{{in.text}}" } }
    routing: [{ to: tell }]
  tell:
    message.send: { text: "did {{in.text}}" }
    routing: out
`,
  },
  components: { worker: "" },
});
const store = await openSqliteStore({ dir, world });
const channel = consoleChannel("acme", channelId("console"));
const { runtime } = await openTestRuntime({
  pack,
  world,
  store,
  providers: [channel],
  // Nothing runs before all is accepted.
  roles: mode === "first" ? ["gateway"] : ["gateway", "worker", "egress"],
  defaults: { sweepIntervalMs: 20 },
  component: (_ctx, { input }) => {
    if (JSON.stringify(input).includes("poison")) process.kill(process.pid, "SIGKILL");
    return null;
  },
});
if (mode === "first") {
  const accept = (session: string, text: string): Promise<unknown> =>
    runtime.accept(channel, receiveConsole(channel.address, { text }, { session, id: `${session}-${text}` }));
  await accept("bad", "poison");
  await accept("bad", "after");
  for (let n = 0; n < 8; n++) await accept(`good-${n}`, "hello");
  process.kill(process.pid, "SIGKILL");
}

async function tellWhenDone(): Promise<void> {
  const { unread } = await store.stats();
  if (unread > 0) return;
  const letters = await store.listDeadLetters({});
  const sessions = await store.list({});
  const logs = await Promise.all(
    sessions.map(({ key }) => store.readLog(key.slice(0, key.lastIndexOf(":")), { after: -1, limit: 9 })),
  );
  const said = {
    letters: letters.map(({ reason, dedupeKey }) => ({ reason, dedupeKey })),
    logs: JSON.stringify(logs),
  };
  process.stdout.write(JSON.stringify(said), () => process.exit(0));
}

setInterval(() => void tellWhenDone(), 50);
