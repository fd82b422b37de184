import { expect, test } from "vitest";
import { packG1, packV1, zipOf } from "../../src/pack/public/public-fixture.ts";
import { verifies } from "../verifies.ts";
import { openPack, TRUST_NOBODY } from "../../src/pack/index.ts";
import type { Pack } from "../../src/pack/index.ts";
import { openTestRuntime } from "../../src/runner/runtime-fixture.ts";

const opened = (bytes: Uint8Array): Promise<Pack> =>
  openPack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: 0 });

test("flows of public packs run, in either form of ids, and empty ones say that they are empty", async () => {
  verifies("pack.public.read");
  for (const ids of ["symbols", "texts"] as const) {
    const files = await packV1(ids);
    const { say } = await openTestRuntime({ pack: await opened(zipOf(files)) });
    // The second node leads to itself: a flow that goes on for ever ends at the engine's limit, as a failure of that flow.
    const report = await say("hi", { choice: { flow: "main" } });
    expect(report.steps.map(({ node }) => node).slice(0, 2)).toEqual(["ask", "tell"]);
    const empty = await say("hi", { choice: { flow: "later" }, session: "s2" });
    expect(empty).toMatchObject({ status: "error", error: { code: "RUNNER_FLOW_UNRESOLVED" } });
  }
});

test("flows of the 2025 generation run from their files", async () => {
  verifies("pack.public.read");
  const { say } = await openTestRuntime({ pack: await opened(zipOf(await packG1())) });
  const report = await say("hi", { choice: { flow: "main" } });
  expect([report.status, report.reply.map(({ text }) => text)]).toEqual(["done", ["hi"]]);
  // Its start is named and not there.
  const empty = await say("hi", { choice: { flow: "idle" }, session: "s2" });
  expect(empty).toMatchObject({ status: "error", error: { code: "RUNNER_FLOW_UNRESOLVED" } });
  const entry = await say("hi", { choice: { flow: "idle", entry: "default" }, session: "s3" });
  expect(entry).toMatchObject({ status: "error", error: { code: "RUNNER_FLOW_UNRESOLVED" } });
});

test("a component that asks for HTTP without naming origins reaches those that policy names, and no others", async () => {
  verifies("pack.public.grants");
  const files = await packV1("symbols", {
    symbols: {
      component_ids: ["acme.echo", "emit.response"],
      node_ids: ["ask", "tell"],
      capability_names: ["host:state:read"],
      pack_ids: ["acme.demo"],
    },
    flows: [
      {
        id: "main",
        kind: "messaging",
        flow: {
          id: "main",
          kind: "messaging",
          entrypoints: { default: 0 },
          nodes: [{ id: 0, component: { id: 0, operation: "run" }, input: { mapping: {} }, routing: "End" }],
        },
      },
    ],
  });
  const grants: unknown[] = [];
  const { say } = await openTestRuntime({
    pack: await opened(zipOf(files)),
    component: (_ctx, call) => {
      grants.push(call.grants);
      return {};
    },
  });
  await say("hi", { choice: { flow: "main" } });
  expect(grants).toMatchObject([{ http: ["https://api.example.com"], secrets: [], state: "none" }]);
});
