import { expect, test } from "vitest";
import { busContract, Inbox } from "../../conformance/bus.ts";
import { verifies } from "../../test/verifies.ts";
import { channelId, envId, teamId, tenantId } from "../types/index.ts";
import { openInProcessBus, subjectOf, subjectsBelow } from "./index.ts";

const place = { env: envId("prod"), tenant: tenantId("acme"), team: teamId("default"), channel: channelId("webchat") };
const later = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

busContract("in-process", { open: async () => openInProcessBus() });

test("publish() hands over in a later microtask, and to nobody who has left", async () => {
  verifies("bus.inprocess");
  await using bus = openInProcessBus();
  const inbox = new Inbox();
  const stop = bus.subscribe(subjectsBelow("ingress"), inbox.take);
  bus.publish(subjectOf("ingress", place), 1);
  expect(inbox.payloads).toEqual([]);
  await later();
  expect(inbox.payloads).toEqual([1]);
  bus.publish(subjectOf("ingress", place), 2);
  stop();
  await later();
  expect(inbox.payloads).toEqual([1]);
});

test("subscribe() takes a group's subscribers in turn", async () => {
  await using bus = openInProcessBus();
  const got: Record<string, unknown[]> = { a: [], b: [], c: [] };
  for (const name of ["a", "b"]) {
    bus.subscribe(subjectsBelow("egress"), ({ payload }) => void got[name]?.push(payload), { group: "senders" });
  }
  bus.subscribe(subjectsBelow("egress"), ({ payload }) => void got["c"]?.push(payload));
  for (let n = 0; n < 4; n++) bus.publish(subjectOf("egress", place), n);
  await later();
  expect(got).toEqual({ a: [0, 2], b: [1, 3], c: [0, 1, 2, 3] });
});

test("openInProcessBus() tells what handlers threw", async () => {
  const errors: unknown[] = [];
  await using bus = openInProcessBus({ onError: (error) => void errors.push(error) });
  bus.subscribe(subjectsBelow("log"), () => {
    throw new RangeError("thrown");
  });
  bus.subscribe(subjectsBelow("log"), () => Promise.reject(new RangeError("rejected")));
  bus.publish(subjectOf("log", place), "x");
  await later();
  expect(errors).toEqual([new RangeError("thrown"), new RangeError("rejected")]);
});
