import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { surviveEveryCrash, tell } from "./crash-fixture.ts";
import { failing, makePack, openTestRuntime, settle } from "./runtime-fixture.ts";

const flow = (nodes: string, more = ""): string => `
id: default
type: messaging
start: a
${more}
nodes:
${nodes}
`;

const later = await makePack({
  flows: {
    default: flow(
      `
  a: { message.send: { text: "one moment, {{in.text}}" }, routing: [{ to: wait }] }
  wait: { delay: { for: 10m }, routing: [{ to: b }] }
  b: { message.send: { text: "done: {{in.text}}" }, routing: [{ to: ask }] }
  ask: { qa: { questions: [{ id: x, prompt: "And now?" }] }, routing: [{ to: c }] }
  c: { message.send: { text: "got {{ask.answers.x}}" }, routing: out }
`,
      `entrypoints: { default: a, "command:/stop": stop }`,
    ).replace("nodes:", 'nodes:\n  stop: { message.send: { text: "stopped" }, routing: out }'),
  },
});

describe("delay", () => {
  test("delay lets time pass and goes on with what had arrived", async () => {
    verifies("flow.delay");
    const told = await tell({ pack: later, lines: [{ text: "hi", thenMs: 599_000 }], component: () => null, endMs: 0 });
    expect(told.delivered.slice(0, 1)).toEqual(["one moment, hi"]);
    const { world, texts, runtime, store } = await openTestRuntime({ pack: later });
    expect(await texts("hi")).toEqual(["one moment, hi"]);
    await world.advance(599_000);
    expect((await store.list({}))[0]?.session?.waitReason).toBe("delay");
    await world.advance(2_000);
    expect((await store.list({}))[0]?.session?.waitReason).toMatch(/^qa/);
    await runtime[Symbol.asyncDispose]();
  });

  test("messages of the meantime are kept, in order, until the flow takes some", async () => {
    verifies("flow.later");
    const told = await tell({
      pack: later,
      lines: [{ text: "hi" }, { text: "first" }, { text: "second", thenMs: 600_000 }],
      component: () => null,
      endMs: 1_200_000,
    });
    expect(told.delivered).toEqual([
      "one moment, hi",
      "done: hi",
      "And now?",
      "got first",
      "one moment, second",
      "done: second",
      "And now?",
    ]);
    expect(told.dead).toEqual([]);
  });

  test("a person who ends the conversation ends what waits, with all that was kept for it, and starts nothing", async () => {
    verifies("channels.webchat.goodbye");
    const { world, texts, runtime, store } = await openTestRuntime({ pack: later });
    const leave = { event: "endOfConversation" };
    expect(await texts(leave)).toEqual([]);
    expect(await texts("hi")).toEqual(["one moment, hi"]);
    expect(await texts("kept")).toEqual([]);
    expect(await texts(leave)).toEqual([]);
    expect((await store.list({}))[0]?.session?.cursor).toBeUndefined();
    await world.advance(700_000);
    expect(await texts("again")).toEqual(["one moment, again"]);
    await runtime[Symbol.asyncDispose]();
  });

  test("more messages than a session keeps go to the dead letters, and the flow goes on", async () => {
    verifies("flow.later");
    const lines = Array.from({ length: 67 }, (_, i) => ({ text: `m${i}`, thenMs: 10 }));
    const { delivered, dead } = await tell({ pack: later, lines, component: () => null, endMs: 610_000 });
    expect(dead.map(({ reason }) => reason)).toEqual(["RUNNER_LATER_FULL", "RUNNER_LATER_FULL"]);
    expect(delivered.slice(0, 4)).toEqual(["one moment, m0", "done: m0", "And now?", "got m1"]);
  });

  test("a command interrupts a delay, and what was kept is about nothing any more", async () => {
    const told = await tell({
      pack: later,
      lines: [{ text: "hi" }, { text: "first" }, { text: "/stop", thenMs: 700_000 }],
      component: () => null,
    });
    expect(told.delivered).toEqual(["one moment, hi", "stopped"]);
  });

  test("a delay of half a year and more goes on where it was, though sessions are forgotten after a month", async () => {
    verifies("flow.delay.long");
    const pack = await makePack({
      flows: {
        default: flow(`
  a: { delay: 200d, routing: [{ to: b }] }
  b: { message.send: { text: "still here, {{in.text}}" }, routing: out }
`),
      },
    });
    const opened = await openTestRuntime({ pack, defaults: { sweepIntervalMs: 86_400_000 } });
    await opened.say("ann");
    await opened.world.advance(200 * 86_400_000 + 1_000);
    const log = await opened.store.readLog("test:acme:default:console:s1", { after: -1, limit: 10 });
    expect(log.map(({ activity }) => (activity as { readonly text?: string }).text)).toEqual(["still here, ann"]);
  });

  test("until takes an instant, and none that is past", async () => {
    const pack = await makePack({
      flows: {
        default: flow(`
  a: { delay: { until: "{{in.text}}" }, routing: [{ on: error, to: bad }, { to: b }] }
  b: { message.send: { text: "now" }, routing: out }
  bad: { message.send: { text: "{{a.error.code}}" }, routing: out }
`),
      },
    });
    const { texts } = await openTestRuntime({ pack });
    expect(await texts("2026-01-01T00:00:00Z", { session: "a" })).toEqual(["now"]);
    expect(await texts("tomorrow", { session: "b" })).toEqual(["RUNNER_INPUT_INVALID"]);
    expect(await texts("2027-12-01T00:00:00Z", { session: "c" })).toEqual(["RUNNER_INPUT_INVALID"]);
    expect(await texts("2026-03-06T00:00:00+02:00", { session: "d" })).toEqual([]);
  });

  test("no crash loses a delay or a kept message, or fires twice", async () => {
    verifies("flow.delay", "flow.later");
    const { points } = await surviveEveryCrash({
      pack: later,
      lines: [{ text: "hi" }, { text: "first" }, { text: "second", thenMs: 700_000 }, { text: "third" }],
      component: () => null,
      endMs: 2_000_000,
    });
    expect(points).toBeGreaterThan(30);
  });

  test("ten thousand delays that end in one second all end once, within thirty seconds", async () => {
    verifies("flow.delay.storm");
    const pack = await makePack({
      flows: {
        default: flow(`
  a: { delay: 1h, routing: [{ to: b }] }
  b: { component.exec: { component: shop, operation: fire, input: { at: "{{now.epoch_ms}}" } }, routing: out }
`),
      },
      components: { shop: 'http = ["https://api.example.com"]' },
    });
    const fired: number[] = [];
    const keys = new Set<string>();
    const opened = await openTestRuntime({
      pack,
      component: (ctx) => {
        fired.push(opened.world.nowMs());
        keys.add(ctx.session ?? "");
        return null;
      },
    });
    const count = 10_000;
    for (let i = 0; i < count; i++) void opened.say("hi", { session: `s${i}` });
    await opened.world.advance(1_000);
    await opened.world.advance(3_640_000);
    expect(fired).toHaveLength(count);
    expect(keys.size).toBe(count);
    const spreadMs = Math.max(...fired) - Math.min(...fired);
    expect(spreadMs).toBeLessThanOrEqual(30_000);
  });
});

