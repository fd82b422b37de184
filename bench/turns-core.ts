import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openInProcessBus } from "../src/bus/index.ts";
import type { ComponentHost } from "../src/component/index.ts";
import { createConsoleProvider, receiveConsole } from "../src/messaging/index.ts";
import type { Pack } from "../src/pack/index.ts";
import { buildPack, openPack, TRUST_NOBODY } from "../src/pack/index.ts";
import { createMachineWorld, openRuntime } from "../src/runner/index.ts";
import { createSecretReader } from "../src/secrets/index.ts";
import { openMemoryStore } from "../src/session/index.ts";
import { channelId, DENY_ALL, envId, teamId, tenantId } from "../src/types/index.ts";

const FLOW = `
id: hello
type: messaging
start: render
nodes:
  render:
    template.render: { template: "You said {{in.text}}" }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "{{render.text}}" }
    routing: [{ to: done }]
  done:
    var.set: { name: said, value: "{{render.text}}" }
    routing: out
`;

/** What a turn of pure nodes costs, from accept to commit, over the memory store. */
export interface TurnsCoreResult {
  readonly turns: number;
  readonly cpuMicrosPerTurn: number;
  readonly wallMicrosPerTurn: number;
}

const NO_COMPONENTS: ComponentHost = {
  admit: () => Promise.reject(new TypeError("No components here")),
  examine: () => Promise.reject(new TypeError("No components here")),
  invoke: () => Promise.reject(new TypeError("No components here")),
  describe: () => Promise.reject(new TypeError("No components here")),
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Measures accept, turn and commit of a three-node flow, with `sessions` conversations side by side. */
export async function benchTurnsCore(
  options: { readonly turns?: number; readonly sessions?: number; readonly isObserved?: boolean } = {},
): Promise<TurnsCoreResult> {
  const { turns = 60_000, sessions = 100, isObserved = false } = options;
  let events = 0;
  const env = envId("test");
  const tenant = tenantId("acme");
  const world = createMachineWorld();
  const provider = createConsoleProvider({ env, tenant, team: teamId("default"), channel: channelId("console") });
  const runtime = await openRuntime({
    env,
    world,
    store: openMemoryStore(world),
    bus: openInProcessBus(),
    components: NO_COMPONENTS,
    secrets: createSecretReader([]),
    providers: [provider],
    apps: [{ scope: { env, tenant }, pack: await packOf(FLOW) }],
    policy: () => DENY_ALL,
    ...(isObserved ? { observe: () => void events++ } : {}),
  });
  runtime.start();
  let n = 0;
  const run = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += sessions) {
      const batch: Promise<unknown>[] = [];
      for (let s = 0; s < sessions; s++) {
        batch.push(
          runtime.accept(
            provider,
            receiveConsole(provider.address, "hello there", { session: `s${s}`, id: `m${n++}` }),
          ),
        );
      }
      await Promise.all(batch);
      // Lets the turns of the batch commit, as a gateway's event loop would.
      await new Promise((resolve) => void setImmediate(resolve));
    }
  };
  await run(turns / 4);
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await run(turns);
  const wallMs = performance.now() - startedMs;
  const used = process.cpuUsage(cpu);
  const log = await runtime.store.list({ limit: 1 });
  if (log[0]?.session?.revision !== (turns * 1.25) / sessions) throw new Error("Bench turns: some turns didn't run");
  if (isObserved && events < turns) throw new Error("Bench turns: some events are missing");
  await runtime.drain(5_000);
  return {
    turns,
    cpuMicrosPerTurn: (used.user + used.system) / turns,
    wallMicrosPerTurn: (wallMs * 1_000) / turns,
  };
}

async function packOf(flow: string): Promise<Pack> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-bench-"));
  try {
    const files = {
      "pack.toml": `[pack]\nname = "bench"\nversion = "1.0.0"\ndescription = "A flow"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n[flows]\nhello = "flows/hello.ygtc"\n`,
      "flows/hello.ygtc": flow,
    };
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    }
    const { bytes } = await buildPack(dir, { probeComponent: () => ({ abi: "none", world: "" }) });
    return await openPack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: Date.now() });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  console.log(await benchTurnsCore());
  console.log(await benchTurnsCore({ isObserved: true }));
}
