import { openInProcessBus } from "../../bus/index.ts";
import { InProcessComponentHost } from "../../component/index.ts";
import { createConsoleProvider, receiveConsole } from "../../messaging/index.ts";
import { parseToolMap, TOOL_MAP_FILES } from "../../mcp/index.ts";
import type { ToolMap } from "../../mcp/index.ts";
import type { Pack } from "../../pack/index.ts";
import { createMachineWorld, KIND_CATALOG, openRuntime } from "../../runner/index.ts";
import type { TurnReport } from "../../runner/index.ts";
import { createSecretReader } from "../../secrets/index.ts";
import { openMemoryStore } from "../../session/index.ts";
import { channelId, DENY_ALL, didYouMean, GreenticError, quote } from "../../types/index.ts";
import type { Policy, SourcePosition, World } from "../../types/index.ts";
import { checkReply } from "./check-reply.ts";
import type { Conversation, StubCase } from "./read-conversation.ts";
import { TEST_ENV } from "./read-conversation.ts";
import { APPROVAL, CHAT, CONNECT, DECIDED, decisionIn, SAMPLE, StubbedComponents, Stubs } from "./stubs.ts";

/** Components load with what their manifest asks for; what is behind it isn't there: no network, no secret. */
export const OFFLINE_POLICY: Policy = {
  ...DENY_ALL,
  network: { egress: { origins: ["*"] }, privateAddresses: [] },
  secrets: ["*"],
  oauth: ["*"],
};

/** One thing that a conversation did otherwise than its test says. */
export interface ConversationFailure {
  /** From 1; absent where no step was run. */
  readonly step?: number;
  readonly message: string;
  readonly expected?: string;
  readonly got?: string;
  readonly at: SourcePosition;
}

/** How a conversation went. */
export interface ConversationReport {
  readonly steps: number;
  readonly failures: readonly ConversationFailure[];
}

/**
 * Runs a conversation through the engine, in memory: tools and components that have no stub run for real, without network, secrets
 * or processes of the operator. It ends at the first step that goes wrong.
 * @throws CLI_TEST_INVALID for stubs of nothing; what loading the pack throws
 */
export async function runConversation(
  test: Conversation,
  from: { readonly pack: Pack; readonly timeoutMs: number },
): Promise<ConversationReport> {
  const tools = toolsOf(from.pack);
  checkStubs(test, { pack: from.pack, tools });
  const world = worldAt(test.clockMs);
  const remote = [...tools].filter(([, { target }]) => target.kind !== "component").map(([name]) => name);
  const stubs = new Stubs(test.stubs, new Set(remote));
  await using components = new StubbedComponents(new InProcessComponentHost(), {
    stubs,
    aheadMs: world.nowMs() - Date.now(),
  });
  const { tenant, team } = test;
  const provider = createConsoleProvider({ env: TEST_ENV, tenant, team, channel: channelId("console") });
  await using runtime = await openRuntime({
    env: TEST_ENV,
    world,
    store: openMemoryStore(world),
    bus: openInProcessBus(),
    components,
    secrets: createSecretReader([]),
    policy: () => OFFLINE_POLICY,
    providers: [provider],
    apps: [{ scope: { env: TEST_ENV, tenant }, pack: from.pack }],
    stubTool: stubs.stubTool,
    stubWait: stubs.stubWait,
    stubChat: stubs.stubChat,
  });
  runtime.start();
  const choice = {
    ...(test.flow !== undefined && { flow: test.flow }),
    ...(test.entry !== undefined && { entry: test.entry }),
  };
  for (const [i, { input, locale = test.locale, expects }] of test.steps.entries()) {
    const message = receiveConsole(provider.address, input, { session: "test", id: `step-${i + 1}`, locale });
    const report = await runtime.request(provider, message, { timeoutMs: from.timeoutMs, choice });
    const failures = [...unmatchedIn(stubs, { test, step: i }), ...mismatches(report, { test, step: i, expects })];
    if (failures.length > 0) return { steps: i + 1, failures };
  }
  return { steps: test.steps.length, failures: [] };
}

interface Place {
  readonly test: Conversation;
  readonly step: number;
}

function mismatches(
  report: TurnReport,
  { test, step, expects }: Place & { readonly expects: Conversation["steps"][number]["expects"] },
): readonly ConversationFailure[] {
  return checkReply(report, expects).map(({ path, expected, got }) => ({
    step: step + 1,
    message: path.length === 0 ? "the turn failed" : `${path[0]} differs`,
    expected,
    got,
    at: test.positionOf(["steps", step, "expects", ...path]),
  }));
}

const UNDECIDED: Readonly<Record<string, string>> = {
  [APPROVAL]: "an approval has no stub that decides it",
  [CONNECT]: "an account has no stub that connects it",
};

function unmatchedIn(stubs: Stubs, { test, step }: Place): readonly ConversationFailure[] {
  return stubs.takeUnmatched().map(({ name, input }) => ({
    step: step + 1,
    message: test.stubs.has(name)
      ? `no case of the stub ${quote(name)} is for what it was called with`
      : (UNDECIDED[name] ?? `tool ${quote(name)} needs the network and has no stub`),
    expected: `input like ${(test.stubs.get(name) ?? []).map(({ when }) => JSON.stringify(when)).join(" or ")}`,
    got: JSON.stringify(input),
    at: test.positionOf(["stubs", name]),
  }));
}

/** Refuses stubs of tools and components that aren't there, and decisions that aren't any: they would stand in for nothing, silently. */
function checkStubs(
  test: Conversation,
  { pack, tools }: { readonly pack: Pack; readonly tools: ToolMap["tools"] },
): void {
  const known = new Set([...tools.keys(), ...pack.components.keys(), APPROVAL, CONNECT, CHAT, SAMPLE]);
  for (const [name, cases] of test.stubs) {
    if (DECIDED.includes(name)) checkDecisions(name, cases, test);
    const component = name.slice(0, Math.max(0, name.lastIndexOf(".")));
    if (known.has(name) || pack.components.has(component)) continue;
    throw new GreenticError(
      "CLI_TEST_INVALID",
      `Read conversation: the pack has no tool or component ${quote(name)}${didYouMean(name, known)}`,
      { at: test.positionOf(["stubs", name]) },
    );
  }
}

function checkDecisions(name: string, cases: readonly StubCase[], test: Conversation): void {
  const statuses = [KIND_CATALOG.get(name)?.statuses ?? []].flat();
  for (const [i, { result }] of cases.entries()) {
    const word = result === undefined ? undefined : decisionIn(result);
    if (word === undefined || statuses.includes(word)) continue;
    throw new GreenticError(
      "CLI_TEST_INVALID",
      `Read conversation: expected ${name} to end with ${statuses.join(", ")}, got ${quote(word)}`,
      { at: test.positionOf(["stubs", name, i, "result"]) },
    );
  }
}

/** Reads a pack's tool map; empty where it has none. */
export function toolsOf(pack: Pack): ToolMap["tools"] {
  const file = TOOL_MAP_FILES.find((path) => pack.assets.has(path));
  const source = file === undefined ? undefined : pack.readText(file);
  return file === undefined || source === undefined ? new Map() : parseToolMap(source, file).tools;
}

/** The machine's world, begun at another time. */
function worldAt(clockMs: number | undefined): World {
  const machine = createMachineWorld();
  if (clockMs === undefined) return machine;
  const startMs = machine.monotonicMs();
  return { ...machine, nowMs: () => clockMs + Math.floor(machine.monotonicMs() - startMs) };
}
