import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildPack } from "../../pack/index.ts";
import type { Pack } from "../../pack/index.ts";
import { openAnyPack } from "../check-pack.ts";
import { probeComponent } from "../full-checks.ts";
import { readConversation } from "./read-conversation.ts";
import type { ConversationReport } from "./run-conversation.ts";
import { runConversation } from "./run-conversation.ts";
import { verifies } from "../../../test/verifies.ts";

const FLOW = `id: main
type: messaging
nodes:
  call:
    tool.invoke: { tool: price, input: { item: "{{in.text}}" } }
    routing: [{ on: error, to: sorry }, { to: say }]
  say:
    message.send: { text: "{{call.result.price}} on {{now.date}}", card: { type: AdaptiveCard, version: "1.5", body: [{ type: TextBlock, text: "{{in.text}}" }] } }
    routing: [{ to: wait }]
  wait:
    session.wait: { reason: more }
    routing: [{ to: end }]
  end: { message.send: { text: "{{in.metadata.color}}" }, routing: out }
  sorry: { message.send: { text: "no price: {{call.error.code}}" }, routing: out }
`;

async function makePack(): Promise<Pack> {
  const root = mkdtempSync(join(tmpdir(), "greentic-conversation-"));
  const write = (path: string, text: string): void => writeFileSync(join(root, path), text);
  for (const folder of ["flows", "assets"]) mkdirSync(join(root, folder));
  write(
    "pack.toml",
    '[pack]\nname = "shop"\nversion = "1.0.0"\ndescription = "x"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n[flows]\nmain = "flows/main.ygtc"\n[assets]\nmap = "assets/toolmap.json"\n',
  );
  write("flows/main.ygtc", FLOW);
  write("assets/toolmap.json", '{"tools":[{"name":"price","http":{"url":"https://prices.example/{item}"}}]}');
  return openAnyPack((await buildPack(root, { probeComponent })).bytes, 0);
}

const pack = await makePack();
const run = (source: string): Promise<ConversationReport> =>
  runConversation(readConversation(source, "x.test.yaml"), { pack, timeoutMs: 10_000 });
const HEAD = `clock: 2026-03-05T10:00:00Z\nstubs: { price: [{ when: { item: tea }, result: { price: 3, tags: [a] } }, { when: { item: gone }, error: { code: SOLD_OUT } }] }\nsteps:\n`;

test("runConversation() runs a conversation with stubs at its clock", async () => {
  verifies("flow.test");
  expect(
    await run(`${HEAD}  - says: tea
    expects: { text: { equals: 3 on 2026-03-05, matches: "^3" }, card: { body: [{ text: tea }] }, status: waiting, waiting: wait }
  - submits: { color: green }
    expects: { text: [green], status: done, messages: 1, card: false }
  - says: gone
    expects: { text: { contains: no price }, status: done }
`),
  ).toEqual({ steps: 3, failures: [] });
});

test.each<[string, string, number]>([
  ["{ text: nothing }", "text differs", 5],
  ["{ text: [3 on 2026-03-05, more] }", "text differs", 5],
  ["{ card: coffee }", "card differs", 5],
  ["{ card: false }", "card differs", 5],
  ["{ card: { body: [] } }", "card differs", 5],
  ["{ status: done }", "status differs", 5],
  ["{ waiting: say }", "waiting differs", 5],
  ["{ messages: 2 }", "messages differs", 5],
  ["{ error: X }", "error differs", 5],
])("runConversation() says what differs from %s", async (expects, message, line) => {
  verifies("flow.test");
  expect(await run(`${HEAD}  - says: tea\n    expects: ${expects}\n`)).toMatchObject({
    steps: 1,
    failures: [{ step: 1, message, at: { file: "x.test.yaml", line } }],
  });
});

test("runConversation() says which call no stub is for, and reaches no network", async () => {
  verifies("flow.test.confined");
  const unmatched = await run(`${HEAD}  - says: coffee\n`);
  expect(unmatched.failures).toMatchObject([
    {
      step: 1,
      message: expect.stringContaining('no case of the stub "price"'),
      got: '{"item":"coffee"}',
      at: { line: 2 },
    },
  ]);
  const missing = await run("steps: [{ says: tea }]\n");
  expect(missing.failures).toMatchObject([{ message: 'tool "price" needs the network and has no stub' }]);
});

test.each([
  ["steps: []", 1],
  ["steps: [{ says: a, submits: {} }]", 1],
  ["steps:\n  - says: a\n    expects: { text: { matches: '(' } }", 3],
  ["clock: yesterday\nsteps: [{ says: a }]", 1],
  ["steps: [{ says: a }]\nstubs: { price: [{ result: 1, error: { code: X } }] }", 2],
  ["steps: [{ says: a }]\nstubs: { prise: [{ result: 1 }] }", 2],
  ["steps: [", 1],
])("a conversation that makes no sense is refused with its place: %s", async (source, line) => {
  verifies("flow.test");
  await expect((async () => run(source))()).rejects.toMatchObject({ code: "CLI_TEST_INVALID", at: { line } });
});

