import { describe, expect, test } from "vitest";
import { decodeCborJson, encodeCborJson } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import type { ValueType } from "../linker/component-types.ts";
import { ComponentErr } from "../linker/index.ts";
import { ctxOf } from "../testing/call-support.ts";
import { component, fake, func, list, option, record, T } from "./testing/fake-instance.ts";

const ctx = {
  ...ctxOf(),
  user: "u" as never,
  flow: "flow",
  node: "node",
  session: "session",
  attempt: 3,
  idempotencyKey: "once",
  deadlineMs: 1_800_000_000_000.5,
  locale: "de",
};
const text = option(T.string);

describe.each(["0.4.0", "0.5.0"])("node %s", (version) => {
  const of = `greentic:component/node@${version}`;
  const tenant = record({
    tenant: T.string,
    team: text,
    user: text,
    "trace-id": text,
    "correlation-id": text,
    "deadline-unix-ms": option(T.u64),
    attempt: T.u32,
    "idempotency-key": text,
  });
  const exec = record({ tenant, "flow-id": T.string, "node-id": text });
  const node = (answer: unknown, context: ValueType = exec) =>
    component([
      fake(`${of}#invoke`, func({ ctx: context, op: T.string, input: T.string }), () => answer),
      fake(`${of}#invoke-stream`, func({ ctx: context, op: T.string, input: T.string }), () => answer),
      fake(`${of}#get-manifest`, func({}, T.string), () =>
        JSON.stringify({
          component: { name: "N", version: "1.2.3" },
          operations: [{ name: "greet", input_schema: { type: "object" } }, "part"],
        }),
      ),
    ]);

  test("gives the node its whole context and JSON text", async () => {
    const guest = node({ tag: "ok", val: `{"b":2}` });
    expect(await guest.invoke("greet", { a: 1 }, { ctx })).toEqual({ kind: "ok", output: { b: 2 } });
    expect(guest.calls).toEqual([
      [
        "invoke",
        {
          tenant: {
            tenant: "acme",
            team: "default",
            user: "u",
            traceId: "0".repeat(32),
            correlationId: "correlation",
            deadlineUnixMs: 1_800_000_000_001n,
            attempt: 3,
            idempotencyKey: "once",
          },
          flowId: "flow",
          nodeId: "node",
        },
        "greet",
        `{"a":1}`,
      ],
    ]);
  });

  test("fills the context of the generation that has more fields", async () => {
    const attributes = list({ kind: "tuple", items: [T.string, T.string] });
    const context = record({
      tenant: record({
        env: T.string,
        "tenant-id": T.string,
        "i18n-id": text,
        attributes,
        "session-id": text,
        "deadline-ms": option(T.s64),
        impersonation: option(record({ "actor-id": T.string })),
        unheard: T.bool,
      }),
      "flow-id": T.string,
    });
    const guest = node({ tag: "ok", val: "plain" }, context);
    const { deadlineMs: _deadline, ...endless } = ctx;
    expect(await guest.invoke("greet", null, { ctx: endless })).toEqual({ kind: "ok", output: "plain" });
    expect(guest.calls[0]?.[1]).toEqual({
      tenant: {
        env: "test",
        tenantId: "acme",
        i18nId: "de",
        attributes: [],
        sessionId: "session",
        deadlineMs: undefined,
        impersonation: undefined,
        unheard: false,
      },
      flowId: "flow",
    });
  });

  const said = { code: "E1", message: "no\nway", retryable: true, backoffMs: 2n ** 60n, details: `{"why":1}` };
  test.each([
    ["a variant", { tag: "err", val: said }],
    ["a result", new ComponentErr(said)],
  ])("keeps all of an error that is %s", async (_what, answer) => {
    expect(await node(answer).invoke("greet", {})).toEqual({
      kind: "error",
      error: {
        code: "E1",
        message: "no way",
        retryable: true,
        backoffMs: Number.MAX_SAFE_INTEGER,
        details: { why: 1 },
      },
    });
  });

  test("gives the events of a stream", async () => {
    const events = [{ tag: "progress", val: 10 }, { tag: "data", val: `[1]` }, { tag: "done" }];
    const guest = node(events);
    expect(await guest.invoke("invoke-stream", { op: "greet", input: { a: 1 } })).toEqual({
      kind: "ok",
      output: [{ progress: 10 }, { data: [1] }, "done"],
    });
    expect(guest.calls[0]?.slice(2)).toEqual(["greet", `{"a":1}`]);
    expect(await node([{ tag: "error", val: "broke" }]).invoke("invoke-stream", { op: "greet" })).toEqual({
      kind: "error",
      error: { code: "COMPONENT_FAILED", message: "broke", retryable: false, details: [{ error: "broke" }] },
    });
  });

  test("describes itself by its manifest", async () => {
    expect(await node("").describe()).toEqual({
      name: "N",
      version: "1.2.3",
      operations: [{ name: "greet", inputSchema: { type: "object" } }, { name: "part" }],
      i18nKeys: [],
    });
  });
});

