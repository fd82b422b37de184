import { InProcessComponentHost } from "../component/index.ts";
import { createPackOperator, createPackProvider } from "../messaging/index.ts";
import type { Received, WebhookRequest } from "../messaging/index.ts";
import type { Pack } from "../pack/index.ts";
import { createMachineWorld, openProviderPack } from "../runner/index.ts";
import type { ProviderPack } from "../runner/index.ts";
import { channelId, DEFAULT_TEAM, envId, GreenticError, quote, tenantId } from "../types/index.ts";
import type { ChannelAddress } from "../messaging/index.ts";
import { openAnyPack } from "./check-pack.ts";
import { OFFLINE_POLICY } from "./flow-test/run-conversation.ts";
import type { CaseSpec, ConformanceReport, Verdict } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip } from "./report.ts";

/** What a provider pack is judged with. */
export interface ProviderSuiteOptions {
  readonly target: string;
  readonly nowMs: number;
}

const ADDRESS: ChannelAddress = {
  env: envId("test"),
  tenant: tenantId("conformance"),
  team: DEFAULT_TEAM,
  channel: channelId("conformance"),
};
/** What every secret of the channel is here: nobody who forges a request knows it. */
const SECRET = "conformance-secret-0123456789";

/** Judges a provider pack: its parts answer, and requests that nobody signed come to nothing. It reaches no network. */
export function judgeProvider(bytes: Uint8Array, options: ProviderSuiteOptions): Promise<ConformanceReport> {
  return runSuite("provider", options.target, casesOf(bytes, options));
}

async function* casesOf(bytes: Uint8Array, { nowMs }: ProviderSuiteOptions): AsyncGenerator<CaseSpec> {
  await using components = new InProcessComponentHost();
  const opened: { pack?: Pack; provider?: ProviderPack } = {};
  const asked: string[] = [];
  yield {
    id: "provider.opens",
    title: "The pack opens",
    judge: async () => {
      opened.pack = await openAnyPack(bytes, nowMs);
      return PASS;
    },
  };
  yield {
    id: "provider.parts",
    title: "Its components serve a channel: asked without grants, one receives or sends",
    judge: async () => {
      if (opened.pack === undefined) return skip(UNOPENED);
      const provider = await openProviderPack(opened.pack, {
        components,
        policy: OFFLINE_POLICY,
        address: ADDRESS,
        world: createMachineWorld(),
        http: {
          judge: async ({ url }) => {
            asked.push(url.origin);
            throw new GreenticError("HTTP_UNAVAILABLE", "Send request: a provider that is judged has no network");
          },
        },
        granted: { http: [], secrets: [] },
        secret: async () => SECRET,
        config: opened.pack.manifest.config,
        log: () => undefined,
      });
      if (provider.problem !== undefined) return fail(provider.problem);
      opened.provider = provider;
      return PASS;
    },
  };
  const { pack, provider } = opened;
  yield {
    id: "provider.describe",
    title: "Each part says what it is",
    judge: async () => {
      if (pack === undefined || provider === undefined) return skip(UNSERVED);
      const silent: string[] = [];
      for (const name of new Set(Object.values(provider.components))) {
        const { sha256 } = await components.examine(
          pack.read(pack.components.get(name)?.path ?? "") ?? new Uint8Array(),
        );
        await components.describe(sha256).catch((error: unknown) => silent.push(`${name}: ${String(error)}`));
      }
      return failIfAny(silent);
    },
  };
  yield {
    id: "provider.setup",
    title: "Its set-up has questions, and answers that are none are refused or taken as data",
    judge: async () => {
      if (provider === undefined) return skip(UNSERVED);
      const operator = createPackOperator(provider);
      if (!operator.hasQuestions) return skip("its operator has no questions of its own");
      await operator.questions("default");
      await operator.applyAnswers("default", { answers: {}, config: {} });
      return PASS;
    },
  };
  for (const [name, title, request] of FORGED)
    yield {
      id: `provider.ingress.${name}`,
      title: `${title} is refused, without effect`,
      judge: async () => (provider === undefined ? skip(UNSERVED) : refusal(provider, request, asked)),
    };
}

const UNOPENED = "the pack doesn't open";
const UNSERVED = "the pack serves no channel";

const requestOf = (body: Uint8Array, headers: WebhookRequest["headers"] = {}): WebhookRequest => ({
  method: "POST",
  url: "/v1/messaging/ingress/conformance/conformance",
  headers: { "content-type": "application/json", ...headers },
  body,
});

const FORGED: readonly (readonly [string, string, WebhookRequest])[] = [
  ["garbage", "What isn't a message at all", requestOf(Uint8Array.from({ length: 1_024 }, (_, n) => (n * 37) % 256))],
  ["unsigned", "A request that nobody signed", requestOf(Buffer.from('{"message":{"text":"hello"}}'))],
  [
    "forged",
    "A request with a guessed signature",
    requestOf(Buffer.from('{"message":{"text":"hello"}}'), {
      authorization: "Bearer guess",
      "x-signature": "00".repeat(32),
      "x-hub-signature-256": `sha256=${"00".repeat(32)}`,
    }),
  ],
];

/** Sends a request to the ingress itself, where the pack verifies, and through the host's channel, as it would come. */
async function refusal(pack: ProviderPack, request: WebhookRequest, asked: string[]): Promise<Verdict> {
  const { operations, traits } = pack.parts;
  if (!operations.ingress.has("ingest_http") && !operations.ingress.has("handle-webhook"))
    return skip("it doesn't receive");
  asked.length = 0;
  const provider = createPackProvider({
    address: ADDRESS,
    parts: pack.parts,
    call: pack.call,
    config: {},
    // A pack that leaves it to the host is believed by a rule of the operator's: here one whose secret nobody has.
    verification:
      traits.verify === "component"
        ? { scheme: "component", handshake: false }
        : { scheme: "header", header: "x-conformance", secret: "conformance", handshake: false },
    secrets: async () => [SECRET],
    world: createMachineWorld(),
  });
  const received: Received | undefined = await provider.receive?.(request);
  if (asked.length > 0) return fail(`it made requests to ${[...new Set(asked)].map(quote).join(", ")}`);
  return received === undefined ? skip("it doesn't receive") : verdictOn(received);
}

function verdictOn(received: Received): Verdict {
  if (received.kind === "refused") return PASS;
  if (received.kind === "answer") return received.status >= 400 ? PASS : fail(`it answers ${received.status}`);
  const { messages, events = [], notices = [], receipts = [] } = received;
  const count = messages.length + events.length + notices.length + receipts.length;
  return count === 0 ? fail("it is accepted, though nothing comes of it") : fail(`${count} messages come of it`);
}
