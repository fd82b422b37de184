import { describe, expect, test } from "vitest";
import { ComponentErr, linkComponent, parseComponent } from "../linker/index.ts";
import { buildEcho, ECHO_GUEST } from "../linker/testing/echo-component.ts";
import { ctxOf } from "../testing/call-support.ts";
import { familyOf } from "./families.ts";
import { component, fake, func, list, option, record, result, T } from "./testing/fake-instance.ts";

describe("functions", () => {
  const action = func(
    { tenant: T.string, page: T.string, action: T.string, input: record({ payload: T.string }) },
    record({ success: T.bool, message: T.string, payload: option(T.string) }),
  );
  const guest = component([
    fake("greentic:repo-ui-actions/ui-action-api@1.0.0#handle-action", action, () => ({
      success: true,
      message: "done",
      payload: undefined,
    })),
    fake("emit", func({ "input-json": T.string }, result(T.string, T.string)), (text: never) =>
      text === "{}" ? new ComponentErr("no questions") : `{"asked":${text as string}}`,
    ),
    fake("a:b/one@1.0.0#size", func({ of: list(T.string) }, T.u64), (of: never) => BigInt((of as string[]).length)),
    fake("a:b/two@1.0.0#size", func({}, T.u64), () => 2n ** 63n),
    fake(
      "fail",
      func({}, result(null, record({ code: T.string, message: T.string, retryable: T.bool }))),
      () => new ComponentErr({ code: "E9", message: "why", retryable: true }),
    ),
    fake(
      "holds",
      func({ it: { kind: "own", resource: { kind: "resource", id: 1, definedBy: null, destructor: null } } }),
      () => 0,
    ),
    fake("init", func({}), () => 0),
  ]);

  test("take their parameters by name, in order, or the one as it is", async () => {
    const input = { tenant: "t", page: "p", action: "a", input: { payload: "{}" } };
    const output = { success: true, message: "done", payload: null };
    expect(await guest.invoke("handle-action", input)).toEqual({ kind: "ok", output });
    expect(await guest.invoke("handle-action", ["t", "p", "a", { payload: "{}" }])).toEqual({ kind: "ok", output });
    expect(guest.calls).toEqual(Array.from({ length: 2 }, () => ["handle-action", "t", "p", "a", { payload: "{}" }]));
    expect(await guest.invoke("size", ["a", "b"])).toEqual({ kind: "ok", output: 2 });
    expect(await guest.invoke("size", { of: [] })).toEqual({ kind: "ok", output: 0 });
  });

  test("that speak JSON text take JSON and give it", async () => {
    for (const input of [{ a: 1 }, { input_json: { a: 1 } }, { "input-json": `{"a":1}` }, `{"a":1}`]) {
      expect(await guest.invoke("emit", input)).toEqual({ kind: "ok", output: { asked: { a: 1 } } });
    }
  });

  test("of one name in two interfaces are told apart by the whole name", async () => {
    expect(await guest.invoke("a:b/two@1.0.0#size", null)).toEqual({ kind: "ok", output: "9223372036854775808" });
  });

  test("fail with what they say", async () => {
    expect(await guest.invoke("emit", {})).toEqual({
      kind: "error",
      error: { code: "COMPONENT_FAILED", message: "no questions", retryable: false },
    });
    expect(await guest.invoke("fail", null)).toEqual({
      kind: "error",
      error: {
        code: "E9",
        message: "why",
        retryable: true,
        details: { code: "E9", message: "why", retryable: true },
      },
    });
  });

  test("name the parameter that doesn't fit", async () => {
    await expect(guest.invoke("handle-action", { tenant: "t", page: 1 })).rejects.toMatchObject({
      code: "COMPONENT_INPUT_INVALID",
      message: 'Call component: "/action" wants a value, got nothing',
    });
  });

  test("that JSON can't reach are not offered", async () => {
    const names = (await guest.describe())?.operations.map(({ name }) => name);
    expect(names).toEqual(["handle-action", "emit", "size", "fail"]);
    for (const name of ["holds", "init"]) {
      await expect(guest.invoke(name, null)).rejects.toMatchObject({ code: "COMPONENT_OPERATION_UNKNOWN" });
    }
  });

  test("describe their parameters", async () => {
    expect((await guest.describe())?.operations[0]).toEqual({
      name: "handle-action",
      inputSchema: {
        type: "object",
        properties: {
          tenant: { type: "string" },
          page: { type: "string" },
          action: { type: "string" },
          input: {
            type: "object",
            properties: { payload: { type: "string" } },
            required: ["payload"],
            additionalProperties: false,
          },
        },
        required: ["tenant", "page", "action", "input"],
        additionalProperties: false,
      },
      outputSchema: {
        type: "object",
        properties: {
          success: { type: "boolean" },
          message: { type: "string" },
          payload: { anyOf: [{ type: "null" }, { type: "string" }] },
        },
        required: ["success", "message"],
        additionalProperties: false,
      },
    });
  });
});

test("values go through a real guest and back as the same JSON", async () => {
  const declarations = `
    record point { x: s32, y-axis: f64 }
    variant shape { none, circle(f32), dot(point) }
    flags perms { can-read, can-write }`;
  const cases = [
    ["point", { x: -5, y_axis: 2.5 }],
    ["shape", "none"],
    ["shape", { dot: { x: 1, y_axis: 0 } }],
    ["perms", ["can-write"]],
    ["list<u64>", [1, "18446744073709551615"]],
    ["list<u8>", "AQID"],
    ["tuple<option<string>, char, list<s16>>", [null, "🌍", [-1, 2]]],
    ["option<option<bool>>", { some: true }],
  ] as const;
  const bytes = await buildEcho({ declarations, types: cases.map(([type]) => type) });
  const linked = linkComponent(parseComponent(bytes), () => ({ isAsync: false, call: (_state, [value]) => value }));
  const family = familyOf(linked.exports);
  for (const [index, [, value]] of cases.entries()) {
    const call = { ctx: ctxOf(), component: "c", operation: `${ECHO_GUEST}#r${index}`, config: undefined };
    const answer = await family?.call(linked.instantiate({}), { ...call, input: { v: value } });
    expect(answer).toEqual({ kind: "ok", output: value });
  }
});
