import type { ComponentDescription, ComponentInfo } from "../../src/component/index.ts";
import type { JsonValue } from "../../src/types/index.ts";
import { sampleSchema } from "./sample-schema.ts";

/** A call that can be derived from what a component exports and says of itself. */
export interface DerivedCall {
  readonly operation: string;
  readonly input: JsonValue;
}

const MESSAGE = {
  id: "m1",
  tenant: { env: "test", tenant: "acme", tenant_id: "acme", team: "default", attempt: 0 },
  channel: "demo",
  session_id: "s1",
  from: { id: "u1", kind: "user" },
  to: [{ id: "u1", kind: "user" }],
  text: "hello",
  attachments: [],
  metadata: {},
};
const PLAN = {
  plan_json: JSON.stringify({ tier: "TierD", summary_text: "hello", actions: [], attachments: [], warnings: [] }),
};
const REQUEST = {
  v: 1,
  provider: "demo",
  method: "POST",
  path: "/webhook",
  query: [],
  headers: [["content-type", "application/json"]],
  body_b64: "e30=",
};

/** Inputs of the operations that all providers share, by the fields that are documented. */
const PROVIDER_INPUTS: Readonly<Record<string, JsonValue>> = {
  ingest_http: REQUEST,
  render_plan: { v: 1, message: MESSAGE },
  encode: { v: 1, message: MESSAGE, plan: PLAN },
  send_payload: {
    v: 1,
    provider_type: "demo",
    payload: { content_type: "application/json", body_b64: "e30=", metadata: {} },
    tenant: { tenant: "acme", team: "default" },
  },
  send: { message: MESSAGE, text: "hello", to: { id: "u1", kind: "user" } },
};

/** What the functions that families have beside their work are called with, where a component exports their interface. */
const BESIDES: readonly (readonly [interface_: RegExp, calls: readonly DerivedCall[]])[] = [
  [
    /^greentic:component\/(?:component-)?qa@/,
    [
      ...["default", "setup", "upgrade", "remove"].map((mode) => ({ operation: "qa-spec", input: { mode } })),
      { operation: "apply-answers", input: { mode: "setup", answers: {}, current_config: {} } },
    ],
  ],
  [/^greentic:component\/component-i18n@/, [{ operation: "i18n-keys", input: null }]],
  [/^greentic:component\/component-i18n@0\.6\.1/, [{ operation: "i18n-bundle", input: { locale: "en" } }]],
  [
    /^greentic:component\/(?:node@0\.[456]|component-descriptor@|descriptor@)/,
    [{ operation: "describe", input: null }],
  ],
  [
    /^greentic:provider-schema-core\//,
    [
      { operation: "describe", input: null },
      { operation: "validate-config", input: {} },
      { operation: "healthcheck", input: null },
    ],
  ],
  [/^greentic:provider-instance-identity\//, [{ operation: "identify-instance", input: REQUEST }]],
  [/^provider:common\/ingress@/, [{ operation: "handle-webhook", input: { headers: {}, body: {} } }]],
  [/^provider:common\/subscriptions@/, [{ operation: "sync-subscriptions", input: { config: {}, state: {} } }]],
  [/^wasix:mcp\/router@/, [{ operation: "list-tools", input: null }]],
];

const SPEC = {
  id: "setup",
  title: "Setup",
  questions: [{ name: "a", title: "A", kind: "string", required: true, default: "x", choices: [], secret: false }],
};

/** Operations that nodes without describe data are known to have, with what they are documented to take. */
const USUAL_NODE_CALLS: readonly DerivedCall[] = [
  { operation: "run", input: {} },
  { operation: "handle_message", input: { message: "hello", input: "hello" } },
  {
    operation: "text",
    input: { config: { template: "hello", templates: { text: "hello" } }, msg: MESSAGE, payload: { name: "x" } },
  },
  { operation: "example-answers", input: { spec_json: JSON.stringify(SPEC) } },
  { operation: "validate", input: { spec_json: JSON.stringify(SPEC), answers_json: "{}" } },
  { operation: "apply", input: { plan: { actions: [] }, actions: [], dry_run: true } },
  { operation: "healthcheck", input: {} },
  { operation: "ingest_http", input: REQUEST },
];

/** The same operations where they are functions of the top level. */
const USUAL_FUNCTION_INPUTS: Readonly<Record<string, JsonValue>> = Object.fromEntries(
  USUAL_NODE_CALLS.map(({ operation, input }) => [`functions ${operation}`, input]),
);

/** What nodes that stand before an MCP router take. */
const ADAPTER_CALLS: readonly DerivedCall[] = [
  { operation: "list", input: {} },
  { operation: "call", input: { operation: "call", tool: "greet", arguments: { name: "Ada" } } },
];

/** Derives calls: every described operation with the least and the fullest input its schema admits, and what is beside them. */
export function deriveCalls(info: ComponentInfo, description: ComponentDescription): readonly DerivedCall[] {
  const beside = BESIDES.filter(([of]) => info.exports.some((name) => of.test(name))).flatMap(([, calls]) => calls);
  const taken = new Set(beside.map(({ operation }) => operation));
  const described = description.operations.filter(({ name }) => !taken.has(name));
  const own = described.flatMap(({ name, inputSchema }): readonly DerivedCall[] => {
    const known = info.abi === "runtime061" ? PROVIDER_INPUTS[name] : USUAL_FUNCTION_INPUTS[`${info.abi} ${name}`];
    if (known !== undefined) return [{ operation: name, input: known }];
    const inputs = [sampleSchema(inputSchema), sampleSchema(inputSchema, true)];
    return dedupe(inputs).map((input) => ({ operation: name, input }));
  });
  const isBareNode = description.operations.length === 0 && /^node0|^runtime061/.test(info.abi);
  const usual = isBareNode ? USUAL_NODE_CALLS : [];
  const adapted = info.imports.some((name) => name.startsWith("wasix:mcp/router@")) ? ADAPTER_CALLS : [];
  return [...beside, ...own, ...usual, ...adapted];
}

function dedupe(values: readonly JsonValue[]): readonly JsonValue[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}
