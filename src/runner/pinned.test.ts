import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { Pack } from "../pack/index.ts";
import { openMemoryStore } from "../session/index.ts";
import { surviveEveryCrash } from "./crash-fixture.ts";
import { ENV, makePack, openTestRuntime, TENANT, TestWorld } from "./runtime-fixture.ts";
import type { PackFiles, TestRuntime } from "./runtime-fixture.ts";
import type { PinnedPolicy } from "./resumption.ts";

const scope = { env: ENV, tenant: TENANT };
const version = (
  version_: string,
  {
    ask = "ask",
    kind = `qa: { questions: [{ id: x, prompt: "name?" }] }`,
    assets = {},
  }: {
    readonly ask?: string;
    readonly kind?: string;
    readonly assets?: PackFiles["assets"];
  } = {},
): Promise<Pack> =>
  makePack({
    version: version_,
    flows: {
      default: `
id: default
type: messaging
start: ${ask}
nodes:
  ${ask}: { ${kind}, routing: [{ to: tell }] }
  tell: { message.send: { text: "${version_} {{${ask}.answers.x}}" }, routing: out }
`,
    },
    assets,
  });

const one = await version("1.0.0");
const two = await version("2.0.0");

/** A runtime in which a session waits on the first version. */
async function waiting(onPinned?: PinnedPolicy): Promise<TestRuntime> {
  const opened = await openTestRuntime({ apps: [{ scope, pack: one, ...(onPinned && { onPinned }) }] });
  expect(await opened.texts("hi")).toEqual(["name?"]);
  return opened;
}

describe("a pack whose flows wait is replaced", () => {
  test.each([
    ["finish", "1.0.0 ann"],
    ["migrate", "2.0.0 ann"],
    ["stop", undefined],
  ] as const)("%s", async (onPinned, said) => {
    verifies("pinned.finish", "pinned.migrate", "pinned.stop");
    const opened = await waiting(onPinned);
    await opened.runtime.loadPack({ scope, pack: two, onPinned });
    const [text] = await opened.texts("ann");
    if (onPinned === "stop") expect(text).not.toMatch(/ann/);
    else expect(text).toBe(said);
    await opened.world.advance(10_000);
    // The operator finds who was stopped.
    const letters = await opened.store.listDeadLetters({});
    expect(letters.map(({ reason }) => reason)).toEqual(onPinned === "stop" ? ["RUNNER_PACK_GONE"] : []);
    if (onPinned !== "stop") return;
    expect(letters[0]?.envelope.extensions?.["greentic.record"]).toMatchObject({
      pack: "app",
      flow: "default",
      node: "ask",
    });
    expect(await opened.texts("again")).toEqual(["name?"]);
  });

  test("migrating follows the new version's map, and stops where there is no such node or another kind", async () => {
    verifies("pinned.migrate.map");
    const renamed = { ask: "question" };
    const mapped = await version("3.0.0", {
      ...renamed,
      assets: { "migrations.json": JSON.stringify({ "default/ask": "default/question" }) },
    });
    for (const [next, said] of [
      [mapped, "3.0.0 ann"],
      [await version("3.0.0", renamed), undefined],
      [await version("3.0.0", { kind: `session.wait: {}` }), undefined],
    ] as const) {
      const opened = await waiting("migrate");
      await opened.runtime.loadPack({ scope, pack: next, onPinned: "migrate" });
      const [text] = await opened.texts("ann");
      if (said !== undefined) expect(text).toBe(said);
      await opened.world.advance(10_000);
      const letters = await opened.store.listDeadLetters({});
      expect(letters.map(({ reason }) => reason)).toEqual(said === undefined ? ["RUNNER_PACK_CHANGED"] : []);
    }
  });

  test("what a host keeps of an old version lets sessions finish after a restart, until none waits on it", async () => {
    verifies("pinned.restart");
    const world = new TestWorld();
    const store = openMemoryStore(world);
    const first = await openTestRuntime({ apps: [{ scope, pack: one }], world, store });
    expect(await first.texts("hi")).toEqual(["name?"]);
    const forgotten: string[] = [];
    const second = await openTestRuntime({
      apps: [{ scope, pack: two }],
      world,
      store,
      onPackForgotten: (_scope, { packHash }) => void forgotten.push(packHash),
    });
    await second.runtime.retainPack({ scope, pack: one });
    await world.advance(200_000);
    expect(forgotten).toEqual([]);
    expect(await second.texts("ann", { id: "m9" })).toEqual(["1.0.0 ann"]);
    await world.advance(200_000);
    expect(forgotten).toEqual([one.packHash]);
  });
});

