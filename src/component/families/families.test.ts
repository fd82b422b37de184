import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import type { ExportRef } from "../linker/index.ts";
import { abiOf } from "./families.ts";
import { guestValue, plainText } from "./guest-text.ts";
import { component, fake, func, record, T } from "./testing/fake-instance.ts";

const exported = (name: string, of: string | null = null): ExportRef => ({ interface: of, name, type: func({}) });

test.each([
  ["exec", exported("execute")],
  ["mcp250618", exported("call-tool", "wasix:mcp/router@25.6.18")],
  ["mcp250326", exported("call-tool", "wasix:mcp/router@25.3.26")],
  ["mcp241105", exported("call-tool", "wasix:mcp/router@24.11.5")],
  ["node04", exported("invoke", "greentic:component/node@0.4.0")],
  ["node05", exported("invoke", "greentic:component/node@0.5.0")],
  ["node06", exported("invoke", "greentic:component/node@0.6.0")],
  ["component060", exported("run", "greentic:component/component-runtime@0.6.0")],
  ["runtime061", exported("invoke", "greentic:component/runtime@0.6.1")],
  ["runtime061", exported("invoke", "greentic:provider-schema-core/schema-core-api@1.0.0")],
  ["ingress002", exported("handle-webhook", "provider:common/ingress@0.0.2")],
  ["validate010", exported("applies", "greentic:pack-validate/validator@0.1.0")],
  ["identity010", exported("identify-instance", "greentic:provider-instance-identity/instance-identity-api@0.1.0")],
  ["command", exported("run", "wasi:cli/run@0.2.6")],
  ["tool-invoke", { ...exported("tool-invoke"), type: func({ input: T.string }, T.string) }],
  ["functions", exported("add")],
  ["functions", exported("handle-action", "greentic:repo-ui-actions/ui-action-api@1.0.0")],
  ["none", exported("handle", "wasi:http/incoming-handler@0.2.6")],
] as const)("abiOf() knows %s by its exports", (abi, ref) => {
  verifies("component.families");
  expect(abiOf([exported("init"), ref])).toBe(abi);
});

test("a component of several families answers by the operation", async () => {
  const both = component([
    fake(
      "greentic:provider-schema-core/schema-core-api@1.0.0#invoke",
      func({ op: T.string, json: T.bytes }, T.bytes),
      () => Buffer.from(`{"by":"provider"}`),
    ),
    fake(
      "greentic:provider-instance-identity/instance-identity-api@0.1.0#identify-instance",
      func({ json: T.bytes }, { kind: "option", some: T.string }),
      () => "bot-1",
    ),
    fake(
      "provider:common/subscriptions@0.0.2#sync-subscriptions",
      func({ config: T.string, state: T.string }),
      () => "{}",
    ),
  ]);
  expect(both.family?.abi).toBe("runtime061");
  expect(await both.invoke("send", {})).toEqual({ kind: "ok", output: { by: "provider" } });
  expect(await both.invoke("identify-instance", { headers: [] })).toEqual({ kind: "ok", output: "bot-1" });
  expect(await both.invoke("sync-subscriptions", {})).toEqual({ kind: "ok", output: {} });
  const names = (await both.describe())?.operations.map(({ name }) => name);
  expect(names).toEqual(["sync-subscriptions", "identify-instance"]);
});

test("an operation that no family has is unknown, and the nearest is named", async () => {
  const two = component([
    fake("a:b/c@1.0.0#greet", func({}, T.string), () => "hi"),
    fake("provider:common/ingress@0.0.2#handle-webhook", func({ h: T.string, b: T.string }), () => "{}"),
  ]);
  await expect(async () => await two.invoke("handel-webhook", {})).rejects.toMatchObject({
    code: "COMPONENT_OPERATION_UNKNOWN",
    message: 'Call component: no operation "handel-webhook"; did you mean "handle-webhook"?',
  });
  await expect(async () => await two.invoke("great", {})).rejects.toMatchObject({
    message: expect.stringMatching(/did you mean "greet"/) as string,
  });
});

describe("exec", () => {
  const run = async (input: unknown, outcome: unknown) => {
    const guest = component([fake("execute", func({ message: record({}) }), () => outcome)]);
    return { answer: await guest.invoke("execute", input as never), message: guest.calls[0]?.[1] };
  };

  test("makes a message of any input, and JSON of any output", async () => {
    verifies("component.wit.documented");
    const done = { success: true, data: '{"a":1}', error: undefined };
    expect(await run({ b: 2 }, done)).toMatchObject({
      answer: { kind: "ok", output: { a: 1 } },
      message: { id: "correlation", content: '{"b":2}', sender: "" },
    });
    const whole = { id: "i", content: "text", sender: "s", timestamp: 5 };
    expect(await run(whole, { ...done, data: "plain text" })).toEqual({
      answer: { kind: "ok", output: "plain text" },
      message: { ...whole, timestamp: 5n },
    });
    expect((await run("text", { ...done, data: undefined })).answer).toEqual({ kind: "ok", output: null });
    expect((await run({ content: "c", timestamp: -1 }, done)).message).toMatchObject({ content: "c" });
  });

  test("keeps what a failed component says", async () => {
    const { answer } = await run(1, { success: false, data: "3", error: "no\u001b[2Jway" });
    expect(answer).toEqual({
      kind: "error",
      error: { code: "COMPONENT_FAILED", message: "no [2Jway", retryable: false, details: 3 },
    });
  });
});

test("plainText() lets no control or direction character through, and bounds the length", () => {
  assert(
    property(string({ unit: "binary", maxLength: 3000 }), (text) => {
      const plain = plainText(text);
      expect(plain.length).toBeLessThanOrEqual(500);
      expect(plain).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/);
    }),
  );
});

test("guestValue() takes documents for JSON and the rest for text", () => {
  expect(guestValue(' {"a":[1]}')).toEqual({ a: [1] });
  expect(guestValue("12")).toBe(12);
  expect(guestValue("12 monkeys")).toBe("12 monkeys");
  expect(guestValue("null")).toBe(null);
  expect(guestValue("nullable")).toBe("nullable");
  expect(guestValue("[")).toBe("[");
});
