import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { openInProcessBus, subjectsBelow } from "../bus/index.ts";
import type { Provider } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { channelId, GreenticError } from "../types/index.ts";
import {
  answerChannel,
  consoleChannel,
  ENV,
  makePack,
  openTestRuntime,
  settle,
  TEAM,
  TENANT,
  TestWorld,
} from "./runtime-fixture.ts";

interface Told {
  readonly conversation: string;
  readonly text: JsonValue;
}

/** A platform that keeps what it is told, by conversation. */
function platform(): { readonly channel: Provider; readonly told: Told[] } {
  const told: Told[] = [];
  const channel: Provider = {
    type: "platform",
    address: { env: ENV, tenant: TENANT, team: TEAM, channel: channelId("platform") },
    delivery: { kind: "send", sinkClass: "C" },
    dedupeTtlMs: 86_400_000,
    project: (message) => [message.text ?? ""],
    send: async (payload, { conversation }) => {
      told.push({ conversation, text: payload });
      return { kind: "sent" };
    },
  };
  return { channel, told };
}

const ORDER = `
id: default
type: messaging
start: publish
nodes:
  publish: { event.publish: { type: "{{in.text}}", subject: "o-1", payload: { total: 3 } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "published {{publish.id}}" }, routing: out }
`;
const ON_ORDER = `
id: on_order
type: events
start: any
entrypoints: { "event:order.*": any, "event:order.created": created, default: any }
nodes:
  any: { message.send: { text: "any {{in.type}}", to: { id: ops, channel: platform } }, routing: out }
  created: { message.send: { text: "{{in.type}} {{in.subject}} {{in.payload.total}} {{in.event.specversion}}", to: { id: ops, channel: platform } }, routing: [{ to: again }] }
  again: { event.publish: { type: audit, data: { of: "{{in.id}}" } }, routing: out }
`;
const AUDIT = `
id: audit
type: events
nodes:
  note: { message.send: { text: "audit {{in.data.of}}", to: [{ id: ops, channel: platform }, { id: log, channel: platform }] }, routing: out }
`;

describe("event.publish", () => {
  test("runs the team's flows for the event, each once, and tells the bus", async () => {
    verifies("kinds.event.publish");
    const world = new TestWorld();
    const { channel, told } = platform();
    const bus = openInProcessBus();
    const heard: JsonValue[] = [];
    bus.subscribe(subjectsBelow("event", { env: ENV, tenant: TENANT }), ({ payload }) => void heard.push(payload));
    const pack = await makePack({ flows: { default: ORDER, on_order: ON_ORDER, audit: AUDIT } });
    const { texts, errors } = await openTestRuntime({ world, bus, pack, providers: [consoleChannel(), channel] });
    const [published] = await texts("order.created");
    await world.advance(1_000);
    expect(told).toEqual([
      { conversation: "ops", text: "order.created o-1 3 1.0" },
      { conversation: "ops", text: `audit ${published?.replace("published ", "")}` },
      { conversation: "log", text: `audit ${published?.replace("published ", "")}` },
    ]);
    expect(heard).toMatchObject([
      {
        type: "order.created",
        subject: "o-1",
        source: "/test/acme/default/app/default",
        time: "2026-03-05T10:00:00.000Z",
        data: { total: 3 },
        greentichops: 1,
      },
      { type: "audit", source: "/test/acme/default/app/on_order", greentichops: 2 },
    ]);
    await texts("order.paid");
    await world.advance(1_000);
    expect(told.at(-1)).toEqual({ conversation: "ops", text: "any order.paid" });
    await texts("weather.changed");
    await world.advance(1_000);
    expect(told).toHaveLength(4);
    expect(errors).toEqual([]);
  });

  test("survives a crash between publishing and delivery, and delivers once", async () => {
    verifies("kinds.event.publish");
    const world = new TestWorld();
    const store = openMemoryStore(world);
    const { channel, told } = platform();
    const pack = await makePack({ flows: { default: ORDER, on_order: ON_ORDER, audit: AUDIT } });
    const providers = [consoleChannel(), channel];
    // A process without a sender: the event stays in the outbox.
    const first = await openTestRuntime({ world, store, pack, providers, roles: ["gateway", "worker"] });
    await first.texts("order.paid");
    expect(await store.listOutbox({})).toMatchObject([{ provider: "greentic-relay", status: "queued" }]);
    await openTestRuntime({ world, store, pack, providers });
    await world.advance(5_000);
    expect(told).toEqual([{ conversation: "ops", text: "any order.paid" }]);
    expect((await store.listOutbox({})).map(({ status }) => status)).toEqual(["sent", "sent", "sent"]);
  });

  test("arrives once though its hand-over is repeated after a crash before its end was on record", async () => {
    verifies("kinds.event.publish");
    const world = new TestWorld();
    const { channel, told } = platform();
    const real = openMemoryStore(world);
    let lost = 0;
    const store = new Proxy(real, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        if (name !== "endSend") return member.bind(target) as unknown;
        return async (...args: Parameters<typeof real.endSend>) => {
          const [row] = args;
          if (row.provider === "greentic-relay" && row.attempts < 2) {
            lost++;
            throw new GreenticError("STORE_CLAIM_LOST", "End send: the process is gone");
          }
          return target.endSend(...args);
        };
      },
    });
    const pack = await makePack({ flows: { default: ORDER, on_order: ON_ORDER, audit: AUDIT } });
    const { texts } = await openTestRuntime({ world, store, pack, providers: [consoleChannel(), channel] });
    await texts("order.paid");
    await world.advance(30 * 60_000);
    expect(lost).toBeGreaterThanOrEqual(2);
    expect(told).toEqual([{ conversation: "ops", text: "any order.paid" }]);
    const rows = (await real.listOutbox({})).map(({ provider, status }) => `${provider} ${status}`);
    expect(rows.toSorted()).toEqual(["greentic-relay sent", "greentic-relay sent", "platform sent"]);
  });

  test("refuses what is too large for an event", async () => {
    const pack = await makePack({
      flows: {
        default: `id: default\ntype: messaging\nstart: a\nnodes:\n  a: { event.publish: { type: big, payload: ["{{in.text}}"] }, routing: [{ on: error, to: b }] }\n  b: { message.send: { text: "{{a.error.code}}" }, routing: out }\n`,
      },
    });
    const { texts } = await openTestRuntime({ pack });
    expect(await texts("x".repeat(300_000))).toEqual(["RUNNER_INPUT_INVALID"]);
  });

  test("ends a circle of events, and a flow that nobody reads says whom it means", async () => {
    const world = new TestWorld();
    const pack = await makePack({
      flows: {
        default: ORDER,
        circle: `id: circle\ntype: event\nentrypoints: { "event:*": a }\nnodes:\n  a: { event.publish: { type: again }, routing: out }\n`,
        mute: `id: mute\ntype: events\nentrypoints: { "event:quiet": a }\nnodes:\n  a: { message.send: { text: x }, routing: out }\n`,
      },
    });
    const { texts, events } = await openTestRuntime({ world, pack });
    await texts("start");
    await world.advance(60_000);
    const codes = events.flatMap((event) =>
      event.kind === "flow.ended" && event.errorCode !== undefined ? [event.errorCode] : [],
    );
    expect(codes).toEqual(["RUNNER_EVENT_CIRCLE"]);
    await texts("quiet");
    await world.advance(60_000);
    expect(JSON.stringify(events)).toContain("RUNNER_SEND_UNADDRESSED");
  });
});

