import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createTestWorld } from "../../test/stand-ins/test-world.ts";
import { verifies } from "../../test/verifies.ts";
import type { JsonValue } from "../types/index.ts";
import type { PolicyDecision } from "./decision.ts";
import { openOpa } from "./opa.ts";
import { ask, configOf, engineOf } from "../../test/stand-ins/policy-engine.ts";

/** Answers as OPA's data API does: `POST /v1/data/<path>`, `{ input }` in, `{ result }` out or `{}` where nothing is defined. */
let answer: (input: Record<string, JsonValue>) => { readonly status?: number; readonly result?: JsonValue } | undefined;
const asked: { readonly path: string; readonly token: string | undefined; readonly input: JsonValue }[] = [];
const server = createServer((request, response) => {
  void bodyOf(request).then((text) => {
    const { input } = JSON.parse(text) as { input: Record<string, JsonValue> };
    asked.push({ path: request.url ?? "", token: request.headers.authorization, input });
    const said = answer(input);
    // Nothing at all: a server that hangs.
    if (said === undefined) return;
    response.writeHead(said.status ?? 200, { "content-type": "application/json" });
    response.end(JSON.stringify(said.result === undefined ? {} : { result: said.result }));
  });
});
const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
};
let base = "";
beforeAll(async () => {
  await new Promise<void>((ready) => void server.listen(0, "127.0.0.1", ready));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => void asked.splice(0));

const question = (tool: string) => ask({ point: "tool", tool });
const opened = async (more = "", rules = "") => {
  const toml = `[policy.opa]\nurl = "${base}/v1/data/greentic/decision"\n${more}\n${rules}`;
  const { opa } = configOf(toml).policy;
  const world = createTestWorld();
  if (opa === undefined) throw new Error("no OPA is configured");
  return { world, engine: engineOf(toml, { backend: await openOpa(opa, world) }) };
};

test("OPA decides by its data API, and what it says is kept for a while by question", async () => {
  verifies("policy.opa");
  answer = ({ tool }) => ({
    result: tool === "good" ? true : { allow: false, rule: "tools.bad", message: "not that one" },
  });
  const { engine, world } = await opened("cache_seconds = 5");
  expect(await engine.decide(question("good"))).toEqual({ kind: "allow", rule: "opa" });
  const denied: PolicyDecision = { kind: "deny", rule: "opa: tools.bad", message: "not that one" };
  expect(await engine.decide(question("bad"))).toEqual(denied);
  expect(await engine.decide(question("bad"))).toEqual(denied);
  expect(asked).toEqual([
    {
      path: "/v1/data/greentic/decision",
      token: undefined,
      input: { point: "tool", env: "test", tenant: "acme", tool: "good", labels: {} },
    },
    expect.objectContaining({ input: expect.objectContaining({ tool: "bad" }) }),
  ]);
  world.advance(5_001);
  await engine.decide(question("bad"));
  expect(asked).toHaveLength(3);
  // A point that OPA isn't asked at is decided at once.
  expect(engine.decide(ask({ point: "send" }))).toEqual({ kind: "allow" });
});

test.each([
  [{}, "opa: undefined"],
  [{ result: "yes" }, "opa"],
  [{ result: { allow: "true" } }, "opa"],
  [{ result: {} }, "opa"],
  [{ status: 500 }, "opa: unavailable"],
] as const)("what isn't a decision denies: %j", async (said, rule) => {
  verifies("policy.opa");
  answer = () => said;
  const { engine } = await opened();
  expect(await engine.decide(question("x"))).toMatchObject({ kind: "deny", rule });
});

test("an OPA that can't be asked in time denies, unless the operator says otherwise, and is asked again", async () => {
  verifies("policy.opa");
  answer = () => undefined;
  for (const [more, kind] of [
    ["", "deny"],
    [`on_error = "allow"`, "allow"],
  ] as const) {
    const { engine, world } = await opened(`timeout_ms = 200\n${more}`);
    const deciding = engine.decide(question("slow"));
    while (asked.length === 0) await new Promise((later) => void setImmediate(later));
    world.advance(200);
    expect(await deciding).toMatchObject(kind === "deny" ? { kind, rule: "opa: unavailable" } : { kind });
    answer = () => ({ result: kind === "deny" });
    expect((await engine.decide(question("slow"))).kind).toBe(kind === "deny" ? "allow" : "deny");
    answer = () => undefined;
    asked.splice(0);
  }
});

test("a rule that denies isn't put to OPA, and one that allows doesn't overrule it", async () => {
  verifies("policy.opa");
  answer = () => ({ result: false });
  const { engine } = await opened(
    "",
    `[[policy.rules]]\nid = "no"\nat = ["tool"]\nwhen = 'tool == "bad"'\n[[policy.rules]]\nid = "yes"\nat = ["tool"]\neffect = "allow"\nwhen = "true"\n`,
  );
  expect(engine.decide(question("bad"))).toMatchObject({ kind: "deny", rule: "no" });
  expect(asked).toEqual([]);
  expect(await engine.decide(question("good"))).toMatchObject({ kind: "deny", rule: "opa" });
});
