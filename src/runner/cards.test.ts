import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { ComponentCall } from "../component/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import type { PackFiles, TestRuntime } from "./runtime-fixture.ts";
import { failing, makePack, openTestRuntime } from "./runtime-fixture.ts";

const welcome = { type: "AdaptiveCard", body: [{ type: "TextBlock", text: "{{i18n:hello}} {{i18n:unknown}}" }] };
const ASSETS = {
  "cards/welcome.json": JSON.stringify(welcome),
  "cards/orders.json": JSON.stringify({ type: "AdaptiveCard", id: "orders" }),
  "i18n/en.json": JSON.stringify({ hello: "Hello", bye: "Bye" }),
  "i18n/es.json": JSON.stringify({ hello: "Hola" }),
};

/** Opens a runtime whose card component gives back the card that it was asked for; the calls are kept. */
async function open(nodes: string, files: Partial<PackFiles> = {}): Promise<TestRuntime & { calls: ComponentCall[] }> {
  const pack = await makePack({
    flows: { default: `id: default\ntype: messaging\nparameters: {}\n${nodes}` },
    components: { cards: "" },
    assets: ASSETS,
    ...files,
  });
  const calls: ComponentCall[] = [];
  const component = (_ctx: unknown, call: ComponentCall): JsonValue => {
    calls.push(call);
    const spec = (call.input as { card_spec?: JsonObject }).card_spec;
    return { renderedCard: spec?.["inline_json"] ?? null, event: null };
  };
  return Object.assign(await openTestRuntime({ pack, component }), { calls });
}

const cardOf = (call: ComponentCall | undefined): JsonObject => call?.input as JsonObject;
const cardNode = (spec: string, routing: string): string =>
  `cards.card: { card_source: asset, card_spec: { ${spec} } }\n    routing: ${routing}`;

test("a card's asset and the pack's texts are in the call, in the person's language", async () => {
  verifies("kinds.card.inlined");
  const { say, calls } = await open(`
nodes:
  show:
    ${cardNode("asset_path: cards/welcome.json, template_params: { a: 1 }", "out")}
`);
  const { reply } = await say("hi", { locale: "es-MX" });
  expect(cardOf(calls[0])).toMatchObject({
    card_source: "inline",
    locale: "es-MX",
    node_id: "show",
    session: { locale: "es-MX" },
    state: {},
    card_spec: {
      template_params: { a: 1 },
      inline_json: { type: "AdaptiveCard", body: [{ text: "Hola {{i18n:unknown}}" }] },
      i18n_inline: {
        en: { hello: "Hello" },
        es: { hello: "Hola", bye: "Bye" },
        "es-MX": { hello: "Hola", bye: "Bye" },
      },
    },
  });
  expect(cardOf(calls[0])["card_spec"]).not.toHaveProperty("asset_path");
  // The component's rendered card is what the person gets.
  expect(reply[0]?.extensions?.adaptive_card).toMatchObject({ type: "AdaptiveCard" });
});

test("cards come from configuration, a registry, a catalog, or as they are", async () => {
  const { say, calls } = await open(`
start: configured
nodes:
  configured: { component.exec: { component: cards, operation: card, config: { default_card_asset: cards/orders.json } }, routing: [{ to: registry }] }
  registry:
    ${cardNode("asset_path: menu, asset_registry: { menu: assets/cards/orders.json }", "[{ to: catalog }]")}
  catalog: { cards.card: { card_source: catalog, card_spec: { catalog_name: orders } }, routing: [{ to: inline }] }
  inline: { cards.card: { card_spec: { inline_json: { type: AdaptiveCard, n: 1 } }, locale: fr, payload: { p: 1 } }, routing: [{ to: lost }] }
  lost:
    ${cardNode("asset_path: cards/none.json", "out")}
`);
  await say("hi");
  const specs = calls.map((call) => cardOf(call)["card_spec"] as JsonObject);
  expect(specs.slice(0, 3).map((spec) => spec["inline_json"])).toEqual(
    Array.from({ length: 3 }, () => ({ type: "AdaptiveCard", id: "orders" })),
  );
  expect(cardOf(calls[3])).toMatchObject({ locale: "fr", payload: { p: 1 }, card_spec: { inline_json: { n: 1 } } });
  // What isn't there is the component's to report.
  expect(cardOf(calls[4])).toMatchObject({ card_source: "asset", card_spec: { asset_path: "cards/none.json" } });
});

const MENU = `
start: welcome
nodes:
  welcome:
    cards.card: { card_source: asset, card_spec: { asset_path: cards/welcome.json } }
    routing: [{ condition: 'response.action == "help"', to: help }, { condition: 'response.go == "pay"', to: paid }]
  help: { message.send: { text: "Help for {{welcome.answers.name}} {{json welcome.answers}} {{in.input.metadata.name}}" }, routing: out }
  other:
    cards.card: { card_source: asset, card_spec: { asset_path: cards/orders.json } }
    routing: [{ condition: 'response.done == "yes"', to: help }]
  paid: { message.send: { text: "paid" }, routing: out }
  secret: { message.send: { text: "secret" }, routing: out }
`;

