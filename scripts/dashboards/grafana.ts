import type { Panel } from "./panels.ts";

/** Units as the collector's Prometheus exporter spells them in names. @see https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/ */
const SUFFIXES: Readonly<Record<string, string>> = { ms: "_milliseconds", By: "_bytes" };
const HALF_WIDTH = 12;
const HEIGHT = 8;

/** The name that a metric has in Prometheus. */
export function prometheusName(name: string, { unit = "", isCounter = false } = {}): string {
  return `${name.replaceAll(/[^a-zA-Z0-9_]/g, "_")}${SUFFIXES[unit] ?? ""}${isCounter ? "_total" : ""}`;
}

interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** Writes the panels that metrics can tell as a dashboard of Grafana, read from Prometheus. */
export function grafanaDashboard(panels: readonly Panel[], units: ReadonlyMap<string, string>): object {
  const drawn = panels.flatMap((panel) => {
    const queries = queriesOf(panel, units);
    return queries === undefined ? [] : [{ panel, queries }];
  });
  return {
    uid: "greentic",
    title: "Greentic",
    tags: ["greentic"],
    schemaVersion: 41,
    timezone: "browser",
    time: { from: "now-1h", to: "now" },
    refresh: "30s",
    templating: {
      list: [
        {
          name: "source",
          label: "Prometheus",
          type: "datasource",
          query: "prometheus",
          current: { text: "Prometheus", value: "prometheus" },
        },
        {
          name: "tenant",
          label: "Tenant",
          type: "query",
          datasource: DATASOURCE,
          query: {
            query: `label_values(${prometheusName("greentic.messages", { isCounter: true })}, tenant)`,
            refId: "tenant",
          },
          refresh: 2,
          multi: true,
          includeAll: true,
          allValue: ".*",
          current: { text: "All", value: "$__all" },
        },
      ],
    },
    panels: drawn.map(({ panel, queries }, n) => ({
      id: n + 1,
      title: panel.title,
      description: panel.help,
      type: "timeseries",
      datasource: DATASOURCE,
      gridPos: { x: (n % 2) * HALF_WIDTH, y: Math.floor(n / 2) * HEIGHT, w: HALF_WIDTH, h: HEIGHT },
      fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
      options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } },
      targets: queries.map(({ expr, legend }, i) => ({
        refId: String.fromCodePoint(65 + i),
        datasource: DATASOURCE,
        expr,
        legendFormat: legend,
      })),
    })),
  };
}

const DATASOURCE = { type: "prometheus", uid: "${source}" };
const TENANT = 'tenant=~"$tenant"';

function queriesOf({ source, metric }: Panel, units: ReadonlyMap<string, string>): readonly Query[] | undefined {
  if (source.kind === "gauges")
    return source.names.map((name) => ({
      expr: `max(${prometheusName(name, { unit: units.get(name) ?? "" })})`,
      legend: name.replace(/^greentic\./, ""),
    }));
  if (source.kind === "counter") return [perMinute(source.name, { by: source.by })];
  if (metric === undefined) return undefined;
  if ("counter" in metric) {
    const direction = source.span === "message.accept" ? "in" : "out";
    const where = metric.counter === "greentic.messages" ? `direction="${direction}"` : undefined;
    return [perMinute(metric.counter, { by: source.by, where })];
  }
  const name = prometheusName(metric.histogram, { unit: units.get(metric.histogram) ?? "" });
  if (source.value === "count")
    return [{ expr: `sum by (${source.by}) (rate(${name}_count{${TENANT}}[5m])) * 60`, legend: `{{${source.by}}}` }];
  const by = ["le", ...(source.by === undefined ? [] : [source.by])].join(", ");
  const whose = source.by === undefined ? "" : `{{${source.by}}} `;
  return [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${by}) (rate(${name}_bucket{${TENANT}}[5m])))`,
    legend: `${whose}p${quantile * 100}`,
  }));
}

function perMinute(
  name: string,
  { by, where }: { readonly by?: string | undefined; readonly where?: string | undefined },
): Query {
  const filter = [TENANT, ...(where === undefined ? [] : [where])].join(", ");
  const rate = `rate(${prometheusName(name, { isCounter: true })}{${filter}}[5m])`;
  return {
    expr: `sum${by === undefined ? "" : ` by (${by})`} (${rate}) * 60`,
    legend: by === undefined ? name : `{{${by}}}`,
  };
}
