import { expect, test } from "vitest";
import type { ComponentBehaviour, TestRuntime } from "./runtime-fixture.ts";
import { failing, makePack, openTestRuntime } from "./runtime-fixture.ts";
import { verifies } from "../../test/verifies.ts";

const FLOW = `
id: on_message
type: messaging
schema_version: 2
title: Weather
start: ask
entrypoints: { default: ask, "command:/weather": ask, "command:/help": help }
parameters: { units: celsius }
nodes:
  ask:
    qa:
      questions:
        - { id: city, prompt: "{{t 'ask_city'}}", type: string, validate: { min_length: 2 } }
        - { id: date, prompt: "{{t 'ask_date'}}", type: date, default: today }
      known: { city: "{{in.args.0}}" }
      cancel: [cancel, stop]
    routing:
      - { status: cancelled, to: bye }
      - { to: forecast }
  forecast:
    tool.invoke: { tool: weather.forecast, input: { city: "{{ask.answers.city}}", date: "{{ask.answers.date}}" } }
    timeout_ms: 10000
    retry: { max_attempts: 3, base_delay_ms: 200 }
    routing:
      - { on: error, to: sorry }
      - { to: format }
  format:
    template.render: { asset: assets/templates/forecast.hbs, data: "{{forecast.result}}" }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "{{format.text}}", card: { asset: assets/cards/forecast.json, data: "{{forecast.result}}" } }
    routing: out
  sorry: { message.send: { text: "{{t 'no_forecast'}}" }, routing: out }
  bye: { message.send: { text: "{{t 'bye'}}" }, routing: out }
  help: { message.send: { text: "{{t 'help'}}" }, routing: out }
`;

const texts = (fields: Record<string, string>): string => JSON.stringify(fields);

const pack = await makePack({
  name: "weather",
  flows: { on_message: FLOW },
  components: { forecast: 'http = ["https://api.example.com"]' },
  assets: {
    "toolmap.json": texts({}).replace("{}", '{"tools":[{"name":"weather.forecast","component":"forecast"}]}'),
    "templates/forecast.hbs": "{{city}}: {{temperature}} on {{date}}",
    "cards/forecast.json": JSON.stringify({
      type: "AdaptiveCard",
      version: "1.5",
      body: [
        { type: "TextBlock", text: "{{city}}" },
        { type: "TextBlock", text: "{{temperature}}" },
      ],
    }),
    "i18n/en.json": texts({
      ask_city: "Which city?",
      ask_date: "Which day?",
      bye: "Bye.",
      help: "I know the weather.",
      no_forecast: "No forecast.",
    }),
    "i18n/es.json": texts({ ask_city: "¿Qué ciudad?", ask_date: "¿Qué día?", bye: "Adiós." }),
  },
});

const sunny: ComponentBehaviour = (_ctx, call) => ({
  content: [{ type: "text", text: "fine" }],
  structured: { ...(call.input as object), temperature: 31 },
});

function open(component: ComponentBehaviour = sunny): Promise<TestRuntime> {
  return openTestRuntime({ pack, component });
}

test("a weather conversation asks what it doesn't know and answers with text and card", async () => {
  verifies(
    "runner.host",
    "message.session",
    "message.reply",
    "pack.assets.templates",
    "pack.assets.cards",
    "adapter.session-key",
  );
  const { say, store } = await open();
  const first = await say("hello");
  expect(first).toMatchObject({
    status: "waiting",
    waitingAt: "ask",
    reply: [{ text: "Which city?", extensions: { input_hint: "expecting" } }],
  });
  const second = await say("Jakarta");
  expect(second.reply).toMatchObject([
    { text: "Which day?", extensions: { suggested_actions: [{ title: "today", value: "today" }] } },
  ]);
  const third = await say("tomorrow");
  expect(third.status).toBe("done");
  expect(third.reply).toHaveLength(1);
  expect(third.reply[0]).toMatchObject({
    text: "Jakarta: 31 on 2026-03-06",
    extensions: { adaptive_card: { body: [{ text: "Jakarta" }, { text: 31 }] } },
  });
  expect(third.steps.map(({ node, outcome }) => `${node} ${outcome}`)).toEqual([
    "ask ok",
    "forecast ok",
    "format ok",
    "answer ok",
  ]);
  const [session] = await store.list({});
  expect(session?.session?.cursor).toBeUndefined();
});

test("a command's argument is known and not asked", async () => {
  const { texts } = await open();
  expect(await texts("/weather Jakarta")).toEqual(["Which day?"]);
  expect(await texts("2026-04-01")).toEqual(["Jakarta: 31 on 2026-04-01"]);
  expect(await texts("/weather J")).toEqual(["Which city?"]);
});

test("a failing tool is retried and then takes the error route", async () => {
  let calls = 0;
  const { texts, world } = await open(() => {
    calls++;
    return Promise.resolve(failing("UPSTREAM_DOWN", true));
  });
  await texts("/weather Jakarta");
  const answer = texts("today");
  await world.advance(5_000);
  expect(await answer).toEqual(["No forecast."]);
  expect(calls).toBe(3);
});

test("cancel words and commands interrupt the questions", async () => {
  const { texts } = await open();
  await texts("hello", { locale: "es-MX" });
  expect(await texts("cancel", { locale: "es-MX" })).toEqual(["Adiós."]);
  expect(await texts("hola", { locale: "es" })).toEqual(["¿Qué ciudad?"]);
  expect(await texts("/help")).toEqual(["I know the weather."]);
});
