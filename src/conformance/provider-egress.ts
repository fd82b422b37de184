import type { SendResult } from "../session/index.ts";
import type { ChannelMessageEnvelope, JsonValue } from "../types/index.ts";
import { isJsonObject, parseJson } from "../types/index.ts";
import type { PlatformAnswer, SeenRequest } from "./judge-platform.ts";
import type { JudgedProvider } from "./judged-provider.ts";
import type { CaseSpec, Verdict } from "./report.ts";
import { fail, PASS, skip } from "./report.ts";

/** How long one send, or one request, may take where nothing is said. */
export const PROVIDER_TIMEOUT_MS = 5_000;

/** What platforms answer to a message, or to whoever asks for a token, in one. */
export const TAKEN: JsonValue = {
  ok: true,
  id: "conformance-1",
  message_id: "conformance-1",
  ts: "1700000000.000100",
  channel: "conformance",
  result: { message_id: 1, chat: { id: 1 }, date: 1_700_000_000 },
  messages: [{ id: "conformance-1" }],
  access_token: "conformance-token",
  token_type: "Bearer",
  expires_in: 3_600,
};
const RETRY_AFTER_S = 7;
/** Clocks of two processes, and a second that begins. */
const SLACK_MS = 1_000;
const SAFE: readonly string[] = ["GET", "HEAD", "OPTIONS"];

interface Sent {
  readonly result: SendResult;
  /** The requests that held the message. */
  readonly requests: readonly SeenRequest[];
  readonly startMs: number;
  readonly durationMs: number;
}

/** The cases of what a pack sends, over a platform that takes, refuses and loses what it is given. */
export async function* egressCases(
  judged: JudgedProvider | undefined,
  { unopened, canReach }: { readonly unopened: string; readonly canReach: boolean },
): AsyncGenerator<CaseSpec> {
  const why = judged === undefined ? unopened : whyNot(judged, canReach);
  if (judged === undefined || why !== undefined) {
    for (const [id, title] of Object.values(CASES)) yield { id, title, judge: () => skip(why ?? unopened) };
    return;
  }
  const limitMs = judged.options.timeoutMs ?? PROVIDER_TIMEOUT_MS;
  const first: { sent?: Sent } = {};
  yield {
    ...named(CASES.delivers),
    judge: async () => {
      first.sent = await sendBy(judged, { key: "conformance-a", text: TEXT });
      return deliveryVerdict(first.sent);
    },
  };
  const { sent } = first;
  const isLate = sent !== undefined && sent.durationMs > limitMs;
  yield {
    ...named(CASES.late),
    judge: () => (isLate ? fail(`it took ${Math.round(sent.durationMs)} ms, and ${limitMs} is the limit`) : PASS),
  };
  if (sent?.result.kind !== "sent" || sent.requests.length === 0 || isLate) {
    const [, , ...left] = Object.values(CASES);
    for (const [id, title] of left) yield { id, title, judge: () => skip("a message isn't delivered as it should be") };
    return;
  }
  yield* classCases(judged, sent);
  for (const { names, answer, judge } of FATES)
    yield {
      ...named(names),
      judge: async () => judge(await sendBy(judged, { key: names[0], text: TEXT, answer })),
    };
}

const CASES = {
  delivers: ["provider.egress.delivers", "A message reaches its platform once, and is said to be sent"],
  late: ["provider.egress.in-time", "Sending is done in time"],
  class: ["provider.egress.class", "What its manifest says of repeated sends can be true"],
  idempotent: ["provider.egress.idempotent", "A send that is repeated goes under the same name"],
  refused: ["provider.egress.refused", "What the platform refuses is neither sent nor tried for ever"],
  limited: ["provider.egress.limited", "A platform that asks for a while gets it"],
  failing: ["provider.egress.failing", "What a failing platform didn't take isn't lost"],
  doubtful: [
    "provider.egress.doubtful",
    "A send whose answer is lost is in doubt, and isn't repeated by the pack itself",
  ],
} as const;

type Named = readonly [id: string, title: string];
const named = ([id, title]: Named): { readonly id: string; readonly title: string } => ({ id, title });

/** Letters and digits alone, which no platform's notation escapes. */
const TEXT = "conformance7f3a9c";

function whyNot({ pack }: JudgedProvider, canReach: boolean): string | undefined {
  const { egress } = pack.parts.operations;
  if (!egress.has("send_payload") && !egress.has("send")) return "it doesn't send";
  return canReach ? undefined : "its manifest names no origin: say where its platform is by --http";
}

async function sendBy(
  judged: JudgedProvider,
  { key, text, attempt = 0, answer }: { key: string; text: string; attempt?: number; answer?: PlatformAnswer },
): Promise<Sent> {
  const { platform, options, said } = judged;
  const taken: PlatformAnswer = { status: 200, body: options.answer ?? TAKEN };
  const holds = (request: SeenRequest): boolean =>
    !SAFE.includes(request.method) && (request.body.includes(text) || request.url.includes(text));
  platform.answer = (request) => (answer !== undefined && holds(request) ? answer : taken);
  const from = platform.seen.length;
  const channel = judged.channel();
  const startMs = performance.now();
  const [payload = null] = channel.project(messageOf(text));
  const wallMs = Date.now();
  const result = await judged.online(
    async () =>
      (await channel.send?.(payload, {
        idempotencyKey: key,
        conversation: "1000001",
        signal: new AbortController().signal,
        attempt,
      })) ?? ({ kind: "failed", error: "MESSAGING_PROVIDER_FAILED" } as const),
  );
  said.push(JSON.stringify(result));
  return {
    result,
    requests: platform.seen.slice(from).filter(holds),
    startMs: wallMs,
    durationMs: performance.now() - startMs,
  };
}

