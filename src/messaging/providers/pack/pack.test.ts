import { createHmac } from "node:crypto";
import { assert, asyncProperty, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { createTestWorld } from "../../../../test/stand-ins/test-world.ts";
import { verifies } from "../../../../test/verifies.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, ProviderTraits } from "../../../types/index.ts";
import {
  channelId,
  DEFAULT_PROVIDER_TRAITS,
  DEFAULT_TEAM,
  envId,
  findTraitsProblem,
  readTraits,
  tenantId,
} from "../../../types/index.ts";
import type { Provider, Received, WebhookRequest } from "../../provider.ts";
import type { PackAnswer, PackCall, PackParts, PackRequest } from "./calls.ts";
import { createPackOperator } from "./operator.ts";
import { createPackProvider } from "./provider.ts";
import type { HostVerification } from "./verify.ts";
import { readVerifyRule } from "./verify.ts";

const address = { env: envId("test"), tenant: tenantId("acme"), team: DEFAULT_TEAM, channel: channelId("pigeon") };
const SECRET = "a-secret-of-the-channel-0123456789";

type Answer = (call: PackCall) => PackAnswer;
const ok = (output: JsonValue, traffic: readonly PackRequest[] = []): PackAnswer => ({ kind: "ok", output, traffic });
const broken = (code: string, traffic: readonly PackRequest[] = []): PackAnswer => ({
  kind: "error",
  error: { code, message: "stopped", retryable: false },
  traffic,
});
const posted = (status: number, extra: { retryAfterMs?: number; saysNotOk?: boolean } = {}): PackRequest => ({
  isSafe: false,
  end: { kind: "answered", status, ...extra },
});
const cut: PackRequest = { isSafe: false, end: { kind: "unknown" } };
const unsent = (code: string): PackRequest => ({ isSafe: false, end: { kind: "unsent", code } });

function open(
  answer: Answer,
  options: {
    readonly traits?: Partial<ProviderTraits>;
    readonly verification?: HostVerification | undefined;
    readonly config?: JsonObject;
    readonly egress?: readonly string[];
    readonly secrets?: readonly string[];
  } = {},
): { readonly provider: Provider; readonly calls: PackCall[]; readonly parts: PackParts } {
  const { traits, config = {}, egress = ["send_payload"], secrets = [SECRET] } = options;
  const calls: PackCall[] = [];
  const parts: PackParts = {
    name: "pigeon",
    version: "1.0.0",
    traits: { ...DEFAULT_PROVIDER_TRAITS, ...traits },
    providerType: "messaging.pigeon",
    operations: {
      ingress: new Set(["ingest_http", "identify-instance"]),
      egress: new Set(egress),
      operator: new Set(["qa-spec", "apply-answers", "setup_webhook"]),
    },
  };
  const provider = createPackProvider({
    address,
    parts,
    call: async (call) => {
      calls.push(call);
      return Promise.resolve(answer(call));
    },
    config,
    verification: "verification" in options ? options.verification : { scheme: "component", handshake: false },
    secrets: () => Promise.resolve(secrets),
    world: createTestWorld(),
  });
  return { provider, calls, parts };
}

const request = (extra: Partial<WebhookRequest> = {}): WebhookRequest => ({
  method: "POST",
  url: "/v1/messaging/ingress/pigeon/acme",
  headers: {},
  body: Buffer.from('{"text":"hello"}'),
  ...extra,
});
const event = (extra: JsonObject = {}): JsonObject => ({
  id: "m1",
  channel: "other",
  tenant: { env: "prod", tenant: "victim" },
  session_id: "loft-7",
  from: { id: "ada" },
  text: "hello",
  ...extra,
});
const ingested =
  (...events: readonly JsonValue[]): Answer =>
  () =>
    ok({ v: 1, status: 200, headers: [], events: [...events] });
const receive = async (provider: Provider, extra: Partial<WebhookRequest> = {}): Promise<Received | undefined> =>
  provider.receive?.(request(extra));
const messagesOf = (received: Received | undefined) => (received?.kind === "messages" ? received.messages : []);

describe("receiving", () => {
  test("takes whose a message is from the channel, never from the component", async () => {
    verifies("pack.provider", "channels.packs.grants");
    const { provider, calls } = open(ingested(event({ metadata: { locale: "de", n: 1 }, thread: null })));
    const [message] = messagesOf(await receive(provider));
    expect(message).toMatchObject({
      conversation: "loft-7",
      user: "ada",
      locale: "de",
      envelope: { channel: "pigeon", tenant: { env: "test", tenant: "acme" }, metadata: { locale: "de" } },
    });
    expect(calls[0]?.input).toMatchObject({ v: 1, method: "POST", tenant_hint: "acme", provider: "messaging.pigeon" });
  });

  test("drops its own messages, other bots', nobody's, and what says nothing", async () => {
    const drops = [
      event({ metadata: { is_bot_message: "true" } }),
      event({ from: { id: "x", kind: "bot" } }),
      event({ from: { id: "worker-1" } }),
      event({ metadata: { "webex.personId": "worker-1" } }),
      event({ from: null }),
      event({ text: " " }),
      "no event",
      { id: "", channel: "c", session_id: "s" },
    ];
    const { provider } = open(ingested(...drops), { config: { bot_id: "worker-1" } });
    expect(await receive(provider)).toEqual({ kind: "messages", messages: [] });
  });

  test("knows a repetition by its id, or by its bytes where ids are constants", async () => {
    const byId = open(ingested(event()));
    const key = async (provider: Provider, body: string): Promise<string | undefined> =>
      messagesOf(await receive(provider, { body: Buffer.from(body) }))[0]?.dedupeKey;
    expect(await key(byId.provider, "1")).toBe(await key(byId.provider, "2"));
    const byBytes = open(ingested(event()), { traits: { dedupe: "delivery" } });
    expect(await key(byBytes.provider, "1")).toBe(await key(byBytes.provider, "1"));
    expect(await key(byBytes.provider, "1")).not.toBe(await key(byBytes.provider, "2"));
  });

  test("keeps people apart where the session's id is a constant", async () => {
    const constant = event({ session_id: "pigeon", to: [{ id: "4917" }] });
    const { provider } = open(ingested(constant, event({ session_id: "pigeon" })), { traits: { dedupe: "delivery" } });
    expect(messagesOf(await receive(provider)).map(({ conversation }) => conversation)).toEqual(["4917", "ada"]);
  });

  test("brings a press back as the submit that it is", async () => {
    const { provider } = open(ingested(event({ text: '[callback:{"order":7}]' })));
    const [message] = messagesOf(await receive(provider));
    expect(message?.envelope).toMatchObject({
      metadata: { order: "7" },
      extensions: { channel_data: { value: { order: 7 } } },
    });
  });

  test("lets the component answer with text alone, and hides what it fails at", async () => {
    const page = Buffer.from("<script>").toString("base64");
    const html = open(() => ok({ status: 200, headers: [["Content-Type", "text/html"]], body_b64: page, events: [] }));
    expect(await receive(html.provider)).toEqual({
      kind: "answer",
      status: 200,
      contentType: "text/plain; charset=utf-8",
      body: "<script>",
    });
    for (const answer of [ok({ status: 401 }), ok({ ok: false, error: "bad" }), broken("COMPONENT_TRAPPED")])
      expect(await receive(open(() => answer).provider)).toEqual({ kind: "refused", reason: "component" });
    const late = open(() => broken("COMPONENT_DEADLINE_EXCEEDED"));
    expect(await receive(late.provider)).toMatchObject({ kind: "answer", status: 503, body: "" });
  });
});

describe("verification", () => {
  const hmac = readVerifyRule({ scheme: "hmac", header: "X-Pigeon", secret: "key", prefix: "v1=" }) as HostVerification;
  const good = `v1=${createHmac("sha256", SECRET).update(request().body).digest("hex")}`;

  test("refuses everything without a rule or a secret, and asks the component nothing", async () => {
    verifies("channels.packs.verify");
    const none = open(ingested(event()), { verification: undefined });
    expect(await receive(none.provider)).toMatchObject({ kind: "refused" });
    const unset = open(ingested(event()), { verification: hmac, secrets: [] });
    expect(await receive(unset.provider, { headers: { "x-pigeon": good } })).toMatchObject({ kind: "refused" });
    expect([...none.calls, ...unset.calls]).toEqual([]);
  });

  test("believes the signature over the raw bytes, with two secrets, and no forgery", async () => {
    verifies("channels.packs.verify");
    const { provider, calls } = open(ingested(event()), { verification: hmac, secrets: ["new", SECRET] });
    expect(messagesOf(await receive(provider, { headers: { "x-pigeon": good } }))).toHaveLength(1);
    expect(await receive(provider, { headers: { "x-pigeon": [good, good] } })).toMatchObject({ kind: "refused" });
    expect(await receive(provider, { headers: { "x-pigeon": good }, body: Buffer.from("{}") })).toMatchObject({
      kind: "refused",
    });
    await assert(
      asyncProperty(string(), async (text) => {
        expect(await receive(provider, { headers: { "x-pigeon": text } })).toMatchObject({ kind: "refused" });
      }),
      { numRuns: 500 },
    );
    expect(calls).toHaveLength(1);
  });

  test("reads a header, a query parameter or the instance that the component names", async () => {
    const rules: readonly (readonly [JsonObject, Partial<WebhookRequest>])[] = [
      [{ scheme: "header", header: "x-key", secret: "key" }, { headers: { "x-key": SECRET } }],
      [{ scheme: "query", secret: "key" }, { url: `/x?key=${SECRET}` }],
      [{ scheme: "instance", secret: "key" }, { headers: { "x-instance": SECRET } }],
    ];
    for (const [rule, signed] of rules) {
      const answer: Answer = ({ operation, input }) =>
        operation === "ingest_http"
          ? ok({ events: [event()] })
          : ok(((input as JsonObject)["headers"] as [string, string][])[0]?.[1] ?? null);
      const { provider } = open(answer, { verification: readVerifyRule(rule) as HostVerification });
      expect(messagesOf(await receive(provider, signed))).toHaveLength(1);
      expect(await receive(provider)).toMatchObject({ kind: "refused" });
    }
    const query = open(ingested(event()), {
      verification: readVerifyRule({ scheme: "query", secret: "key" }) as HostVerification,
    });
    expect(await receive(query.provider, { url: `/x?key=${SECRET}&key=${SECRET}` })).toMatchObject({ kind: "refused" });
  });

  test("lets a handshake through, by which nobody says anything", async () => {
    const verification = readVerifyRule("whatsapp") as HostVerification;
    const challenge = open(() => ok({ status: 200, body_b64: Buffer.from("1158").toString("base64"), events: [] }), {
      verification,
    });
    expect(await receive(challenge.provider, { method: "GET" })).toMatchObject({ kind: "answer", body: "1158" });
    const speaking = open(ingested(event()), { verification });
    expect(await receive(speaking.provider, { method: "GET" })).toMatchObject({ kind: "refused" });
  });

  test("says what is wrong with a rule", () => {
    const wrong: readonly (readonly [JsonValue, RegExp])[] = [
      ["magic", /expected component, telegram/],
      [7, /a name or a table/],
      [{ scheme: "magic", secret: "key" }, /config\.verify\.scheme/],
      [{ scheme: "hmac", header: "x", secret: "Key!" }, /config\.verify\.secret/],
      [{ scheme: "hmac", secret: "key" }, /config\.verify\.header/],
      [{ scheme: "hmac", header: "x", secret: "key", algorithm: "md5" }, /algorithm/],
      [{ scheme: "slack", secret: "key", typo: 1 }, /unknown key/],
    ];
    for (const [value, said] of wrong) expect(readVerifyRule(value)).toMatch(said);
  });
});

describe("sending", () => {
  const send = (provider: Provider, payload: JsonValue = { message: { id: "r1", text: "hi" } }) =>
    provider.send?.(payload, { idempotencyKey: "k", conversation: "loft-7", signal: new AbortController().signal });

  test("judges a send's fate by what the host saw", async () => {
    verifies("channels.packs.fate");
    const fates: readonly (readonly [PackAnswer, JsonObject])[] = [
      [ok({ ok: true, message: "p9" }, [posted(200)]), { kind: "sent", receipt: "p9" }],
      [ok({ ok: false, retryable: true }, [posted(503)]), { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
      [ok({ ok: false, retryable: false }, [posted(403)]), { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
      [
        ok({ ok: false, retryable: false }, [posted(401)]),
        { kind: "failed", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" },
      ],
      [ok({ ok: false }, [posted(429, { retryAfterMs: 7_000 })]), { kind: "retry", error: "MESSAGING_RATE_LIMITED" }],
      // The connection broke: it may have arrived, whatever the component makes of it.
      [ok({ ok: false, retryable: true }, [cut]), { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }],
      [broken("COMPONENT_TRAPPED", [cut]), { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }],
      // Stopped behind the platform's yes, and behind its no.
      [broken("COMPONENT_TRAPPED", [posted(200)]), { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" }],
      [broken("COMPONENT_DEADLINE_EXCEEDED", [posted(400)]), { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
      [broken("COMPONENT_TRAPPED", [posted(502)]), { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
      // Nothing left.
      [broken("COMPONENT_TRAPPED"), { kind: "failed", error: "MESSAGING_PROVIDER_FAILED" }],
      [broken("COMPONENT_HOST_LOST"), { kind: "retry", error: "MESSAGING_PROVIDER_FAILED" }],
      [ok({ ok: false }, [unsent("unreachable")]), { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE" }],
      [ok({ ok: false }, [unsent("HTTP_ORIGIN_DENIED")]), { kind: "failed", error: "MESSAGING_PROVIDER_DENIED" }],
      [ok({ ok: false, retryable: false }), { kind: "failed", error: "MESSAGING_PROVIDER_FAILED" }],
      // The component calls it a success; the platform said no.
      [ok({ ok: true }, [posted(403)]), { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
      [ok({ ok: true }, [posted(200, { saysNotOk: true })]), { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" }],
      [ok({ ok: true }, [posted(400), posted(200)]), { kind: "sent" }],
    ];
    for (const [answer, fate] of fates) expect(await send(open(() => answer).provider)).toMatchObject(fate);
  });

  test("goes through render_plan and encode with the conversation's address and the channel's settings", async () => {
    const encoded = { config: { number: "placeholder", kept: 1 }, text: "hi" };
    const answer: Answer = ({ operation }) => {
      if (operation === "render_plan") return ok({ ok: true, plan: { plan_json: "{}" } });
      if (operation === "encode")
        return ok({
          ok: true,
          payload: {
            content_type: "application/json",
            body_b64: Buffer.from(JSON.stringify(encoded)).toString("base64"),
          },
        });
      return ok({ ok: true }, [posted(200)]);
    };
    const { provider, calls } = open(answer, {
      egress: ["render_plan", "encode", "send_payload"],
      config: { number: "1065" },
      traits: { destination: "phone" },
    });
    await send(provider);
    expect(calls.map(({ operation }) => operation)).toEqual(["render_plan", "encode", "send_payload"]);
    expect(calls[1]?.input).toMatchObject({ message: { session_id: "loft-7", to: [{ id: "loft-7", kind: "phone" }] } });
    const { payload } = (calls[2]?.input ?? {}) as { readonly payload: { readonly body_b64: string } };
    expect(JSON.parse(Buffer.from(payload.body_b64, "base64").toString())).toEqual({
      config: { number: "1065", kept: 1 },
      text: "hi",
    });
    expect(calls.every(({ idempotencyKey }) => idempotencyKey === "k")).toBe(true);
  });

  test("uses the older send where there is no send_payload, and refuses what it can't have written", async () => {
    const { provider, calls } = open(() => ok({ ok: true, message_id: 9 }, [posted(200)]), { egress: ["send"] });
    expect(await send(provider)).toEqual({ kind: "sent", receipt: "9" });
    expect(calls[0]).toMatchObject({ operation: "send", input: { text: "hi" } });
    expect(await send(provider, "no message")).toMatchObject({ kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" });
  });

  test("keeps to the declared paces and waits as long as the platform asks", async () => {
    const answers = [ok({ ok: false }, [posted(429, { retryAfterMs: 60_000 })]), ok({ ok: true }, [posted(200)])];
    const { provider, calls } = open(() => answers.shift() as PackAnswer, {
      traits: { conversationPace: { perMinute: 60, burst: 1 } },
    });
    expect(await send(provider)).toMatchObject({ kind: "retry", error: "MESSAGING_RATE_LIMITED" });
    expect(await send(provider)).toMatchObject({ kind: "retry", error: "MESSAGING_RATE_LIMITED" });
    expect(calls).toHaveLength(1);
    expect(provider.sendRates?.("loft-7")).toEqual([{ name: "to:loft-7", rate: { capacity: 1, perSecond: 1 } }]);
  });

  test("looks a doubtful send up where the pack can, and is of no better class where it can't", async () => {
    const doubt = {
      payload: {},
      idempotencyKey: "k",
      conversation: "c",
      createdAtMs: 0,
      signal: new AbortController().signal,
    };
    const b = { traits: { sink: "B" as const }, egress: ["send_payload", "read_back"] };
    expect(await open(() => ok({ status: "sent", message: "p9" }), b).provider.readBack?.(doubt)).toEqual({
      kind: "sent",
      receipt: "p9",
    });
    expect(await open(() => ok({ status: "unsent" }), b).provider.readBack?.(doubt)).toEqual({ kind: "unsent" });
    expect(await open(() => ok({}), b).provider.readBack?.(doubt)).toMatchObject({ kind: "unknown" });
    expect(open(() => ok({}), { traits: { sink: "B" } }).provider.delivery).toEqual({ kind: "send", sinkClass: "C" });
    expect(open(() => ok({}), { traits: { sink: "A" } }).provider.delivery).toEqual({ kind: "send", sinkClass: "A" });
  });
});

describe("projecting", () => {
  const message = (extra: Partial<ChannelMessageEnvelope>): ChannelMessageEnvelope => ({
    id: "r1",
    tenant: { env: "test", tenant: "acme" },
    channel: "pigeon",
    session_id: "loft-7",
    attachments: [],
    metadata: {},
    ...extra,
  });
  const textsOf = (projected: readonly JsonValue[]): readonly string[] =>
    projected.map((one) => ((one as JsonObject)["message"] as { readonly text: string }).text);

  test("splits what is too long and numbers what has no buttons, losing nothing", () => {
    const { provider } = open(() => ok({}), { traits: { maxTextUnits: 64, shows: "text" } });
    const asked = message({
      text: "Which?",
      extensions: {
        suggested_actions: [
          { title: "Yes", value: "y" },
          { title: "No", value: "n" },
        ],
      },
    });
    expect(textsOf(provider.project(asked))).toEqual(["Which?\n\n1. Yes\n2. No"]);
    expect(provider.numbered?.(asked)).toEqual(["y", "n"]);
    const long = "word ".repeat(40).trim();
    const parts = textsOf(provider.project(message({ text: long })));
    expect(parts.every((part) => part.length <= 64)).toBe(true);
    expect(parts.join(" ")).toBe(long);
    expect(provider.project(message({}))).toEqual([]);
  });

  test("hands cards on to a pack that shows them, with the last part of a text", () => {
    const { provider } = open(() => ok({}), { traits: { maxTextUnits: 64 } });
    const card = { type: "AdaptiveCard", version: "1.5", body: [{ type: "TextBlock", text: "a" }] };
    const projected = provider.project(message({ text: "word ".repeat(20), extensions: { adaptive_card: card } }));
    const has = projected.map((one) => "extensions" in ((one as JsonObject)["message"] as JsonObject));
    expect(has).toEqual([false, true]);
    expect(provider.numbered?.(message({}))).toEqual([]);
  });
});

test("an operator asks, applies and sets up by the component's own operations", async () => {
  verifies("pack.provider");
  const answer: Answer = ({ operation, input }) => {
    if (operation === "qa-spec") return ok({ questions: [{ id: "token" }] });
    if (operation === "setup_webhook") return ok({ ok: (input as JsonObject)["url"] !== "" });
    const { answers } = input as { readonly answers: JsonObject };
    return "token" in answers
      ? ok({ ok: true, config: { name: "x" }, secrets_patch: { set: { token: "t" } } })
      : {
          kind: "error",
          error: { code: "COMPONENT_FAILED", message: "", retryable: false, details: { ok: false, error: "no token" } },
          traffic: [],
        };
  };
  const { parts } = open(answer);
  const operator = createPackOperator({ parts, call: async (call) => Promise.resolve(answer(call)) });
  expect(await operator.questions("setup")).toEqual({ questions: [{ id: "token" }] });
  expect(await operator.applyAnswers("setup", { answers: { token: "t" }, config: {} })).toEqual({
    isOk: true,
    config: { name: "x" },
    secrets: { token: "t" },
  });
  expect(await operator.applyAnswers("setup", { answers: {}, config: {} })).toMatchObject({
    isOk: false,
    problem: '"no token"',
  });
  const url = "https://chat.example.com/hook";
  expect(await operator.setupWebhook({ url, publicBaseUrl: "https://chat.example.com", config: {} })).toMatchObject({
    isOk: true,
  });
  const broke = createPackOperator({ parts, call: async () => Promise.resolve(broken("COMPONENT_TRAPPED")) });
  await expect(broke.questions("setup")).rejects.toMatchObject({ code: "MESSAGING_PROVIDER_FAILED" });
});

test("a provider's table is read with its defaults, and its mistakes are named with their place", () => {
  verifies("channels.packs.traits");
  const components = new Set(["in", "out"]);
  const table = { ingress: "in", egress: "out", verify: "component", sink: "B", pace: { per_minute: 60, burst: 5 } };
  expect(findTraitsProblem(table, components)).toBeUndefined();
  expect(readTraits(table)).toEqual({
    ...DEFAULT_PROVIDER_TRAITS,
    components: { ingress: "in", egress: "out" },
    verify: "component",
    sink: "B",
    pace: { perMinute: 60, burst: 5 },
  });
  const wrong: readonly (readonly [JsonObject, readonly string[], RegExp])[] = [
    [{ ingress: "none" }, ["ingress"], /one of the pack's components/],
    [{ verify: "nobody" }, ["verify"], /component, host/],
    [{ dedupe_ttl_seconds: 0 }, ["dedupe_ttl_seconds"], /from 1 to/],
    [{ pace: { per_minute: 60 } }, ["pace", "burst"], /whole number/],
    [{ pace: { per_minute: 60, burst: 1, more: 1 } }, ["pace", "more"], /unknown key/],
    [{ typo: 1 }, ["typo"], /unknown key/],
  ];
  for (const [given, path, state] of wrong) {
    const problem = findTraitsProblem(given, components);
    expect(problem?.path).toEqual(path);
    expect(problem?.state).toMatch(state);
  }
});
