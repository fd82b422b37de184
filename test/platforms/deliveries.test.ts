import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { makePack } from "../../src/runner/runtime-fixture.ts";
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
