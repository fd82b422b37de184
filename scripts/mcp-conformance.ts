/**
 * Runs every scenario of the official MCP conformance suite in both directions and prints how each went:
 * `npm run mcp-conformance [-- server|client] [-- NAME…]`. Ends with 1 where a scenario fails that isn't a draft.
 */
import type { ScenarioResult } from "../test/conformance/mcp-suite.ts";
import { listScenarios, runScenario, servePack } from "../test/conformance/mcp-suite.ts";

const wanted = process.argv.slice(2);
const sides = wanted.filter((word) => word === "server" || word === "client");
const names = wanted.filter((word) => word !== "server" && word !== "client");

const scenarios = (await listScenarios()).filter(
  ({ side, name }) => (sides.length === 0 || sides.includes(side)) && (names.length === 0 || names.includes(name)),
);
await using served = await servePack();
const results: ScenarioResult[] = [];
for (const scenario of scenarios) {
  const result = await runScenario(scenario, served.url);
  results.push(result);
  const { side, name, isDraft, passed, failed, warnings } = result;
  const verdict = failed.length > 0 ? "FAIL" : "ok";
  const notes = [isDraft ? "draft" : "", warnings.length > 0 ? `${warnings.length} warnings` : ""].filter(
    (note) => note !== "",
  );
  console.log(
    `${verdict.padEnd(4)}  ${side}  ${name.padEnd(42)}  ${String(passed).padStart(3)} passed  ${String(failed.length).padStart(2)} failed${notes.length === 0 ? "" : `  (${notes.join(", ")})`}`,
  );
  for (const problem of [...failed, ...warnings]) console.log(`        ${problem}`);
}
for (const side of ["server", "client"] as const) {
  const own = results.filter((result) => result.side === side && !result.isDraft);
  const good = own.filter(({ failed }) => failed.length === 0).length;
  if (own.length > 0) console.log(`${side}: ${good} of ${own.length} scenarios pass`);
}
process.exitCode = results.some(({ failed, isDraft }) => failed.length > 0 && !isDraft) ? 1 : 0;
