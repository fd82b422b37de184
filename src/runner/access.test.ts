import { expect, test } from "vitest";
import { TENANT, ENV, makePack, openTestRuntime, TEAM } from "./runtime-fixture.ts";
import type { AccessGate } from "./loaded-pack.ts";
import { verifies } from "../../test/verifies.ts";

const scope = { env: ENV, tenant: TENANT };
const saying = (id: string, head = "type: messaging"): string =>
  `id: ${id}\n${head}\nnodes:\n  say: { message.send: { text: "${id}" }, routing: out }\n`;
const packOf = (name: string, flows: Readonly<Record<string, string>>): ReturnType<typeof makePack> =>
  makePack({ name, flows });
/** Keeps everybody out of the flows that are named. */
const without =
  (...flows: readonly string[]): AccessGate =>
  (_team, flow) =>
    !flows.includes(flow);

test("a team that may not reach the only flow gets a clear answer, and the operator the code", async () => {
  verifies("bundle.access.enforced");
  const pack = await packOf("app", { default: saying("default") });
  const { say, events } = await openTestRuntime({ apps: [{ scope, pack, allows: (team) => team !== TEAM }] });
  const report = await say("hi", { locale: "es" });
  expect(report).toMatchObject({ status: "error", error: { code: "RUNNER_ACCESS_FORBIDDEN" } });
  expect(report.reply[0]?.text).toBe("Lo siento, aquí no tienes acceso a esto.");
  expect(events).toContainEqual(expect.objectContaining({ kind: "warning", code: "RUNNER_ACCESS_FORBIDDEN" }));
});

test("the first pack whose default flow is reached answers", async () => {
  verifies("bundle.access.enforced");
  const { texts } = await openTestRuntime({
    apps: [
      { scope, pack: await packOf("first", { closed: saying("closed") }), allows: without("closed") },
      { scope, pack: await packOf("second", { open: saying("open") }) },
    ],
  });
  expect(await texts("hi")).toEqual(["open"]);
});

test("no command, card, choice or event reaches what is forbidden", async () => {
  verifies("bundle.access.enforced");
  const pack = await packOf("app", {
    default: saying("default", 'type: messaging\nentrypoints: { default: say, "command:/own": say }'),
    admin: saying("admin", 'type: messaging\nentrypoints: { default: say, "command:/admin": say }'),
    hook: saying("hook", 'type: events\nentrypoints: { default: say, "event:order": say }'),
  });
  const { say, texts, runtime } = await openTestRuntime({
    apps: [{ scope, pack, defaultFlow: "default", allows: without("admin", "hook") }],
  });
  // What isn't a command for them is a text for the flow that answers.
  expect(await texts("/admin")).toEqual(["default"]);
  expect(await texts("/own")).toEqual(["default"]);
  const chosen = await say("hi", { choice: { flow: "admin" } });
  expect(chosen).toMatchObject({ status: "error", error: { code: "RUNNER_ACCESS_FORBIDDEN" } });
  expect(runtime.listOffers(scope)).toEqual([]);
});

test("a rule about a node counts where a conversation would begin there", async () => {
  const pack = await packOf("app", {
    default:
      'id: default\ntype: messaging\nentrypoints: { default: say, "command:/secret": secret }\nnodes:\n  say: { message.send: { text: "hello" }, routing: out }\n  secret: { message.send: { text: "secret" }, routing: out }\n',
  });
  const { texts, say } = await openTestRuntime({
    apps: [{ scope, pack, allows: (_team, _flow, node) => node !== "secret" }],
  });
  expect(await texts("hi")).toEqual(["hello"]);
  expect((await say("/secret")).error?.code).toBe("RUNNER_ACCESS_FORBIDDEN");
});

test("maps count as they are now, for what starts; what runs goes on", async () => {
  verifies("bundle.access.enforced");
  const pack = await packOf("app", {
    default:
      'id: default\ntype: messaging\nnodes:\n  ask: { qa: { questions: [{ id: name, prompt: "who?" }] }, routing: [{ to: done }] }\n  done: { message.send: { text: "bye {{ask.answers.name}}" }, routing: out }\n',
  });
  let isOpen = true;
  const { texts, say } = await openTestRuntime({ apps: [{ scope, pack, allows: () => isOpen }] });
  expect(await texts("hi")).toEqual(["who?"]);
  isOpen = false;
  expect(await texts("Ann")).toEqual(["bye Ann"]);
  expect((await say("again")).error?.code).toBe("RUNNER_ACCESS_FORBIDDEN");
});
