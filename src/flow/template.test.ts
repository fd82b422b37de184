import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import type { JsonValue } from "../types/index.ts";
import { compileTemplate } from "./template.ts";
import { testScope } from "./testing/scope.ts";

const NODES = {
  ask: { answers: { city: "Paris", n: 3 } },
  forecast: {
    result: {
      days: [
        { date: "2026-01-02", max: 3, hot: true },
        { date: "2026-01-03", max: 5 },
      ],
    },
  },
};
const scope = testScope({
  in: { text: "hi", args: ["a", "b"] },
  nodes: NODES,
  parameters: { u: "°C" },
  locale: "de",
  now: { iso: "2026-01-02T03:04:05Z" },
});

test.each([
  ["plain text", "plain text"],
  ["{{in.text}} {{entry.text}}!", "hi hi!"],
  ["{{in.args.0}}{{in.args[1]}}{{in.args.[1]}}", "abb"],
  ['{{node.ask.answers.city}} {{ask["answers"].city}} {{node.ask.data.answers.n}}', "Paris Paris 3"],
  ["{{{in.text}}} {{!-- quiet --}}{{! also }}", "hi "],
  ["{{state.nodes.ask.payload.answers.city}} {{state.input.text}}", "Paris hi"],
  ["{{#if ask.answers.n}}y{{else}}n{{/if}}{{#unless nope}}u{{/unless}}", "yu"],
  ["{{#if nope}}a{{else if in.text}}b{{/if}}", "b"],
  [
    "{{#each forecast.result.days}}{{@index}}:{{date}}={{max}}{{#if hot}}!{{../parameters.u}}{{/if}}{{#unless @last}}, {{/unless}}{{/each}}",
    "0:2026-01-02=3!°C, 1:2026-01-03=5",
  ],
  ["{{#each forecast.result.days as |day i|}}{{i}}{{day.max}} {{/each}}", "03 15 "],
  ["{{#each ask.answers}}{{@key}}={{this}};{{/each}}", "city=Paris;n=3;"],
  ["{{#with ask.answers}}{{city}}{{/with}}{{#nope}}x{{/nope}}{{^nope}}none{{/nope}}", "Parisnone"],
  ["{{#eq ask.answers.n 3}}three{{else}}other{{/eq}}{{#if (eq in.text 'ho')}}x{{/if}}", "three"],
  [
    "{{t 'greet' name=ask.answers.city}} {{t 'bye'}} {{i18n:cards.title}}",
    '[greet {"name":"Paris"}] [bye] [cards.title]',
  ],
  ["{{default nope 'x'}} {{default ask.answers.city 'x'}}", "x Paris"],
  ["{{json ask.answers}} {{ask.answers}}", '{"city":"Paris","n":3} {"city":"Paris","n":3}'],
  ["{{date '2026-01-02'}} {{date 0 style='short' time='short' zone='Asia/Tokyo'}}", "02.01.2026 01.01.70, 09:00"],
  ["{{date now}}", "02.01.2026"],
  [
    "{{number 1234.5}} {{number 0.256 style='percent' digits=1}} {{number 3 currency='EUR'}}",
    "1.234,5 25,6\u00a0% 3,00\u00a0€",
  ],
  ["{{lookup in.args 1}}{{lookup in 'text'}}", "bhi"],
  [String.raw`\{{in.text}} a{{~ in.text ~}} b`, "{{in.text}} ahib"],
])("compileTemplate() renders %j", (source, expected) => {
  expect(compileTemplate(source).render(scope)).toBe(expected);
});

test("compileTemplate() prints nothing for what is missing, and warns unless the template asked", () => {
  const own = testScope();
  expect(compileTemplate("a{{nope.x}}b{{#if maybe}}{{/if}}{{default other 'd'}}{{in.y}}").render(own)).toBe("abd");
  expect(own.warnings).toEqual(["FLOW_PATH_UNKNOWN nope.x", "FLOW_PATH_UNKNOWN in.y"]);
});

test("compileTemplate() looks names up in the data before the scope", () => {
  const template = compileTemplate("{{city}} {{in.text}} {{@root.city}}{{#each days}}{{../city}}{{/each}}");
  expect(template.render(scope, { city: "Rome", days: [1, 2] })).toBe("Rome hi RomeRomeRome");
  expect(compileTemplate("{{this}}{{#each this}}{{this}}{{/each}}").render(scope, ["a", 1])).toBe("a,1a1");
});

