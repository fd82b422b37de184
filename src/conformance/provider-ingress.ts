import type { Received, WebhookRequest } from "../messaging/index.ts";
import { quote } from "../types/index.ts";
import type { JudgedProvider, RecordedRequest } from "./judged-provider.ts";
import { PROVIDER_TIMEOUT_MS, TAKEN } from "./provider-egress.ts";
import type { CaseSpec, Verdict } from "./report.ts";
import { fail, PASS, skip } from "./report.ts";

/** The cases of what a pack receives: forged requests, and those that its platform is known to have made. */
export async function* ingressCases(judged: JudgedProvider | undefined, unopened: string): AsyncGenerator<CaseSpec> {
  const why = judged === undefined ? unopened : receives(judged) ? undefined : "it doesn't receive";
  for (const [name, title, request] of FORGED)
    yield {
      id: `provider.ingress.${name}`,
      title: `${title} is refused, without effect`,
      judge: async () => {
        if (judged === undefined || why !== undefined) return skip(why ?? unopened);
        const { received, asked } = await receiveBy(judged, request);
        return asked.length > 0 ? fail(`it made requests to ${asked.map(quote).join(", ")}`) : refusalOf(received);
      },
    };
  const { requests = [] } = judged?.options ?? {};
  if (judged === undefined || why !== undefined || requests.length === 0) {
    const reason = why ?? "no request of its platform is given: say which by --request";
    for (const { id, title } of casesOf({ name: "" })) yield { id, title, judge: () => skip(reason) };
    return;
  }
  for (const request of requests) yield* recordedCases(judged, request);
}

function receives({ pack }: JudgedProvider): boolean {
  const { ingress } = pack.parts.operations;
  return ingress.has("ingest_http") || ingress.has("handle-webhook");
}

interface Came {
  readonly received: Received | undefined;
  readonly durationMs: number;
  /** Origins that it wanted to reach. */
  readonly asked: readonly string[];
}

async function receiveBy(
  judged: JudgedProvider,
  request: WebhookRequest,
  { atMs, isGenuine = false }: { readonly atMs?: number | undefined; readonly isGenuine?: boolean } = {},
): Promise<Came> {
  judged.asked.length = 0;
  // Some platforms only tell that there is a message: it is fetched, of a genuine request.
  judged.platform.answer = () => ({ status: 200, body: judged.options.answer ?? TAKEN });
  const receive = async (): Promise<Received | undefined> => judged.channel(atMs).receive?.(request);
  const startMs = performance.now();
  const received = await (isGenuine ? judged.online(receive) : receive());
  const durationMs = performance.now() - startMs;
  // What a person wrote may be anything; what the platform and its logs read is the pack's.
  if (received !== undefined) judged.said.push(JSON.stringify(received));
  return { received, durationMs, asked: [...new Set(judged.asked)] };
}

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

function refusalOf(received: Received | undefined): Verdict {
  if (received === undefined) return skip("it doesn't receive");
  if (received.kind === "refused") return PASS;
  if (received.kind === "answer") return received.status >= 400 ? PASS : fail(`it answers ${received.status}`);
  const count = keysOf(received).length;
  return count === 0 ? fail("it is accepted, though nothing comes of it") : fail(`${count} messages come of it`);
}

/** What came of a request, by the names that a redelivery is known by. */
function keysOf(received: Received | undefined): readonly string[] {
  if (received?.kind !== "messages") return [];
  const { messages, events = [], notices = [], receipts = [] } = received;
  return [...messages, ...events, ...notices].map(({ dedupeKey }) => dedupeKey).concat(receipts.map(() => "receipt"));
}

const casesOf = ({ name }: { readonly name: string }) =>
  (
    [
      ["accepts", "A request of its platform brings something"],
      ["in-time", "A request of its platform is answered in time"],
      ["redelivered", "What its platform delivers again is known by its name"],
      ["altered", "A request of its platform is refused once it is altered, or has lost its headers"],
    ] as const
  ).map(([id, title]) => ({ id: `provider.ingress.${id}${name === "" ? "" : `:${name}`}`, title }));

async function* recordedCases(judged: JudgedProvider, recorded: RecordedRequest): AsyncGenerator<CaseSpec> {
  const { atMs, name, signsBody = true, ...rest } = recorded;
  const request: WebhookRequest = { ...rest, headers: { ...rest.headers, ...judged.believed } };
  const limitMs = judged.options.timeoutMs ?? PROVIDER_TIMEOUT_MS;
  const [accepts, late, redelivered, altered] = casesOf({ name });
  const first: { came?: Came } = {};
  if (accepts !== undefined)
    yield {
      ...accepts,
      judge: async () => {
        first.came = await receiveBy(judged, request, { atMs, isGenuine: true });
        const { received } = first.came;
        if (keysOf(received).length > 0) return PASS;
        return fail(received?.kind === "refused" ? `it is refused: ${received.reason}` : "nothing comes of it");
      },
    };
  const { came } = first;
  const keys = keysOf(came?.received);
  if (late !== undefined)
    yield {
      ...late,
      judge: () =>
        came !== undefined && came.durationMs > limitMs
          ? fail(`it took ${Math.round(came.durationMs)} ms, and ${limitMs} is the limit`)
          : PASS,
    };
  if (redelivered !== undefined)
    yield {
      ...redelivered,
      judge: async () => {
        if (keys.length === 0) return skip("nothing comes of it");
        const again = keysOf((await receiveBy(judged, request, { atMs, isGenuine: true })).received);
        return JSON.stringify(again) === JSON.stringify(keys)
          ? PASS
          : fail("delivered again, it goes under another name");
      },
    };
  if (altered !== undefined)
    yield {
      ...altered,
      judge: async () => {
        if (!judged.isVerifying) return skip("the pack leaves it to the host");
        for (const changed of alterations(request, signsBody)) {
          const verdict = refusalOf((await receiveBy(judged, { ...request, ...changed }, { atMs })).received);
          if (verdict.status !== "pass") return verdict;
        }
        return PASS;
      },
    };
}

/** What a forger would try who saw a genuine request: other headers, none, and its headers with another body. */
function alterations({ headers, body }: WebhookRequest, signsBody: boolean): readonly Partial<WebhookRequest>[] {
  const type = { "content-type": headers["content-type"] };
  const others = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, `${String(value)}0`]));
  return [
    { headers: type },
    { headers: { ...others, ...type } },
    ...(signsBody ? [{ body: Buffer.concat([body, Buffer.from(" ")]) }] : []),
  ];
}
