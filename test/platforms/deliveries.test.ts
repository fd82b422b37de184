import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { ENV, makePack, TEAM, TENANT, TestWorld } from "../../src/runner/runtime-fixture.ts";
import type { Provider } from "../../src/messaging/index.ts";
import { providerOf } from "../../src/messaging/index.ts";
import { channelId } from "../../src/types/index.ts";
import { partsOf } from "./channel-settings.ts";
import { openEmailPerson } from "./email-person.ts";
import { EVENT_PLATFORMS } from "./event-platforms.ts";
import { INGRESS_PLATFORMS } from "./ingress-platforms.ts";
import { openVirtualHost } from "./virtual-host.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

const pack = await makePack({
  flows: {
    default: `
id: default
type: messaging
start: call
nodes:
  call: { component.exec: { component: shop, operation: work, input: { text: "{{in.text}}" } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "You said {{in.text}}." }, routing: out }
`,
  },
  components: { shop: 'http = ["https://api.example.com"]' },
});

test.each(INGRESS_PLATFORMS)(
  "$type: what comes again after 1 s, 301 s and 25 h changes nothing",
  async (platform) => {
    verifies("channels.replays");
    let calls = 0;
    await using host = await openVirtualHost({ pack, component: () => ({ n: ++calls }) });
    const { world } = host;
    const bytes = Buffer.from(JSON.stringify(platform.message(1, "hello", world.nowMs())));
    const headers = platform.sign(bytes, world.nowMs());
    expect((await host.post(platform.type, bytes, headers)).status).toBe(200);
    await world.advance(SECOND / 2);
    expect([calls, host.sends[platform.type]?.length]).toEqual([1, 1]);
    const statuses: number[] = [];
    let passedMs = SECOND / 2;
    for (const atMs of [SECOND, 301 * SECOND, 25 * HOUR]) {
      await world.advance(atMs - passedMs);
      passedMs = atMs;
      // The same bytes, as who overheard them has them, and signed anew, as the platform itself redelivers.
      statuses.push((await host.post(platform.type, bytes, headers)).status);
      const anew = platform.sign(bytes, world.nowMs());
      expect((await host.post(platform.type, bytes, anew)).status).toBe(200);
      await world.advance(SECOND / 2);
      passedMs += SECOND / 2;
      expect([calls, host.sends[platform.type]?.length]).toEqual([1, 1]);
    }
    // What is signed with a time isn't believed for longer than that.
    const lasts = platform.freshMs ?? Number.POSITIVE_INFINITY;
    expect(statuses).toEqual([SECOND, 301 * SECOND, 25 * HOUR].map((ms) => (ms <= lasts ? 200 : 401)));
    expect(await host.store.stats()).toMatchObject({ unread: 0, queued: 0, failed: 0, unknown: 0 });
    // What is said anew is heard.
    expect((await host.deliver(platform, platform.message(2, "again", world.nowMs()))).status).toBe(200);
    await world.advance(SECOND);
    expect([calls, host.sends[platform.type]?.length]).toEqual([2, 2]);
  },
  60_000,
);

test("email: what comes again after 1 s, 301 s and 25 h changes nothing", async () => {
  verifies("channels.replays");
  let calls = 0;
  const world = new TestWorld();
  const person = await openEmailPerson(world);
  await using host = await openVirtualHost({ pack, component: () => ({ n: ++calls }), world, more: [person.channel] });
  host.onClose(() => person.close());
  const mailOf = (n: number, text: string): Uint8Array =>
    Buffer.from(
      [
        "From: Ada <ada@example.net>",
        "To: worker@example.com",
        `Message-ID: <${n}@example.net>`,
        "Subject: An order",
        "",
        text,
        "",
      ].join("\r\n"),
    );
  const settle = async (): Promise<void> => {
    await world.advance(SECOND / 2);
    await person.settle(host.store);
  };
  expect(await person.bring(mailOf(1, "hello"))).toMatch(/^250 /);
  await settle();
  expect([calls, person.shown()]).toEqual([1, [expect.stringContaining("You said hello")]]);
  let passedMs = SECOND / 2;
  for (const atMs of [SECOND, 301 * SECOND, 25 * HOUR]) {
    await world.advance(atMs - passedMs);
    passedMs = atMs + SECOND / 2;
    expect(await person.bring(mailOf(1, "hello"))).toMatch(/^250 /);
    await settle();
    expect([calls, person.shown().length]).toEqual([1, 1]);
  }
  expect(startsIn(host.events)).toBe(1);
  expect(await host.store.stats()).toMatchObject({ unread: 0, queued: 0, failed: 0, unknown: 0 });
  expect(await person.bring(mailOf(2, "again"))).toMatch(/^250 /);
  await settle();
  expect([calls, person.shown().length, startsIn(host.events)]).toEqual([2, 2, 2]);
}, 60_000);

