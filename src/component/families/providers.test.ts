import { describe, expect, test } from "vitest";
import { decodeCborJson, encodeCborJson } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { ComponentErr } from "../linker/index.ts";
import { component, fake, func, list, option, record, T } from "./testing/fake-instance.ts";

const json = (value: JsonValue): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const parsed = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

describe("component060", () => {
  const run = func({ input: T.bytes, state: T.bytes }, record({ output: T.bytes, "new-state": T.bytes }));
  const of = "greentic:component/component";
  const handler = (output: JsonValue | Uint8Array) =>
    component([
      fake(`${of}-runtime@0.6.0#run`, run, () => ({
        output: output instanceof Uint8Array ? output : encodeCborJson(output),
        newState: new Uint8Array(0),
      })),
      fake(`${of}-schema@0.6.0#input-schema`, func({}, T.bytes), () => encodeCborJson({ type: "bool" })),
      fake(`${of}-schema@0.6.0#config-schema`, func({}, T.bytes), () => encodeCborJson({ type: "object" })),
      fake(`${of}-descriptor@0.6.0#get-component-info`, func({}, T.bytes), () =>
        encodeCborJson({ id: "a.b", version: "2.0.0", display_name: { key: "k", fallback: "B" } }),
      ),
    ]);

  test("runs any operation with an empty state, its configuration within the input", async () => {
    const guest = handler({ b: 2 });
    expect(await guest.invoke("text", { a: 1 }, { config: { c: 3 } })).toEqual({ kind: "ok", output: { b: 2 } });
    expect(guest.calls).toEqual([["run", encodeCborJson({ a: 1, config: { c: 3 } }), encodeCborJson({})]]);
    await guest.invoke("text", { config: 1 }, { config: 2 });
    expect(guest.calls[1]?.[1]).toEqual(encodeCborJson({ config: 1 }));
  });

  test("fails with the error in its output, and refuses an output that isn't CBOR", async () => {
    const error = { kind: "missing", message: "no text" };
    expect(await handler({ error }).invoke("text", {})).toEqual({
      kind: "error",
      error: { code: "missing", message: "no text", retryable: false, details: { error } },
    });
    await expect(handler(Uint8Array.of(0x9f)).invoke("text", {})).rejects.toMatchObject({
      code: "COMPONENT_OUTPUT_INVALID",
    });
  });

  test("is described by whatever documents it has", async () => {
    expect(await handler(null).describe()).toEqual({
      name: "a.b",
      version: "2.0.0",
      summary: "B",
      operations: [{ name: "run", inputSchema: { type: "boolean" } }],
      configSchema: { type: "object" },
      i18nKeys: [],
    });
    expect(await handler(null).invoke("input-schema", null)).toEqual({ kind: "ok", output: { type: "bool" } });
  });
});

