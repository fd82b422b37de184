import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { AuditEntry } from "../telemetry/index.ts";
import { memoryAuditLog } from "../telemetry/index.ts";
import type { PolicyPoint } from "../config/index.ts";
import type { PolicyDecision, PolicyQuestion } from "../policy/index.ts";
import { PolicyGate } from "../policy/index.ts";
import type { JsonValue } from "../types/index.ts";
import { consoleChannel, ENV, makePack, openTestRuntime, TENANT, TestWorld } from "./runtime-fixture.ts";
import type { ComponentBehaviour, TestRuntime, TestRuntimeOptions } from "./runtime-fixture.ts";
import { apps as plainApps, platform, received } from "./delivery-fixture.ts";

const SECRET_TEXT = "my-secret-text";

/** Runs `nodes` and says what became of them: the output, or the code by way of an error route. */
const flowOf = (work: string): string => `
id: default
type: messaging
start: work
nodes:
  work: { ${work}, routing: [{ on: error, to: bad }, { to: tell }] }
  tell: { message.send: { text: "went" }, routing: out }
  bad: { message.send: { text: "{{work.error.code}}: {{work.error.message}}" }, routing: out }
`;

const CALL = `component.exec: { component: shop, operation: work, input: { text: "{{in.text}}" } }`;
const TOOLMAP = JSON.stringify({
  tools: [{ name: "ask", http: { method: "POST", url: "https://api.example.com/ask" } }],
});

interface Denying {
  readonly at: PolicyPoint;
  readonly work?: string;
  readonly component?: ComponentBehaviour;
  readonly isLate?: boolean;
  readonly options?: TestRuntimeOptions;
  readonly decide?: (question: PolicyQuestion) => PolicyDecision;
}

/** A runtime whose policy denies one point, at once or after asking somebody. */
async function denying(how: Denying): Promise<{
  readonly opened: TestRuntime;
  readonly questions: PolicyQuestion[];
  readonly notes: readonly AuditEntry[];
}> {
  const { at, work = CALL, component, isLate = false, options } = how;
  const decide = how.decide ?? ((): PolicyDecision => ({ kind: "deny", rule: "no-way", message: "so it is" }));
  const world = new TestWorld();
  const questions: PolicyQuestion[] = [];
  const audit = memoryAuditLog();
  const events: TestRuntime["events"] = [];
  const gate = new PolicyGate({
    engine: {
      judges: (point) => point === at,
      decide: (question) => {
        questions.push(question);
        const decision = decide(question);
        return isLate ? Promise.resolve(decision) : decision;
      },
    },
    world,
    observe: (event) => void events.push(event),
    audit,
  });
  const pack = await makePack({
    flows: { default: flowOf(work) },
    components: { shop: 'http = ["https://api.example.com"]\nsecrets = ["api_key"]' },
    assets: { "toolmap.json": TOOLMAP },
  });
  const opened = await openTestRuntime({ world, pack, gate, ...(component && { component }), ...options });
  return { opened: { ...opened, events }, questions, notes: audit.entries };
}

const DENIED = (point: PolicyPoint): string => `POLICY_DENIED: Judge ${point}: denied by rule "no-way", so it is`;

