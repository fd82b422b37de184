import { describe, expect, test } from "vitest";
import { failing, settle } from "../../src/runner/runtime-fixture.ts";
import type { ServedFlows } from "../stand-ins/served-flows.ts";
import { initialize, serveFlows } from "../stand-ins/served-flows.ts";
import { verifies } from "../verifies.ts";

const COUNTING = `
id: count
type: job
offer: { tool: count, description: Counts, input: { type: object } }
nodes:
  work: { component.exec: { component: counter, operation: add, input: "{{in.value}}" }, routing: [{ on: error, to: failed }, { to: say }] }
  say: { message.send: { text: "Counted {{work.count}}" }, routing: out }
  failed: { message.send: { text: "Not counted" }, routing: out }
`;
const ASKING = `
id: book
type: job
offer: { tool: book, description: Books, input: { type: object } }
nodes:
  ask:
    qa:
      questions:
        - { id: flow, prompt: Which flow?, validate: { min_length: 3 } }
        - { id: seats, prompt: How many seats?, type: integer }
    routing: [{ status: cancelled, to: bye }, { to: done }]
  done: { flow.return: { value: { flow: "{{ask.answers.flow}}", seats: "{{ask.answers.seats}}" } } }
  bye: { message.send: { text: Nothing booked }, routing: out }
`;
const SECRET = `
id: secret
type: messaging
entrypoints: { default: say, "command:/secret": say }
nodes:
  say: { message.send: { text: The secret }, routing: out }
`;

const sessionIn = ({ _meta }: { readonly _meta?: Record<string, unknown> | undefined }): string =>
  (_meta?.["greentic.ai/session"] as { readonly session?: string } | undefined)?.session ?? "";
const textIn = (result: unknown): string =>
  ((result as { content?: readonly { text?: string }[] }).content ?? []).map(({ text = "" }) => text).join("\n");
const called = (name: string, args: Record<string, unknown> = {}): Record<string, unknown> => ({
  method: "tools/call",
  params: { name, arguments: args },
});

test("a request that is repeated within its session runs its flow once", async () => {
  verifies("mcp.serve.once");
  let count = 0;
  await using served = await serveFlows(
    { flows: { count: COUNTING }, components: { counter: "" } },
    { component: () => ({ count: ++count }) },
  );
  const post = await served.session();
  const first = await post({ id: 1, ...called("count") });
  expect(textIn(first["result"])).toBe("Counted 1");
  expect(await post({ id: 1, ...called("count") })).toEqual(first);
  expect(textIn((await post({ id: 2, ...called("count") }))["result"])).toBe("Counted 2");
  // Another session's request of the same id is another call.
  const other = await served.session();
  expect(textIn((await other({ id: 1, ...called("count") }))["result"])).toBe("Counted 3");
  // Requests without a session can name themselves.
  const modern = await served.connect({ versionNegotiation: { mode: { pin: "2026-07-28" } } });
  const named = { name: "count", arguments: {}, _meta: { "greentic.ai/idempotency-key": "order-17" } };
  expect(textIn(await modern.callTool(named))).toBe("Counted 4");
  expect(textIn(await modern.callTool(named))).toBe("Counted 4");
  expect(textIn(await modern.callTool({ name: "count", arguments: {} }))).toBe("Counted 5");
  expect(count).toBe(5);
});

test("a call that is called off ends its turn and leaves nothing behind", async () => {
  verifies("mcp.serve.cancel");
  let calls = 0;
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  await using served = await serveFlows(
    { flows: { count: COUNTING }, components: { counter: "" } },
    {
      component: () => {
        calls++;
        begin();
        return new Promise<never>(() => undefined);
      },
    },
  );
  const client = await served.connect();
  const off = new AbortController();
  const call = client.callTool({ name: "count", arguments: {} }, { signal: off.signal });
  await begun;
  off.abort("no longer wanted");
  await expect(call).rejects.toThrow();
  await settle();
  await served.world.advance(600_000);
  expect(calls).toBe(1);
  expect(await served.store.list({})).toEqual([]);
  expect(await served.store.listDeadLetters({})).toEqual([]);
  expect(served.errors).toEqual([]);
});

