import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { receiveConsole } from "../messaging/index.ts";
import type { Provider } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import { channelId } from "../types/index.ts";
import { dyingStore } from "./crash-fixture.ts";
import { ENV, makePack, openTestRuntime, settle, TEAM, TENANT, TestWorld } from "./runtime-fixture.ts";
import type { TestRuntime } from "./runtime-fixture.ts";

const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: a
entrypoints: { default: a, "command:/forget": forget }
nodes:
  a:
    approval: { text: "Refund {{in.text}}?", to: { channel: ops, id: desk }, expires: 1h }
    routing: [{ status: approved, to: yes }, { status: rejected, to: no }, { to: late }]
  yes: { message.send: { text: "{{in.text}} approved by {{a.by.user}}" }, routing: out }
  no: { message.send: { text: "rejected" }, routing: out }
  late: { message.send: { text: "{{a.decision}}" }, routing: out }
  forget: { message.send: { text: "forgotten" }, routing: out }
`,
    named: `
id: named
type: messaging
start: a
nodes:
  a: { approval: { text: "Go?", users: ["ops:ann"] }, routing: [{ status: approved, to: yes }, { to: no }] }
  yes: { message.send: { text: "went" }, routing: out }
  no: { message.send: { text: "stayed" }, routing: out }
`,
  },
});

/** A platform that shows what it got, once each, by conversation. */
class Desk {
  readonly shown = new Map<
    string,
    { readonly to: string; readonly text: string; readonly actions: readonly string[] }
  >();
  readonly channel: Provider;

  constructor(name: string) {
    this.channel = {
      type: "platform",
      address: { env: ENV, tenant: TENANT, team: TEAM, channel: channelId(name) },
      delivery: { kind: "send", sinkClass: "A" },
      dedupeTtlMs: 86_400_000,
      project: (message) => [
        {
          to: message.session_id,
          text: message.text ?? "",
          actions: (message.extensions?.suggested_actions ?? []).map(({ value }) => value),
        },
      ],
      send: async (payload, { idempotencyKey }) => {
        if (!this.shown.has(idempotencyKey)) this.shown.set(idempotencyKey, payload as never);
        return { kind: "sent" };
      },
    };
  }

  get texts(): readonly string[] {
    return [...this.shown.values()].map(({ to, text }) => `${to}: ${text}`);
  }

  get actions(): readonly string[] {
    return [...this.shown.values()].flatMap(({ actions }) => actions);
  }
}

interface Office {
  readonly opened: TestRuntime;
  readonly shop: Desk;
  readonly ops: Desk;
  readonly says: (desk: Desk, who: string, where: string, text: string) => Promise<void>;
}

async function office(flow = "default"): Promise<Office> {
  const shop = new Desk("shop");
  const ops = new Desk("ops");
  const opened = await openTestRuntime({
    apps: [{ scope: { env: ENV, tenant: TENANT }, pack, defaultFlow: flow }],
    providers: [shop.channel, ops.channel],
  });
  let n = 0;
  const says: Office["says"] = async (desk, who, where, text) => {
    const message = receiveConsole(desk.channel.address, { text }, { session: where, id: `n${n++}` });
    await opened.runtime.accept(desk.channel, { ...message, user: who });
    await opened.world.advance(5_000);
  };
  return { opened, shop, ops, says };
}

const pick = (desk: Desk, verb: string, index = 0): string =>
  desk.actions.filter((action) => action.startsWith(verb))[index] ?? "";

describe("approval", () => {
  test.each([
    ["approve", "tea approved by ann", "Thank you, it is approved."],
    ["reject", "rejected", "Thank you, it is rejected."],
  ])("people of another conversation %s, and the flow goes on where it was asked", async (verb, said, thanks) => {
    verifies("flow.approval");
    const { shop, ops, says } = await office();
    await says(shop, "bob", "chat", "tea");
    expect(ops.texts).toEqual(["desk: Refund tea?"]);
    expect(shop.texts).toEqual([]);
    await says(ops, "ann", "desk", pick(ops, verb));
    expect(shop.texts).toEqual([`chat: ${said}`]);
    expect(ops.texts.slice(1)).toEqual([`desk: ${thanks}`]);
  });

  test("only who may decide does, once, and only with the very code", async () => {
    verifies("flow.approval.entitled");
    const { shop, ops, says } = await office();
    await says(shop, "bob", "chat", "tea");
    const yes = pick(ops, "approve");
    const no = pick(ops, "reject");
    // The wrong conversation, somebody who guesses, and who asked.
    await says(ops, "eve", "lobby", yes);
    await says(ops, "ann", "desk", `approve:${"x".repeat(22)}`);
    await says(shop, "bob", "chat", yes);
    expect(shop.texts).toEqual(["chat: You can't decide this."]);
    expect(ops.texts.slice(1)).toEqual([
      "lobby: You can't decide this.",
      "desk: This has been decided already, or its time is over.",
    ]);
    await says(ops, "ann", "desk", yes);
    await says(ops, "kim", "desk", no);
    expect(shop.texts.slice(1)).toEqual(["chat: tea approved by ann"]);
    expect(ops.texts.slice(3)).toEqual([
      "desk: Thank you, it is approved.",
      "desk: This has been decided already, or its time is over.",
    ]);
  });

  test("people may be named, wherever they write; whoever else is there can't", async () => {
    verifies("flow.approval.entitled");
    const { shop, ops, says } = await office("named");
    await says(shop, "bob", "chat", "go");
    const yes = pick(shop, "approve");
    await says(shop, "ann", "chat", yes);
    await says(shop, "bob", "chat", yes);
    expect(shop.texts.filter((text) => text.includes("went"))).toEqual([]);
    await says(ops, "ann", "anywhere", yes);
    expect(shop.texts.filter((text) => text.includes("went"))).toEqual(["chat: went"]);
  });

  test("an approval that nobody decides expires, and a late word changes nothing", async () => {
    verifies("flow.approval.expires");
    const { opened, shop, ops, says } = await office();
    await says(shop, "bob", "chat", "tea");
    await opened.world.advance(3_700_000);
    expect(shop.texts).toEqual(["chat: expired"]);
    await says(ops, "ann", "desk", pick(ops, "approve"));
    expect(shop.texts).toEqual(["chat: expired"]);
  });

  test("what the person says meanwhile waits, and a command ends the wait", async () => {
    const { shop, ops, says } = await office();
    await says(shop, "bob", "chat", "tea");
    await says(shop, "bob", "chat", "cake");
    expect(ops.texts).toHaveLength(1);
    await says(ops, "ann", "desk", pick(ops, "approve"));
    expect(shop.texts).toEqual(["chat: tea approved by ann"]);
    expect(ops.texts).toContain("desk: Refund cake?");
    await says(shop, "bob", "chat", "/forget");
    expect(shop.texts).toContain("chat: forgotten");
    await says(ops, "ann", "desk", pick(ops, "approve", 1));
    expect(shop.texts).toHaveLength(2);
  });

  test("no crash loses a decision or lets one count twice", async () => {
    verifies("flow.approval");
    let points = 0;
    for (const when of ["before", "after"] as const) {
      for (let at = 1; ; at++) {
        const world = new TestWorld();
        const inner = openMemoryStore(world);
        const dying = dyingStore(inner, { at, when });
        const shop = new Desk("shop");
        const ops = new Desk("ops");
        const options = { pack, world, providers: [shop.channel, ops.channel] };
        const apps = [{ scope: { env: ENV, tenant: TENANT }, pack, defaultFlow: "default" }];
        let current = await openTestRuntime({ ...options, apps, store: dying.store });
        const revive = async (): Promise<void> => {
          if (dying.isDead() && current.store === dying.store)
            current = await openTestRuntime({ ...options, apps, store: inner });
        };
        const says = async (desk: Desk, who: string, where: string, text: string, id: string): Promise<void> => {
          const delivery = { isTaken: false };
          while (!delivery.isTaken) {
            const message = receiveConsole(desk.channel.address, { text }, { session: where, id });
            void current.runtime.accept(desk.channel, { ...message, user: who }).then(() => {
              delivery.isTaken = true;
            });
            await settle();
            await revive();
          }
          await world.advance(5_000);
          await revive();
          await world.advance(200_000);
        };
        await says(shop, "bob", "chat", "tea", "m1");
        await says(ops, "ann", "desk", pick(ops, "approve"), "m2");
        await says(ops, "kim", "desk", pick(ops, "reject"), "m3");
        expect([...shop.texts, ...ops.texts], `crash ${when} ${at}`).toEqual([
          "chat: tea approved by ann",
          "desk: Refund tea?",
          "desk: Thank you, it is approved.",
          "desk: This has been decided already, or its time is over.",
        ]);
        if (!dying.isDead()) break;
        points++;
      }
    }
    expect(points).toBeGreaterThan(40);
  });
});
