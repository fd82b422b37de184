import { expect, test } from "vitest";
import type { Pack } from "../pack/index.ts";
import { teamId, tenantId } from "../types/index.ts";
import { consoleChannel, ENV, makePack, openTestRuntime, TEAM, TENANT } from "./runtime-fixture.ts";
import { verifies } from "../../test/verifies.ts";

const saying = (id: string, text: string, head = "type: messaging"): string =>
  `id: ${id}\n${head}\nnodes:\n  say: { message.send: { text: "${text}" }, routing: out }\n`;
const packOf = (flows: Readonly<Record<string, string>>, name = "app", version = "1.0.0"): Promise<Pack> =>
  makePack({ name, version, flows });
const scope = { env: ENV, tenant: TENANT };

test("the app's default_flow goes first", async () => {
  const pack = await packOf({ default: saying("default", "default"), other: saying("other", "other") });
  const { texts } = await openTestRuntime({ apps: [{ scope, pack, defaultFlow: "other" }] });
  expect(await texts("hi")).toEqual(["other"]);
});

test("else the flow named default, else the only messaging flow, else the one tagged default", async () => {
  const named = await openTestRuntime({
    pack: await packOf({ default: saying("default", "named"), b: saying("b", "b") }),
  });
  expect(await named.texts("hi")).toEqual(["named"]);
  const only = await openTestRuntime({
    pack: await packOf({ a: saying("a", "only"), hook: saying("hook", "hook", "type: webhook") }),
  });
  expect(await only.texts("hi")).toEqual(["only"]);
  const tagged = await openTestRuntime({
    pack: await packOf({
      a: saying("a", "a"),
      b: saying("b", "tagged", "type: messaging\ntags: [default]"),
      c: saying("c", "c"),
    }),
  });
  expect(await tagged.texts("hi")).toEqual(["tagged"]);
});

test("without a default the person gets a clear answer and the operator the code", async () => {
  const { say, events } = await openTestRuntime({ pack: await packOf({ a: saying("a", "a"), b: saying("b", "b") }) });
  const report = await say("hi", { locale: "es" });
  expect(report).toMatchObject({ status: "error", error: { code: "RUNNER_FLOW_UNRESOLVED" } });
  expect(report.reply[0]?.text).toBe("Lo siento, aquí todavía no hay nada preparado para responder.");
  expect(events).toContainEqual(expect.objectContaining({ kind: "warning", code: "RUNNER_FLOW_UNRESOLVED" }));
  const none = await openTestRuntime({ apps: [] });
  expect((await none.say("hi")).reply[0]?.text).toBe("Sorry, nothing is set up to answer here yet.");
});

test("a default_flow that isn't there is an error, not another flow", async () => {
  const pack = await packOf({ default: saying("default", "default") });
  const { say } = await openTestRuntime({ apps: [{ scope, pack, defaultFlow: "gone" }] });
  expect((await say("hi")).error?.code).toBe("RUNNER_FLOW_UNRESOLVED");
});

test("a team's own pack goes before its tenant's", async () => {
  verifies("message.router", "tenancy.hierarchy");
  const shared = await packOf({ default: saying("default", "tenant") });
  const own = await packOf({ default: saying("default", "team") });
  const other = await packOf({ default: saying("default", "other team") });
  const { texts } = await openTestRuntime({
    apps: [
      { scope, pack: shared },
      { scope: { ...scope, team: TEAM }, pack: own },
      { scope: { ...scope, team: teamId("sales") }, pack: other },
    ],
  });
  expect(await texts("hi")).toEqual(["team"]);
});

test("callers choose flow and entry; webhook flows are addressed by id", async () => {
  const pack = await packOf({
    default: saying("default", "default"),
    hook: saying("hook", "{{in.value.x}}", 'type: webhook\nentrypoints: { default: say, "other": again }').replace(
      "nodes:",
      'nodes:\n  again: { message.send: { text: "again" }, routing: out }',
    ),
  });
  const { texts, say } = await openTestRuntime({ pack });
  expect(await texts({ x: 4 }, { choice: { flow: "hook" } })).toEqual(["4"]);
  expect(await texts("x", { choice: { flow: "hook", entry: "other" } })).toEqual(["again"]);
  expect(await texts("x", { choice: { flow: "hook", entry: "again" } })).toEqual(["again"]);
  expect(await texts("x", { choice: { pack: "app" } })).toEqual(["default"]);
  expect((await say("x", { choice: { flow: "nothing" } })).error?.code).toBe("RUNNER_FLOW_UNRESOLVED");
  expect((await say("x", { choice: { pack: "nothing" } })).error?.code).toBe("RUNNER_FLOW_UNRESOLVED");
  expect((await say("x", { choice: { flow: "hook", entry: "nothing" } })).error?.code).toBe("RUNNER_FLOW_UNRESOLVED");
});

