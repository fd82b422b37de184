/**
 * Writes the Helm chart below `deploy/helm/greentic` from the objects that `greentic-deployer render` makes: `node scripts/helm-chart.ts`.
 * A test fails where its files are older than those objects.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { notes } from "./helm-chart/notes.ts";
import { templates } from "./helm-chart/templates.ts";
import { valuesFile } from "./helm-chart/values.ts";
import { VALUES_SCHEMA } from "./helm-chart/values-schema.ts";

const ROOT = resolve(import.meta.dirname, "..");
export const CHART_DIR = join(ROOT, "deploy/helm/greentic");

/** Makes every file's text by its path below the chart. */
export function chartFiles(): ReadonlyMap<string, string> {
  const { version, description } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly version: string;
    readonly description: string;
  };
  const chart = {
    apiVersion: "v2",
    name: "greentic",
    description,
    type: "application",
    version,
    appVersion: version,
    // A pod's sleep before its end is known from there on.
    kubeVersion: ">=1.30.0-0",
  };
  return new Map([
    ["Chart.yaml", stringify(chart, { version: "1.1", lineWidth: 0 })],
    ["values.yaml", valuesFile()],
    ["values.schema.json", `${JSON.stringify(VALUES_SCHEMA, undefined, 2)}\n`],
    ["templates/NOTES.txt", notes()],
    ...templates(),
  ]);
}

if (import.meta.main) {
  rmSync(CHART_DIR, { recursive: true, force: true });
  for (const [name, text] of chartFiles()) {
    const file = join(CHART_DIR, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
