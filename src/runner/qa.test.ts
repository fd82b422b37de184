import { expect, test } from "vitest";
import type { TestRuntime } from "./runtime-fixture.ts";
import { makePack, openTestRuntime } from "./runtime-fixture.ts";
import { verifies } from "../../test/verifies.ts";

async function ask(questions: string, rest = ""): Promise<TestRuntime> {
  const flow = `
id: form
type: messaging
start: form
nodes:
  form:
    qa:
      questions: [${questions}]
      cancel: [cancel, 取消]
${rest}
    routing: [{ status: failed, to: gaveUp }, { status: cancelled, to: cancelled }, { status: expired, to: expired }, { to: done }]
  done: { message.send: { text: "{{json form.answers}}" }, routing: out }
  gaveUp: { message.send: { text: "failed {{json form.answers}}" }, routing: out }
  cancelled: { message.send: { text: "cancelled" }, routing: out }
  expired: { message.send: { text: "expired {{json form.answers}}" }, routing: out }
`;
  const pack = await makePack({
    flows: { form: flow },
    assets: { "i18n/es.json": JSON.stringify({ "greentic.qa.number": "¡Un número, hombre!" }), "i18n/en.json": "{}" },
  });
  return openTestRuntime({ pack });
}

const COLOUR =
  '{ id: colour, prompt: "Colour?", type: choice, choices: [red, { value: "#0f0", title: Green }, { value: 3, title: Blue }] }';

test.each([
  ["string", "Ada", '"Ada"'],
  ["number", "2.5", "2.5"],
  ["integer", "7", "7"],
  ["boolean", "yes", "true"],
  ["boolean", "No.", "false"],
  ["date", "tomorrow", '"2026-03-06"'],
])("a question of type %s gives %s its type", async (type, said, value) => {
  const { texts } = await ask(`{ id: a, prompt: "A?", type: ${type} }`);
  expect(await texts("hi")).toEqual(["A?"]);
  expect(await texts(said)).toEqual([`{"a":${value}}`]);
});

test.each([
  ["red", '"red"'],
  ["RED", '"red"'],
  ["green", '"#0f0"'],
  ["3", "3"],
  ["2", '"#0f0"'],
])("a choice is found by value, title or number: %s", async (said, value) => {
  const { say, texts } = await ask(COLOUR);
  const { reply } = await say("hi");
  expect(reply[0]?.extensions?.suggested_actions).toEqual([
    { title: "red", value: "red" },
    { title: "Green", value: "#0f0" },
    { title: "Blue", value: "3" },
  ]);
  expect(await texts(said)).toEqual([`{"colour":${value}}`]);
});

test.each([
  ["en", "Please answer with a whole number.", "Please answer yes or no.", ["Yes", "No"], "yes"],
  ["es", "Responde con un número entero, por favor.", "Responde sí o no, por favor.", ["Sí", "No"], "sí"],
  ["id", "Mohon jawab dengan bilangan bulat.", "Mohon jawab ya atau tidak.", ["Ya", "Tidak"], "ya"],
  ["ja", "整数でお答えください。", "「はい」か「いいえ」でお答えください。", ["はい", "いいえ"], "はい"],
])("in %s an answer that isn't valid is asked again with the reason", async (locale, whole, yesNo, chips, yes) => {
  const { say, texts } = await ask('{ id: n, prompt: "N?", type: integer }, { id: ok, prompt: "OK?", type: boolean }');
  await texts("hi", { locale });
  expect(await texts("2.5", { locale })).toEqual([`${whole}\nN?`]);
  const { reply } = await say("3", { locale });
  expect(reply[0]?.extensions?.suggested_actions?.map(({ title }) => title)).toEqual(chips);
  expect(await texts("perhaps", { locale })).toEqual([`${yesNo}\nOK?`]);
  expect(await texts(yes, { locale })).toEqual(['{"n":3,"ok":true}']);
});

test("a pack's own texts replace the built-in reasons, the question's own text goes first", async () => {
  const { texts } = await ask('{ id: n, prompt: "N?", type: number, error: "Count!" }');
  await texts("hi");
  expect(await texts("many")).toEqual(["Count!\nN?"]);
  const other = await ask('{ id: n, prompt: "N?", type: number }');
  await other.texts("hi", { locale: "es-MX" });
  expect(await other.texts("muchos", { locale: "es-MX" })).toEqual(["¡Un número, hombre!\nN?"]);
});

test.each([
  ["type: string, validate: { min_length: 3 }", "ab", "That's too short: at least 3 characters, please."],
  ["type: string, validate: { max_length: 2 }", "abc", "That's too long: at most 2 characters, please."],
  ["type: string, validate: { pattern: '^[A-Z]{2}$' }", "abc", "That doesn't look right."],
  ["type: number, validate: { min: 2 }", "1", "Please choose 2 or more."],
  ["type: number, validate: { max: 2 }", "3", "Please choose 2 or less."],
  ["type: date, validate: { min: today }", "2026-03-04", "Please choose 2026-03-05 or later."],
  ["type: date, validate: { max: tomorrow }", "2026-03-07", "Please choose 2026-03-06 or earlier."],
  ["type: date", "some day", "I couldn't read that as a date. Try something like 2026-03-06."],
])("%s refuses %s", async (spec, said, reason) => {
  const { texts } = await ask(`{ id: a, prompt: "A?", ${spec} }`);
  await texts("hi");
  expect(await texts(said)).toEqual([`${reason}\nA?`]);
});

