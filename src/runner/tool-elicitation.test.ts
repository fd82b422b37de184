import { expect, test } from "vitest";
import { openMemoryStore } from "../session/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { verifies } from "../../test/verifies.ts";
import type { ComponentBehaviour, TestRuntime } from "./runtime-fixture.ts";
import { makePack, openTestRuntime, TestWorld } from "./runtime-fixture.ts";

const FLOW = `
id: order
type: messaging
start: call
nodes:
  call:
    tool.invoke: { tool: shop.order, input: { text: "{{in.text}}" }, expires: 10m, cancel: [forget it] }
    routing: [{ on: error, to: failed }, { status: cancelled, to: cancelled }, { status: expired, to: expired }, { to: done }]
  done: { message.send: { text: "done {{json call.result}}" }, routing: out }
  cancelled: { message.send: { text: "cancelled {{json call.result}}" }, routing: out }
  expired: { message.send: { text: "expired" }, routing: out }
  failed: { message.send: { text: "failed {{call.error.code}}" }, routing: out }
`;
const TOOL_MAP = '{ "tools": [{ "name": "shop.order", "component": "shop", "entry": "forecast" }] }';

interface Shop extends TestRuntime {
  readonly inputs: JsonValue[];
}

async function openShop(
  schema: JsonObject,
  extra: { store?: TestRuntime["store"]; world?: TestWorld } = {},
): Promise<Shop> {
  const inputs: JsonValue[] = [];
  const required = (schema["required"] ?? []) as readonly string[];
  const shop: ComponentBehaviour = (_ctx, { input }) => {
    inputs.push(input);
    const given = input as JsonObject;
    if (required.every((key) => given[key] !== undefined) && Object.keys(given).length > 1)
      return { content: [], structured: given };
    return { elicit: { title: "Order", message: "What shall it be?", schema } };
  };
  const pack = await makePack({
    flows: { order: FLOW },
    assets: { "toolmap.json": TOOL_MAP },
    components: { shop: "" },
  });
  return { ...(await openTestRuntime({ pack, component: shop, ...extra })), inputs };
}

const SCHEMA: JsonObject = {
  type: "object",
  properties: {
    city: { type: "string", title: "City", description: "Where to", minLength: 2 },
    mail: { type: "string", format: "email" },
    seats: { type: "integer", minimum: 1, maximum: 9, default: 2 },
    window: { type: "boolean" },
    day: { type: "string", format: "date" },
    class: {
      type: "string",
      oneOf: [
        { const: "e", title: "Economy" },
        { const: "b", title: "Business" },
      ],
    },
    extras: { type: "array", items: { type: "string", enum: ["lunch", "wifi", "pet"] }, maxItems: 2 },
    note: { type: "string" },
  },
  required: ["city", "mail", "seats", "window", "day", "class", "extras"],
};

test("what a tool asks is asked as qa asks, and the tool is called again with the answers", async () => {
  const { texts, say, inputs } = await openShop(SCHEMA);
  expect(await texts("a table")).toEqual([
    'shop.order asks: Order\nWhat shall it be?\nSay "Decline" to refuse, "Cancel" to stop.\nCity: Where to',
  ]);
  expect((await texts("X"))[0]).toContain("at least 2 characters");
  expect(await texts("Quito")).toEqual(["mail"]);
  expect((await texts("nobody"))[0]).toContain("doesn't look right");
  expect(await texts("ada@example.com")).toEqual(["seats"]);
  expect((await texts("10"))[0]).toContain("9 or less");
  expect(await texts("")).toEqual(["window"]);
  expect(await texts("yes")).toEqual(["day"]);
  const { reply } = await say("tomorrow");
  expect(reply[0]?.extensions?.suggested_actions?.map(({ title }) => title)).toEqual(["Economy", "Business"]);
  expect(await texts("business")).toEqual(["extras"]);
  expect(await texts("lunch, wifi, pet")).toEqual(["note"]);
  // The questions know no number of choices; the tool's schema does.
  expect(await texts("skip")).toEqual(["That doesn't look right.\nextras"]);
  expect(await texts("pet, lunch")).toEqual(["note"]);
  const answers = {
    city: "Quito",
    mail: "ada@example.com",
    seats: 2,
    window: true,
    day: "2026-03-06",
    class: "b",
    extras: ["pet", "lunch"],
  };
  expect(JSON.parse((await texts("skip"))[0]?.slice(5) ?? "")).toEqual({ text: "a table", ...answers });
  expect(inputs).toEqual([{ text: "a table" }, { text: "a table", ...answers }]);
});

test("a question outlives the process that asked it", async () => {
  verifies("tools.elicitation");
  const world = new TestWorld();
  const store = openMemoryStore(world);
  const schema: JsonObject = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const before = await openShop(schema, { store, world });
  expect(await before.texts("hello")).toHaveLength(1);
  const after = await openShop(schema, { store, world });
  expect(await after.texts("Quito", { id: "later" })).toEqual(['done {"text":"hello","city":"Quito"}']);
  expect([before.inputs, after.inputs]).toEqual([[{ text: "hello" }], [{ text: "hello", city: "Quito" }]]);
});

test.each([
  ["cancel", undefined],
  ["Cancelar", "es"],
  ["forget it", undefined],
])("%s ends what a tool asks, and it isn't called again", async (word, locale) => {
  const { texts, inputs } = await openShop(SCHEMA);
  const how = locale === undefined ? {} : { locale };
  await texts("hi", how);
  expect(await texts(word, how)).toEqual(["cancelled null"]);
  expect(inputs).toHaveLength(1);
});

test("who declines is asked no more", async () => {
  const schema: JsonObject = { type: "object", properties: { city: { type: "string" } }, required: [] };
  const { texts, inputs } = await openShop(schema);
  await texts("hi");
  expect(await texts("Decline")).toEqual(["cancelled null"]);
  expect(inputs).toHaveLength(1);
});

test("a question that nobody answers expires", async () => {
  const { texts, world, store } = await openShop(SCHEMA);
  await texts("hi");
  await world.advance(11 * 60_000);
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.at(-1)?.activity).toMatchObject({ text: "expired" });
});

test("a form without fields asks for a yes", async () => {
  const { texts } = await openShop({ type: "object", properties: {} });
  expect((await texts("hi"))[0]).toContain("What shall it be?");
  expect((await texts("no"))[0]).toContain("cancelled");
});