describe("runtime061", () => {
  const core = "greentic:provider-schema-core/schema-core-api@1.0.0";
  const invokeJson = func({ op: T.string, "input-json": T.bytes }, T.bytes);
  const provider = (answer: JsonValue) =>
    component([
      fake(`${core}#invoke`, invokeJson, () => json(answer)),
      fake(`${core}#describe`, func({}, T.bytes), () => json({ provider_type: "p", ops: ["send", "reply"] })),
      fake(`${core}#validate-config`, func({ "config-json": T.bytes }, T.bytes), (given: never) => given),
      fake(`${core}#healthcheck`, func({}, T.bytes), () => json({ status: "healthy" })),
      fake(
        "greentic:component/qa@0.6.1#apply-answers",
        func({ mode: { kind: "enum", names: ["setup"] }, "answers-cbor": T.bytes }, T.bytes),
        (_mode: never, answers: never) => answers,
      ),
    ]);

  test("speaks JSON where it can, and has configuration where its input has a place for it", async () => {
    const guest = provider({ ok: true });
    expect(await guest.invoke("send_payload", { v: 1 }, { config: { a: 1 } })).toEqual({
      kind: "ok",
      output: { ok: true },
    });
    await guest.invoke("encode", { v: 1 }, { config: { a: 1 } });
    expect(guest.calls.map(([, op, input]) => [op, parsed(input as Uint8Array)])).toEqual([
      ["send_payload", { v: 1, config: { a: 1 } }],
      ["encode", { v: 1 }],
    ]);
  });

  test("speaks CBOR where it has nothing else", async () => {
    const invoke = func({ op: T.string, "input-cbor": T.bytes }, T.bytes);
    const guest = component([
      fake("greentic:component/runtime@0.6.1#invoke", invoke, (_op: never, input: never) =>
        encodeCborJson({ got: decodeCborJson(input) }),
      ),
    ]);
    expect(await guest.invoke("send", { a: [1] })).toEqual({ kind: "ok", output: { got: { a: [1] } } });
  });

  test.each([
    [
      { ok: false, message: "later", retryable: true },
      { code: "COMPONENT_FAILED", message: "later", retryable: true },
    ],
    [
      { ok: false, error: { code: "E", message: "m", retryable: true, backoff_ms: 5, details: [1] } },
      { code: "E", message: "m", retryable: true, backoffMs: 5, details: [1] },
    ],
    [
      { ok: false, error: "plain" },
      { code: "COMPONENT_FAILED", message: "plain", retryable: false },
    ],
  ])("ok: false is a failure: %j", async (answer, error) => {
    expect(await provider(answer as JsonValue).invoke("send", {})).toEqual({
      kind: "error",
      error: { details: answer, ...error },
    });
  });

  test("an operation that the provider doesn't have is unknown, and the nearest is named", async () => {
    const guest = provider({ ok: false, error: "unsupported op: sent" });
    await expect(guest.invoke("sent", {})).rejects.toMatchObject({
      code: "COMPONENT_OPERATION_UNKNOWN",
      message: 'Call component: no operation "sent"; did you mean "send"?',
    });
    const own = provider({ ok: false, error: "unsupported op: reply" });
    expect(await own.invoke("reply", {})).toMatchObject({ kind: "error", error: { code: "COMPONENT_FAILED" } });
  });

  test("answers what stands beside its work", async () => {
    const guest = provider(null);
    expect(await guest.invoke("healthcheck", null)).toEqual({ kind: "ok", output: { status: "healthy" } });
    expect(await guest.invoke("validate-config", {}, { config: { a: 1 } })).toEqual({ kind: "ok", output: { a: 1 } });
    expect(await guest.invoke("describe", null)).toMatchObject({ output: { provider_type: "p" } });
    expect(await guest.describe()).toEqual({
      name: "p",
      operations: [{ name: "send" }, { name: "reply" }],
      i18nKeys: [],
    });
    // Published providers read answers flat, documents nest them: both stand in what is sent.
    const both = { a: 1, answers: { a: 1 }, current_config: { b: 2 } };
    for (const input of [
      { answers: { a: 1 }, current_config: { b: 2 } },
      { mode: "setup", a: 1, current_config: { b: 2 } },
    ]) {
      expect(await guest.invoke("apply-answers", input)).toEqual({ kind: "ok", output: both });
    }
  });
});

