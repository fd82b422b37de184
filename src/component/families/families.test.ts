import { assert, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import { ComponentErr } from "../linker/index.ts";
import { ctxOf } from "../testing/call-support.ts";
import { exec } from "./exec.ts";
import { abiOf } from "./families.ts";
import { guestValue, plainText } from "./guest-text.ts";
import { mcp250618 } from "./mcp250618.ts";
import { verifies } from "../../../test/verifies.ts";

const type = { kind: "func", params: [], result: null } as const;
const exported = (name: string, of: string | null = null): ExportRef => ({ interface: of, name, type });

test.each([
  ["exec", exported("execute")],
  ["mcp250618", exported("call-tool", "wasix:mcp/router@25.6.18")],
  ["node04", exported("invoke", "greentic:component/node@0.4.0")],
  ["node05", exported("invoke", "greentic:component/node@0.5.0")],
  ["node06", exported("invoke", "greentic:component/node@0.6.0")],
  ["component060", exported("run", "greentic:component/component-runtime@0.6.0")],
  ["runtime061", exported("invoke", "greentic:component/runtime@0.6.1")],
  ["ingress002", exported("handle-webhook", "provider:common/ingress@0.0.2")],
  ["validate010", exported("applies", "greentic:pack-validate/validator@0.1.0")],
  ["command", exported("run", "wasi:cli/run@0.2.6")],
  ["none", exported("add")],
] as const)("abiOf() knows %s by its exports", (abi, ref) => {
  expect(abiOf([exported("init"), ref])).toBe(abi);
});

/** An instance that answers one call; what it was called with is on record. */
function instance(answer: unknown): ComponentInstance & { readonly calls: unknown[][] } {
  const calls: unknown[][] = [];
  return {
    calls,
    stats: { fuel: 0, peakMemoryBytes: 0 },
    call: (ref, args) => {
      calls.push([ref.name, ...args]);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
}
const call = (operation: string, input: never) => ({ ctx: ctxOf(), operation, input, config: undefined });

describe("exec", () => {
  const run = async (input: unknown, outcome: unknown) => {
    const guest = instance(outcome);
    return { answer: await exec.call(guest, call("execute", input as never)), message: guest.calls[0]?.[1] };
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

describe("mcp250618", () => {
  const completed = (result: object) => ({ tag: "completed", val: { content: [], ...result } });
  const run = (answer: unknown) => mcp250618.call(instance(answer), call("say", { a: 1 } as never));

  test("gives content and structured content", async () => {
    const text = { tag: "text", val: { text: "hi", annotations: undefined } };
    expect(await run(completed({ content: [text], structuredContent: '{"b":1}' }))).toEqual({
      kind: "ok",
      output: { content: [{ type: "text", text: "hi" }], structured: { b: 1 } },
    });
    await expect(run(completed({ structuredContent: "{" }))).rejects.toMatchObject({
      code: "COMPONENT_OUTPUT_INVALID",
    });
  });

  test("hands elicitations on", async () => {
    const val = { title: undefined, message: "which?", schema: '{"type":"string"}' };
    expect(await run({ tag: "elicit", val })).toEqual({
      kind: "ok",
      output: { elicit: { message: "which?", schema: { type: "string" } } },
    });
  });

  test("keeps the tool's own error codes", async () => {
    expect(await run(new ComponentErr({ tag: "not-found", val: "no city" }))).toEqual({
      kind: "error",
      error: { code: "not-found", message: "no city", retryable: false },
    });
    expect(await run(new ComponentErr({ tag: "execution-error", val: "" }))).toMatchObject({
      error: { retryable: true },
    });
    expect(await run(completed({ isError: true }))).toMatchObject({
      kind: "error",
      error: { code: "execution-error" },
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
