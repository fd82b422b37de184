// What policy costs: a decision without rules, with 20 of CEL, with allow-lists, and the same question answered by plain JavaScript;
// all in one run, so that their ratios hold on any machine.
import { engineOf, ask } from "../test/stand-ins/policy-engine.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

const QUESTION = ask({
  point: "component.http",
  pack: "weather",
  component: "forecast",
  flow: "default",
  node: "call",
  url: "https://api.example.com/v1/forecast",
  method: "GET",
});

/** Twenty rules of the kind that operators write, none of which holds, so that all are asked. */
const RULES = Array.from(
  { length: 20 },
  (_, i) => `[[policy.rules]]
id = "r${i}"
at = ["component.http"]
when = '${
    [
      `host.endsWith(".evil${i}.example") && method != "GET"`,
      `tenant == "tenant-${i}" && pack in ["a", "b", "c"]`,
      `port != 443 && !(scheme == "https")`,
      `"tier" in labels && labels.tier == "free" && component == "heavy-${i}"`,
    ][i % 4]
  }'
`,
).join("");
const LISTS = `[policy.network]\nprotocols = ["https"]\n[policy.network.packs.weather]\ndomains = ["*.example.com", "a.test", "b.test"]\n`;

const ROUNDS = 200_000;

/** Microseconds of one decision, the best of five runs. */
function measure(decide: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) {
    const startMs = performance.now();
    for (let i = 0; i < ROUNDS; i++) decide();
    best = Math.min(best, performance.now() - startMs);
  }
  return (best * 1_000) / ROUNDS;
}

const plain = measure(() => new URL(QUESTION.url ?? "").hostname.endsWith(".example.com"));
const cases: readonly (readonly [string, () => unknown])[] = [
  [
    "nothing configured: `judges`",
    (
      (engine) => () =>
        engine.judges("component.http")
    )(engineOf("")),
  ],
  [
    "allow-lists alone",
    (
      (engine) => () =>
        engine.decide(QUESTION)
    )(engineOf(LISTS)),
  ],
  [
    "1 rule",
    (
      (engine) => () =>
        engine.decide(QUESTION)
    )(engineOf(RULES.split("[[").slice(0, 2).join("[["))),
  ],
  [
    "20 rules",
    (
      (engine) => () =>
        engine.decide(QUESTION)
    )(engineOf(RULES)),
  ],
  [
    "20 rules and allow-lists",
    (
      (engine) => () =>
        engine.decide(QUESTION)
    )(engineOf(RULES + LISTS)),
  ],
];
printTable(
  "One decision",
  cases.map(([name, decide]): Row => {
    const us = measure(decide);
    return { case: name, µs: us.toFixed(us < 0.1 ? 4 : 2), "of reading the URL once": (us / plain).toFixed(2) };
  }),
);
