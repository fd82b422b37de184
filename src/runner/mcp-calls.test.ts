import { expect, test } from "vitest";
import { createMcpProvider, receiveMcp } from "../messaging/index.ts";
import type { JsonObject } from "../types/index.ts";
import { channelId } from "../types/index.ts";
import type { TurnReport } from "./runtime.ts";
import type { PackFiles, TestRuntime } from "./runtime-fixture.ts";
import { ENV, makePack, openTestRuntime, settle, TEAM, TENANT } from "./runtime-fixture.ts";

const provider = createMcpProvider({ env: ENV, tenant: TENANT, team: TEAM, channel: channelId("mcp") });

interface Call {
  readonly fields?: JsonObject;
  readonly text?: string;
  readonly canSample?: boolean;
  readonly isDeclined?: boolean;
  readonly isAnswer?: boolean;
  readonly signal?: AbortSignal;
}

interface Called extends TestRuntime {
  readonly call: (flow: string, call?: Call) => Promise<TurnReport>;
}

async function open(files: PackFiles, component?: () => never | Promise<never>): Promise<Called> {
  const opened = await openTestRuntime({
    pack: await makePack(files),
    providers: [provider],
    ...(component && { component }),
  });
  let count = 0;
  return {
    ...opened,
    call: (flow, { fields = {}, canSample = false, isDeclined = false, isAnswer = false, text, signal } = {}) =>
      opened.runtime.request(
        provider,
        receiveMcp(provider.address, {
          conversation: "c",
          id: `${++count}`,
          fields,
          canSample,
          isDeclined,
          ...(text !== undefined && { text }),
        }),
        {
          timeoutMs: 1_000_000,
          choice: { isFixed: true, ...(isAnswer ? { isAnswer } : { flow }) },
          ...(signal && { signal }),
        },
      ),
  };
}

const textsOf = ({ reply }: TurnReport): readonly (string | undefined)[] => reply.map(({ text }) => text);

const SAMPLE = `
id: sample
type: job
nodes:
  ask:
    mcp.sample: { prompt: "Sum up {{in.topic}}", system: Be brief, max_tokens: 50, models: [small], expires: 1h }
    routing: [{ status: unavailable, to: none }, { status: declined, to: no }, { status: expired, to: late }, { to: say }]
  say: { message.send: { text: "{{ask.text}} ({{ask.model}})" }, routing: out }
  none: { message.send: { text: none }, routing: out }
  no: { message.send: { text: declined }, routing: out }
  late: { message.send: { text: late }, routing: out }
`;

test("mcp.sample asks the caller's model and goes on with its answer", async () => {
  const { call } = await open({ flows: { sample: SAMPLE } });
  const asked = await call("sample", { fields: { topic: "rain" }, canSample: true });
  expect(asked).toMatchObject({ status: "waiting", waitingAt: "ask", reply: [] });
  expect(asked.asks).toEqual({
    kind: "model",
    request: {
      messages: [{ role: "user", content: { type: "text", text: "Sum up rain" } }],
      maxTokens: 50,
      systemPrompt: "Be brief",
      modelPreferences: { hints: [{ name: "small" }] },
    },
  });
  const fields = { text: "Wet", model: "tiny", stop_reason: "endTurn" };
  expect(textsOf(await call("", { isAnswer: true, canSample: true, fields }))).toEqual(["Wet (tiny)"]);
});

test("mcp.sample is unavailable where nobody lends a model, and can be declined", async () => {
  const { call, texts } = await open({ flows: { sample: SAMPLE } });
  expect(textsOf(await call("sample"))).toEqual(["none"]);
  expect(await texts("hi", { choice: { flow: "sample" } })).toEqual(["none"]);
  await call("sample", { canSample: true });
  expect(textsOf(await call("", { isAnswer: true, isDeclined: true }))).toEqual(["declined"]);
});

test("an answer to a conversation that has ended starts nothing, and nothing is kept of one", async () => {
  const { call, store } = await open({ flows: { sample: SAMPLE } });
  await call("sample");
  expect(await store.list({})).toEqual([]);
  const late = await call("", { isAnswer: true, fields: { flow: "sample" }, canSample: true });
  expect(late).toMatchObject({ status: "error", error: { code: "RUNNER_WAIT_OVER" } });
});