test("a card waits for its submission: conditions read it, the answers are the node's, the card isn't rendered again", async () => {
  verifies("kinds.card.submission");
  const { say, texts, calls } = await open(MENU);
  expect(await say("hi")).toMatchObject({ status: "waiting", waitingAt: "welcome" });
  expect(await say({ action: "nothing", name: "Al" })).toMatchObject({ status: "waiting", reply: [] });
  expect(calls).toHaveLength(1);
  expect(await texts({ action: "help", cardId: "welcome", name: "Al" })).toEqual(['Help for Al {"name":"Al"} Al']);
});

test("a submitted card goes to another card by its id, in place or at its node, and nowhere that no card leads to", async () => {
  verifies("kinds.card.navigation");
  const links = (...ids: readonly string[]): string =>
    JSON.stringify({
      type: "AdaptiveCard",
      actions: ids.map((routeToCardId) => ({ type: "Action.Submit", data: { routeToCardId } })),
    });
  const assets = {
    ...ASSETS,
    "cards/welcome.json": links("orders", "other", "secret", "help", "lost"),
    "cards/orders.json": JSON.stringify({ type: "AdaptiveCard", id: "orders" }),
    "cards/hidden.json": JSON.stringify({ type: "AdaptiveCard", id: "hidden" }),
  };
  const { say, texts, calls } = await open(MENU, { assets });
  await say("hi");
  expect(await say({ routeToCardId: "orders" })).toMatchObject({ status: "waiting", waitingAt: "welcome" });
  expect(cardOf(calls[1])).toMatchObject({ card_spec: { inline_json: { id: "orders" } } });
  expect(await say({ toCardId: "other" })).toMatchObject({ status: "waiting", waitingAt: "other" });
  // A node that is no card, though the author's card names it; a card that no card leads to; no card at all.
  for (const id of ["secret", "help", "hidden", "lost", "../../pack"])
    expect(await say({ nextCardId: id })).toMatchObject({ status: "waiting", waitingAt: "other", reply: [] });
  expect(await texts({ done: "yes" })).toEqual([expect.stringContaining("Help")]);
  // Nothing waits any more: the wish decides where the flow begins.
  expect(await say({ routeToCardId: "other" })).toMatchObject({ status: "waiting", waitingAt: "other" });
});

test("a card that reports an error fails its node, and the route by its code is taken", async () => {
  verifies("flow.error-codes");
  const pack = await makePack({
    flows: {
      default: `
id: default
type: messaging
start: show
nodes:
  show:
    cards.card: { card_spec: { inline_json: {} }, mode: "{{in.text}}" }
    routing: [{ status: AC_ASSET_NOT_FOUND, to: lost }, { on: timeout, to: late }, { on: error, to: failed }]
  lost: { message.send: { text: "lost: {{show.error.message}}" }, routing: out }
  late: { message.send: { text: "late after {{show.error.backoffMs}}: {{json show.error.details}} {{show.error.retryable}}" }, routing: out }
  failed: { message.send: { text: "failed {{show.error.code}}" }, routing: out }
`,
    },
    components: { cards: "" },
  });
  const { texts, events } = await openTestRuntime({
    pack,
    component: (_ctx, { input }) => {
      const { mode } = input as { mode: string };
      if (mode === "asset") return { error: { code: "AC_ASSET_NOT_FOUND", message: "No such card" } };
      if (mode === "late")
        return {
          ok: false,
          error: { code: "UPSTREAM_TIMEOUT", message: "m", backoff_ms: 700, retryable: true, details: { n: 1 } },
        };
      if (mode === "worse") return Promise.resolve(failing("a secret of the guest", false));
      if (mode === "rude") return { ok: false, error: { code: "a secret\ncode", message: "m" } };
      return Promise.resolve(failing("OTHER", false));
    },
  });
  expect(await texts("asset")).toEqual(["lost: No such card"]);
  expect(await texts("late")).toEqual(['late after 700: {"n":1} true']);
  expect(await texts("else")).toEqual(["failed OTHER"]);
  expect(await texts("rude")).toEqual(["failed COMPONENT_FAILED"]);
  expect(await texts("worse")).toEqual(["failed COMPONENT_FAILED"]);
  expect(JSON.stringify(events)).not.toContain("a secret");
});

test("a card after other messages is shown too, unless the flow goes on talking", async () => {
  const { say } = await open(`
start: hello
nodes:
  hello: { emit.response: { text: "Hello" }, routing: [{ to: show }] }
  show:
    ${cardNode("asset_path: cards/orders.json", '[{ condition: "response.x == y", to: hello }]')}
`);
  const { reply } = await say("hi");
  expect(reply.map(({ text, extensions }) => text ?? extensions?.adaptive_card)).toEqual([
    "Hello",
    { type: "AdaptiveCard", id: "orders" },
  ]);
});
