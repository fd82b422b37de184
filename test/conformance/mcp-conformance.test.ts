import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { runScenario, runServerScenarios, servePack } from "./mcp-suite.ts";

test("gtc mcp serve passes the official suite's server scenarios", { timeout: 240_000 }, async () => {
  verifies("mcp.conformance.server");
  await using served = await servePack();
  const results = await runServerScenarios(served.url);
  expect(results.length).toBeGreaterThanOrEqual(32);
  const failed = results.filter((result) => result.failed.length > 0 && !result.isDraft);
  expect(failed).toEqual([]);
  expect(results.reduce((sum, { passed }) => sum + passed, 0)).toBeGreaterThanOrEqual(44);
});

// `npm run mcp-conformance` runs them all, one process for each.
test.each(["tools_call", "elicitation-sep1034-client-defaults", "auth/metadata-default"])(
  "the client passes the official suite's %s",
  { timeout: 180_000 },
  async (name) => {
    const result = await runScenario({ side: "client", name, isDraft: false }, "");
    expect(result.failed).toEqual([]);
    expect(result.passed).toBeGreaterThan(0);
  },
);