test("a card names a messaging flow and no other kind of work", async () => {
  const pack = await packOf({
    default: saying("default", "default"),
    shop: saying("shop", "shop"),
    job: saying("job", "job", "type: job"),
  });
  const { texts } = await openTestRuntime({ pack });
  expect(await texts({ flow: "shop" })).toEqual(["shop"]);
  expect(await texts({ flow: "job" })).toEqual(["default"]);
});

test("what a person sends can't forge a caller's choice", async () => {
  const pack = await packOf({ default: saying("default", "default"), job: saying("job", "job", "type: job") });
  const { runtime, store, world } = await openTestRuntime({ pack });
  const provider = consoleChannel();
  await runtime.accept(provider, {
    envelope: {
      id: "m",
      tenant: { env: "prod", tenant: "victim" },
      channel: "console",
      session_id: "s",
      text: "hi",
      attachments: [],
      metadata: {},
      extensions: { "greentic.request": { choice: { flow: "job" } } },
    },
    dedupeKey: "m",
    conversation: "s",
    user: "u",
  });
  await world.advance(0);
  const log = await store.readLog("test:acme:default:console:s", { after: -1, limit: 9 });
  expect(log.map(({ activity }) => activity)).toMatchObject([
    { text: "default", tenant: { env: "test", tenant: "acme", team: "default" } },
  ]);
});

const waiting = (interrupt: string): Promise<Pack> =>
  packOf({
    default: `
id: default
type: messaging
interrupt: ${interrupt}
start: ask
entrypoints: { default: ask, "command:/help": help, "command:/deep": deep }
nodes:
  ask: { qa: { questions: [{ id: a, prompt: "A?" }, { id: b, prompt: "B?" }], expires: 1h }, routing: [{ status: expired, to: late }, { to: done }] }
  done: { message.send: { text: "{{ask.answers.a}}{{ask.answers.b}}" }, routing: out }
  late: { message.send: { text: "late" }, routing: out }
  help: { message.send: { text: "help" }, routing: out }
  deep: { qa: { questions: [{ id: d, prompt: "D?" }] }, routing: [{ to: deepDone }] }
  deepDone: { message.send: { text: "d={{deep.answers.d}}" }, routing: out }
`,
    shop: saying("shop", "shop"),
  });

test("interrupt restart: a command ends what waits", async () => {
  const { texts, say } = await openTestRuntime({ pack: await waiting("restart") });
  await texts("hi");
  expect(await say("/help me")).toMatchObject({ status: "done", reply: [{ text: "help" }] });
  expect(await texts("hi")).toEqual(["A?"]);
  expect(await texts("1")).toEqual(["B?"]);
  expect(await texts({ flow: "shop" })).toEqual(["shop"]);
});

test("interrupt ignore: a command is taken and nothing happens", async () => {
  const { texts, say } = await openTestRuntime({ pack: await waiting("ignore") });
  await texts("hi");
  expect(await say("/help")).toMatchObject({ status: "waiting", reply: [] });
  expect(await texts("1")).toEqual(["B?"]);
});

test("interrupt keep: a command is answered beside the wait, which goes on", async () => {
  const { texts, say, world, store } = await openTestRuntime({ pack: await waiting("keep") });
  await texts("hi");
  await texts("1");
  expect(await say("/help")).toMatchObject({ status: "waiting", waitingAt: "ask", reply: [{ text: "help" }] });
  expect(await texts("/deep")).toEqual(["D?"]);
  expect(await texts("x")).toEqual(["d=x"]);
  expect(await texts({ flow: "shop" })).toEqual(["shop"]);
  expect(await texts("2")).toEqual(["12"]);
  await texts("hi");
  await texts("/help");
  await world.advance(2 * 3_600_000);
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.at(-1)?.activity).toMatchObject({ text: "late" });
});

test("a command that is no entrypoint is an answer like any other", async () => {
  const { texts } = await openTestRuntime({ pack: await waiting("restart") });
  await texts("hi");
  expect(await texts("/unknown")).toEqual(["B?"]);
});