test("what is known is not asked, what is known wrongly is", async () => {
  const { texts } = await ask(
    '{ id: a, prompt: "A?", type: integer }, { id: b, prompt: "B?", type: integer }',
    '      known: { a: "{{in.args.0}}", b: "{{in.args.1}}" }',
  );
  expect(await texts("/go 1 x")).toEqual(["B?"]);
  expect(await texts("2")).toEqual(['{"a":1,"b":2}']);
  expect(await texts("/go 1 2")).toEqual(['{"a":1,"b":2}']);
});

test("a default answers for whoever sends nothing or skips, an optional question can be skipped", async () => {
  const { texts } = await ask(
    '{ id: day, prompt: "Day?", type: date, default: today }, { id: note, prompt: "Note?", required: false }',
  );
  await texts("hi");
  expect(await texts("")).toEqual(["Note?"]);
  expect(await texts("skip")).toEqual(['{"day":"2026-03-05","note":null}']);
});

test("after max_retries the questions fail with the answers so far", async () => {
  const { texts } = await ask('{ id: a, prompt: "A?" }, { id: n, prompt: "N?", type: number }', "      max_retries: 2");
  await texts("hi");
  await texts("x");
  expect(await texts("no")).toHaveLength(1);
  expect(await texts("no")).toHaveLength(1);
  expect(await texts("no")).toEqual(['failed {"a":"x"}']);
});

test("cancel words end the questions in any case", async () => {
  const { texts } = await ask('{ id: a, prompt: "A?" }');
  await texts("hi");
  expect(await texts(" Cancel ")).toEqual(["cancelled"]);
  await texts("hi");
  expect(await texts("取消")).toEqual(["cancelled"]);
});

test("a submitted card answers several questions at once, what it lacks is asked", async () => {
  const { texts } = await ask(`{ id: name, prompt: "Name?" }, { id: n, prompt: "N?", type: integer }, ${COLOUR}`);
  await texts("hi");
  expect(await texts({ name: "Ada", colour: "#0f0" })).toEqual(["N?"]);
  expect(await texts({ n: 4 })).toEqual(['{"name":"Ada","colour":"#0f0","n":4}']);
});

test("a card with one bad field keeps the good ones", async () => {
  const { texts } = await ask('{ id: name, prompt: "Name?" }, { id: n, prompt: "N?", type: integer }');
  await texts("hi");
  expect(await texts({ name: "Ada", n: "many" })).toEqual(["Please answer with a whole number.\nN?"]);
  expect(await texts("4")).toEqual(['{"name":"Ada","n":4}']);
});

test("questions that expire take their route, and an answer in time stops that", async () => {
  const { texts, world, store, say } = await ask(
    '{ id: a, prompt: "A?" }, { id: b, prompt: "B?" }',
    "      expires: 10m",
  );
  await texts("hi");
  await texts("x");
  await world.advance(9 * 60_000);
  expect((await store.list({}))[0]?.session?.cursor?.node).toBe("form");
  await world.advance(2 * 60_000);
  const [ended] = await store.list({});
  expect(ended?.session?.cursor).toBeUndefined();
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.at(-1)?.activity).toMatchObject({ text: 'expired {"a":"x"}', session_id: "s1", to: [{ id: "console" }] });
  await texts("hi");
  await texts("x");
  expect((await say("y")).reply[0]?.text).toBe('{"a":"x","b":"y"}');
  await world.advance(60 * 60_000);
  expect((await store.list({}))[0]?.session?.revision).toBe(6);
});

test("an answer is data: what looks like a template stays as it was typed", async () => {
  const { texts } = await ask('{ id: a, prompt: "A?" }');
  await texts("hi");
  expect(await texts("{{tenant.id}} {{json state}}")).toEqual(['{"a":"{{tenant.id}} {{json state}}"}']);
});

test("names of a question's fields can't reach a prototype", async () => {
  const { texts } = await ask('{ id: a, prompt: "A?" }');
  await texts("hi");
  expect(await texts(JSON.parse('{"__proto__":{"a":"x"},"constructor":"y"}') as never)).toEqual([
    "Please answer this question.\nA?",
  ]);
});

test("a question may name the answers before it, and what it says of them is no template", async () => {
  verifies("kinds.qa.earlier-answers");
  const { texts } = await ask(
    '{ id: name, prompt: "Name?" }, { id: age, prompt: "How old is {{form.answers.name}}?", type: integer }, { id: town, prompt: "{{form.answers.name}}, {{form.answers.age}}: where?" }',
  );
  expect(await texts("hi")).toEqual(["Name?"]);
  expect(await texts("{{tenant.id}}")).toEqual(["How old is {{tenant.id}}?"]);
  expect(await texts("x")).toEqual(["Please answer with a whole number.\nHow old is {{tenant.id}}?"]);
  expect(await texts("7")).toEqual(["{{tenant.id}}, 7: where?"]);
  expect(await texts("Rome")).toEqual(['{"name":"{{tenant.id}}","age":7,"town":"Rome"}']);
});
