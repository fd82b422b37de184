import { expect, test } from "vitest";
import { verifies } from "../verifies.ts";
import { STORMS } from "./storm-plans.ts";
import { runStorm } from "./storm.ts";

test.each(STORMS.flatMap((storm) => [1, 2].map((senders) => [...storm, senders] as const)))(
  "%s keeps its limits for %s, and uses at least 95 %% of them",
  async (type, _what, load, permitted, senders) => {
    verifies("channels.paces");
    const report = await runStorm({ type, load, senders });
    expect(report).toMatchObject({ violations: 0, disordered: [], failed: 0 });
    expect(report.taken).toBeGreaterThanOrEqual(permitted * 0.95);
  },
  300_000,
);