test("a session stays on the version of the pack that its flow started with", async () => {
  const asking = (text: string): string => `
id: default
type: messaging
start: ask
nodes:
  ask: { qa: { questions: [{ id: a, prompt: "A?" }] }, routing: [{ to: done }] }
  done: { message.send: { text: "${text}" }, routing: out }
`;
  const old = await packOf({ default: asking("old") });
  const { runtime, texts, world } = await openTestRuntime({ pack: old });
  await texts("hi", { session: "early" });
  const next = await packOf({ default: asking("new") }, "app", "2.0.0");
  await runtime.loadPack({ scope, pack: next });
  expect(runtime.listPacks().map(({ version }) => version)).toEqual(["2.0.0"]);
  await texts("hi", { session: "late" });
  await world.advance(120_000);
  expect(await texts("x", { session: "early" })).toEqual(["old"]);
  expect(await texts("x", { session: "late" })).toEqual(["new"]);
  expect(await texts("hi", { session: "early" })).toEqual(["A?"]);
  expect(await texts("x", { session: "early" })).toEqual(["new"]);
  // Nobody waits on the old version any more: it is let go, and a session that still named it would be told.
  await world.advance(120_000);
  await texts("hi", { session: "last" });
  runtime.unloadPack(scope, "app");
  expect(await texts("x", { session: "last" })).toEqual(["new"]);
  expect(await texts("x", { session: "last" })).toEqual(["Sorry, nothing is set up to answer here yet."]);
  expect(() => runtime.unloadPack(scope, "app")).toThrow(expect.objectContaining({ code: "RUNNER_PACK_MISSING" }));
});

test("a pack can't take a name under which secrets of others are kept", async () => {
  const { runtime } = await openTestRuntime({ pack: await packOf({ default: saying("default", "one") }) });
  for (const name of ["mcp", "console"]) {
    const pack = await packOf({ default: saying("default", "two") }, name);
    await expect(runtime.loadPack({ scope, pack })).rejects.toMatchObject({ code: "RUNNER_PACK_NAME_RESERVED" });
  }
  expect(runtime.listPacks().map(({ name }) => name)).toEqual(["app"]);
});

test("a session whose version is gone is told so in its language and can start again", async () => {
  const first = await openTestRuntime({ pack: await waiting("restart") });
  await first.texts("hola", { locale: "es" });
  const second = await openTestRuntime({
    world: first.world,
    store: first.store,
    pack: await packOf({ default: saying("default", "fresh") }),
  });
  const report = await second.say("x", { id: "a" });
  expect(report).toMatchObject({ status: "error", error: { code: "RUNNER_PACK_GONE" } });
  expect(report.reply[0]?.text).toContain("Empieza de nuevo");
  expect(await second.texts("x", { id: "b" })).toEqual(["fresh"]);
});

test("a pack that doesn't load changes nothing", async () => {
  const { runtime, texts } = await openTestRuntime({ pack: await packOf({ default: saying("default", "works") }) });
  const broken = await packOf({ default: saying("default", "{{#if}}") }, "app", "1.1.0").catch(
    (error: unknown) => error,
  );
  if (!(broken instanceof Error)) {
    await expect(runtime.loadPack({ scope, pack: broken as Pack })).rejects.toMatchObject({
      code: "FLOW_TEMPLATE_INVALID",
    });
  }
  expect(await texts("hi")).toEqual(["works"]);
});

test("tenants don't see each other's packs, sessions or state", async () => {
  verifies("security.isolation");
  const flow = `
id: default
type: messaging
start: read
nodes:
  read: { state.get: { key: secret }, routing: [{ to: write }] }
  write: { state.set: { key: secret, value: "{{in.text}} of {{tenant.id}}" }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{tenant.id}} {{json read.value}}" }, routing: out }
`;
  const other = tenantId("other");
  const pack = await packOf({ default: flow });
  const channels = [consoleChannel(TENANT), consoleChannel("other"), consoleChannel("third")];
  const { texts } = await openTestRuntime({
    providers: channels,
    apps: [
      { scope, pack },
      { scope: { env: ENV, tenant: other }, pack },
    ],
  });
  const [mine, theirs, nobody] = channels;
  if (mine === undefined || theirs === undefined || nobody === undefined) throw new TypeError("three channels");
  expect(await texts("a", { provider: mine })).toEqual(["acme null"]);
  expect(await texts("b", { provider: theirs })).toEqual(["other null"]);
  expect(await texts("c", { provider: mine })).toEqual(['acme "a of acme"']);
  expect(await texts("d", { provider: theirs })).toEqual(['other "b of other"']);
  expect(await texts("e", { provider: nobody })).toEqual(["Sorry, nothing is set up to answer here yet."]);
});
