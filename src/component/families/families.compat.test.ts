import { afterAll, describe, expect, test } from "vitest";
import { findComponents } from "../../../scripts/compat/find-components.ts";
import { buildRouter, ROUTER } from "../../../scripts/compat/fixture-router.ts";
import { verifies } from "../../../test/verifies.ts";
import type { JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentCall, HostHttpRequest } from "../host.ts";
import { InProcessComponentHost } from "../process/in-process-host.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";

/** What published components answer, as the reference of their behaviour has it; whoever has none of them skips. */
const dir = process.env["GREENTIC_COMPAT_DIR"];
const found = new Map(
  (dir === undefined ? [] : findComponents(dir)).map((file) => [file.sha256.slice(0, 12), file.bytes]),
);
const host = new InProcessComponentHost();
afterAll(() => host[Symbol.asyncDispose]());

const TELEGRAM = "3041f1bcc3db";
const WEBEX = "475b90b2eeed";
const TEAMS = "78b068a256b7";
const DUMMY = "98c4e3bf5ddd";
const QUESTIONS = "1416caae4733";
const EMIT_QUESTIONS = "f316082c9571";
const TEMPLATES = "c527b615b563";
const TEMPLATES_05 = "71d399993ab5";
const HANDLER_060 = "4d9cd7b73736";
const HANDLER_06 = "c4f17fc14670";
const HANDLER_05 = "b13f5a5ee34d";
const PROVISION = "7ec412ad7f2f";
const INGRESS_TELEGRAM = "b912b5fa8668";
const INGRESS_SLACK = "b1a89608f3c8";
const INGRESS_TEAMS = "ba190ecfe3e6";
const EMPTY_QA = "d0b9dc48122d";
const ECHO = "7f7826fb9458";
const ADAPTER = "82291eb4872f";

/** Skips where the component isn't among those of the directory. */
function withComponent(hash: string, what: string, run: (sha256: string) => Promise<void>): void {
  const bytes = found.get(hash);
  test.skipIf(bytes === undefined)(`${hash} ${what}`, async () => {
    const { sha256 } = await host.examine(bytes ?? new Uint8Array());
    await run(sha256);
  });
}

async function answer(sha256: string, call: Partial<ComponentCall> & { readonly operation: string }): Promise<unknown> {
  const result = await host.invoke(ctxOf(), {
    component: "c",
    input: {},
    grants: NO_GRANTS,
    services: memoryServices(),
    ...call,
    sha256,
  });
  return result.kind === "ok" ? result.output : { error: result.error };
}

const json64 = (value: JsonValue): string => Buffer.from(JSON.stringify(value)).toString("base64");
const jsonOf = (bytes: Uint8Array | undefined): unknown => JSON.parse(Buffer.from(bytes ?? []).toString());