describe.each(["2025-11-25", "2026-07-28"])("with a client of %s", (version) => {
  const negotiation = version === "2025-11-25" ? {} : { versionNegotiation: { mode: { pin: version } } as const };
  const asking = async (served: ServedFlows, answers: readonly Record<string, unknown>[]) => {
    const client = await served.connect({ capabilities: { elicitation: { form: {} } }, ...negotiation });
    const asked: unknown[] = [];
    client.setRequestHandler("elicitation/create", ({ params }) => {
      const { message, requestedSchema } = params as { message: string; requestedSchema?: unknown };
      asked.push({ message, requestedSchema });
      return answers[asked.length - 1] as { action: "accept" };
    });
    return { client, asked };
  };

  test("what a flow asks is a form of all that is open, asked again with the reason where an answer isn't valid", async () => {
    await using served = await serveFlows({ flows: { book: ASKING } });
    const { client, asked } = await asking(served, [
      { action: "accept", content: { flow: "it", seats: 2 } },
      { action: "accept", content: { flow: "secret" } },
    ]);
    const result = await client.callTool({ name: "book", arguments: {} });
    expect(result.structuredContent).toEqual({ flow: "secret", seats: 2 });
    expect(asked).toEqual([
      {
        message: "Which flow?",
        requestedSchema: {
          type: "object",
          properties: {
            flow: { type: "string", description: "Which flow?", minLength: 3 },
            seats: { type: "integer", description: "How many seats?" },
          },
          required: ["flow", "seats"],
        },
      },
      expect.objectContaining({ message: expect.stringMatching(/3.*\nWhich flow\?/) as string }),
    ]);
  });

  test("what continues a call may be asked in turn", async () => {
    await using served = await serveFlows({ flows: { book: ASKING } });
    const plain = await served.connect(negotiation);
    const session = sessionIn(await plain.callTool({ name: "book", arguments: {} }));
    const { client, asked } = await asking(served, [{ action: "accept", content: { seats: 3 } }]);
    const result = await client.callTool({
      name: "continue_session",
      arguments: { session, answers: { flow: "one" } },
    });
    expect(result.structuredContent).toEqual({ flow: "one", seats: 3 });
    expect(asked).toHaveLength(1);
  });

  test("who turns a question down ends it", async () => {
    await using served = await serveFlows({ flows: { book: ASKING } });
    const { client } = await asking(served, [{ action: "decline" }]);
    expect(textIn(await client.callTool({ name: "book", arguments: {} }))).toBe("Nothing booked");
    expect(await served.store.list({})).toEqual([]);
  });

  test("progress tells of every node", async () => {
    await using served = await serveFlows(
      { flows: { count: COUNTING }, components: { counter: "" } },
      { component: () => ({ count: 1 }) },
    );
    const { client } = await asking(served, []);
    const told: unknown[] = [];
    await client.callTool(
      { name: "count", arguments: {} },
      { onprogress: ({ progress, message }) => told.push([progress, message]) },
    );
    expect(told).toEqual([
      [1, "count: work"],
      [2, "count: say"],
    ]);
  });
});

test("a caller's arguments and answers choose neither flow nor node", async () => {
  verifies("mcp.serve.confined");
  await using served = await serveFlows({ flows: { book: ASKING, secret: SECRET } });
  const client = await served.connect();
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["book", "continue_session"]);
  await expect(client.callTool({ name: "secret", arguments: {} })).rejects.toThrow(/Unknown tool/);
  const steering = { flow: "secret", text: "/secret", nextCardId: "done", tenant: "globex", team: "other" };
  const waiting = await client.callTool({ name: "book", arguments: steering });
  expect(textIn(waiting)).toMatch(/^Which flow\?/);
  const session = sessionIn(waiting);
  const again = await client.callTool({
    name: "continue_session",
    arguments: { session, answers: { ...steering, node: "done" } },
  });
  expect(textIn(again)).toMatch(/^How many seats\?/);
  const [kept] = await served.store.list({});
  expect(kept?.key).toMatch(/^test:acme:default:mcp:/);
  expect(kept?.session?.cursor).toEqual({ flow: "book", node: "ask" });
});

test("arguments are bounded in depth and size like all JSON from outside", async () => {
  await using served = await serveFlows({ flows: { book: ASKING } });
  const client = await served.connect();
  let deep: unknown = 1;
  for (let depth = 0; depth < 100; depth++) deep = [deep];
  const refused = await client.callTool({ name: "book", arguments: { deep } });
  expect(refused).toMatchObject({ isError: true, _meta: { "greentic.ai/error": { code: "TYPES_JSON_TOO_DEEP" } } });
  const proto = JSON.parse('{ "__proto__": { "flow": "it" }, "constructor": 1 }') as Record<string, unknown>;
  expect(textIn(await client.callTool({ name: "book", arguments: proto }))).toMatch(/^Which flow\?/);
});