function messageOf(text: string): ChannelMessageEnvelope {
  return {
    id: "conformance-1",
    tenant: { env: "test", tenant: "conformance" },
    channel: "conformance",
    session_id: "1000001",
    text,
    attachments: [],
    metadata: {},
  };
}

function deliveryVerdict({ result, requests }: Sent): Verdict {
  const said = result.kind === "sent" ? "sent" : `${result.kind}, ${"error" in result ? result.error : ""}`;
  if (requests.length === 0) return fail(`it is said to be ${said}, and no request held the message`);
  if (requests.length > 1) return fail(`${requests.length} requests held the one message`);
  return result.kind === "sent" ? PASS : fail(`the platform took it, and it is said to be ${said}`);
}

/** Class A says that the platform knows a repetition, so something has to name the send: the same each time, another for another. */
async function* classCases(judged: JudgedProvider, first: Sent): AsyncGenerator<CaseSpec> {
  const { traits, operations } = judged.pack.parts;
  let isNamed = false;
  const own = valuesIn(first.requests);
  const other =
    traits.sink === "A" ? valuesIn((await sendBy(judged, { key: "conformance-b", text: TEXT })).requests) : own;
  yield {
    ...named(CASES.class),
    judge: () => {
      if (traits.sink === "C") return PASS;
      if (traits.sink === "B")
        return operations.egress.has("read_back") ? PASS : fail("class B, and it has no read_back to ask about a send");
      isNamed = [...own].some((value) => !other.has(value));
      return isNamed ? PASS : fail("class A, and nothing in its requests names the send");
    },
  };
  yield {
    ...named(CASES.idempotent),
    judge: async () => {
      if (traits.sink !== "A") return skip(`class ${traits.sink} doesn't promise it`);
      if (!isNamed) return skip("nothing names the send");
      // Last of the three: what only goes with the time is in the second already.
      const again = valuesIn((await sendBy(judged, { key: "conformance-a", text: TEXT, attempt: 1 })).requests);
      const isSame = [...own].some((value) => !other.has(value) && again.has(value));
      return isSame ? PASS : fail("class A, and the second attempt of a send goes under another name than the first");
    },
  };
}

/** All that stands in requests: headers, path, query, and the leaves of JSON or the fields of a form. */
function valuesIn(requests: readonly SeenRequest[]): ReadonlySet<string> {
  return new Set(
    requests.flatMap(({ url, headers, body }) => [
      ...Object.values(headers).flat().map(String),
      ...url.split(/[/?&=]/),
      ...leaves(jsonOf(body)),
    ]),
  );
}

function jsonOf(body: string): JsonValue {
  try {
    return parseJson(body);
  } catch {
    return Object.fromEntries(new URLSearchParams(body));
  }
}

function leaves(value: JsonValue): readonly string[] {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap(leaves);
  if (isJsonObject(value)) return Object.values(value).flatMap(leaves);
  return [typeof value === "string" ? value : JSON.stringify(value)];
}

const FATES: readonly {
  readonly names: Named;
  readonly answer: PlatformAnswer;
  readonly judge: (sent: Sent) => Verdict;
}[] = [
  {
    names: CASES.refused,
    answer: { status: 400, body: { ok: false, error: "bad_request" } },
    judge: ({ result }) =>
      result.kind === "failed" ? PASS : fail(`the platform answered 400, and the send is said to be ${result.kind}`),
  },
  {
    names: CASES.limited,
    answer: { status: 429, headers: { "retry-after": String(RETRY_AFTER_S) }, body: { ok: false } },
    judge: ({ result, startMs }) => {
      if (result.kind !== "retry")
        return fail(`the platform asked for a while, and the send is said to be ${result.kind}`);
      const earliestMs = startMs + RETRY_AFTER_S * 1_000 - SLACK_MS;
      return result.notBeforeMs >= earliestMs ? PASS : fail(`it is tried again before the ${RETRY_AFTER_S} s are over`);
    },
  },
  {
    names: CASES.failing,
    answer: { status: 500, body: { ok: false } },
    judge: ({ result }) =>
      result.kind === "retry" || result.kind === "unknown"
        ? PASS
        : fail(`the platform answered 500, and the send is said to be ${result.kind}`),
  },
  {
    names: CASES.doubtful,
    answer: "break-off",
    judge: ({ result, requests }) => {
      if (requests.length > 1)
        return fail(`it made the request ${requests.length} times, though the first may have arrived`);
      return result.kind === "unknown" ? PASS : fail(`nobody answered, and the send is said to be ${result.kind}`);
    },
  },
];