describe("node 0.6", () => {
  const tenant = record({
    "tenant-id": T.string,
    "team-id": text,
    "user-id": text,
    "env-id": T.string,
    "trace-id": T.string,
    "correlation-id": T.string,
    "deadline-ms": T.u64,
    attempt: T.u32,
    "idempotency-key": text,
    "i18n-id": T.string,
  });
  const envelope = record({
    ctx: tenant,
    "flow-id": T.string,
    "step-id": T.string,
    "component-id": T.string,
    attempt: T.u32,
    "payload-cbor": T.bytes,
    "metadata-cbor": option(T.bytes),
  });
  const schema = { kind: "variant", cases: [{ name: "inline-cbor", type: T.bytes }] } as const;
  const io = record({ schema });
  const descriptor = record({
    name: T.string,
    version: T.string,
    summary: text,
    ops: list(record({ name: T.string, summary: text, input: io, output: io })),
  });
  const inline = (value: JsonValue) => ({ schema: { tag: "inline-cbor", val: encodeCborJson(value) } });
  const node = (answer: unknown) =>
    component([
      fake("greentic:component/node@0.6.0#invoke", func({ op: T.string, envelope }), () => answer),
      fake("greentic:component/node@0.6.0#describe", func({}, descriptor), () => ({
        name: "N",
        version: "1.0.0",
        summary: undefined,
        ops: [
          {
            name: "greet",
            summary: "Greets",
            input: inline({ type: "string", regex: null, format: null, max_len: 3, min_len: 0 }),
            output: { schema: { tag: "inline-cbor", val: Uint8Array.of(0xff) } },
          },
        ],
      })),
      fake(
        "greentic:component/component-qa@0.6.0#qa-spec",
        func({ mode: { kind: "enum", names: ["setup", "update"] } }),
        (mode) => encodeCborJson({ mode }),
      ),
      fake(
        "greentic:component/component-qa@0.6.0#apply-answers",
        func({ mode: { kind: "enum", names: ["setup", "update"] }, "current-config": T.bytes, answers: T.bytes }),
        (_mode: never, current: never, answers: never) =>
          encodeCborJson({ current: decodeCborJson(current), answers: decodeCborJson(answers) }),
      ),
      fake("greentic:component/component-i18n@0.6.0#i18n-keys", func({}), () => ["a.b"]),
    ]);
  const ok = (output: JsonValue) => ({ ok: true, outputCbor: encodeCborJson(output), outputMetadataCbor: undefined });

  test("gives the node its envelope", async () => {
    const guest = node(ok({ b: 2 }));
    const more = { ctx, component: "greeter", config: { c: 1 } };
    expect(await guest.invoke("greet", { a: 1.5 }, more)).toEqual({ kind: "ok", output: { b: 2 } });
    expect(guest.calls).toEqual([
      [
        "invoke",
        "greet",
        {
          ctx: {
            tenantId: "acme",
            teamId: "default",
            userId: "u",
            envId: "test",
            traceId: "0".repeat(32),
            correlationId: "correlation",
            deadlineMs: 1_800_000_000_001n,
            attempt: 3,
            idempotencyKey: "once",
            i18nId: "de",
          },
          flowId: "flow",
          stepId: "node",
          componentId: "greeter",
          attempt: 3,
          payloadCbor: encodeCborJson({ a: 1.5 }),
          metadataCbor: encodeCborJson({ config: { c: 1 } }),
        },
      ],
    ]);
  });

  test("has no deadline where there is none, and runs where no operation is named", async () => {
    const guest = node(ok(null));
    await guest.invoke("", {});
    expect(guest.calls[0]).toMatchObject(["invoke", "run", { ctx: { deadlineMs: 2n ** 64n - 1n }, stepId: "" }]);
  });

  test("unwraps what an older host wrapped, and leaves alone what only looks like it", async () => {
    const guest = node(ok(null));
    const payload = [...Buffer.from(`{"a":1}`)];
    const wrapped = { ctx: {}, flow_id: "f2", node_id: "n2", op: "x", payload, metadata: [...Buffer.from(`{"m":1}`)] };
    await guest.invoke("greet", wrapped);
    await guest.invoke("greet", { ...wrapped, payload: [300] });
    const sent = guest.calls.map(
      (call) => call[2] as { payloadCbor: Uint8Array; metadataCbor?: Uint8Array; flowId: string; stepId: string },
    );
    expect(decodeCborJson(sent[0]?.payloadCbor ?? new Uint8Array())).toEqual({ a: 1 });
    expect(decodeCborJson(sent[0]?.metadataCbor ?? new Uint8Array())).toEqual({ m: 1 });
    expect(sent[0]).toMatchObject({ flowId: "f2", stepId: "n2" });
    expect(decodeCborJson(sent[1]?.payloadCbor ?? new Uint8Array())).toMatchObject({ payload: [300] });
  });

  test.each([
    [
      "an error record with details in CBOR",
      new ComponentErr({ code: "E", message: "m", retryable: false, backoffMs: 250n, details: encodeCborJson([1]) }),
      { code: "E", message: "m", retryable: false, backoffMs: 250, details: [1] },
    ],
    [
      "details that aren't CBOR",
      new ComponentErr({ code: "", message: "", retryable: true, backoffMs: undefined, details: Uint8Array.of(0xff) }),
      { code: "COMPONENT_FAILED", message: "The component reported a failure", retryable: true, details: "/w==" },
    ],
    [
      "ok: false",
      { ...ok({ reason: "none" }), ok: false },
      {
        code: "COMPONENT_INVOCATION_FAILED",
        message: "The component reported a failure",
        retryable: false,
        details: { reason: "none" },
      },
    ],
    [
      "an error in its output",
      ok({ error: { code: "AC_ASSET_NOT_FOUND", message: "no card", details: { path: "x" } } }),
      { code: "AC_ASSET_NOT_FOUND", message: "no card", retryable: false, details: { path: "x" } },
    ],
  ])("fails with %s", async (_what, answer, error) => {
    expect(await node(answer).invoke("greet", {})).toEqual({ kind: "error", error });
  });

  test("takes JSON for CBOR, and nothing for null", async () => {
    const given = (text: string) => node({ ok: true, outputCbor: new TextEncoder().encode(text) }).invoke("greet", {});
    expect(await given('{"a":[1]}')).toEqual({ kind: "ok", output: { a: [1] } });
    expect(await given("[1]")).toEqual({ kind: "ok", output: [1] });
    expect(await given("")).toEqual({ kind: "ok", output: null });
    await expect(given("{")).rejects.toMatchObject({ code: "COMPONENT_OUTPUT_INVALID" });
  });

  test("refuses an output that isn't CBOR", async () => {
    const answer = { ok: true, outputCbor: Uint8Array.of(0x61) };
    await expect(node(answer).invoke("greet", {})).rejects.toMatchObject({ code: "COMPONENT_OUTPUT_INVALID" });
  });

  test("describes itself, and answers what stands beside its work", async () => {
    const guest = node(undefined);
    expect(await guest.describe()).toEqual({
      name: "N",
      version: "1.0.0",
      operations: [{ name: "greet", summary: "Greets", inputSchema: { type: "string", maxLength: 3 } }],
      setup: { mode: "setup" },
      i18nKeys: ["a.b"],
    });
    expect(await guest.invoke("describe", null)).toMatchObject({ output: { name: "N", ops: [{ name: "greet" }] } });
    expect(await guest.invoke("qa-spec", { mode: "upgrade" })).toEqual({ kind: "ok", output: { mode: "update" } });
    expect(await guest.invoke("apply-answers", { answers: { a: 1 } }, { config: { b: 2 } })).toEqual({
      kind: "ok",
      output: { current: { b: 2 }, answers: { a: 1 } },
    });
    await expect(guest.invoke("qa-spec", { mode: "never" })).rejects.toMatchObject({
      code: "COMPONENT_INPUT_INVALID",
      message: `Call component: "/mode" wants one of "setup", "update", got string`,
    });
  });
});