test.each([
  ["{{date 'soon'}}", "soon"],
  ["{{date '2026-01-02' zone='Mars'}}", "2026-01-02"],
  ["{{number 'many'}}", "many"],
  ["{{number 3 currency='nope'}}", "3"],
  ["{{number 3 digits=900}}", "3"],
])("compileTemplate() prints %j as it is when it can't be formatted, and warns", (source, expected) => {
  const own = testScope();
  expect(compileTemplate(source).render(own)).toBe(expected);
  expect(own.warnings).toEqual([expect.stringMatching(/^FLOW_TEMPLATE_VALUE_INVALID/)]);
});

test.each([
  "{{foo",
  "{{}}",
  "{{#if a}}",
  "{{#if a}}{{/each}}",
  "{{/if}}",
  "{{> partial}}",
  "{{> (lookup . 'x')}}",
  "{{#> layout}}{{/layout}}",
  "{{#*inline 'x'}}{{/inline}}",
  "{{* decorator}}",
  "{{unknown 1}}",
  "{{#unknown 1}}{{/unknown}}",
  "{{a.b 1}}",
  "{{log 'x'}}",
  "{{helperMissing 'x'}}",
  "{{if}}",
  "{{#if}}{{/if}}",
  "{{#if a b}}{{/if}}",
  "{{#each}}{{/each}}",
  "{{t}}{{t 'a' 'b'}}",
  "{{@scope.t}}",
  "{{#json a}}{{/json}}",
  `${"{{#if a}}".repeat(100)}${"{{/if}}".repeat(100)}`,
])("compileTemplate() refuses %s when it is loaded", (source) => {
  const at = { file: "f", line: 3, column: 7 };
  expect(() => compileTemplate(source, at)).toThrow(expect.objectContaining({ code: "FLOW_TEMPLATE_INVALID", at }));
});

const ATTACKS = [
  "{{7*7}}",
  "{{constructor.constructor('return process')()}}",
  '{{#with "s" as |string|}}{{#with "e"}}{{lookup string.sub "constructor"}}{{/with}}{{/with}}',
  "{{__proto__.polluted}}",
  "${7*7}",
  "<%= 7*7 %>",
  "#{7*7}",
  "{{#each this}}{{@key}}{{/each}}",
  "{{> evil}}",
  "{{{{raw}}}}{{{{/raw}}}}",
  "\\{{x}}",
];

test.each(ATTACKS)("compileTemplate() prints %j from data as it is", (attack) => {
  const own = testScope({ in: { text: attack } });
  const template = compileTemplate("<{{in.text}}|{{json in.text}}|{{#each in}}{{this}}{{/each}}>");
  expect(template.render(own)).toBe(`<${attack}|${JSON.stringify(attack)}|${attack}>`);
});

test("compileTemplate() prints any text from data as it is", () => {
  assert(
    property(string({ unit: "binary", maxLength: 100 }), (text) => {
      expect(compileTemplate("[{{in.text}}]").render(testScope({ in: { text } }))).toBe(`[${text}]`);
    }),
  );
});

test.each([
  "constructor",
  "in.constructor",
  "in.__proto__",
  "in.toString",
  "in.hasOwnProperty",
  "in.text.constructor",
  "in.text.length",
  "in.args.constructor",
  "in.args.map",
  "__proto__.x",
  "node.constructor",
  "node.__proto__",
  "vars.constructor.constructor",
  "__defineGetter__",
])("compileTemplate() finds nothing at %s", (path) => {
  const own = testScope({ in: { text: "x", args: [1] } });
  expect(compileTemplate(`<{{${path}}}{{lookup in 'constructor'}}>`).render(own)).toBe("<>");
  expect(own.warnings).toEqual([`FLOW_PATH_UNKNOWN ${path}`]);
});

test("compileTemplate() bounds its output and its steps", () => {
  const many: JsonValue = Array.from({ length: 400 }, (_, i) => i);
  const big = testScope({ in: { many, text: "x".repeat(200_000) } });
  const tooLarge = expect.objectContaining({ code: "FLOW_TEMPLATE_TOO_LARGE" });
  expect(compileTemplate("{{in.text}}").render(big)).toHaveLength(200_000);
  for (const bomb of [
    "{{in.text}}{{in.text}}",
    "{{#each in.many}}{{#each ../in.many}}{{#each ../../in.many}}{{/each}}{{/each}}{{/each}}",
    "{{#each in.many}}{{../in.text}}{{/each}}",
    "{{#each in.many}}{{#if (eq (json ../in.text) 1)}}{{/if}}{{/each}}",
  ]) {
    expect(() => compileTemplate(bomb).render(big)).toThrow(tooLarge);
  }
});