describe("ingress002", () => {
  const of = "provider:common/ingress@0.0.2";
  const ingress = (answer: unknown) =>
    component([
      fake(`${of}#handle-webhook`, func({ "headers-json": T.string, "body-json": T.string }), () => answer),
      fake("provider:common/subscriptions@0.0.2#sync-subscriptions", func({ c: T.string, s: T.string }), () => answer),
    ]);

  test.each([
    [{ headers: { a: "b" }, body: { c: 1 } }, [`{"a":"b"}`, `{"c":1}`]],
    [{ headers: [["a", "b"]], body: `{ "c" : 1 }` }, [`{"a":"b"}`, `{ "c" : 1 }`]],
    [{ body_b64: Buffer.from("ü=1").toString("base64") }, ["{}", "ü=1"]],
    [{ update_id: 1 }, ["{}", `{"update_id":1}`]],
  ])("takes a request in any shape: %j", async (input, args) => {
    const guest = ingress(`{"ok":true}`);
    expect(await guest.invoke("handle-webhook", input as JsonValue)).toEqual({ kind: "ok", output: { ok: true } });
    expect(guest.calls).toEqual([["handle-webhook", ...args]]);
  });

  test("takes subscriptions with the pack's configuration", async () => {
    const guest = ingress("{}");
    await guest.invoke("sync-subscriptions", { state: { s: 1 } }, { config: { c: 1 } });
    expect(guest.calls).toEqual([["sync-subscriptions", `{"c":1}`, `{"s":1}`]]);
  });

  test("fails with what it says, as text or as a record", async () => {
    expect(await ingress(new ComponentErr("bad signature")).invoke("handle-webhook", {})).toEqual({
      kind: "error",
      error: { code: "COMPONENT_FAILED", message: "bad signature", retryable: false },
    });
    const record = `{"code":"E","message":"m","retryable":true}`;
    expect(await ingress(new ComponentErr(record)).invoke("handle-webhook", {})).toMatchObject({
      error: { code: "E", message: "m", retryable: true },
    });
  });

  test("refuses a body that isn't text", async () => {
    await expect(ingress("").invoke("handle-webhook", { body_b64: "/w==" })).rejects.toMatchObject({
      code: "COMPONENT_INPUT_INVALID",
    });
  });
});

describe("validate010", () => {
  const inputs = record({ "manifest-cbor": T.bytes, "sbom-json": T.string, "file-index": list(T.string) });
  const diagnostic = record({ severity: T.string, code: T.string, message: T.string, path: option(T.string) });
  const of = "greentic:pack-validate/validator@0.1.0";
  const validator = component([
    fake(`${of}#applies`, func({ inputs }, T.bool), () => true),
    fake(`${of}#validate`, func({ inputs }, list(diagnostic)), () => [
      { severity: "warn", code: "C", message: "m", path: undefined },
    ]),
  ]);

  test("takes a pack and gives diagnostics", async () => {
    const input = { manifest_cbor: "oA==", sbom_json: { a: 1 }, file_index: ["a.txt"] };
    expect(await validator.invoke("applies", input)).toEqual({ kind: "ok", output: true });
    expect(await validator.invoke("validate", { inputs: input })).toEqual({
      kind: "ok",
      output: [{ severity: "warn", code: "C", message: "m", path: null }],
    });
    expect(validator.calls.map(([, given]) => given)).toEqual(
      Array.from({ length: 2 }, () => ({
        manifestCbor: Uint8Array.of(0xa0),
        sbomJson: `{"a":1}`,
        fileIndex: ["a.txt"],
      })),
    );
  });

  test("names what is missing", async () => {
    await expect(validator.invoke("applies", { sbom_json: "", file_index: [] })).rejects.toMatchObject({
      code: "COMPONENT_INPUT_INVALID",
      message: 'Call component: "/manifest_cbor" wants a value, got nothing',
    });
  });

  test("describes what it takes", async () => {
    const described = await validator.describe();
    expect(described?.operations).toMatchObject([
      { name: "applies", inputSchema: { required: ["manifest_cbor", "sbom_json", "file_index"] } },
      { name: "validate", outputSchema: { type: "array" } },
    ]);
  });
});

test.each([
  ["bytes", T.bytes],
  ["a text", T.string],
])("identity010 hands a request on as %s", async (_what, type) => {
  const guest = component([
    fake(
      "greentic:provider-instance-identity/instance-identity-api@0.1.0#identify-instance",
      func({ "input-json": type }, option(T.string)),
      () => undefined,
    ),
  ]);
  expect(await guest.invoke("identify-instance", { headers: [] })).toEqual({ kind: "ok", output: null });
  const given = guest.calls[0]?.[1];
  expect(typeof given === "string" ? given : new TextDecoder().decode(given as Uint8Array)).toBe(`{"headers":[]}`);
});

test("tool-invoke takes any operation, and JSON as its text", async () => {
  const guest = component([fake("tool-invoke", func({ input: T.string }, T.string), (text: never) => text)]);
  expect(await guest.invoke("tool-invoke", { a: 1 })).toEqual({ kind: "ok", output: { a: 1 } });
  expect(await guest.invoke("weather", "not json")).toEqual({ kind: "ok", output: "not json" });
});