describe("timer", () => {
  test("timer waits for the next time of its calendar, in its zone", async () => {
    verifies("flow.timer");
    const pack = await makePack({
      flows: {
        default: flow(`
  a: { timer: { cron: "0 9 * * 1-5", zone: Europe/Berlin }, routing: [{ to: b }] }
  b: { message.send: { text: "{{a.until}}" }, routing: out }
`),
      },
    });
    const told = await tell({ pack, lines: [{ text: "hi", thenMs: 86_400_000 }], component: () => null });
    // Friday at nine in Berlin, in winter.
    expect(told.delivered).toEqual(["2026-03-06T08:00:00.000Z"]);
  });

  test("a calendar that names no time is found at load, with its place", async () => {
    const pack = await makePack({ flows: { default: flow(`  a: { timer: "61 * * * *", routing: out }`) } });
    await expect(openTestRuntime({ pack })).rejects.toMatchObject({
      code: "RUNNER_CRON_INVALID",
      at: { file: "flows/default.ygtc", line: 7 },
    });
  });
});

describe("retry", () => {
  const retrying = (retry: string): ReturnType<typeof makePack> =>
    makePack({
      flows: {
        default: flow(`
  a:
    component.exec: { component: shop, operation: charge, input: { for: "{{in.text}}" } }
    retry: ${retry}
    routing: [{ on: timeout, to: slow }, { on: error, to: sorry }, { to: b }]
  b: { message.send: { text: "{{in.text}} {{a.id}}" }, routing: out }
  sorry: { message.send: { text: "{{a.error.code}}" }, routing: out }
  slow: { message.send: { text: "too slow" }, routing: out }
`),
      },
      components: { shop: 'http = ["https://api.example.com"]' },
    });

  test("the wait grows by its factor up to its maximum, and a long one lets the session go", async () => {
    verifies("flow.retry", "flow.retry.parked");
    const pack = await retrying("{ max_attempts: 5, base_delay_ms: 1000, factor: 10, max_delay_ms: 60000, jitter: 0 }");
    const at: number[] = [];
    const keys = new Set<string | undefined>();
    const attempts: number[] = [];
    const opened = await openTestRuntime({
      pack,
      component: async (ctx) => {
        at.push(opened.world.nowMs());
        keys.add(ctx.idempotencyKey);
        attempts.push(ctx.attempt);
        return at.length < 5 ? failing("BUSY", true) : { id: 7 };
      },
    });
    const { world, store, say } = opened;
    const report = say("tea");
    await world.advance(2_000);
    // The second retry is ten seconds away: the turn has committed.
    expect(await report).toMatchObject({ status: "waiting", waitingAt: "a" });
    expect((await store.list({}))[0]?.session?.waitReason).toBe("retry");
    await world.advance(200_000);
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 1_000, 11_000, 71_000, 131_000]);
    expect(keys.size).toBe(1);
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
    // The flow went on with what had arrived.
    const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 10 });
    expect(JSON.stringify(log)).toContain("tea 7");
  });

  test("what a peer asks for is waited for, and what can't pass isn't tried again", async () => {
    verifies("flow.retry.after");
    const pack = await retrying("{ max_attempts: 3, base_delay_ms: 10 }");
    const at: number[] = [];
    const opened = await openTestRuntime({
      pack,
      component: async () => {
        at.push(opened.world.nowMs());
        const busy = failing("BUSY", true);
        if (busy.kind !== "error") throw new TypeError();
        return at.length === 1 ? { ...busy, error: { ...busy.error, backoffMs: 3_600_000 } } : failing("BROKEN", false);
      },
    });
    void opened.say("tea");
    await opened.world.advance(4_000_000);
    expect(at.map((ms) => ms - (at[0] ?? 0))).toEqual([0, 3_600_000]);
  });

  test("a node that takes too long goes its own way", async () => {
    const pack = await makePack({
      flows: {
        default: flow(`
  a:
    component.exec: { component: shop, operation: charge }
    timeout_ms: 1000
    routing: [{ on: timeout, to: slow }, { on: error, to: sorry }, { to: sorry }]
  slow: { message.send: { text: "too slow" }, routing: out }
  sorry: { message.send: { text: "sorry" }, routing: out }
`),
      },
      components: { shop: 'http = ["https://api.example.com"]' },
    });
    const { texts, world } = await openTestRuntime({ pack, component: () => new Promise(() => undefined) });
    const said = texts("hi");
    await settle();
    await world.advance(1_100);
    expect(await said).toEqual(["too slow"]);
  });

  test("where every call fails, retries add less than a tenth to the load", async () => {
    verifies("flow.retry.budget");
    const pack = await retrying("{ max_attempts: 10, base_delay_ms: 100 }");
    let calls = 0;
    const opened = await openTestRuntime({
      pack,
      component: async () => {
        calls++;
        return failing("DOWN", true);
      },
    });
    const ingress = 1_000;
    for (let i = 0; i < ingress; i++) {
      void opened.say("hi", { session: `s${i}` });
      await opened.world.advance(10);
    }
    await opened.world.advance(3_600_000);
    expect(calls).toBeGreaterThan(ingress);
    expect(calls).toBeLessThanOrEqual(ingress * 1.1);
  });

  test("no crash changes what a retry that waits long comes to", async () => {
    verifies("flow.retry.parked");
    const pack = await retrying("{ max_attempts: 4, base_delay_ms: 20000, jitter: 0 }");
    const { whole, points } = await surviveEveryCrash({
      pack,
      lines: [{ text: "tea" }],
      component: (_call, times) => (times < 3 ? failing("BUSY", true) : { id: 1 }),
    });
    expect(whole.delivered).toEqual(["tea 1"]);
    expect(points).toBeGreaterThan(15);
  });
});
