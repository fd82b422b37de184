import type { Panel } from "./panels.ts";

/** Where the collector's Elasticsearch exporter keeps what it gets, in its own mapping of OpenTelemetry. */
const SPANS = "traces-*";
const METRICS = "metrics-*";
const TIME = "@timestamp";
const HALF_WIDTH = 24;
const HEIGHT = 12;
/** An object of this form is migrated by every later Kibana. */
const SAVED_BY = "8.0.0";

interface SavedObject {
  readonly id: string;
  readonly type: "index-pattern" | "visualization" | "dashboard";
  readonly attributes: object;
  readonly references: readonly { readonly id: string; readonly name: string; readonly type: string }[];
  readonly coreMigrationVersion: string;
}

/** Writes the panels as saved objects of Kibana: two data views, a graph for each panel, a dashboard. */
export function kibanaObjects(panels: readonly Panel[]): readonly SavedObject[] {
  const graphs = panels.map(graph);
  return [dataView("greentic-spans", SPANS), dataView("greentic-metrics", METRICS), ...graphs, dashboard(graphs)];
}

function saved(object: Omit<SavedObject, "references" | "coreMigrationVersion"> & Partial<SavedObject>): SavedObject {
  return { references: [], coreMigrationVersion: SAVED_BY, ...object };
}

function dataView(id: string, title: string): SavedObject {
  return saved({ id, type: "index-pattern", attributes: { title, name: id, timeFieldName: TIME } });
}

function graph(panel: Panel): SavedObject {
  const isSpans = panel.source.kind === "spans";
  const view = isSpans ? "greentic-spans" : "greentic-metrics";
  const params = {
    id: panel.id,
    type: "timeseries",
    series: seriesOf(panel),
    time_field: TIME,
    use_kibana_indexes: true,
    index_pattern_ref_name: "metrics_0_index_pattern",
    interval: "1m",
    axis_position: "left",
    axis_formatter: "number",
    axis_scale: "normal",
    axis_min: "0",
    show_legend: 1,
    show_grid: 1,
    drop_last_bucket: 1,
    filter: { language: "kuery", query: isSpans ? spanQuery(panel) : "" },
  };
  return saved({
    id: `greentic-${panel.id}`,
    type: "visualization",
    attributes: {
      title: `[Greentic] ${panel.title}`,
      description: panel.help,
      version: 1,
      uiStateJSON: "{}",
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({ query: { language: "kuery", query: "" }, filter: [] }),
      },
      visState: JSON.stringify({ title: panel.title, type: "metrics", aggs: [], params }),
    },
    references: [{ id: view, name: "metrics_0_index_pattern", type: "index-pattern" }],
  });
}

function spanQuery({ source }: Panel): string {
  if (source.kind !== "spans") return "";
  const where = Object.entries(source.where ?? {}).map(([name, value]) => `attributes.${name}: "${value}"`);
  return [`name: "${source.span}"`, ...where].join(" and ");
}

function seriesOf({ id, source }: Panel): readonly object[] {
  if (source.kind === "gauges")
    return source.names.map((name) =>
      series(name, name.replace(/^greentic\./, ""), [{ id: `${name}-max`, type: "max", field: `metrics.${name}` }]),
    );
  if (source.kind === "counter") {
    const growth = { id: `${id}-growth`, type: "positive_rate", field: `metrics.${source.name}`, unit: "1m" };
    return [series(id, source.name, [growth], source.by)];
  }
  if (source.value === "count") return [series(id, source.span, [{ id: `${id}-count`, type: "count" }], source.by)];
  if (typeof source.value === "object" && "sumOf" in source.value) {
    const sum = { id: `${id}-sum`, type: "sum", field: `attributes.${source.value.sumOf}` };
    return [series(id, source.value.sumOf, [sum], source.by)];
  }
  // Spans last nanoseconds: from which unit, to which, and how many decimals.
  const [field, formatter] =
    source.value === "p50 and p99" ? ["duration", "ns,ms,1"] : [`attributes.${source.value.percentilesOf}`, "bytes"];
  return ["50", "99"].map((percentile) => {
    const measured = {
      id: `${id}-p${percentile}`,
      type: "percentile",
      field,
      percentiles: [{ id: `${id}-p${percentile}-line`, mode: "line", value: percentile, shade: 0.2 }],
    };
    return { ...series(`${id}-${percentile}`, `p${percentile}`, [measured], source.by), formatter };
  });
}

function series(id: string, label: string, metrics: readonly object[], by?: string): object {
  return {
    id,
    label,
    metrics,
    split_mode: by === undefined ? "everything" : "terms",
    ...(by === undefined ? {} : { terms_field: `attributes.${by}`, terms_size: "10", terms_order_by: "_count" }),
    separate_axis: 0,
    axis_position: "right",
    formatter: "number",
    chart_type: "line",
    line_width: 1,
    point_size: 1,
    fill: 0.2,
    stacked: "none",
  };
}

function dashboard(graphs: readonly SavedObject[]): SavedObject {
  const placed = graphs.map(({ id }, n) => ({
    version: SAVED_BY,
    type: "visualization",
    panelIndex: id,
    panelRefName: `panel_${id}`,
    embeddableConfig: { enhancements: {} },
    gridData: { x: (n % 2) * HALF_WIDTH, y: Math.floor(n / 2) * HEIGHT, w: HALF_WIDTH, h: HEIGHT, i: id },
  }));
  return saved({
    id: "greentic",
    type: "dashboard",
    attributes: {
      title: "[Greentic] Runtime",
      description: "Turns, waits, sends and what needs a person",
      panelsJSON: JSON.stringify(placed),
      optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }),
      timeRestore: true,
      timeFrom: "now-1h",
      timeTo: "now",
      refreshInterval: { pause: false, value: 30_000 },
      version: 1,
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({ query: { language: "kuery", query: "" }, filter: [] }),
      },
    },
    references: graphs.map(({ id }) => ({ id, name: `${id}:panel_${id}`, type: "visualization" })),
  });
}