/** A pack of one flow. */
async function packOf(flow: string): Promise<Pack> {
  const root = mkdtempSync(join(tmpdir(), "greentic-conversation-"));
  mkdirSync(join(root, "flows"));
  writeFileSync(
    join(root, "pack.toml"),
    '[pack]\nname = "chat"\nversion = "1.0.0"\ndescription = "x"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n[flows]\nmain = "flows/main.ygtc"\n',
  );
  writeFileSync(join(root, "flows/main.ygtc"), `id: main\ntype: messaging\nnodes:\n${flow}`);
  return openAnyPack((await buildPack(root, { probeComponent })).bytes, 0);
}

async function hold(chat: Pack, source: string): Promise<ConversationReport> {
  return runConversation(readConversation(source, "x.test.yaml"), { pack: chat, timeoutMs: 10_000 });
}

test("runConversation() lets a stub answer in the place of a model, and has none without it", async () => {
  verifies("llm.stub");
  const chat = await packOf(`  ask:
    llm.chat: { prompt: "{{in.text}}", optional: true, fallback: none }
    routing: [{ on: error, to: failed }, { to: say }]
  say: { message.send: { text: "{{ask.result}}" }, routing: out }
  failed: { message.send: { text: "{{ask.error.code}}" }, routing: out }
`);
  const talk = `stubs: { llm.chat: [{ when: { prompt: hi }, result: hello }, { error: { code: LLM_REFUSED } }] }
steps: [{ says: hi, expects: { text: hello } }, { says: bad, expects: { text: LLM_REFUSED } }]
`;
  expect(await hold(chat, talk)).toEqual({ steps: 2, failures: [] });
  expect(await hold(chat, "steps: [{ says: hi, expects: { text: none } }]\n")).toEqual({ steps: 1, failures: [] });
});

test("runConversation() lets a stub consent in the place of a person, and fails where none does", async () => {
  verifies("flow.test.outside");
  const chat = await packOf(`  connect:
    oauth.connect: { provider: "{{in.text}}" }
    routing: [{ status: connected, to: yes }, { status: denied, to: no }, { status: expired, to: late }]
  yes: { message.send: { text: "{{connect.provider}} {{connect.connected}}" }, routing: out }
  no: { message.send: { text: "no: {{connect.error}}" }, routing: out }
  late: { message.send: { text: too late }, routing: out }
`);
  const talk = `stubs:
  oauth.connect:
    - { when: { provider: google }, result: connected }
    - { when: { provider: slow }, result: expired }
    - { when: { provider: never }, result: denied }
    - { error: { code: OAUTH_CONSENT_DENIED } }
steps:
  - { says: google, expects: { text: google true, status: done } }
  - { says: slow, expects: { text: too late } }
  - { says: never, expects: { text: "no: " } }
  - { says: microsoft, expects: { text: "no: OAUTH_CONSENT_DENIED" } }
`;
  expect(await hold(chat, talk)).toEqual({ steps: 4, failures: [] });
  expect((await hold(chat, "steps: [{ says: google }]\n")).failures).toMatchObject([
    { message: "an account has no stub that connects it", got: '{"provider":"google"}' },
  ]);
  await expect(
    hold(chat, "stubs:\n  oauth.connect:\n    - result: conected\nsteps: [{ says: google }]\n"),
  ).rejects.toMatchObject({
    code: "CLI_TEST_INVALID",
    message: 'Read conversation: expected oauth.connect to end with connected, denied, expired, got "conected"',
    at: { line: 3 },
  });
});

test("runConversation() lets a stub answer in the place of an MCP client's model, and has none without it", async () => {
  verifies("flow.test.outside");
  const chat = await packOf(`  ask:
    mcp.sample: { prompt: "{{in.text}}" }
    routing: [{ status: ok, to: say }, { status: declined, to: declined }, { to: none }]
  say: { message.send: { text: "{{ask.text}} by {{ask.model}}" }, routing: out }
  declined: { message.send: { text: declined }, routing: out }
  none: { message.send: { text: none }, routing: out }
`);
  const talk = `stubs:
  mcp.sample:
    - { when: { prompt: hi }, result: hello }
    - { when: { prompt: who }, result: { text: me, model: small } }
    - { error: { code: DECLINED } }
steps:
  - { says: hi, expects: { text: "hello by " } }
  - { says: who, expects: { text: me by small } }
  - { says: no, expects: { text: declined } }
`;
  expect(await hold(chat, talk)).toEqual({ steps: 3, failures: [] });
  expect(await hold(chat, "steps: [{ says: hi, expects: { text: none } }]\n")).toEqual({ steps: 1, failures: [] });
});