test("errors tell their code and what the flow says, never what happened inside", async () => {
  const flows = {
    fails: `
id: fails
type: job
on_failure: It didn't work
offer: { tool: fails, input: { type: object } }
nodes: { work: { component.exec: { component: broken, operation: go } } }
`,
    promises: `
id: promises
type: job
offer: { tool: promises, input: { type: object }, output: { type: object, properties: { n: { type: integer } }, required: [n] } }
nodes: { back: { flow.return: { value: { n: "{{in.n}}" } } } }
`,
  };
  await using served = await serveFlows(
    { flows, components: { broken: "" } },
    { component: async () => failing("BROKEN_PIPE", false) },
  );
  const client = await served.connect();
  const failed = await client.callTool({ name: "fails", arguments: {} });
  expect(failed).toMatchObject({
    isError: true,
    _meta: { "greentic.ai/error": { code: "BROKEN_PIPE" } },
  });
  expect(textIn(failed)).toBe("It didn't work (BROKEN_PIPE)");
  expect((await client.callTool({ name: "promises", arguments: { n: 3 } })).structuredContent).toEqual({ n: 3 });
  const broken = await client.callTool({ name: "promises", arguments: { n: "three" } });
  expect(broken.isError).toBe(true);
  expect(textIn(broken)).toMatch(/MCP_OUTPUT_INVALID/);
});

test("a client that listens is told of the resources that it named", async () => {
  const resource = (text: string): string =>
    `id: news\ntype: job\noffer: { resource: "news://today" }\nnodes: { say: { message.send: { text: ${text} } } }\n`;
  await using served = await serveFlows({ flows: { news: resource("Old") } });
  const client = await served.connect({ versionNegotiation: { mode: { pin: "2026-07-28" } } });
  const told: string[] = [];
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void told.push(params.uri));
  client.setNotificationHandler("notifications/tools/list_changed", () => void told.push("tools"));
  const listening = await client.listen({ toolsListChanged: true, resourceSubscriptions: ["news://today"] });
  await served.load({ flows: { news: resource("New") } });
  await expect.poll(() => told.toSorted()).toEqual(["news://today", "tools"]);
  await listening.close();
});

test("who calls off a question ends what waits for it", async () => {
  verifies("mcp.serve.cancel");
  await using served = await serveFlows({ flows: { book: ASKING } });
  const client = await served.connect({ capabilities: { elicitation: { form: {} } } });
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  client.setRequestHandler("elicitation/create", () => {
    ask();
    return new Promise<never>(() => undefined);
  });
  const off = new AbortController();
  const call = client.callTool({ name: "book", arguments: {} }, { signal: off.signal });
  await asked;
  expect(await served.store.list({})).toHaveLength(1);
  off.abort("no longer wanted");
  await expect(call).rejects.toThrow();
  await expect.poll(() => served.store.list({})).toEqual([]);
});

test("a call that is called off after it was answered leaves nothing that waits", async () => {
  const flow = COUNTING.replace("nodes:", "start: ask\nnodes:\n  ask: { session.wait: {}, routing: [{ to: work }] }");
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const component = (): Promise<never> => {
    begin();
    return new Promise(() => undefined);
  };
  await using served = await serveFlows({ flows: { count: flow }, components: { counter: "" } }, { component });
  const client = await served.connect({ capabilities: { elicitation: { form: {} } } });
  const asked: string[] = [];
  client.setRequestHandler("elicitation/create", ({ params }) => {
    asked.push(params.message);
    return { action: "accept", content: { reply: "go" } };
  });
  const off = new AbortController();
  const call = client.callTool({ name: "count", arguments: {} }, { signal: off.signal });
  await begun;
  expect(asked).toEqual(["An answer is needed to go on"]);
  off.abort("no longer wanted");
  await expect(call).rejects.toThrow();
  await expect.poll(() => served.store.list({})).toEqual([]);
  expect(await served.store.listDeadLetters({})).toEqual([]);
});

test("an answer that comes again long after answers nothing else", async () => {
  await using served = await serveFlows({ flows: { book: ASKING } });
  const client = await served.connect({ versionNegotiation: { mode: { pin: "2026-07-28" } } });
  const first = sessionIn(await client.callTool({ name: "book", arguments: {} }));
  const answer = { name: "continue_session", arguments: { session: first, answers: { flow: "one" } } };
  expect(textIn(await client.callTool(answer))).toMatch(/^How many seats\?/);
  await served.world.advance(2 * 86_400_000);
  const late = { ...answer, arguments: { session: first, answers: { seats: 7 } } };
  expect(textIn(await client.callTool(late))).toMatch(/^How many seats\?/);
  expect((await served.store.list({}))[0]?.session?.cursor?.node).toBe("ask");
});

