/**
 * Writes the dashboards of `deploy/observability` from the one list of panels: `node scripts/dashboards.ts`. A test fails where the files
 * are older than the list, or show what the runtime doesn't export.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { grafanaDashboard } from "./dashboards/grafana.ts";
import { kibanaObjects } from "./dashboards/kibana.ts";
import { PANELS } from "./dashboards/panels.ts";

/** Units of the metrics that have one, as the runtime exports them. */
export const UNITS: ReadonlyMap<string, string> = new Map([
  ["greentic.flow.duration", "ms"],
  ["greentic.message.wait", "ms"],
  ["greentic.component.duration", "ms"],
  ["greentic.component.memory", "By"],
  ["greentic.inbox.lag", "ms"],
  ["greentic.outbox.lag", "ms"],
]);

/** Gives the files below `deploy/observability` with their texts. */
export function dashboardFiles(): ReadonlyMap<string, string> {
  const objects = kibanaObjects(PANELS).map((object) => JSON.stringify(object));
  return new Map([
    ["kibana/greentic.ndjson", `${objects.join("\n")}\n`],
    ["grafana/dashboards/greentic.json", `${JSON.stringify(grafanaDashboard(PANELS, UNITS), undefined, 2)}\n`],
  ]);
}

if (import.meta.main) {
  for (const [name, text] of dashboardFiles()) {
    const file = join(import.meta.dirname, "../deploy/observability", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
