import type { BundleProvider } from "../../config/index.ts";
import { providerOf } from "../../messaging/index.ts";
import type { SetupStep } from "../../messaging/index.ts";
import type { Pack } from "../../pack/index.ts";
import { channelId } from "../../types/index.ts";
import type { JsonObject } from "../../types/index.ts";
import { AppReader } from "../app-reader.ts";
import { channelSecret } from "../channels.ts";
import { serveChannel, withComponents } from "../pack-channels.ts";
import type { Serving } from "../pack-channels.ts";
import { callbackUrlOf, publicBaseUrl } from "./callback-url.ts";
import { collectSecrets, collectSettings } from "./collect.ts";
import type { CollectedSecrets, CollectOptions } from "./collect.ts";
import { runSetupFlow } from "./pack-flow.ts";
import type { PlannedAction } from "./pack-flow.ts";
import { readPackQuestions } from "./pack-questions.ts";
import { noteRegistration, readRegistrations, registrationKey, registrationOf } from "./registrations.ts";
import { guarded, keepSecrets, keepSettings, removeChannel, setUpChannel, verifyChannel } from "./setup-channel.ts";
import type { ChannelReport, SetupContext } from "./setup-channel.ts";

type Served = Extract<Serving, { readonly kind: "pack" }>;

/** The names that set-up flows of provider packs have, and what they want where there is none. */
const SETUP_FLOWS = ["setup_default", "setup"];
const VERIFY_FLOWS = ["verify_webhooks", "verify"];
const REMOVE_FLOWS = ["remove"];
const UPDATE_FLOW = "update";
const USUAL = ["store_config", "store_secret", "register_webhook"].map((type): PlannedAction => ({ type, key: "" }));
/** What flows of changes call what set-up calls otherwise. */
const SAME: Readonly<Record<string, string>> = { update_config: "store_config", update_secret: "store_secret" };

/** Sets up a channel that its bundle gives a pack: by the pack's questions, flows and components, or as a built-in one where that serves. */
export async function setUpByPack(provider: BundleProvider, context: SetupContext): Promise<ChannelReport> {
  const { bundle, config, environment, audit } = context;
  const reader = new AppReader({ config, environment, bundle, audit, isDevOk: false, warn: () => undefined });
  return await withComponents(async (components) => {
    const serving = await serveChannel(provider, {
      ...context,
      components,
      readPack: (one) => reader.readProvider(one),
    });
    if (serving.kind === "pack") return await setUpServed(provider, serving, context);
    const report = await setUpChannel(provider, context);
    return serving.why === undefined
      ? report
      : { ...report, steps: [{ state: "ok", what: serving.why }, ...report.steps] };
  });
}

async function setUpServed(provider: BundleProvider, served: Served, context: SetupContext): Promise<ChannelReport> {
  const { pack, operator } = served;
  const head = { channel: provider.name, type: pack.name, tenant: provider.tenant };
  const answers = context.answers.of(provider);
  if (answers?.isEnabled === false)
    return { ...head, settings: {}, steps: [{ state: "ok", what: "left out: its answers say enabled: false" }] };
  context.prompts?.say(`${provider.name} (${pack.name})`);
  const { settings, secrets: asked, spelled } = await readPackQuestions(pack, operator);
  const base = publicBaseUrl(provider.config, context.config);
  const known = base === undefined ? provider.config : { public_base_url: base, ...provider.config };
  const secret = channelSecret(provider, context);
  const options: CollectOptions = {
    entry: { type: provider.type ?? "", title: pack.name, secrets: asked, settings },
    provider: { ...provider, config: known },
    answers,
    prompts: context.prompts,
    isAdvanced: context.isAdvanced,
    isUpdate: context.isUpdate,
    hasAddress: true,
    secret,
    random: (size) => context.world.randomBytes(size),
  };
  const given = await collectSettings(options);
  const { secrets, steps: waits } = await collectSecrets(given.config, options);
  const lacking = [...given.steps, ...waits];
  const callbackUrl = callbackUrlOf(provider, { ...context, channel: given.config });
  const report = { ...head, settings: given.config, ...(callbackUrl !== undefined && { callbackUrl }) };
  const steps = await guarded(async () => {
    const values: Record<string, string> = {};
    for (const { name } of asked) values[spelled.get(name) ?? name] = secrets.get(name)?.value ?? (await secret(name));
    const whole = { ...given.config, ...values };
    const gathered: Gathered = { settings: given.settings, config: given.config, secrets, answers: whole, callbackUrl };
    return await carryOut(provider, served, {
      ...context,
      gathered,
      isLacking: lacking.some(({ state }) => state === "failed"),
    });
  }, `Set up by pack ${pack.name}`);
  return { ...report, steps: [{ state: "ok", what: served.servedBy }, ...steps, ...lacking] };
}

