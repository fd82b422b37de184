import { array, assert, constantFrom, integer, oneof, property, string, stringMatching, tuple } from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import {
  channelId,
  conversationId,
  envId,
  formatSessionKey,
  isGreenticError,
  teamId,
  tenantId,
  userId,
} from "../types/index.ts";
import {
  deadLettersOf,
  deadLetterSubject,
  exactly,
  matchesSubject,
  subjectOf,
  subjectOfSession,
  subjectsBelow,
} from "./index.ts";
import type { SubjectPlace } from "./index.ts";

const place = { env: envId("prod"), tenant: tenantId("acme"), team: teamId("default"), channel: channelId("webchat") };
const other = { ...place, tenant: tenantId("acme-2") };

test("subjectOf() makes the published names", () => {
  verifies("message.ingress.subject", "message.egress.subject");
  expect(subjectOf("ingress", place)).toBe("greentic.messaging.ingress.prod.acme.default.webchat");
  expect(subjectOf("egress", place)).toBe("greentic.messaging.egress.prod.acme.default.webchat");
  const key = formatSessionKey({ ...place, conversation: conversationId("a.b>*"), user: userId("u") });
  expect(subjectOfSession("log", key)).toBe("greentic.log.prod.acme.default.webchat");
  expect(deadLetterSubject(place.tenant, "egress")).toBe("dlq.acme.egress");
});

test("subjectsBelow() matches whole tokens only", () => {
  const pattern = subjectsBelow("ingress", { env: place.env, tenant: place.tenant });
  expect(pattern).toBe("greentic.messaging.ingress.prod.acme.>");
  expect(matchesSubject(pattern, subjectOf("ingress", place))).toBe(true);
  expect(matchesSubject(pattern, subjectOf("ingress", other))).toBe(false);
  expect(matchesSubject(pattern, subjectOf("egress", place))).toBe(false);
  expect(matchesSubject(exactly(subjectOf("ingress", place)), subjectOf("ingress", other))).toBe(false);
  expect(() => subjectsBelow("ingress", { tenant: place.tenant })).toThrow(TypeError);
  expect(() => subjectsBelow("ingress", { env: place.env, team: place.team })).toThrow(TypeError);
});

/** What NATS itself understands, written from its documentation and apart from ours. */
function natsMatches(pattern: string, subject: string): boolean {
  const [want, have] = [pattern.split("."), subject.split(".")];
  for (const [index, token] of want.entries()) {
    if (token === ">") return have.length > index;
    if (have[index] === undefined || (token !== "*" && token !== have[index])) return false;
  }
  return want.length === have.length;
}

// What somebody would try who wants another tenant's messages, beside what is honest and what is anything at all.
const honest = stringMatching(/^[a-c0][a-c-]{0,2}$/);
const hostile = oneof(
  honest,
  array(constantFrom("a", "-", ".", "*", ">", " ", "\t", "\r\n", "%2e", "\u0000", "greentic", "。", "٭"), {
    minLength: 1,
    maxLength: 4,
  }).map((pieces) => pieces.join("")),
  string({ maxLength: 70, unit: "binary" }),
);
const KINDS = ["ingress", "egress", "log", "event"] as const;
const ids = oneof(
  { weight: 3, arbitrary: tuple(honest, honest, honest, honest) },
  { weight: 1, arbitrary: tuple(hostile, hostile, hostile, hostile) },
);

/** The place that four texts name; undefined where one of them is no id. */
function placeOf([env, tenant, team, channel]: readonly [string, string, string, string]): SubjectPlace | undefined {
  try {
    return { env: envId(env), tenant: tenantId(tenant), team: teamId(team), channel: channelId(channel) };
  } catch (error) {
    if (!isGreenticError(error, "TYPES_ID_INVALID")) throw error;
    return undefined;
  }
}

test("subjectOf() gives no two places one subject and none a wildcard, whatever they are called", () => {
  verifies("bus.subjects.isolated");
  let made = 0;
  assert(
    property(ids, ids, integer({ min: 0, max: 3 }), integer({ min: 0, max: 3 }), (texts, others, k, l) => {
      const [mine, theirs] = [placeOf(texts), placeOf(others)];
      if (mine === undefined || theirs === undefined) return;
      made++;
      const [kind, otherKind] = [KINDS[k] ?? "log", KINDS[l] ?? "log"];
      const subject = subjectOf(kind, mine);
      const otherSubject = subjectOf(otherKind, theirs);
      expect(subject).not.toMatch(/[*>\s\u0000-\u001f]/);
      expect(subject.split(".").slice(-4)).toEqual(texts);
      const isSame = kind === otherKind && texts.join("\n") === others.join("\n");
      expect(subject === otherSubject).toBe(isSame);
      expect(natsMatches(otherSubject, subject)).toBe(isSame);
      // Whoever may hear one tenant hears that tenant.
      const pattern = subjectsBelow(otherKind, { env: theirs.env, tenant: theirs.tenant });
      const isTenants = kind === otherKind && mine.env === theirs.env && mine.tenant === theirs.tenant;
      expect(natsMatches(pattern, subject)).toBe(isTenants);
      expect(matchesSubject(pattern, subject)).toBe(isTenants);
      const letter = deadLetterSubject(mine.tenant, "ingress");
      expect(natsMatches(deadLettersOf(theirs.tenant), letter)).toBe(mine.tenant === theirs.tenant);
      expect(natsMatches(pattern, letter)).toBe(false);
    }),
    { numRuns: Number(process.env["GREENTIC_SUBJECT_RUNS"] ?? 20_000) },
  );
  expect(made).toBeGreaterThan(1_000);
});