describe.skipIf(dir === undefined)("published components (GREENTIC_COMPAT_DIR)", () => {
  withComponent(TELEGRAM, "turns an update into a message of the channel", async (sha256) => {
    verifies("component.families");
    const update = {
      update_id: 1,
      message: {
        message_id: 5,
        from: { id: 7, is_bot: false, first_name: "A" },
        chat: { id: 42, type: "private" },
        date: 1,
        text: "hi",
      },
    };
    const input = { v: 1, provider: "p", method: "POST", path: "/", query: [], headers: [], body_b64: json64(update) };
    expect(await answer(sha256, { operation: "ingest_http", input })).toMatchObject({
      v: 1,
      status: 200,
      events: [
        {
          channel: "telegram",
          session_id: "42",
          from: { id: "7" },
          to: [{ id: "42", kind: "chat" }],
          text: "hi",
          metadata: { chat_id: "42", from: "7", universal: "true" },
        },
      ],
    });
  });

  withComponent(TELEGRAM, "sends a payload with its token", async (sha256) => {
    const sent: HostHttpRequest[] = [];
    const services = {
      ...memoryServices(),
      secret: async () => Buffer.from("T0KEN"),
      http: async (_ctx: unknown, request: HostHttpRequest) => {
        sent.push(request);
        return { status: 200, headers: [], body: Buffer.from(`{"ok":true,"result":{"message_id":7}}`) };
      },
    };
    const input = {
      v: 1,
      provider_type: "messaging.telegram.bot",
      payload: { content_type: "application/json", body_b64: json64({ chat_id: "42", text: "hello" }), metadata: {} },
      tenant: { tenant: "acme" },
    };
    const grants = { ...NO_GRANTS, http: ["https://api.telegram.org"], secrets: ["TELEGRAM_BOT_TOKEN"] };
    expect(await answer(sha256, { operation: "send_payload", input, grants, services })).toMatchObject({ ok: true });
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "POST https://api.telegram.org/botT0KEN/sendMessage",
    ]);
    expect(jsonOf(sent[0]?.body)).toMatchObject({ chat_id: "42", text: "hello" });
    const other = { ...input, provider_type: "messaging.slack.api" };
    expect(await answer(sha256, { operation: "send_payload", input: other, grants, services })).toEqual({
      error: {
        code: "COMPONENT_FAILED",
        message: "provider type mismatch",
        retryable: false,
        details: { ok: false, message: "provider type mismatch", retryable: false },
      },
    });
  });

  withComponent(TELEGRAM, "is set up by answers, and describes itself", async (sha256) => {
    const description = await host.describe(sha256);
    expect(description).toMatchObject({ name: "messaging-provider-telegram", configSchema: { type: "object" } });
    expect(description.operations.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["send", "ingest_http", "render_plan", "encode", "send_payload"]),
    );
    expect(description.i18nKeys).toContain("telegram.op.send.title");
    expect(isJsonObject(description.setup) && description.setup["mode"]).toBe("setup");
    const answers = { enabled: true, public_base_url: "https://x.test", api_base_url: "https://api.telegram.org" };
    const set = await answer(sha256, { operation: "apply-answers", input: { mode: "update", answers } });
    expect(set).toMatchObject({ ok: true, config: answers });
    const bundle = await answer(sha256, { operation: "i18n-bundle", input: { locale: "en" } });
    expect(bundle).toMatchObject({ locale: "en", messages: { "telegram.op.encode.title": "Encode" } });
    expect(await answer(sha256, { operation: "healthcheck" })).toMatchObject({ status: "healthy" });
    expect(await answer(sha256, { operation: "validate-config", config: answers, input: null })).toMatchObject({
      ok: true,
    });
    expect(await answer(sha256, { operation: "sned" })).toMatchObject({
      error: { code: "COMPONENT_OPERATION_UNKNOWN", message: expect.stringMatching(/did you mean "send"/) as string },
    });
  });

  const plan = {
    v: 1,
    message: {
      id: "1",
      tenant: { env: "e", tenant: "t", tenant_id: "t", attempt: 0 },
      channel: "c",
      session_id: "s",
      text: "hi",
      attachments: [],
      metadata: {},
    },
  };
  for (const hash of [TELEGRAM, WEBEX, TEAMS]) {
    withComponent(hash, "plans a text as the lowest tier", async (sha256) => {
      const output = await answer(sha256, { operation: "render_plan", input: plan });
      expect(output).toMatchObject({ ok: true, plan: { plan_json: expect.stringMatching(/TierD/) as string } });
    });
  }

  withComponent(DUMMY, "has no operation at all", async (sha256) => {
    for (const operation of ["send_payload", "ingest_http"]) {
      expect(await answer(sha256, { operation })).toMatchObject({ error: { code: "COMPONENT_OPERATION_UNKNOWN" } });
    }
  });

  withComponent(QUESTIONS, "emits the questions of a specification", async (sha256) => {
    const question = { name: "a", title: "A", kind: "string", required: true, choices: [], secret: false };
    const spec_json = JSON.stringify({ id: "s", title: "T", questions: [{ ...question, default: "x" }] });
    expect(await answer(sha256, { operation: "example-answers", input: { spec_json } })).toEqual({ a: "x" });
    const missing = { operation: "validate", input: { spec_json, answers_json: "{}" } };
    expect(await answer(sha256, missing)).toMatchObject({ ok: false, errors: [{ path: "a" }] });
    const unknown = await answer(sha256, { operation: "x" });
    expect(unknown).toEqual({
      error: { code: "UNKNOWN_OPERATION", message: "unsupported operation x", retryable: false },
    });
  });

  withComponent(EMIT_QUESTIONS, "does the same by functions of the top level", async (sha256) => {
    const { operations } = await host.describe(sha256);
    expect(operations.map(({ name }) => name).toSorted()).toEqual(["emit", "example-answers", "validate"]);
    expect(await answer(sha256, { operation: "emit", input: { id: 1 } })).toMatchObject({
      error: { code: "COMPONENT_FAILED" },
    });
    const question = { name: "a", title: "A", kind: "string", required: true, choices: [], secret: false };
    const spec_json = JSON.stringify({ id: "s", title: "T", questions: [{ ...question, default: "x" }] });
    expect(await answer(sha256, { operation: "example-answers", input: { spec_json } })).toEqual({ a: "x" });
    const missing = { operation: "validate", input: { spec_json, answers_json: "{}" } };
    expect(await answer(sha256, missing)).toMatchObject({ ok: false, errors: [{ path: "a" }] });
  });

  const message = {
    id: "1",
    channel: "c",
    tenant: { env: "e", tenant: "t", tenant_id: "t", attempt: 0 },
    session_id: "s",
  };
  withComponent(TEMPLATES, "renders a text, its configuration in the input or beside it", async (sha256) => {
    const config = { templates: { text: "Hello {{payload.name}}" } };
    const input = { msg: message, payload: { name: "World" } };
    const rendered = { payload: { text: "Hello World" }, control: { routing: "out" }, state_updates: {} };
    expect(await answer(sha256, { operation: "text", input: { ...input, config } })).toEqual(rendered);
    expect(await answer(sha256, { operation: "text", input, config })).toEqual(rendered);
    const { operations } = await host.describe(sha256);
    expect(operations).toMatchObject([{ name: "text", inputSchema: { required: ["config", "msg", "payload"] } }]);
  });

  withComponent(TEMPLATES_05, "renders the same from JSON", async (sha256) => {
    const input = { config: { templates: { text: "Hi {{payload.name}}" } }, msg: message, payload: { name: "World" } };
    expect(await answer(sha256, { operation: "text", input })).toMatchObject({ payload: { text: "Hi World" } });
  });

  withComponent(HANDLER_060, "handles a message by component-runtime", async (sha256) => {
    expect(await answer(sha256, { operation: "handle_message", input: { input: "hi" } })).toEqual({
      message: "component-templates::handle_message => hi",
    });
    expect(await answer(sha256, { operation: "i18n-keys" })).toContain("component.display_name");
    expect(await answer(sha256, { operation: "qa-spec", input: { mode: "upgrade" } })).toMatchObject({
      mode: "update",
    });
  });

  withComponent(HANDLER_06, "handles a message by node 0.6, wrapped as older hosts do or not", async (sha256) => {
    const message = "contract-fixture::handle_message => hi";
    expect(await answer(sha256, { operation: "handle_message", input: { input: "hi" } })).toEqual({ message });
    const payload = [...Buffer.from(`{"input":"hi"}`)];
    const envelope = { ctx: {}, flow_id: "f", node_id: "n", op: "handle_message", payload, metadata: [] };
    expect(await answer(sha256, { operation: "handle_message", input: envelope })).toEqual({ message });
    expect(await host.describe(sha256)).toMatchObject({
      name: "contract-fixture",
      version: "0.1.0",
      operations: [
        {
          name: "handle_message",
          summary: "Handle a single message input",
          inputSchema: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
        },
      ],
    });
  });

  withComponent(HANDLER_05, "keeps the code of a node 0.5", async (sha256) => {
    expect(await answer(sha256, { operation: "x", input: 1 })).toEqual({
      error: { code: "INVALID_INPUT", message: "expected object with message", retryable: false },
    });
  });

  withComponent(PROVISION, "applies a plan", async (sha256) => {
    const input = { plan: { actions: [] }, actions: [], dry_run: true };
    expect(await answer(sha256, { operation: "apply", input })).toMatchObject({ ok: true, dry_run: true, actions: [] });
  });

  withComponent(INGRESS_TELEGRAM, "takes a webhook", async (sha256) => {
    const input = { headers: [["x", "y"]], body_b64: json64({ update_id: 1 }) };
    expect(await answer(sha256, { operation: "handle-webhook", input })).toEqual({ ok: true, event: { update_id: 1 } });
  });

  withComponent(INGRESS_SLACK, "refuses a webhook that nobody signed", async (sha256) => {
    const call = { operation: "handle-webhook", input: { headers: {}, body: {} } };
    const grants = { ...NO_GRANTS, secrets: ["SLACK_SIGNING_SECRET"] };
    expect(await answer(sha256, { ...call, grants })).toEqual({
      error: { code: "COMPONENT_FAILED", message: "validation error: missing signature", retryable: false },
    });
  });

  withComponent(INGRESS_TEAMS, "shows subscriptions beside its ingress", async (sha256) => {
    const { operations } = await host.describe(sha256);
    expect(operations.map(({ name }) => name)).toEqual(["handle-webhook", "sync-subscriptions"]);
    expect(await answer(sha256, { operation: "sync-subscriptions" })).toMatchObject({
      error: { message: expect.stringMatching(/missing field `tenant_id`/) as string },
    });
  });

  withComponent(EMPTY_QA, "exports nothing, and says so when it is called", async (sha256) => {
    expect(await answer(sha256, { operation: "run" })).toMatchObject({ error: { code: "COMPONENT_ABI_UNSUPPORTED" } });
    await expect(host.describe(sha256)).rejects.toMatchObject({ code: "COMPONENT_ABI_UNSUPPORTED" });
  });

  withComponent(ECHO, "is a bare tool", async (sha256) => {
    expect(await answer(sha256, { operation: "tool-invoke", input: { a: [1] } })).toEqual({ a: [1] });
  });

  withComponent(ADAPTER, "calls the tools of a router that is linked to it", async (sha256) => {
    const router = await buildRouter();
    await host.examine(router.bytes);
    const links = [{ interface: ROUTER, sha256: router.sha256, component: "router", grants: NO_GRANTS }];
    expect(await answer(sha256, { operation: "list", links })).toMatchObject({
      result: { tools: [{ name: "greet" }] },
    });
    const input = { operation: "call", tool: "greet", arguments: { name: "Ada" } };
    expect(await answer(sha256, { operation: "call", input, links })).toMatchObject({
      ok: true,
      result: { structured_content: { greeting: "Hello, Ada!" } },
    });
    const unknown = { ...input, tool: "nope" };
    expect(await answer(sha256, { operation: "call", input: unknown, links })).toMatchObject({
      error: { code: "MCP_TOOL_ERROR", details: { error: { status: 404, tool: "nope" } } },
    });
  });
});
