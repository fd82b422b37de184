import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { providerOf } from "../messaging/index.ts";
import type { Completed, Provider, ReceivedEvent, ReceivedMessage } from "../messaging/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { JsonObject } from "../types/index.ts";
import { channelId } from "../types/index.ts";
import { consoleChannel, ENV, makePack, openTestRuntime, TEAM, TENANT, TestWorld } from "./runtime-fixture.ts";

const addressOf = (name: string): Provider["address"] => ({
  env: ENV,
  tenant: TENANT,
  team: TEAM,
  channel: channelId(name),
});

/** A platform that keeps what it is told. */
function platform(): { readonly channel: Provider; readonly told: string[] } {
  const told: string[] = [];
  const channel: Provider = {
    type: "platform",
    address: addressOf("platform"),
    delivery: { kind: "send", sinkClass: "C" },
    dedupeTtlMs: 86_400_000,
    project: (message) => [message.text ?? ""],
    send: async (payload) => {
      told.push(payload as string);
      return { kind: "sent" };
    },
  };
  return { channel, told };
}

const builtIn = (type: "github" | "timer", config: JsonObject = {}): Provider =>
  providerOf(type).create(addressOf("hooks"), {
    world: new TestWorld(),
    http: () => Promise.reject(new TypeError("nothing is asked here")),
    config,
    secret: async () => Promise.resolve(""),
    secrets: async () => Promise.resolve([]),
  } as unknown as Parameters<ReturnType<typeof providerOf>["create"]>[1]);

const flow = (id: string, entry: string, say: string): string => `id: ${id}
type: events
start: a
entrypoints: { "event:${entry}": a }
nodes:
  a: { message.send: { text: "${say}", to: { id: ops, channel: platform } }, routing: out }
`;
const FLOWS = {
  exact: flow("exact", "github.issues.opened", "exact {{in.payload.issue}} {{in.subject}} {{in.event.source}}"),
  public: flow(
    "public",
    "github.*",
    "public {{in.event_type}} {{in.events.0.source.provider}} {{in.events.0.payload.issue}} {{in.event.occurred_at}} {{in.scope.tenant}}",
  ),
};
const opened = (id: string): ReceivedEvent => ({
  dedupeKey: `gh:${id}`,
  id,
  type: "github.issues.opened",
  subject: "octo/shop",
  timeMs: Date.parse("2026-03-05T09:59:00Z"),
  data: { issue: 7 },
});
const SAID = [
  "exact 7 octo/shop /test/acme/default/hooks",
  "public github.issues.opened hooks 7 2026-03-05T09:59:00.000Z acme",
];

describe("acceptEvent()", () => {
  test("starts every flow that wants the event once, however often it is delivered", async () => {
    verifies("events.once");
    const world = new TestWorld();
    const { channel, told } = platform();
    const hooks = builtIn("github");
    const pack = await makePack({ flows: FLOWS });
    const { runtime, errors } = await openTestRuntime({ world, pack, providers: [channel, hooks] });
    expect(await runtime.acceptEvent(hooks, opened("d-1"))).toMatchObject({ kind: "accepted" });
    await world.advance(1_000);
    expect(told.toSorted()).toEqual(SAID);
    for (const laterMs of [1_000, 301_000, 25 * 3_600_000]) {
      await world.advance(laterMs);
      expect(await runtime.acceptEvent(hooks, opened("d-1"))).toMatchObject({ kind: "duplicate" });
    }
    await world.advance(60_000);
    expect(told).toHaveLength(2);
    await runtime.acceptEvent(hooks, opened("d-2"));
    await world.advance(1_000);
    expect(told).toHaveLength(4);
    expect(errors).toEqual([]);
  });

  test("keeps an event over a crash before any flow has begun, and starts them once", async () => {
    verifies("events.once");
    const world = new TestWorld();
    const store = openMemoryStore(world);
    const { channel, told } = platform();
    const hooks = builtIn("github");
    const pack = await makePack({ flows: FLOWS });
    const providers = [channel, hooks];
    // First a process that only takes in, then one that never sends: the event waits in the inbox, then in the outbox.
    const gateway = await openTestRuntime({ world, store, pack, providers, roles: ["gateway"] });
    await gateway.runtime.acceptEvent(hooks, opened("d-1"));
    const worker = await openTestRuntime({ world, store, pack, providers, roles: ["worker"] });
    await world.advance(5_000);
    expect(await store.listOutbox({})).toMatchObject([{ provider: "greentic-relay", status: "queued" }]);
    expect(worker.errors).toEqual([]);
    await openTestRuntime({ world, store, pack, providers });
    await world.advance(5_000);
    expect(told.toSorted()).toEqual(SAID);
  });

  test("takes the same name from two senders for two events", async () => {
    const world = new TestWorld();
    const { channel, told } = platform();
    const hooks = builtIn("github");
    const others = { ...hooks, address: addressOf("others") };
    const pack = await makePack({ flows: { exact: FLOWS.exact } });
    const { runtime } = await openTestRuntime({ world, pack, providers: [channel, hooks, others] });
    await runtime.acceptEvent(hooks, opened("d-1"));
    await runtime.acceptEvent(others, opened("d-1"));
    await world.advance(1_000);
    expect(told.toSorted()).toEqual([SAID[0], SAID[0]?.replace("hooks", "others")]);
  });

  test("lets nobody write to a channel of events", async () => {
    const hooks = builtIn("github");
    const pack = await makePack({
      flows: {
        default: `id: default\ntype: messaging\nstart: a\nnodes:\n  a: { message.send: { text: x, to: { id: y, channel: hooks } }, routing: [{ on: error, to: b }] }\n  b: { message.send: { text: "{{a.error.code}}" }, routing: out }\n`,
      },
    });
    const { texts } = await openTestRuntime({ pack, providers: [consoleChannel(), hooks] });
    expect(await texts("hi")).toEqual(["RUNNER_CHANNEL_MISSING"]);
  });
});

