// The public `check-runner` contract, as a runner answers it:
//   <runner> PACK, with GREENTIC_CONFORMANCE=1, TENANT_ID, TEAM_ID, USER_ID and SESSION_ID in its environment
//   standard input: one activity, a JSON value or a text; nothing at all only loads the pack
//   standard output: one JSON object; exit code 0 where the activity was answered
//   GREENTIC_CONFORMANCE_PLATFORM: where messages are posted; see runner-platform.ts
import { openInProcessBus } from "../bus/index.ts";
import { InProcessComponentHost } from "../component/index.ts";
import { createConsoleProvider, receiveConsole } from "../messaging/index.ts";
import type { Pack } from "../pack/index.ts";
import { createMachineWorld, openRuntime } from "../runner/index.ts";
import type { TurnReport } from "../runner/index.ts";
import { createSecretReader } from "../secrets/index.ts";
import { openMemoryStore, openSqliteStore } from "../session/index.ts";
import {
  channelId,
  envId,
  isGreenticError,
  isJsonObject,
  parseJson,
  randomHex,
  teamId,
  tenantId,
} from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { platformChannel, untilSent } from "./answer-platform.ts";
import { openAnyPack } from "./check-pack.ts";
import { OFFLINE_POLICY, toolsOf } from "./flow-test/run-conversation.ts";
import { StubbedComponents, Stubs } from "./flow-test/stubs.ts";
import { PLATFORM_VARIABLE } from "./runner-contract.ts";

/** What a judge asks of a runner. */
export interface RunnerCheck {
  readonly pack: Uint8Array;
  /** Standard input. */
  readonly activity: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly nowMs: number;
  /** Keeps sessions for the next activity; none where each is to be the first. */
  readonly dataDir?: string;
  readonly timeoutMs: number;
}

/** What the runner answers. */
export interface RunnerAnswer extends Partial<TurnReport> {
  readonly pack: { readonly name: string; readonly version: string };
  /** The ids of the flows that were loaded. */
  readonly flows: readonly string[];
  /** What a judge may do to it beside asking. */
  readonly supports: readonly string[];
}

/**
 * Answers a judge: loads a pack whoever signed it and runs one activity, without network, secrets or models: tools that need them fail
 * as they would in a host that is cut off.
 * @throws what opening the pack throws, RUNNER_… where it can't be loaded, TYPES_… for a tenant, team or session that is none
 */
export async function answerRunnerCheck(check: RunnerCheck): Promise<RunnerAnswer> {
  const { environment, activity, timeoutMs } = check;
  const pack = await openAnyPack(check.pack, check.nowMs);
  const named = {
    pack: { name: pack.name, version: pack.version },
    flows: [...pack.flows.keys()],
    supports: ["platform"],
  };
  const env = envId("test");
  const tenant = tenantId(environment["TENANT_ID"] ?? "conformance");
  const team = teamId(environment["TEAM_ID"] ?? "default");
  const world = createMachineWorld();
  const address = { env, tenant, team, channel: channelId("console") };
  const platform = environment[PLATFORM_VARIABLE];
  const provider =
    platform === undefined ? createConsoleProvider(address) : platformChannel(platform, { address, world });
  const stubs = new Stubs(new Map(), remoteTools(pack));
  await using components = new StubbedComponents(new InProcessComponentHost(), { stubs, aheadMs: 0 });
  await using runtime = await openRuntime({
    env,
    world,
    store:
      check.dataDir === undefined
        ? openMemoryStore(world)
        : await openSqliteStore({ dir: check.dataDir, world, reserveBytes: 0 }),
    bus: openInProcessBus(),
    components,
    secrets: createSecretReader([]),
    policy: () => OFFLINE_POLICY,
    providers: [provider],
    apps: [{ scope: { env, tenant }, pack }],
    stubTool: stubs.stubTool,
    stubWait: stubs.stubWait,
    stubChat: stubs.stubChat,
  });
  if (activity.trim() === "") return named;
  runtime.start();
  const said = valueOf(activity);
  const session = environment["SESSION_ID"] ?? randomHex(world, 16);
  const id = nameOf(said) ?? randomHex(world, 16);
  const user = environment["USER_ID"] ?? "conformance";
  // Judges name activities within a session, channels within themselves.
  const message = { ...receiveConsole(address, said, { session, id, user }), dedupeKey: `${session}:${id}` };
  const report = await runtime.request(provider, message, { timeoutMs });
  if (platform !== undefined) await untilSent(report.session, { store: runtime.store, world, timeoutMs });
  return { ...named, ...report };
}

/** The activity's own name, by which a redelivery is known. */
function nameOf(said: JsonValue): string | undefined {
  const id = isJsonObject(said) ? said["id"] : undefined;
  return typeof id === "string" && id !== "" && id.length <= MAX_ID ? id : undefined;
}

const MAX_ID = 256;

function remoteTools(pack: Pack): ReadonlySet<string> {
  return new Set([...toolsOf(pack)].filter(([, { target }]) => target.kind !== "component").map(([name]) => name));
}

/** An activity that isn't JSON is what somebody said. */
function valueOf(activity: string): JsonValue {
  try {
    return parseJson(activity);
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return activity.trim();
  }
}