test("a wait tells its form: bounds, titles, several choices and a field's own keywords", async () => {
  const flow = `
id: form
type: job
nodes:
  ask:
    qa:
      questions:
        - { id: mail, prompt: Mail, validate: { min_length: 5, max_length: 80 }, schema: { format: email } }
        - { id: age, prompt: Age, type: integer, validate: { min: 1, max: 120 }, required: false }
        - { id: day, prompt: Day, type: date, default: today }
        - { id: sizes, prompt: Sizes, type: choice, multiple: true, choices: [S, M, L] }
        - { id: colour, prompt: Colour, type: choice, choices: [{ value: r, title: Red }, { value: 3, title: Three }] }
  say: { message.send: { text: "{{json ask.answers}}" } }
`.replace("  say:", "    routing: [{ to: say }]\n  say:");
  const { call } = await open({ flows: { form: flow } });
  const asked = await call("form", { fields: {} });
  expect(asked.asks).toEqual({
    kind: "form",
    schema: {
      type: "object",
      properties: {
        mail: { type: "string", description: "Mail", minLength: 5, maxLength: 80, format: "email" },
        age: { type: "integer", description: "Age", minimum: 1, maximum: 120 },
        day: { type: "string", description: "Day", default: "today" },
        sizes: { type: "array", items: { type: "string", enum: ["S", "M", "L"] }, description: "Sizes" },
        colour: {
          type: "string",
          oneOf: [
            { const: "r", title: "Red" },
            { const: "3", title: "Three" },
          ],
          description: "Colour",
        },
      },
      required: ["mail", "sizes", "colour"],
    },
  });
  const fields = { mail: "ada@example.com", age: null, day: "2026-03-07", sizes: ["M", "s", "M"], colour: "3" };
  const done = await call("", { isAnswer: true, fields });
  expect(textsOf(done)).toEqual([
    JSON.stringify({ mail: "ada@example.com", age: null, day: "2026-03-07", sizes: ["M", "S"], colour: 3 }),
  ]);
});

test("an answer with several choices is a text with commas where people write", async () => {
  const flow = `
id: form
type: messaging
nodes:
  ask:
    qa: { questions: [{ id: sizes, prompt: Sizes, type: choice, multiple: true, choices: [S, M, L] }] }
    routing: [{ to: say }]
  say: { message.send: { text: "{{json ask.answers.sizes}}" }, routing: out }
`;
  const { call } = await open({ flows: { form: flow } });
  await call("form");
  expect((await call("", { isAnswer: true, text: "s, XL" })).status).toBe("waiting");
  expect(textsOf(await call("", { isAnswer: true, text: "l; M" }))).toEqual(['["L","M"]']);
});

test("message.send attaches an asset's bytes", async () => {
  const flow = (asset: string): string =>
    `id: send\ntype: job\nnodes: { say: { message.send: { attachments: [{ asset: ${asset} }, { mime_type: text/html, url: "https://a.example" }] } } }\n`;
  const files = { assets: { "note.txt": "hello" } };
  const { call } = await open({ ...files, flows: { send: flow("assets/note.txt") } });
  expect((await call("send")).reply[0]?.attachments).toEqual([
    { mime_type: "text/plain", url: "data:text/plain;base64,aGVsbG8=", name: "note.txt", size_bytes: 5 },
    { mime_type: "text/html", url: "https://a.example" },
  ]);
  const missing = await open({ ...files, flows: { send: flow("assets/other.txt") } });
  expect(await missing.call("send")).toMatchObject({ status: "error", error: { code: "RUNNER_ASSET_MISSING" } });
});

test("a turn that is called off ends where it is, its session stays as it was", async () => {
  const flow = `
id: work
type: job
nodes:
  ask: { session.wait: {}, routing: [{ to: work }] }
  work: { component.exec: { component: slow, operation: go } }
`;
  let calls = 0;
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const opened = await open({ flows: { work: flow }, components: { slow: "" } }, () => {
    calls++;
    begin();
    return new Promise<never>(() => undefined);
  });
  await opened.call("work");
  const off = new AbortController();
  const turn = opened.call("", { isAnswer: true, text: "go", signal: off.signal });
  await begun;
  off.abort();
  expect(await turn).toMatchObject({ status: "error", error: { code: "RUNNER_TURN_CANCELLED" } });
  await settle();
  await opened.world.advance(60_000);
  expect(calls).toBe(1);
  const [session] = await opened.store.list({});
  expect(session).toMatchObject({ unread: 0, session: { cursor: { node: "ask" } } });
  expect(await opened.store.listDeadLetters({})).toEqual([]);
  expect(opened.errors).toEqual([]);
  await expect(opened.call("work", { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "RUNNER_TURN_CANCELLED",
  });
});

test("a pack whose flows offer the same doesn't load", async () => {
  const offering = (id: string): string =>
    `id: ${id}\ntype: job\noffer: { tool: book }\nnodes: { say: { message.send: { text: hi } } }\n`;
  const flows = { one: offering("one"), two: offering("two") };
  await expect(open({ flows })).rejects.toMatchObject({
    code: "RUNNER_OFFER_DUPLICATE",
    at: { file: "flows/two.ygtc", line: 3, column: 16 },
  });
});
