import { expect, test } from "vitest";
import type { ComponentCall } from "../component/index.ts";
import type { ComponentBehaviour } from "./runtime-fixture.ts";
import { makePack, openTestRuntime } from "./runtime-fixture.ts";
import { verifies } from "../../test/verifies.ts";

const FLOW = `
id: default
type: messaging
start: first
nodes:
  first: { kind: component.exec, component: warm, operation: run, input: {}, routing: [{ to: second }] }
  second: { kind: component.exec, component: fresh, operation: run, input: {}, routing: out }
`;

test("components serve again within their pack where its manifest says so, and only those", async () => {
  verifies("component.reuse");
  const pack = await makePack({ flows: { default: FLOW }, components: { warm: "", fresh: "" }, reuse: ["warm"] });
  const calls: ComponentCall[] = [];
  const component: ComponentBehaviour = (_ctx, call) => {
    calls.push(call);
    return { text: "done" };
  };
  const { say } = await openTestRuntime({ pack, component });
  await say("hi");
  expect(calls.map((call) => [call.component, call.reuse, call.pack])).toEqual([
    ["warm", "tenant", pack.packHash],
    ["fresh", "none", pack.packHash],
  ]);
});
