/** A runtime over real packs, the memory store and a world whose time only tests move. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openInProcessBus } from "../bus/index.ts";
import type { ComponentCall, ComponentHost, ComponentResult } from "../component/index.ts";
import { createConsoleProvider, receiveConsole } from "../messaging/index.ts";
import type { Provider } from "../messaging/index.ts";
import { buildPack, openPack, TRUST_NOBODY } from "../pack/index.ts";
import type { Pack } from "../pack/index.ts";
import { createSecretReader } from "../secrets/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { TurnEvent } from "../telemetry/index.ts";
import type { ChannelMessageEnvelope, JsonValue, Policy, TenantCtx, World } from "../types/index.ts";
import { channelId, DENY_ALL, envId, teamId, tenantId } from "../types/index.ts";
import type { PackApp } from "./load-pack.ts";
import type { RuntimeOptions } from "./open-runtime.ts";
import { openRuntime } from "./open-runtime.ts";
import type { FlowChoice, Runtime, TurnReport } from "./runtime.ts";

/** Time that stands still until it is moved. */
export class TestWorld implements World {
  #nowMs: number;
  #random = 1;
  #tasks: { readonly atMs: number; readonly task: () => void }[] = [];

  constructor(nowMs = Date.parse("2026-03-05T10:00:00Z")) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  randomBytes(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      this.#random = (this.#random * 1_103_515_245 + 12_345) % 2_147_483_648;
      bytes[i] = this.#random >> 16;
    }
    return bytes;
  }

  schedule(delayMs: number, task: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  /** Moves time, running what falls due in order and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settle();
    for (;;) {
      const next = this.#tasks.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#tasks = this.#tasks.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.task();
      await settle();
    }
    this.#nowMs = untilMs;
  }
}

/** Lets everything that waits for nothing but promises happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => void setImmediate(resolve));
}

/** What a component answers; other people's code, as the tests have it. */
export type ComponentBehaviour = (
  ctx: TenantCtx,
  call: ComponentCall,
) => JsonValue | Promise<ComponentResult | JsonValue>;

const STATS = { wallMs: 1, fuel: 1, peakMemoryBytes: 0, hostCalls: [], log: "" };

/** A host for components that are functions of the test: it admits anything and runs the behaviour of the component's name. */
class TestComponents implements ComponentHost {
  readonly calls: { readonly ctx: TenantCtx; readonly call: ComponentCall }[] = [];
  readonly #behaviour: ComponentBehaviour;

  constructor(behaviour: ComponentBehaviour) {
    this.#behaviour = behaviour;
  }

  admit(bytes: Uint8Array): ReturnType<ComponentHost["admit"]> {
    return this.examine(bytes);
  }

  async examine(bytes: Uint8Array): Promise<Awaited<ReturnType<ComponentHost["admit"]>>> {
    return {
      sha256: Buffer.from(bytes).toString("hex").slice(0, 64).padEnd(64, "0"),
      sizeBytes: bytes.byteLength,
      abi: "node06",
      imports: [],
      exports: [],
    };
  }

  async invoke(ctx: TenantCtx, call: ComponentCall): Promise<ComponentResult> {
    if (call.operation === "list-tools") {
      return {
        kind: "ok",
        output: { tools: [{ name: "forecast", description: "", inputSchema: true }] },
        stats: STATS,
      };
    }
    this.calls.push({ ctx, call });
    const answer = await this.#behaviour(ctx, call);
    if (typeof answer === "object" && answer !== null && "kind" in answer && "stats" in answer)
      return answer as ComponentResult;
    return { kind: "ok", output: answer, stats: STATS };
  }

  async describe(): ReturnType<ComponentHost["describe"]> {
    return { operations: [], i18nKeys: [] };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** A component's own failure. */
export function failing(code: string, retryable: boolean): ComponentResult {
  return { kind: "error", error: { code, message: "It failed", retryable }, stats: STATS };
}

export interface PackFiles {
  readonly name?: string;
  readonly version?: string;
  readonly provides?: readonly string[];
  readonly flows: Readonly<Record<string, string>>;
  /** Paths below `assets/`. */
  readonly assets?: Readonly<Record<string, string>>;
  /** Name → grants in TOML. */
  readonly components?: Readonly<Record<string, string>>;
  /** Names of those whose instances may serve again. */
  readonly reuse?: readonly string[];
  /** Bytes of real components, by name. */
  readonly wasm?: Readonly<Record<string, Uint8Array>>;
}

/** Builds and opens a real pack. */
export async function makePack(files: PackFiles): Promise<Pack> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-runner-"));
  try {
    const { name = "app", version = "1.0.0", provides = [], flows, assets = {}, components = {} } = files;
    const toml = [
      `[pack]\nname = "${name}"\nversion = "${version}"\ndescription = "A pack"\nauthors = []`,
      `[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ${JSON.stringify(provides)}`,
      `[flows]\n${Object.keys(flows)
        .map((flow) => `${flow} = "flows/${flow}.ygtc"`)
        .join("\n")}`,
      ...Object.entries(components).map(
        ([component, grants]) =>
          `[components."${component}"]\npath = "components/${component}.wasm"\n${
            files.reuse?.includes(component) === true ? 'reuse = "tenant"\n' : ""
          }[components."${component}".grants]\n${grants}`,
      ),
      Object.keys(assets).length === 0 ? "" : `[assets]\nall = "assets/"`,
    ];
    const write = async (path: string, text: string | Uint8Array): Promise<void> => {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    };
    await write("pack.toml", toml.join("\n\n"));
    for (const [flow, text] of Object.entries(flows)) await write(`flows/${flow}.ygtc`, text);
    for (const [path, text] of Object.entries(assets)) await write(`assets/${path}`, text);
    for (const component of Object.keys(components)) {
      await write(
        `components/${component}.wasm`,
        files.wasm?.[component] ?? Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, ...Buffer.from(component)),
      );
    }
    const { bytes } = await buildPack(dir, { probeComponent: () => ({ abi: "node06", world: "test:component/node" }) });
    return await openPack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: 0 });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export const ENV = envId("test");
export const TENANT = tenantId("acme");
export const TEAM = teamId("default");

/** A channel whose replies are delivered by being logged. */
/** A channel whose log shows what was said, whoever waited. */
export function consoleChannel(tenant: string = TENANT, channel = "console"): Provider {
  return { ...answerChannel(tenant, channel), delivery: { kind: "log" } };
}

/** The channel of `run-flow`: who waits gets the replies. */
export function answerChannel(tenant: string = TENANT, channel = "console"): Provider {
  return createConsoleProvider({ env: ENV, tenant: tenantId(tenant), team: TEAM, channel: channelId(channel) });
}

export interface TestRuntime extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly world: TestWorld;
  readonly store: SessionStore;
  readonly events: TurnEvent[];
  readonly errors: unknown[];
  /** Says something and waits for the turn. */
  readonly say: (input: JsonValue, options?: SayOptions) => Promise<TurnReport>;
  /** Says something and gives the replies' texts. */
  readonly texts: (input: JsonValue, options?: SayOptions) => Promise<readonly (string | undefined)[]>;
}

