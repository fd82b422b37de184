import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import type { JsonValue } from "../../types/index.ts";
import { NO_GRANTS } from "../grants.ts";
import { ProcessComponentHost } from "../process/process-host.ts";
import { ctxOf, memoryServices } from "../testing/call-support.ts";
import { buildFrom } from "../testing/hostile-guest.ts";

// One guest with the families that no published component at hand shows; what it gives tells what it was given.
const WORLD = `package t:guest;
world guest {
  include greentic:component/component;
  export greentic:component/node@0.4.0;
  export wasix:mcp/router@24.11.5;
  export greentic:pack-validate/validator@0.1.0;
  export greentic:provider-instance-identity/instance-identity-api@0.1.0;
}
`;
const NODE = `package greentic:component@0.4.0;
interface node {
  record tenant-ctx {
    tenant: string, team: option<string>, user: option<string>, trace-id: option<string>, correlation-id: option<string>,
    deadline-unix-ms: option<u64>, attempt: u32, idempotency-key: option<string>,
  }
  record exec-ctx { tenant: tenant-ctx, flow-id: string, node-id: option<string> }
  record node-error { code: string, message: string, retryable: bool, backoff-ms: option<u64>, details: option<string> }
  variant invoke-result { ok(string), err(node-error) }
  variant stream-event { data(string), progress(u8), done, error(string) }
  get-manifest: func() -> string;
  invoke: func(ctx: exec-ctx, op: string, input: string) -> invoke-result;
  invoke-stream: func(ctx: exec-ctx, op: string, input: string) -> list<stream-event>;
}
`;
const ROUTER = `package wasix:mcp@24.11.5;
interface router {
  record value { json: string }
  record tool { name: string, description: string, input-schema: value, output-schema: option<value>, output: option<string> }
  record text-content { text: string }
  record text-resource-contents { uri: string, mime-type: option<string>, text: string }
  variant resource-contents { text(text-resource-contents) }
  record embedded-resource { resource-contents: resource-contents }
  variant content { text(text-content), embedded(embedded-resource) }
  record call-tool-result { content: list<content>, output: option<string>, is-error: option<bool> }
  variant tool-error { invalid-parameters(string), execution-error(string), schema-error(string), not-found(string) }
  list-tools: func() -> list<tool>;
  call-tool: func(tool-name: string, arguments: value) -> result<call-tool-result, tool-error>;
}
`;
const VALIDATOR = `package greentic:pack-validate@0.1.0;
interface validator {
  record diagnostic { severity: string, code: string, message: string, path: option<string>, hint: option<string> }
  record pack-inputs { manifest-cbor: list<u8>, sbom-json: string, file-index: list<string> }
  applies: func(inputs: pack-inputs) -> bool;
  validate: func(inputs: pack-inputs) -> list<diagnostic>;
}
`;
const IDENTITY = `package greentic:provider-instance-identity@0.1.0;
interface instance-identity-api { identify-instance: func(input-json: list<u8>) -> option<string>; }
`;
const SOURCE = `
import { decodeUtf8 } from "@greentic/guest";
export function execute({ content }: { content: string }) {
  return { success: true, data: content, error: null };
}
export const node = {
  getManifest: () => JSON.stringify({ component: { name: "guest", version: "1.0.0" }, operations: ["tell"] }),
  invoke: (ctx: any, op: string, input: string) =>
    op === "fail"
      ? { tag: "err", val: { code: "OWN", message: input, retryable: true, backoffMs: 1500, details: '{"d":1}' } }
      : { tag: "ok", val: JSON.stringify({ ctx, op, input: JSON.parse(input) }) },
  invokeStream: (_ctx: any, op: string, input: string) => [
    { tag: "progress", val: 50 }, { tag: "data", val: input }, { tag: "done" },
  ],
};
export const router = {
  listTools: () => [
    { name: "greet", description: "Greets", inputSchema: { json: '{"type":"object"}' }, outputSchema: undefined, output: undefined },
  ],
  callTool: (name: string, { json }: { json: string }) => {
    if (name !== "greet") throw { tag: "not-found", val: name };
    const contents = { tag: "text", val: { uri: "a:b", mimeType: undefined, text: json } };
    return {
      content: [{ tag: "text", val: { text: "hi" } }, { tag: "embedded", val: { resourceContents: contents } }],
      output: json,
      isError: undefined,
    };
  },
};
export const validator = {
  applies: ({ fileIndex }: any) => fileIndex.length > 0,
  validate: ({ manifestCbor, sbomJson }: any) => [
    { severity: "info", code: "C", message: sbomJson, path: String(manifestCbor.length), hint: undefined },
  ],
};
export const instanceIdentityApi = {
  identifyInstance: (bytes: Uint8Array) => JSON.parse(decodeUtf8(bytes)).instance ?? undefined,
};
`;

