import { describe, expect, test } from "vitest";
import { doctorFlow } from "../../flow/index.ts";
import { verifies } from "../../../test/verifies.ts";
import { KIND_CATALOG, kindCatalogFor } from "./catalog.ts";

const check = (node: string): readonly string[] =>
  doctorFlow(`id: a\ntype: messaging\nnodes:\n  a:\n    ${node}\n`, { catalog: KIND_CATALOG }).map(
    ({ code, message }) => `${code} ${message}`,
  );

describe("KIND_CATALOG", () => {
  test.each([
    ["provider.invoke: { provider_type: x, op: send, input: {}, in_map: {}, out_map: {}, err_map: {} }"],
    ["event.publish: { type: order.created, payload: {} }"],
    ["templating.handlebars: { text: hi }"],
    ["questions: { fields: [{ id: a, kind: int }] }"],
    ["qa.process: { welcome: hi }"],
    ["template: 'a text'"],
    ["render_text: { msg: {}, template: x, output_path: text, wrap: true }"],
    ["text: { config: { template: x } }"],
    ["describe: { id: a, spec_ref: assets/setup.yaml }"],
    ["validate_answers: { answers_json: '{}', spec_json: '{{in.spec}}' }"],
    ["emit.response: { text: hi }"],
    ["flow.goto: { flow: b, max_redirects: 2 }"],
    ["message.send: { text: hi, to: [{ id: ops, channel: telegram }] }"],
  ])("takes %s as it is", (node) => {
    expect(check(node)).toEqual([]);
  });

  test.each([
    ["provider.invoke: { provider_typ: x, provider: x, op: send }", /provider_typ.*provider_type/],
    ["provider.invoke: { op: send }", /FLOW_NODE_INPUT_INVALID/],
    ["event.publish: { type: a, payloud: 1 }", /payloud.*payload/],
    ["templating.handlebars: { templat: x, text: y }", /templat.*template/],
    ["questions: { fields: [{ id: a, kind: flot }] }", /kind.*float/],
    ["flow.goto: { flow: b, max_redirect: 2 }", /max_redirect.*max_redirects/],
    ["event.publsh: { type: a }", /FLOW_KIND_UNKNOWN.*event\.publish/],
    ["provider.invok: { op: a }", /FLOW_KIND_UNKNOWN.*provider\.invoke/],
  ])("finds what is wrong in %s", (node, finding) => {
    verifies("flow.validate");
    expect(check(node)).toEqual([expect.stringMatching(finding)]);
  });

  test("has every kind's five members, and makes room for a pack's own components", () => {
    for (const [name, kind] of KIND_CATALOG) {
      expect(kind).toMatchObject({ name, summary: expect.stringMatching(/\.$/), input: {}, output: {} });
    }
    const own = kindCatalogFor(new Set(["qa", "templating.handlebars", "emit"]));
    expect(["qa.process", "templating.handlebars"].map((name) => own.has(name))).toEqual([false, false]);
    // The engine's own kinds are nobody else's.
    expect(["qa", "emit.response", "emit.*", "message.send"].map((name) => own.has(name))).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});

test("doctorFlow() knows llm.chat, and misses the tools that a model is to have and the pack hasn't", () => {
  verifies("flow.lint.adapters", "llm.tools");
  const flow = (chat: string): string => `id: f\ntype: messaging\nnodes:\n  a: { llm.chat: ${chat}, routing: out }\n`;
  const diagnose = (chat: string): readonly string[] =>
    doctorFlow(flow(chat), { catalog: KIND_CATALOG, file: "f", tools: new Set(["price"]) }).map(
      ({ code, at }) => `${code} ${at.line}:${at.column}`,
    );
  expect(diagnose('{ prompt: x, tools: [price, "{{vars.tool}}"], optional: true }')).toEqual([]);
  expect(diagnose("{ prompt: x, tools: [price, prices] }")).toEqual(["FLOW_TOOL_MISSING 4:46"]);
  expect(diagnose("{ prompts: x }")).toEqual(["FLOW_NODE_INPUT_INVALID 4:29"]);
});