test("an old version goes once nobody waits on it, however many others wait on the new one", async () => {
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const forgotten: string[] = [];
  await using opened = await openTestRuntime({
    apps: [{ scope, pack: one }],
    world,
    store,
    onPackForgotten: (_scope, { packHash }) => void forgotten.push(packHash),
  });
  expect(await opened.texts("hi", { session: "old" })).toEqual(["name?"]);
  await opened.runtime.loadPack({ scope, pack: two });
  // More than the sessions of one page.
  for (let i = 0; i < 1_100; i++) await opened.say("hi", { session: `new-${i}` });
  await world.advance(200_000);
  expect(forgotten).toEqual([]);
  expect(await opened.texts("ann", { session: "old" })).toEqual(["1.0.0 ann"]);
  await world.advance(200_000);
  expect(forgotten).toEqual([one.packHash]);
});

describe("a signer is revoked while a thousand sessions wait", () => {
  test.each([
    ["finish", undefined, 0],
    ["stop", two, 0],
    ["migrate", two, 1_000],
    ["migrate", undefined, 0],
  ] as const)("%s: every session has the declared outcome (%#)", async (onPinned, next, migrated) => {
    verifies("pinned.revoked");
    const { runtime, say, store, world } = await openTestRuntime({ apps: [{ scope, pack: one, onPinned }] });
    const sessions = Array.from({ length: 1_000 }, (_, i) => `s${i}`);
    await Promise.all(sessions.map((session) => say("hi", { session, id: `${session}-1` })));
    runtime.revokePack(scope, one);
    if (next !== undefined) await runtime.loadPack({ scope, pack: next, onPinned });
    const reports = await Promise.all(sessions.map((session) => say("ann", { session, id: `${session}-2` })));
    const texts = reports.map(({ reply }) => reply[0]?.text);
    expect(texts.filter((text) => text === "2.0.0 ann")).toHaveLength(migrated);
    expect(texts.filter((text) => text?.startsWith("1.0.0") === true)).toHaveLength(0);
    const stopped = reports.filter(({ error }) => error?.code === "RUNNER_PACK_REVOKED");
    expect(stopped).toHaveLength(1_000 - migrated);
    expect(texts.every((text) => text !== undefined && text !== "")).toBe(true);
    await world.advance(60_000);
    expect(await store.listDeadLetters({ limit: 2_000 })).toHaveLength(1_000 - migrated);
  });

  test("a revoked pack that is trusted again runs, and one that retires anew is kept", async () => {
    const { runtime, texts } = await waiting();
    runtime.revokePack(scope, one);
    await runtime.loadPack({ scope, pack: one });
    expect(await texts("ann")).toEqual(["1.0.0 ann"]);
  });
});

describe("flow.call across packs", () => {
  const lib = (text: string): Promise<Pack> =>
    makePack({
      name: "lib",
      version: text,
      flows: {
        ask_name: `
id: ask_name
type: messaging
start: ask
nodes:
  ask: { qa: { questions: [{ id: x, prompt: "{{in.what}} (${text})?" }] }, routing: [{ to: give }] }
  give: { flow.return: { value: { name: "{{ask.answers.x}}", by: "${text}" } } }
`,
      },
    });

  test("a flow calls one of a dependency, in the version that it was built with, which may wait", async () => {
    verifies("flow.call.pack");
    const dependency = await lib("1.0.0");
    const caller = await makePack({
      flows: {
        default: `
id: default
type: messaging
start: call
nodes:
  call: { flow.call: { pack: lib, flow: ask_name, input: { what: Who } }, routing: [{ on: error, to: bad }, { to: tell }] }
  tell: { message.send: { text: "{{call.name}} {{call.by}}" }, routing: out }
  bad: { message.send: { text: "{{call.error.code}}" }, routing: out }
`,
      },
    });
    const locked = (of: Pack): Pack => ({
      ...caller,
      dependencies: new Map([["lib", { version: of.version, packHash: of.packHash }]]),
    });
    const opened = await openTestRuntime({
      apps: [
        { scope, pack: locked(dependency), defaultFlow: "default" },
        { scope, pack: dependency },
      ],
    });
    expect(await opened.texts("hi")).toEqual(["Who (1.0.0)?"]);
    // Another version of the dependency changes nothing for who waits in the old one.
    await opened.runtime.loadPack({ scope, pack: await lib("2.0.0") });
    await opened.world.advance(200_000);
    expect(await opened.texts("ann")).toEqual(["ann 1.0.0"]);

    const undeclared = await openTestRuntime({
      apps: [
        { scope, pack: caller, defaultFlow: "default" },
        { scope, pack: dependency },
      ],
    });
    expect(await undeclared.texts("hi")).toEqual(["RUNNER_PACK_MISSING"]);

    const survived = await surviveEveryCrash({
      pack: locked(dependency),
      others: [dependency],
      lines: [{ text: "hi" }, { text: "ann" }],
      component: () => null,
    });
    expect(survived.whole.delivered).toEqual(["Who (1.0.0)?", "ann 1.0.0"]);
  });
});
