import { describe, expect, test } from "vitest";
import { ComponentErr } from "../linker/index.ts";
import { component, fake, func, list, record, T } from "./testing/fake-instance.ts";

const json = record({ json: T.string });
const call = { current: func({ name: T.string, args: T.string }), older: func({ name: T.string, args: json }) };
const tools = [{ name: "say", title: undefined, description: "Says", inputSchema: "{}", outputSchema: undefined }];

describe("mcp250618", () => {
  const completed = (result: object) => ({ tag: "completed", val: { content: [], ...result } });
  const router = (answer: unknown) =>
    component([
      fake("wasix:mcp/router@25.6.18#call-tool", call.current, () => answer),
      fake("wasix:mcp/router@25.6.18#list-tools", func({}, list(record({}))), () => tools),
    ]);
  const run = async (answer: unknown) => await router(answer).invoke("say", { a: 1 });

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

  test("says which tool is near to one that isn't there", async () => {
    const guest = router(new ComponentErr({ tag: "not-found", val: "sya" }));
    await expect(guest.invoke("sya", {})).rejects.toMatchObject({
      message: expect.stringMatching(/did you mean "say"/) as string,
    });
  });

  test("describes its tools", async () => {
    expect(await router(undefined).describe()).toEqual({
      operations: [{ name: "say", summary: "Says", inputSchema: {} }],
      i18nKeys: [],
    });
  });
});

describe.each(["25.3.26", "24.11.5"])("revision %s", (version) => {
  const of = `wasix:mcp/router@${version}`;
  const router = (answer: unknown) =>
    component([
      fake(`${of}#call-tool`, call.older, () => answer),
      fake(`${of}#list-tools`, func({}, list(record({}))), () => [
        {
          name: "say",
          description: "Says",
          inputSchema: { json: '{"type":"object"}' },
          outputSchema: { json: "true" },
        },
      ]),
    ]);

  test("wraps arguments in their record, and unwraps schemas", async () => {
    const guest = router({ content: [], isError: undefined });
    expect(await guest.invoke("say", { a: 1 })).toEqual({ kind: "ok", output: { content: [], structured: null } });
    expect(guest.calls).toEqual([["call-tool", "say", { json: '{"a":1}' }]]);
    expect(await guest.invoke("list-tools", null)).toEqual({
      kind: "ok",
      output: {
        tools: [{ name: "say", description: "Says", inputSchema: { type: "object" }, outputSchema: true }],
      },
    });
  });

  test("writes resources as MCP does, and takes the legacy output for structured content", async () => {
    const contents = { tag: "text", val: { uri: "a:b", mimeType: undefined, text: "t" } };
    const embedded = { tag: "embedded", val: { resourceContents: contents, annotations: undefined } };
    expect(await router({ content: [embedded], output: '{"c":2}', isError: false }).invoke("say", {})).toEqual({
      kind: "ok",
      output: { content: [{ type: "resource", resource: { uri: "a:b", text: "t" } }], structured: { c: 2 } },
    });
  });
});