/** What questions came to. */
interface Gathered {
  readonly settings: Readonly<Record<string, string>>;
  readonly config: JsonObject;
  readonly secrets: CollectedSecrets["secrets"];
  /** Everything by the names that the pack asked for. */
  readonly answers: JsonObject;
  readonly callbackUrl: string | undefined;
}

interface Carrying extends SetupContext {
  readonly gathered: Gathered;
  /** Whether an answer is missing, so that the platform isn't told yet. */
  readonly isLacking: boolean;
}

async function carryOut(provider: BundleProvider, served: Served, context: Carrying): Promise<readonly SetupStep[]> {
  const { gathered, isDryRun } = context;
  const planned = await planOf(provider, served, context);
  const wants = (type: string): boolean => planned.actions.some((action) => action.type === type);
  const steps: SetupStep[] = [...planned.steps];
  if (planned.isRefused) return steps;
  if (wants("store_config"))
    steps.push(...(await keepSettings(provider, { ...gathered.settings, ...planned.settings }, context)));
  if (wants("store_secret"))
    steps.push(...(await keepSecrets(provider, new Map([...gathered.secrets, ...planned.secrets]), context)));
  if (context.isLacking) return steps;
  if (wants("register_webhook")) steps.push(await registerWebhook(provider, served, context));
  for (const { type, key } of planned.actions)
    if (!CARRIED.has(type))
      steps.push({ state: "todo", what: `its pack's set-up wants ${type} ${key}, which isn't done here` });
  const verify = [provider.verifyFlow, ...VERIFY_FLOWS].find(
    (flow) => flow !== undefined && served.pack.flows.has(flow),
  );
  if (verify !== undefined)
    steps.push(...(await runFlow(verify, provider, { pack: served.pack, answers: gathered.answers }, context)).steps);
  if (
    !isDryRun &&
    provider.type !== undefined &&
    providerOf(provider.type).setup !== undefined &&
    wants("verify_connectivity")
  )
    steps.push(...(await verifyChannel(provider, context)));
  return steps;
}

const CARRIED = new Set(["store_config", "store_secret", "register_webhook", "verify_connectivity"]);

interface Plan {
  readonly actions: readonly PlannedAction[];
  readonly steps: readonly SetupStep[];
  /** What the component made of the answers. */
  readonly settings: Readonly<Record<string, string>>;
  readonly secrets: CollectedSecrets["secrets"];
  readonly isRefused?: boolean;
}

/** What is to be done: as the pack's set-up flow says, else as its component makes of the answers, else the usual. */
async function planOf(provider: BundleProvider, served: Served, context: Carrying): Promise<Plan> {
  const { pack, operator } = served;
  const { answers, config } = context.gathered;
  const changing = context.isUpdate && pack.flows.has(UPDATE_FLOW) ? UPDATE_FLOW : undefined;
  const flow = changing ?? provider.setupFlow ?? SETUP_FLOWS.find((name) => pack.flows.has(name));
  if (flow !== undefined) {
    const { actions, steps } = await runFlow(flow, provider, { pack, answers }, context);
    // A flow that plans nothing only talks; and a changed address is told, whether a flow thinks of it or not.
    const all = changing === undefined ? actions : [...actions, { type: "register_webhook", key: "" }];
    return { actions: actions.length === 0 ? USUAL : all, steps, settings: {}, secrets: new Map() };
  }
  if (!operator.hasQuestions || context.isLacking)
    return { actions: USUAL, steps: [], settings: {}, secrets: new Map() };
  const applied = await operator.applyAnswers("setup", { answers, config });
  if (!applied.isOk) {
    const what = `its component refuses the answers: ${applied.problem ?? ""}`;
    const steps: SetupStep[] = [{ state: "failed", what, code: "CLI_SETUP_INCOMPLETE" }];
    return { actions: [], steps, settings: {}, secrets: new Map(), isRefused: true };
  }
  const texts = Object.entries(applied.config).filter(
    (entry): entry is [string, string] =>
      typeof entry[1] === "string" && entry[1] !== "" && config[entry[0]] !== entry[1],
  );
  const secrets = Object.entries(applied.secrets).map(([name, value]) => [name, { value, isMade: false }] as const);
  return { actions: USUAL, steps: [], settings: Object.fromEntries(texts), secrets: new Map(secrets) };
}

