import { openInProcessBus } from "../../bus/index.ts";
import type { ComponentCall, ComponentHost, ComponentResult } from "../../component/index.ts";
import { InProcessComponentHost } from "../../component/index.ts";
import { createConsoleProvider, receiveConsole } from "../../messaging/index.ts";
import type { ChannelAddress } from "../../messaging/index.ts";
import type { Pack } from "../../pack/index.ts";
import { createMachineWorld, openRuntime } from "../../runner/index.ts";
import { createSecretReader } from "../../secrets/index.ts";
import { openMemoryStore } from "../../session/index.ts";
import { channelId, DENY_ALL, GreenticError, isJsonObject } from "../../types/index.ts";
import type { JsonObject, JsonValue, Policy, TenantCtx } from "../../types/index.ts";

/** One thing that a set-up flow wants done. */
export interface PlannedAction {
  readonly type: string;
  readonly key: string;
}

/** What a set-up flow said and wants. */
export interface FlowPlan {
  readonly actions: readonly PlannedAction[];
  readonly texts: readonly string[];
}

/** Components load with what their manifest asks for; what is behind it isn't there: no network, no secret. */
const POLICY: Policy = {
  ...DENY_ALL,
  network: { egress: { origins: ["*"] }, privateAddresses: [] },
  secrets: ["*"],
  oauth: ["*"],
};
const TIMEOUT_MS = 60_000;
const STATS = { wallMs: 0, fuel: 0, peakMemoryBytes: 0, hostCalls: [], log: "" };
const PROVISION = ["apply", "provision.apply"];

/**
 * Runs a set-up flow of a provider pack in memory, without network or secrets: what it wants done is gathered and is its caller's to do.
 * @throws CLI_SETUP_FLOW_FAILED
 */
export async function runSetupFlow(
  flow: string,
  { pack, address, answers, isDryRun }: { pack: Pack; address: ChannelAddress; answers: JsonObject; isDryRun: boolean },
): Promise<FlowPlan> {
  const actions: PlannedAction[] = [];
  const take = (input: JsonValue): JsonValue => {
    actions.push(...actionsIn(input));
    return { ok: true, dry_run: isDryRun, plan: isJsonObject(input) ? (input["plan"] ?? null) : null };
  };
  const world = createMachineWorld();
  await using components = new ProvisionedComponents(take);
  const console = createConsoleProvider({ ...address, channel: channelId("console") });
  await using runtime = await openRuntime({
    env: address.env,
    world,
    store: openMemoryStore(world),
    bus: openInProcessBus(),
    components,
    secrets: createSecretReader([]),
    policy: () => POLICY,
    providers: [console],
    apps: [{ scope: { env: address.env, tenant: address.tenant }, pack }],
    stubWait: (kind, input) => (PROVISION.includes(kind) ? { status: "ok", output: take(input) } : undefined),
  });
  runtime.start();
  const message = { id: "setup", text: "", metadata: {}, message: { id: "setup", text: "" } };
  const given = { answers_json: JSON.stringify(answers), dry_run: isDryRun, msg: message, mode: flow };
  const entry = receiveConsole(console.address, given, { session: flow, id: "setup" });
  const report = await runtime.request(console, entry, { timeoutMs: TIMEOUT_MS, choice: { flow } });
  if (report.error !== undefined || report.status === "error") {
    const code = report.error?.code ?? "no code";
    // Its message may quote answers.
    throw new GreenticError("CLI_SETUP_FLOW_FAILED", `Run flow ${flow} of pack ${pack.name}: it ended with ${code}`);
  }
  // A flow that asks by itself is for conversations; here the questions are asked before.
  return { actions, texts: report.status === "waiting" ? [] : textsIn(report.reply, report.output) };
}

async function offline(): Promise<never> {
  throw new GreenticError("HTTP_UNAVAILABLE", "Send request: a set-up flow has no network");
}

function actionsIn(input: JsonValue): readonly PlannedAction[] {
  const plan = isJsonObject(input) ? input["plan"] : undefined;
  const list = plan !== undefined && isJsonObject(plan) && Array.isArray(plan["actions"]) ? plan["actions"] : [];
  return (list as readonly JsonValue[]).flatMap((action) => {
    if (!isJsonObject(action) || typeof action["type"] !== "string") return [];
    return [{ type: action["type"], key: typeof action["key"] === "string" ? action["key"] : "" }];
  });
}

function textsIn(reply: readonly { readonly text?: string }[], output: JsonValue | undefined): readonly string[] {
  const said = reply.flatMap(({ text }) => (text === undefined || text === "" ? [] : [text]));
  const payload = output !== undefined && isJsonObject(output) ? (output["payload"] ?? output) : undefined;
  const last = payload !== undefined && isJsonObject(payload) ? payload["text"] : undefined;
  return typeof last === "string" && !said.includes(last) ? [...said, last] : said;
}

/** Components of a pack, but for the one that provisions: what it is called with is taken here. */
class ProvisionedComponents implements ComponentHost {
  readonly #host = new InProcessComponentHost();
  readonly #take: (input: JsonValue) => JsonValue;

  constructor(take: (input: JsonValue) => JsonValue) {
    this.#take = take;
  }

  admit(...given: Parameters<ComponentHost["admit"]>): ReturnType<ComponentHost["admit"]> {
    return this.#host.admit(...given);
  }

  examine(bytes: Uint8Array): ReturnType<ComponentHost["examine"]> {
    return this.#host.examine(bytes);
  }

  describe(...given: Parameters<ComponentHost["describe"]>): ReturnType<ComponentHost["describe"]> {
    return this.#host.describe(...given);
  }

  async invoke(ctx: TenantCtx, call: ComponentCall): Promise<ComponentResult> {
    if (call.operation === "apply" && /(?:^|[.-])provision$/.test(call.component))
      return { kind: "ok", output: this.#take(call.input), stats: STATS };
    return this.#host.invoke(ctx, { ...call, services: { ...call.services, http: offline } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }
}
