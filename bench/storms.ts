/**
 * Ten minutes of more than a platform takes, in virtual time, as a table: `node bench/storms.ts`, or of some channels
 * alone, `node bench/storms.ts email webex`. The same storms are tests in test/platforms/storms.test.ts.
 */
import { STORMS } from "../test/platforms/storm-plans.ts";
import { runStorm } from "../test/platforms/storm.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

const only = process.argv.slice(2);
const rows: Row[] = [];
for (const [type, what, load, permitted] of STORMS) {
  if (only.length > 0 && !only.includes(type)) continue;
  const [alone, shared] = [await runStorm({ type, load, senders: 1 }), await runStorm({ type, load, senders: 2 })];
  const share = (taken: number): string => `${taken} (${((taken / permitted) * 100).toFixed(1)} %)`;
  rows.push({
    channel: type,
    "more than enough for": what,
    "permitted in ten minutes": permitted,
    "one process": share(alone.taken),
    "two processes": share(shared.taken),
    "too early": alone.violations + shared.violations,
  });
}
printTable("Storms", rows);