async function runFlow(
  flow: string,
  { tenant, team, name }: BundleProvider,
  { pack, answers }: { readonly pack: Pack; readonly answers: JsonObject },
  { config, isDryRun }: Pick<SetupContext, "config" | "isDryRun">,
): Promise<{ readonly actions: readonly PlannedAction[]; readonly steps: readonly SetupStep[] }> {
  const address = { env: config.env, tenant, team, channel: channelId(name) };
  const { actions, texts } = await runSetupFlow(flow, { pack, address, answers, isDryRun });
  const said = texts.length === 0 ? "" : `: ${texts.join(" ")}`;
  return {
    actions: actions.map(({ type, key }) => ({ type: SAME[type] ?? type, key })),
    steps: [{ state: "ok", what: `flow ${flow}${said}` }],
  };
}

/** Takes back what a pack's channel told its platform, as its flow says and as far as a built-in channel can; settings and secrets stay. */
export async function removeByPack(provider: BundleProvider, context: SetupContext): Promise<ChannelReport> {
  const { bundle, config, environment, audit } = context;
  const reader = new AppReader({ config, environment, bundle, audit, isDevOk: false, warn: () => undefined });
  const builtIn = provider.type === undefined ? undefined : await removeChannel(provider, context);
  const steps = await guarded(async () => {
    const pack = await reader.readProvider(provider);
    const flow = REMOVE_FLOWS.find((name) => pack.flows.has(name));
    return flow === undefined ? [] : (await runFlow(flow, provider, { pack, answers: {} }, context)).steps;
  }, "Run the pack's removal");
  if (builtIn !== undefined) return { ...builtIn, steps: [...steps, ...builtIn.steps] };
  if (!context.isDryRun) await noteRegistration(config, registrationKey(config, provider), undefined);
  const left: SetupStep = { state: "todo", what: "take the webhook's address back on the platform's pages" };
  const head = { channel: provider.name, type: provider.reference ?? "", tenant: provider.tenant };
  return { ...head, settings: provider.config, steps: [...steps, left] };
}

/** By its component where it can, else printed. */
async function registerWebhook(provider: BundleProvider, { operator }: Served, context: Carrying): Promise<SetupStep> {
  const { callbackUrl, config, answers } = context.gathered;
  if (callbackUrl === undefined)
    return {
      state: "todo",
      what: "no public address is known",
      how: "answer public_base_url, or set server.public_base_url",
    };
  const values = Object.values(answers).map(String);
  const registration = registrationOf(callbackUrl, { config, secrets: values });
  const key = registrationKey(context.config, provider);
  const isKnown = !context.isRepeated && readRegistrations(context.config).get(key)?.digest === registration.digest;
  if (isKnown) return { state: "ok", what: "the platform was told this address" };
  if (context.isDryRun) return { state: "planned", what: `would register ${callbackUrl}` };
  const step: SetupStep = operator.hasWebhookSetup
    ? await callOperator(provider, operator, context, callbackUrl)
    : {
        state: "todo",
        what: "its component can't tell the platform: paste there as the webhook's address",
        paste: callbackUrl,
      };
  if (step.state !== "failed") await noteRegistration(context.config, key, registration);
  return step;
}

async function callOperator(
  provider: BundleProvider,
  operator: Served["operator"],
  { config: host, gathered: { config } }: Carrying,
  callbackUrl: string,
): Promise<SetupStep> {
  const { isOk, problem } = await operator.setupWebhook({
    url: callbackUrl,
    publicBaseUrl: publicBaseUrl(config, host) ?? "",
    config: { ...provider.config, ...config },
  });
  if (isOk) return { state: "changed", what: `its component registered ${callbackUrl}` };
  return {
    state: "failed",
    what: `its component could not register: ${problem ?? ""}`,
    code: "MESSAGING_PLATFORM_REFUSED",
  };
}
