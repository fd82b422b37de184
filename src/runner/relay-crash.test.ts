import { expect, test } from "vitest";
import { surviveEveryCrash } from "./crash-fixture.ts";
import { makePack } from "./runtime-fixture.ts";

const pack = await makePack({
  flows: {
    order: `
id: order
type: messaging
start: tell
nodes:
  tell:
    message.send: { text: "{{in.text}} ordered", to: { id: book, channel: ledger } }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "Thanks" }
    routing: out
`,
  },
});

test("what is said to a channel that takes no messages itself arrives once, whenever a process dies", async () => {
  const { whole, points } = await surviveEveryCrash({
    pack,
    lines: [{ text: "tea" }, { text: "cake" }],
    component: () => ({}),
  });
  expect(whole.delivered).toEqual(["Thanks", "Thanks"]);
  expect(whole.ledger).toEqual(["tea ordered", "cake ordered"]);
  expect(points).toBeGreaterThan(20);
});