describe.each([false, true])("a denial (asked elsewhere: %s) is routed in the flow as other errors", (isLate) => {
  const fetching: ComponentBehaviour = async (ctx, call) => {
    await call.services.http(ctx, {
      method: "GET",
      url: `https://api.example.com/x?key=${SECRET_TEXT}`,
      headers: [],
      origins: ["https://api.example.com"],
    });
    return null;
  };
  const reading: ComponentBehaviour = async (ctx, call) => {
    await call.services.secret(ctx, "api_key");
    return null;
  };
  test.each([
    ["node", CALL, undefined, { node: "work", operation: "component.exec" }],
    ["component.http", CALL, fetching, { component: "shop", method: "GET" }],
    ["component.http", `tool.invoke: { tool: ask, input: {} }`, undefined, { method: "POST" }],
    ["secret.read", CALL, reading, { component: "shop", secret: "api_key" }],
    ["tool", `tool.invoke: { tool: ask, input: {} }`, undefined, { tool: "ask" }],
    ["event.publish", `event.publish: { type: order.created, payload: {} }`, undefined, { event: "order.created" }],
  ] as const)("%s of %s", async (at, work, component, asked) => {
    verifies("policy.points", "policy.events");
    // Only the node in question: the flow's way out has to run.
    const decide = ({ node = "work" }: PolicyQuestion): PolicyDecision =>
      node === "work" ? { kind: "deny", rule: "no-way", message: "so it is" } : { kind: "allow" };
    const { opened, questions, notes } = await denying({ at, work, isLate, decide, ...(component && { component }) });
    const saying = opened.texts({ text: SECRET_TEXT });
    await opened.world.advance(60_000);
    expect(await saying).toEqual([DENIED(at)]);
    expect(questions[0]).toMatchObject({ point: at, env: ENV, tenant: TENANT, pack: "app", flow: "default", ...asked });
    const told = opened.events.filter(({ kind }) => kind === "policy.denied");
    expect(told).toEqual([expect.objectContaining({ point: at, rule: "no-way", code: "POLICY_DENIED" })]);
    expect(notes).toEqual([expect.objectContaining({ action: "policy.denied", rule: "no-way", tenant: TENANT })]);
    expect(JSON.stringify([told, notes])).not.toContain(SECRET_TEXT);
  });
});

test("a message that policy doesn't let in is refused before it is kept", async () => {
  verifies("policy.points");
  const { opened, questions } = await denying({ at: "ingress" });
  await expect(opened.say({ text: "hi" })).rejects.toMatchObject({
    code: "POLICY_DENIED",
    details: { rule: "no-way" },
  });
  expect(questions).toEqual([expect.objectContaining({ point: "ingress", channel: "console", user: "console" })]);
  expect(await opened.store.list({})).toEqual([]);
});

test("a turn that policy denies leaves its message with the dead letters, from where it goes on once the rule is another", async () => {
  verifies("policy.points");
  let isDenied = true;
  const decide = (): PolicyDecision =>
    isDenied ? { kind: "deny", rule: "no-way", message: "so it is" } : { kind: "allow" };
  const { opened } = await denying({ at: "turn", decide });
  expect(await opened.say({ text: "hi" })).toMatchObject({ status: "error", error: { code: "POLICY_DENIED" } });
  const [letter] = await opened.store.listDeadLetters({});
  expect(letter).toMatchObject({ reason: "POLICY_DENIED" });
  isDenied = false;
  expect(await opened.store.redrive(letter?.order ?? 0)).toBe(true);
  await opened.world.advance(10_000);
  expect(await opened.store.listDeadLetters({})).toEqual([]);
  expect(opened.errors).toEqual([]);
});

test("a pack that policy denies isn't loaded", async () => {
  verifies("policy.points");
  await expect(denying({ at: "pack.load" })).rejects.toMatchObject({ code: "POLICY_DENIED" });
});

test("a message that policy doesn't let out fails on record, and can be sent again", async () => {
  verifies("policy.points");
  const world = new TestWorld();
  const { channel, sent } = platform(world, "A", () => ({ kind: "sent" }));
  let isDenied = true;
  const gate = new PolicyGate({
    engine: {
      judges: (point) => point === "send",
      decide: () => (isDenied ? { kind: "deny", rule: "no-way", message: "so it is" } : { kind: "allow" }),
    },
    world,
  });
  const opened = await openTestRuntime({ world, gate, apps: plainApps, providers: [channel] });
  await opened.runtime.accept(channel, received(channel, "m1", "hello"));
  await world.advance(5_000);
  const [row] = await opened.store.listOutbox({});
  expect(row).toMatchObject({ status: "failed", lastError: "POLICY_DENIED", attempts: 0 });
  expect(sent).toEqual([]);
  isDenied = false;
  expect(await opened.store.retrySend(row?.id ?? "")).toBe(true);
  await world.advance(5_000);
  expect(sent.map(({ payload }) => payload)).toEqual(["hello"]);
});

test("nobody is asked where nothing is configured, and nothing then waits", async () => {
  verifies("policy.free");
  const pack = await makePack({ flows: { default: flowOf(`template.render: { template: "x" }`) } });
  const opened = await openTestRuntime({ pack });
  const [text] = await opened.texts({ text: "hi" } satisfies JsonValue, { provider: consoleChannel() });
  expect(text).toBe("went");
  expect(opened.events.some(({ kind }) => kind === "policy.denied")).toBe(false);
});