const startsIn = (events: readonly { readonly kind: string }[]): number =>
  events.filter(({ kind }) => kind === "flow.started").length;

const onEvents = await makePack({
  flows: {
    on_event: `
id: on_event
type: events
start: call
entrypoints: { "event:*": call }
nodes:
  call: { component.exec: { component: shop, operation: work, input: { text: "{{in.type}}" } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{in.id}} is {{in.type}}", to: { id: desk, channel: webhook-out } }, routing: out }
`,
  },
  components: { shop: 'http = ["https://api.example.com"]' },
});

test.each(EVENT_PLATFORMS)(
  "$type: what comes again after 1 s, 301 s and 25 h starts no flow",
  async ({ type, event, sign, freshMs, by }) => {
    verifies("channels.replays");
    let calls = 0;
    const sends: unknown[] = [];
    const world = new TestWorld();
    const channel = (of: "webhook-out" | typeof type): Provider =>
      providerOf(of).create(
        { env: ENV, tenant: TENANT, team: TEAM, channel: channelId(of) },
        {
          ...partsOf(of),
          world,
          http: async ({ body }) => {
            sends.push(JSON.parse(Buffer.from(body ?? []).toString()));
            return Promise.resolve({ status: 204, headers: [], body: Buffer.alloc(0) });
          },
        },
      );
    await using host = await openVirtualHost({
      pack: onEvents,
      component: () => ({ n: ++calls }),
      world,
      more: [channel(type), channel("webhook-out")],
    });
    const post = async (n: number, headers: Readonly<Record<string, string>>): Promise<[number, string]> => {
      const answer = await host.gateway.app.request(`/v1/events/ingress/${type}/${TENANT}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: event(n),
      });
      return [answer.status, await answer.text()];
    };
    const done = (): readonly number[] => [calls, sends.length, startsIn(host.events)];
    const [taken, refused] = [[200, "accepted"] as const, [401, ""] as const];
    const first = await sign(event(1), { n: 1, atMs: world.nowMs() });
    expect(await post(1, first)).toEqual(taken);
    await world.advance(SECOND / 2);
    expect(done()).toEqual([1, 1, 1]);
    expect(JSON.stringify(sends)).toContain(by);
    let passedMs = SECOND / 2;
    for (const atMs of [SECOND, 301 * SECOND, 25 * HOUR]) {
      await world.advance(atMs - passedMs);
      passedMs = atMs + SECOND / 2;
      // The same bytes, as who overheard them has them: believed no longer than the signature is fresh, where it says when it was made.
      expect(await post(1, first)).toEqual(atMs <= freshMs ? taken : refused);
      // And signed anew, as the sender itself repeats it.
      expect(await post(1, await sign(event(1), { n: 1, atMs: world.nowMs() }))).toEqual(taken);
      await world.advance(SECOND / 2);
      expect(done()).toEqual([1, 1, 1]);
    }
    expect(await host.store.stats()).toMatchObject({ unread: 0, queued: 0, failed: 0, unknown: 0 });
    // What happens anew is heard.
    expect(await post(2, await sign(event(2), { n: 2, atMs: world.nowMs() }))).toEqual(taken);
    await world.advance(SECOND);
    expect(done()).toEqual([2, 2, 2]);
  },
  60_000,
);

test.each(INGRESS_PLATFORMS)(
  "$type has its answer at once, and once, though the flow takes half a minute",
  async (platform) => {
    verifies("channels.acks");
    const done = Promise.withResolvers<void>();
    let calls = 0;
    await using host = await openVirtualHost({
      pack,
      component: async () => {
        calls++;
        await done.promise;
        return { n: calls };
      },
    });
    const { world } = host;
    const startMs = world.nowMs();
    const body = platform.message(1, "hello", startMs);
    // No time passes here: whoever is answered was answered without waiting for anything that takes any.
    expect((await host.deliver(platform, body)).status).toBe(200);
    expect(world.nowMs()).toBe(startMs);
    // Kept: the message, or, where the platform only says that there is one, the errand to fetch it.
    const { unread, queued } = await host.store.stats();
    expect(unread + queued).toBeGreaterThanOrEqual(1);
    await world.advance(15_000);
    // The platform grows impatient, and the person too.
    expect((await host.deliver(platform, body)).status).toBe(200);
    expect((await host.deliver(platform, platform.message(2, "still there?", world.nowMs()))).status).toBe(200);
    await world.advance(16_000);
    expect([calls, host.sends[platform.type]]).toEqual([1, []]);
    done.resolve();
    await world.advance(5_000);
    const said = host.sends[platform.type]?.map((send) => JSON.stringify(send.body)) ?? [];
    expect(said).toHaveLength(2);
    expect(said[0]).toContain("You said hello");
    expect(said[1]).toContain("You said still there?");
    expect(calls).toBe(2);
  },
  60_000,
);
