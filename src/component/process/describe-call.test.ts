import { parse } from "@bytecodealliance/jco";
import { describe, expect, test } from "vitest";
import type { JsonValue } from "../../types/index.ts";
import { verifies } from "../../../test/verifies.ts";
import { NO_GRANTS } from "../grants.ts";
import type { ComponentCall, ComponentResult } from "../host.ts";
import { DescriptionCache } from "./describe-call.ts";
import { InProcessComponentHost } from "./in-process-host.ts";

const stats = { wallMs: 1, fuel: 1, peakMemoryBytes: 0, hostCalls: [], log: "" };
const ok = (output: JsonValue): ComponentResult => ({ kind: "ok", output, stats });

describe("DescriptionCache", () => {
  test("asks once for a component with the same links, and grants nothing", async () => {
    verifies("component.describe");
    const cache = new DescriptionCache();
    const asked: ComponentCall[] = [];
    const ask = async (call: ComponentCall): Promise<ComponentResult> => {
      asked.push(call);
      return ok({
        operations: [{ name: "a", summary: 1, inputSchema: true }],
        i18nKeys: ["k", 2],
        version: "1",
        more: 3,
      });
    };
    const grants = { ...NO_GRANTS, secrets: ["s"] };
    const links = [{ interface: "a:b/c", sha256: "2", component: "c", grants }];
    const first = await cache.get("1", undefined, ask);
    expect(first).toEqual({ version: "1", operations: [{ name: "a", inputSchema: true }], i18nKeys: ["k"] });
    expect(await cache.get("1", undefined, ask)).toBe(first);
    expect(await cache.get("1", links, ask)).not.toBe(first);
    expect(asked.map((call) => [call.grants, call.links?.map((link) => link.grants)])).toEqual([
      [NO_GRANTS, undefined],
      [NO_GRANTS, [NO_GRANTS]],
    ]);
  });

  test.each([
    ["no object", []],
    ["no operations", { i18nKeys: [] }],
    ["an operation without a name", { operations: [{}] }],
  ])("refuses a description that is %s, and asks again", async (_what, output) => {
    const cache = new DescriptionCache();
    const code = "COMPONENT_OUTPUT_INVALID";
    await expect(cache.get("1", undefined, async () => ok(output))).rejects.toMatchObject({ code });
    expect(await cache.get("1", undefined, async () => ok({ operations: [] }))).toEqual({
      operations: [],
      i18nKeys: [],
    });
  });

  test("keeps our codes, and no guest's", async () => {
    const failing = (code: string) => async (): Promise<ComponentResult> => ({
      kind: "error",
      error: { code, message: "m", retryable: false },
      stats,
    });
    const cache = new DescriptionCache();
    for (const [said, code] of [
      ["COMPONENT_TRAPPED", "COMPONENT_TRAPPED"],
      ["MY_CODE", "COMPONENT_FAILED"],
    ] as const) {
      await expect(cache.get("1", undefined, failing(said))).rejects.toMatchObject({ code });
    }
  });
});

test("describe() ends in a typed error where the component breaks off", async () => {
  await using host = new InProcessComponentHost();
  const bytes = await parse(`(component
    (core module $m (func (export "f") unreachable))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $router (export "call-tool" (func $f)) (export "list-tools" (func $f)))
    (export "wasix:mcp/router@25.6.18" (instance $router)))`);
  const { sha256, abi } = await host.admit(bytes, NO_GRANTS);
  expect(abi).toBe("mcp250618");
  await expect(host.describe(sha256)).rejects.toMatchObject({ code: "COMPONENT_TRAPPED" });
});