describe("message.send with to", () => {
  const flow = (to: string): string => `
id: default
type: messaging
start: ask
nodes:
  ask: { qa: { questions: [{ id: name, prompt: "Name?" }] }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{ask.answers.name}} is here", to: ${to} }, routing: [{ on: error, to: failed }, { to: done }] }
  failed: { message.send: { text: "failed {{tell.error.code}}" }, routing: out }
  done: { message.send: { text: "told" }, routing: out }
`;

  test("reaches another conversation of the channel, and leaves what waits there alone", async () => {
    verifies("kinds.send.elsewhere");
    const world = new TestWorld();
    const channel = consoleChannel();
    const pack = await makePack({ flows: { default: flow('"s2"') } });
    const { say, texts, store } = await openTestRuntime({ world, pack, providers: [channel] });
    await say("hi", { session: "s2" });
    await say("hi");
    expect(await texts("Ada")).toEqual(["told"]);
    await world.advance(1_000);
    const log = await store.readLog("test:acme:default:console:s2", { after: -1, limit: 10 });
    expect(log.map(({ activity }) => (activity as { text?: string }).text)).toEqual(["Name?", "Ada is here"]);
    // The other conversation still waits for its own answer.
    expect(await texts("Bob", { session: "s2" })).toEqual(["Bob is here", "told"]);
  });

  test("reaches another channel of the team, and nothing that the team hasn't", async () => {
    const world = new TestWorld();
    const { channel, told } = platform();
    const pack = await makePack({ flows: { default: flow('{ id: "42", channel: platform }') } });
    const { say, texts } = await openTestRuntime({ world, pack, providers: [consoleChannel(), channel] });
    await say("hi");
    expect(await texts("Ada")).toEqual(["told"]);
    await world.advance(1_000);
    expect(told).toEqual([{ conversation: "42", text: "Ada is here" }]);
    const lost = await makePack({ flows: { default: flow("[{ id: x, channel: none }]") } });
    const other = await openTestRuntime({ pack: lost });
    await other.say("hi");
    expect(await other.texts("Ada")).toEqual(["failed RUNNER_CHANNEL_MISSING"]);
  });

  test.each([
    ["{ id: 42, channel: platform }", "told", ["42"]],
    ['{ id: "", channel: platform }', "failed RUNNER_INPUT_INVALID", []],
    ['[{ id: "a/1", channel: platform }, 7]', "told", ["a/1"]],
    ["[]", "failed RUNNER_INPUT_INVALID", []],
    ['{ id: "a\\u0000", channel: platform }', "failed TYPES_KEY_INVALID", []],
  ])("takes %s", async (to, said, conversations) => {
    const world = new TestWorld();
    const { channel, told } = platform();
    const pack = await makePack({ flows: { default: flow(to) } });
    const { say, texts } = await openTestRuntime({ world, pack, providers: [consoleChannel(), channel] });
    await say("hi");
    expect(await texts("Ada")).toEqual([said]);
    await world.advance(1_000);
    expect(told.map(({ conversation }) => conversation)).toEqual(conversations);
  });

  test("stays with the caller where replies are the answer to one", async () => {
    const pack = await makePack({ flows: { default: flow("s9") } });
    const { say } = await openTestRuntime({ pack, providers: [answerChannel()] });
    await say("hi");
    const { reply } = await say("Ada");
    await settle();
    expect(reply.map(({ text, to }) => [text, to?.[0]?.id])).toEqual([
      ["Ada is here", "s9"],
      ["told", "console"],
    ]);
  });
});