describe("timers of channels", () => {
  const ON_TIME = { tick: flow("tick", "timer.hooks", "{{in.payload.scheduled_at}} {{in.source}}") };

  test.each([
    ["an interval", { every: "15m" }, ["10:15", "10:30", "10:45", "11:00"]],
    ["a calendar of a zone", { cron: "30 11 * * *", zone: "Europe/Berlin" }, ["10:30"]],
  ] as const)("fire once each by %s, on two hosts", async (_, config, times) => {
    verifies("events.timer");
    const world = new TestWorld();
    const store = openMemoryStore(world);
    const { channel, told } = platform();
    const pack = await makePack({ flows: ON_TIME });
    const providers = [channel, builtIn("timer", config)];
    const hosts = [
      await openTestRuntime({ world, store, pack, providers, isShared: true }),
      await openTestRuntime({ world, store, pack, providers, isShared: true }),
    ];
    await world.advance(3_605_000);
    expect(told).toEqual(times.map((at) => `2026-03-05T${at}:00.000Z /test/acme/default/hooks`));
    expect(hosts.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test.each([
    ["last", ["13:00", "14:00"]],
    ["none", ["14:00"]],
    ["all", ["11:00", "12:00", "13:00", "14:00"]],
  ] as const)("that were missed are caught up as %s says", async (catchUp, times) => {
    verifies("events.timer");
    const before = new TestWorld();
    const later = new TestWorld(before.nowMs() + 3 * 3_600_000 + 600_000);
    const store = openMemoryStore(later);
    const { channel, told } = platform();
    const pack = await makePack({ flows: ON_TIME });
    const providers = [channel, builtIn("timer", { every: "1h", catch_up: catchUp })];
    await openTestRuntime({ world: before, store, pack, providers });
    await before.advance(60_000);
    await openTestRuntime({ world: later, store, pack, providers });
    await later.advance(55 * 60_000);
    expect(told).toEqual(times.map((at) => `2026-03-05T${at}:00.000Z /test/acme/default/hooks`));
  });

  test("whose calendar can't be read are told of, and the rest of the host runs", async () => {
    const pack = await makePack({ flows: ON_TIME });
    const { errors } = await openTestRuntime({ pack, providers: [builtIn("timer", { cron: "99 * * * *" })] });
    expect(errors).toMatchObject([{ code: "RUNNER_CRON_INVALID" }]);
  });
});

describe("acceptNotice()", () => {
  const DEFAULT = `id: default
type: messaging
start: a
nodes:
  a: { message.send: { text: "got {{in.text}}" }, routing: out }
`;
  /** A channel that fetches its messages, and what it answers next instead. */
  function fetching(): { readonly fetched: Provider; readonly told: string[]; readonly faults: Completed[] } {
    const { channel, told } = platform();
    const faults: Completed[] = [];
    const fetched: Provider = {
      ...channel,
      complete: async (notice) => {
        const fault = faults.shift();
        if (fault !== undefined) return fault;
        const { id: text } = notice as { id: string };
        const message: ReceivedMessage = {
          envelope: {
            id: text,
            tenant: { env: ENV, tenant: TENANT },
            channel: channel.address.channel,
            session_id: "room",
            text,
            attachments: [],
            metadata: {},
          },
          dedupeKey: text,
          conversation: "room",
          user: "ada",
        };
        return { kind: "messages", messages: [message] };
      },
    };
    return { fetched, told, faults };
  }
  const noticeOf = (
    id: string,
  ): Parameters<Awaited<ReturnType<typeof openTestRuntime>>["runtime"]["acceptNotice"]>[1] => ({
    dedupeKey: `n:${id}`,
    lane: "room",
    data: { id },
  });

  test("fetches what it was told of, in order, again where the platform can't answer, and once however often it is told", async () => {
    verifies("channels.notices");
    const world = new TestWorld();
    const { fetched, told, faults } = fetching();
    const pack = await makePack({ flows: { default: DEFAULT } });
    const { runtime, errors } = await openTestRuntime({ world, pack, providers: [fetched] });
    const retry: Completed = {
      kind: "retry",
      error: "MESSAGING_PLATFORM_UNAVAILABLE",
      notBeforeMs: world.nowMs() + 9_000,
    };
    faults.push(retry, retry);
    for (const id of ["1", "2", "1", "3"]) await runtime.acceptNotice(fetched, noticeOf(id));
    await world.advance(5_000);
    expect(told).toEqual([]);
    await world.advance(60_000);
    expect(told).toEqual(["got 1", "got 2", "got 3"]);
    expect(errors).toEqual([]);
  });

  test("keeps what can't be fetched on record, and goes on with the next", async () => {
    verifies("channels.notices");
    const world = new TestWorld();
    const { fetched, told, faults } = fetching();
    const pack = await makePack({ flows: { default: DEFAULT } });
    const { runtime, store } = await openTestRuntime({ world, pack, providers: [fetched] });
    faults.push({ kind: "failed", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" });
    await runtime.acceptNotice(fetched, noticeOf("1"));
    await runtime.acceptNotice(fetched, noticeOf("2"));
    await world.advance(5_000);
    expect(told).toEqual(["got 2"]);
    expect((await store.listOutbox({ status: "failed" })).map(({ payload }) => payload)).toMatchObject([
      { kind: "notice", notice: { id: "1" } },
    ]);
  });
});
