import { assert, property, stringMatching } from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { channelId, envId, formatSessionKey, conversationId, teamId, tenantId, userId } from "../types/index.ts";
import { exactly, matchesSubject, openInProcessBus, subjectOf, subjectOfSession, subjectsBelow } from "./index.ts";

const place = { env: envId("prod"), tenant: tenantId("acme"), team: teamId("default"), channel: channelId("webchat") };
const other = { ...place, tenant: tenantId("acme-2") };
const later = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("subjectOf() makes the published names", () => {
  verifies("message.ingress.subject", "message.egress.subject");
  expect(subjectOf("ingress", place)).toBe("greentic.messaging.ingress.prod.acme.default.webchat");
  expect(subjectOf("egress", place)).toBe("greentic.messaging.egress.prod.acme.default.webchat");
  const key = formatSessionKey({ ...place, conversation: conversationId("a.b>*"), user: userId("u") });
  expect(subjectOfSession("log", key)).toBe("greentic.log.prod.acme.default.webchat");
});

test("subjectOf() holds seven tokens and no wildcard for any ids", () => {
  const token = stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
  assert(
    property(token, token, token, token, (env, tenant, team, channel) => {
      const subject = subjectOf("ingress", {
        env: envId(env),
        tenant: tenantId(tenant),
        team: teamId(team),
        channel: channelId(channel),
      });
      expect(subject.split(".")).toEqual(["greentic", "messaging", "ingress", env, tenant, team, channel]);
      expect(subject).not.toMatch(/[*> ]/);
    }),
  );
});

test("subjectsBelow() matches whole tokens only", () => {
  const pattern = subjectsBelow("ingress", { env: place.env, tenant: place.tenant });
  expect(pattern).toBe("greentic.messaging.ingress.prod.acme.>");
  expect(matchesSubject(pattern, subjectOf("ingress", place))).toBe(true);
  expect(matchesSubject(pattern, subjectOf("ingress", other))).toBe(false);
  expect(matchesSubject(pattern, subjectOf("egress", place))).toBe(false);
  expect(() => subjectsBelow("ingress", { tenant: place.tenant })).toThrow(TypeError);
  expect(() => subjectsBelow("ingress", { env: place.env, team: place.team })).toThrow(TypeError);
});

test("publish() reaches who listens, in order, and nobody else", async () => {
  verifies("bus.inprocess");
  await using bus = openInProcessBus();
  const all: unknown[] = [];
  const one: unknown[] = [];
  const stop = bus.subscribe(subjectsBelow("ingress"), ({ payload }) => void all.push(payload));
  bus.subscribe(exactly(subjectOf("ingress", other)), ({ subject, payload }) => void one.push([subject, payload]));
  bus.publish(subjectOf("ingress", place), 1);
  bus.publish(subjectOf("ingress", other), 2);
  bus.publish(subjectOf("egress", other), 3);
  expect(all).toEqual([]);
  await later();
  expect(all).toEqual([1, 2]);
  expect(one).toEqual([[subjectOf("ingress", other), 2]]);
  bus.publish(subjectOf("ingress", place), 4);
  stop();
  await later();
  expect(all).toEqual([1, 2]);
});

test("subscribe() shares messages among a group", async () => {
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

test("publish() keeps one handler's failure from the others", async () => {
  const errors: unknown[] = [];
  await using bus = openInProcessBus({ onError: (error) => void errors.push(error) });
  const got: unknown[] = [];
  bus.subscribe(subjectsBelow("log"), () => {
    throw new RangeError("thrown");
  });
  bus.subscribe(subjectsBelow("log"), () => Promise.reject(new RangeError("rejected")));
  bus.subscribe(subjectsBelow("log"), ({ payload }) => void got.push(payload));
  bus.publish(subjectOf("log", place), "x");
  await later();
  expect(got).toEqual(["x"]);
  expect(errors).toEqual([new RangeError("thrown"), new RangeError("rejected")]);
});
