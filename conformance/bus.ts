import { describe, expect, test } from "vitest";
import type { Bus, BusMessage } from "../src/bus/index.ts";
import { deadLettersOf, deadLetterSubject, exactly, subjectOf, subjectsBelow } from "../src/bus/index.ts";
import type { JsonValue } from "../src/types/index.ts";
import { channelId, envId, teamId, tenantId } from "../src/types/index.ts";

/** How the contract gets at a backend. */
export interface BusFactory {
  /** Opens a bus of env `prod` whose peers hear each other; each call is another process, or the same one where there is only one. */
  readonly open: () => Promise<Bus>;
}

const place = { env: envId("prod"), tenant: tenantId("acme"), team: teamId("default"), channel: channelId("webchat") };
const other = { ...place, tenant: tenantId("acme-2") };

/** Collects what arrives, and waits for it. */
export class Inbox {
  readonly got: BusMessage[] = [];
  #changed = Promise.withResolvers<void>();

  readonly take = (message: BusMessage): void => {
    this.got.push(message);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  };

  get payloads(): readonly JsonValue[] {
    return this.got.map(({ payload }) => payload);
  }

  async until(isEnough: (payloads: readonly JsonValue[]) => boolean): Promise<readonly JsonValue[]> {
    while (!isEnough(this.payloads)) await this.#changed.promise;
    return this.payloads;
  }
}

/** Holds a backend to every promise of a bus. */
export function busContract(name: string, factory: BusFactory): void {
  describe(`${name} bus`, () => {
    test("publish() reaches who listens, in order, and nobody else", async () => {
      await using bus = await factory.open();
      const [all, one, end] = [new Inbox(), new Inbox(), new Inbox()];
      bus.subscribe(subjectsBelow("ingress", { env: place.env }), all.take);
      bus.subscribe(exactly(subjectOf("ingress", other)), one.take);
      bus.subscribe(subjectsBelow("egress", { env: place.env }), end.take);
      await bus.settle();
      bus.publish(subjectOf("ingress", place), 1);
      bus.publish(subjectOf("ingress", other), 2);
      bus.publish(subjectOf("egress", other), 3);
      await end.until((payloads) => payloads.length === 1);
      expect(await all.until((payloads) => payloads.length === 2)).toEqual([1, 2]);
      expect(one.got).toEqual([{ subject: subjectOf("ingress", other), payload: 2 }]);
    });

    test("publish() carries every kind of subject as it was made", async () => {
      await using bus = await factory.open();
      const inbox = new Inbox();
      bus.subscribe(subjectsBelow("log", { env: place.env, tenant: place.tenant }), inbox.take);
      bus.subscribe(subjectsBelow("event", { env: place.env }), inbox.take);
      bus.subscribe(deadLettersOf(place.tenant), inbox.take);
      bus.subscribe(subjectsBelow("ingress", { env: place.env }), inbox.take, { group: "workers" });
      bus.subscribe(subjectsBelow("egress", { env: place.env }), inbox.take, { group: "senders" });
      await bus.settle();
      const subjects = [
        ...(["ingress", "egress", "log", "event"] as const).map((kind) => subjectOf(kind, place)),
        deadLetterSubject(place.tenant, "ingress"),
        deadLetterSubject(place.tenant, "egress"),
      ];
      for (const subject of subjects) bus.publish(subject, { text: "ä\u0000😀", subject });
      await inbox.until((payloads) => payloads.length === subjects.length);
      for (const { subject, payload } of inbox.got) expect(payload).toEqual({ text: "ä\u0000😀", subject });
      expect(inbox.got.map(({ subject }) => subject).toSorted()).toEqual(subjects.toSorted());
    });

    test("subscribe() gives each message to one of a group, and to everybody outside of it", async () => {
      const [first, second] = [await factory.open(), await factory.open()];
      await using _first = first;
      await using _second = second;
      const [a, b, all] = [new Inbox(), new Inbox(), new Inbox()];
      first.subscribe(subjectsBelow("egress", { env: place.env }), a.take, { group: "senders" });
      const elsewhere = second === first ? a : b;
      if (second !== first) second.subscribe(subjectsBelow("egress", { env: place.env }), b.take, { group: "senders" });
      first.subscribe(subjectsBelow("egress", { env: place.env }), all.take);
      await Promise.all([first.settle(), second.settle()]);
      const numbers = Array.from({ length: 40 }, (_unused, n) => n);
      for (const n of numbers) first.publish(subjectOf("egress", place), n);
      await all.until((payloads) => payloads.length === numbers.length);
      await Promise.race([
        a.until((payloads) => payloads.length + (elsewhere === a ? 0 : b.got.length) >= numbers.length),
        b.until((payloads) => payloads.length + a.got.length >= numbers.length),
      ]);
      expect([...a.payloads, ...b.payloads].toSorted((x, y) => Number(x) - Number(y))).toEqual(numbers);
    });

    test("subscribe() ends when it is told, and what is published then goes to others", async () => {
      await using bus = await factory.open();
      const [left, stays] = [new Inbox(), new Inbox()];
      const leave = bus.subscribe(subjectsBelow("ingress", { env: place.env }), left.take, { group: "workers" });
      await bus.settle();
      bus.publish(subjectOf("ingress", place), 1);
      await left.until((payloads) => payloads.length === 1);
      leave();
      bus.subscribe(subjectsBelow("ingress", { env: place.env }), stays.take, { group: "workers" });
      await bus.settle();
      bus.publish(subjectOf("ingress", place), 2);
      await stays.until((payloads) => payloads.includes(2));
      expect(left.payloads).toEqual([1]);
    });

    test("subscribe() keeps one handler's failure from the others and from what comes next", async () => {
      await using bus = await factory.open();
      const inbox = new Inbox();
      const pattern = subjectsBelow("log", { env: place.env });
      bus.subscribe(pattern, () => {
        throw new RangeError("thrown");
      });
      bus.subscribe(pattern, () => Promise.reject(new RangeError("rejected")));
      bus.subscribe(pattern, inbox.take);
      await bus.settle();
      bus.publish(subjectOf("log", place), "x");
      bus.publish(subjectOf("log", place), "y");
      expect(await inbox.until((payloads) => payloads.length === 2)).toEqual(["x", "y"]);
    });

    test("stats() counts what was published and delivered", async () => {
      await using bus = await factory.open();
      const inbox = new Inbox();
      bus.subscribe(subjectsBelow("ingress", { env: place.env }), inbox.take, { group: "workers" });
      await bus.settle();
      expect(bus.isReady).toBe(true);
      for (let n = 0; n < 5; n++) bus.publish(subjectOf("ingress", place), n);
      await inbox.until((payloads) => payloads.length === 5);
      // A stream confirms after it has delivered.
      await expect.poll(() => bus.stats()).toMatchObject({ published: 5, dropped: 0, delivered: 5, redelivered: 0 });
    });
  });
}
