import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeKeyToken,
  encodeKeyToken,
  formatSessionKey,
  GreenticError,
  parseJson,
  parseSessionKey,
  quote,
  tenantId,
} from "./index.ts";
import { channelId, conversationId, envId, teamId, userId } from "./index.ts";

const token = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
const foreign = fc
  .string({ minLength: 1, maxLength: 40, unit: "grapheme" })
  .filter((s) => s.isWellFormed() && /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,512}$/u.test(s));

test("encodeKeyToken() is reversed by decodeKeyToken() and holds no separator", () => {
  fc.assert(
    fc.property(foreign, (value) => {
      const text = encodeKeyToken(value);
      expect(text).toMatch(/^[A-Za-z0-9_~-]+$/);
      expect(decodeKeyToken(text)).toBe(value);
    }),
  );
});

test("formatSessionKey() is reversed by parseSessionKey() for any ids", () => {
  fc.assert(
    fc.property(token, token, token, token, foreign, foreign, (env, tenant, team, channel, conversation, user) => {
      const key = {
        env: envId(env),
        tenant: tenantId(tenant),
        team: teamId(team),
        channel: channelId(channel),
        conversation: conversationId(conversation),
        user: userId(user),
      };
      expect(parseSessionKey(formatSessionKey(key))).toEqual(key);
    }),
  );
});

test.each(["", "A", "a.b", "a*b", "a>b", "a:b", "a/b", "-a", "a b", "a".repeat(64), "ä"])(
  "tenantId() refuses %j",
  (value) => {
    expect(() => tenantId(value)).toThrow(GreenticError);
  },
);

test("quote() escapes what could forge a line", () => {
  expect(quote("a\n\u202eb\u009b")).toBe(String.raw`"a\n\u202eb\u009b"`);
});

test("parseJson() counts depth outside strings and keeps __proto__ as data", () => {
  expect(() => parseJson("[".repeat(65) + "]".repeat(65))).toThrow(
    expect.objectContaining({ code: "TYPES_JSON_TOO_DEEP" }),
  );
  expect(parseJson(JSON.stringify("[".repeat(500)))).toBe("[".repeat(500));
  const value = parseJson('{"__proto__":{"polluted":1}}');
  expect(Object.keys(value as object)).toEqual(["__proto__"]);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("parseJson() refuses size, bad UTF-8 and bad syntax without quoting the input", () => {
  expect(() => parseJson("12345", { maxBytes: 4 })).toThrow(expect.objectContaining({ code: "TYPES_JSON_TOO_LARGE" }));
  expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(
    expect.objectContaining({ code: "TYPES_JSON_INVALID" }),
  );
  expect(() => parseJson('{"secret": hunter2}')).toThrow(/^(?!.*hunter2).*$/s);
});