test("a pack that comes or changes is told: lists, and resources that somebody watches", async () => {
  const resource = (text: string): string =>
    `id: news\ntype: job\noffer: { resource: "news://today", mime_type: text/plain }\nnodes: { say: { message.send: { text: ${text} } } }\n`;
  await using served = await serveFlows({ flows: { news: resource("Old") } });
  const client = await served.connect();
  const told: string[] = [];
  for (const method of ["tools", "prompts", "resources"] as const)
    client.setNotificationHandler(`notifications/${method}/list_changed`, () => void told.push(method));
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void told.push(params.uri));
  await client.subscribeResource({ uri: "news://today" });
  await expect(client.subscribeResource({ uri: "news://never" })).rejects.toThrow();
  await served.load({ flows: { news: resource("New"), count: COUNTING.replace("counter", "none") } });
  await expect.poll(() => told.toSorted()).toEqual(["news://today", "prompts", "resources", "tools"]);
  expect((await client.readResource({ uri: "news://today" })).contents).toEqual([
    { uri: "news://today", mimeType: "text/plain", text: "New" },
  ]);
  expect((await client.listTools()).tools[0]?.name).toBe("count");
});

test("a tool without a schema takes the flow's parameters", async () => {
  const flow = `
id: convert
type: job
parameters: { units: celsius, digits: 1 }
offer: { tool: convert }
nodes: { back: { flow.return: { value: { units: "{{parameters.units}}", digits: "{{parameters.digits}}" } } } }
`;
  await using served = await serveFlows({ flows: { convert: flow } });
  const client = await served.connect();
  expect((await client.listTools()).tools[0]?.inputSchema).toMatchObject({
    properties: { units: { default: "celsius" } },
  });
  const result = await client.callTool({ name: "convert", arguments: { units: "kelvin" } });
  expect(result.structuredContent).toEqual({ units: "kelvin", digits: 1 });
  expect(textIn(await client.callTool({ name: "convert", arguments: { unit: "kelvin" } }))).toMatch(
    /MCP_INPUT_INVALID/,
  );
});

test("over HTTP only this machine's programs get in, within limits", async () => {
  verifies("mcp.serve.http");
  let nowMs = 0;
  await using served = await serveFlows(
    { flows: { secret: SECRET } },
    { http: { maxSessions: 2, idleMs: 1_000, maxBodyBytes: 2_000 }, nowMs: () => nowMs },
  );
  const statusOf = async (init: Parameters<ServedFlows["fetch"]>[0]): Promise<number> => {
    const response = await served.fetch(init);
    await response.body?.cancel();
    return response.status;
  };
  expect(await statusOf({ headers: { host: "evil.example" }, body: initialize() })).toBe(403);
  expect(await statusOf({ headers: { origin: "https://evil.example" }, body: initialize() })).toBe(403);
  expect(await statusOf({ body: "x".repeat(3_000) })).toBe(413);
  expect(await statusOf({ headers: { "mcp-session-id": "guessed" }, body: initialize() })).toBe(404);
  expect(await statusOf({ method: "GET" })).toBe(400);
  // What opens no session takes no place.
  expect(await statusOf({ body: { jsonrpc: "2.0", id: 1, method: "tools/list" } })).toBe(400);
  expect(await statusOf({ headers: { origin: "http://localhost:3000" }, body: initialize() })).toBe(200);
  const { headers } = await served.fetch({ body: initialize() });
  expect(headers.get("mcp-session-id")).toMatch(/^[0-9a-f]{48}$/);
  expect(await statusOf({ body: initialize() })).toBe(503);
  nowMs += 1_001;
  expect(await statusOf({ body: initialize() })).toBe(200);
  expect(
    await statusOf({ headers: { "mcp-session-id": headers.get("mcp-session-id") ?? "" }, body: initialize() }),
  ).toBe(404);
});

test("where a token is set, nobody gets in without it", async () => {
  await using served = await serveFlows(
    { flows: { secret: SECRET } },
    { http: { tokens: async () => ["s3cret"], needsToken: true } },
  );
  for (const authorization of ["", "Bearer", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret"]) {
    const response = await served.fetch({ headers: { authorization }, body: initialize() });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
  }
  expect((await served.fetch({ headers: { authorization: "Bearer s3cret" }, body: initialize() })).status).toBe(200);
});