interface SayOptions {
  readonly provider?: Provider;
  readonly session?: string;
  readonly id?: string;
  readonly locale?: string;
  readonly choice?: FlowChoice;
}

export type TestRuntimeOptions = Partial<Omit<RuntimeOptions, "world">> & {
  readonly world?: TestWorld;
  readonly pack?: Pack;
  readonly component?: ComponentBehaviour;
};

const POLICY: Policy = {
  ...DENY_ALL,
  network: { egress: { origins: ["https://api.example.com"] }, privateAddresses: [] },
  secrets: ["api_key"],
};

/** Opens and starts a runtime. It holds nothing of the machine, so that a test may just drop it, as a crash does. */
export async function openTestRuntime(options: TestRuntimeOptions): Promise<TestRuntime> {
  const world = options.world ?? new TestWorld();
  const store = options.store ?? openMemoryStore(world);
  const events: TurnEvent[] = [];
  const errors: unknown[] = [];
  const apps: readonly PackApp[] =
    options.apps ?? (options.pack === undefined ? [] : [{ scope: { env: ENV, tenant: TENANT }, pack: options.pack }]);
  const providers = options.providers ?? [consoleChannel()];
  const runtime = await openRuntime({
    env: ENV,
    bus: openInProcessBus(),
    components: new TestComponents(options.component ?? (() => null)),
    secrets: createSecretReader([]),
    policy: () => POLICY,
    observe: (event) => void events.push(event),
    onError: (error) => void errors.push(error),
    ...options,
    world,
    store,
    apps,
    providers,
  });
  runtime.start();
  const [defaultProvider = consoleChannel()] = providers;
  let count = 0;
  const say = (input: JsonValue, how: SayOptions = {}): Promise<TurnReport> => {
    const provider = how.provider ?? defaultProvider;
    const message = receiveConsole(provider.address, input, {
      session: how.session ?? "s1",
      id: how.id ?? `m${++count}`,
      ...(how.locale === undefined ? {} : { locale: how.locale }),
    });
    return runtime.request(provider, message, {
      timeoutMs: 1_000_000,
      ...(how.choice === undefined ? {} : { choice: how.choice }),
    });
  };
  const tested: TestRuntime = {
    runtime,
    world,
    store,
    events,
    errors,
    say,
    texts: async (input, how) => (await say(input, how)).reply.map((message: ChannelMessageEnvelope) => message.text),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
  return tested;
}