describe("a guest of several families", () => {
  const host = new ProcessComponentHost({ poolSize: 1 });
  let sha256 = "";
  beforeAll(async () => {
    const { bytes } = await buildFrom({
      "component.toml": 'name = "guest"\nworld = "own"\nwit = "wit"\n',
      "src/main.ts": SOURCE,
      "wit/world.wit": WORLD,
      "wit/deps/node.wit": NODE,
      "wit/deps/router.wit": ROUTER,
      "wit/deps/validator.wit": VALIDATOR,
      "wit/deps/identity.wit": IDENTITY,
    });
    sha256 = (await host.admit(bytes, NO_GRANTS)).sha256;
  }, 60_000);
  afterAll(() => host[Symbol.asyncDispose]());

  const answer = async (operation: string, input: JsonValue = {}): Promise<unknown> => {
    const ctx = { ...ctxOf(), flow: "f", node: "n", deadlineMs: Date.UTC(2100, 0), idempotencyKey: "once" };
    const services = memoryServices();
    const result = await host.invoke(ctx, { sha256, component: "c", operation, input, grants: NO_GRANTS, services });
    return result.kind === "ok" ? result.output : { error: result.error };
  };

  test("node 0.4 gets its context and gives JSON, errors and events", async () => {
    verifies("component.families");
    expect(await answer("tell", { a: "ü" })).toEqual({
      ctx: {
        tenant: {
          tenant: "acme",
          team: "default",
          user: null,
          traceId: "0".repeat(32),
          correlationId: "correlation",
          deadlineUnixMs: Date.UTC(2100, 0),
          attempt: 1,
          idempotencyKey: "once",
        },
        flowId: "f",
        nodeId: "n",
      },
      op: "tell",
      input: { a: "ü" },
    });
    expect(await answer("fail", "why")).toEqual({
      error: { code: "OWN", message: '"why"', retryable: true, backoffMs: 1500, details: { d: 1 } },
    });
    expect(await answer("invoke-stream", { op: "tell", input: [1] })).toEqual([
      { progress: 50 },
      { data: [1] },
      "done",
    ]);
  });

  test("what is no tool of the router goes to the node", async () => {
    expect(await answer("greet", { a: 1 })).toEqual({
      content: [
        { type: "text", text: "hi" },
        { type: "resource", resource: { uri: "a:b", text: '{"a":1}' } },
      ],
      structured: { a: 1 },
    });
    expect(await answer("great")).toMatchObject({ op: "great" });
  });

  test("the other families answer by their operations", async () => {
    expect(await answer("list-tools")).toEqual({
      tools: [{ name: "greet", description: "Greets", inputSchema: { type: "object" } }],
    });
    expect(await answer("execute", "hello")).toBe("hello");
    const pack = { manifest_cbor: "oA==", sbom_json: "{}", file_index: ["a"] };
    expect(await answer("applies", pack)).toBe(true);
    expect(await answer("validate", pack)).toEqual([
      { severity: "info", code: "C", message: "{}", path: "1", hint: null },
    ]);
    expect(await answer("identify-instance", { instance: "bot" })).toBe("bot");
    expect(await answer("identify-instance")).toBe(null);
  });

  test("describes all of them as one", async () => {
    const { name, operations } = await host.describe(sha256);
    expect(name).toBe("guest");
    expect(operations.map((operation) => operation.name)).toEqual(
      expect.arrayContaining(["greet", "execute", "tell", "applies", "validate", "identify-instance"]),
    );
  });
});
