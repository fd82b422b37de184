/** Fills the form in on a running host and fails on any other answer: `node examples/qa-form/check.ts`. */
import { deepStrictEqual, match } from "node:assert/strict";
import { startExample } from "../../test/e2e/example-host.ts";

await using host = await startExample(import.meta.dirname);
const person = await host.person();
const said: readonly string[] = ["/leave", "Ana", "ana@example.com", "holiday", "2026-04-06", "5"];
for (const [n, text] of said.entries()) {
  await person.say(text);
  await person.until(n + 1);
}
const answer = person.heard.at(-1);
deepStrictEqual(answer?.text ?? answer?.summary, "Ana: 5 days of holiday leave from 2026-04-06.");
match(JSON.stringify(answer?.attachments), /Request for leave/);
console.log("ok  a form is filled in and summed up");
