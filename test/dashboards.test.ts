import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { dashboardFiles, UNITS } from "../scripts/dashboards.ts";
import { prometheusName } from "../scripts/dashboards/grafana.ts";
import { createLogger, createLogObserver, openOtlpExport } from "../src/telemetry/index.ts";
import type { TurnEvent } from "../src/telemetry/index.ts";
import type { JsonObject } from "../src/types/index.ts";
import { channelId, conversationId, envId, sessionCtx, teamId, tenantId, userId } from "../src/types/index.ts";
import { verifies } from "./verifies.ts";

const DIR = join(import.meta.dirname, "../deploy/observability");
const COMPOSE_SCHEMA = process.env["GREENTIC_COMPOSE_SCHEMA"];
/** It comes with Prometheus. */
const hasPromtool = spawnSync("promtool", ["--version"], { stdio: "ignore" }).status === 0;
const ctx = sessionCtx(
  {
    env: envId("dev"),
    tenant: tenantId("acme"),
    team: teamId("default"),
    channel: channelId("webchat"),
    conversation: conversationId("c"),
    user: userId("u"),
  },
  { traceId: "0af7651916cd43dd8448eb211c80319c", correlationId: "c", locale: "en" },
);
const flow = { flow: "on_message", pack: "weather" };
const at = { atMs: 1_000, durationMs: 1 };
const cost = { wallMs: 1, fuel: 5, peakMemoryBytes: 65_536, hostCalls: 0 };
const outcome = "error" as const;
const node = { flow: "on_message", node: "ask", operation: "qa", status: "ok", target: "t", errorCode: "E", cost };
const EVENTS: readonly TurnEvent[] = [
  { kind: "message.accepted", ctx, duplicate: false, ...at },
  { kind: "flow.started", ctx, ...flow, acceptedAtMs: 999, atMs: 1_000 },
  { kind: "node.ended", ctx, ...node, outcome, ...at },
  { kind: "flow.ended", ctx, ...flow, outcome, ...at, errorCode: "E" },
  { kind: "send.ended", ctx, outcome: "sent", ...at },
  { kind: "fence.refused", ctx, atMs: 1_000 },
  {
    kind: "message.degraded",
    ctx,
    code: "element.dropped",
    element: "other",
    path: "cards[0].body[2]",
    message: 0,
    atMs: 1_000,
  },
  { kind: "policy.changed", ctx, outcome: "changed", atMs: 1_000 },
  { kind: "policy.denied", ctx, point: "ingress", rule: "no-hooks", code: "POLICY_DENIED", atMs: 1_000 },
];

interface Exported {
  readonly spans: ReadonlyMap<string, ReadonlySet<string>>;
  readonly metrics: ReadonlyMap<string, { readonly unit: string; readonly isCounter: boolean }>;
  /** Where it was posted, as what. */
  readonly requests: ReadonlyMap<string, string | undefined>;
}

/** Everything that the runtime exports: spans with their attributes, metrics with their units. */
async function exported(): Promise<Exported> {
  const bodies: Record<string, string[]> = {};
  const requests = new Map<string, string | undefined>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.set(`${request.method} ${request.url}`, request.headers["content-type"]);
      (bodies[request.url ?? ""] ??= []).push(Buffer.concat(chunks).toString("utf8"));
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const otlp = await openOtlpExport({ endpoint, headers: {}, serviceName: "greentic", serviceVersion: "0" });
  const counts = { unread: 1, queued: 1, unknown: 0, failed: 0, deadLetters: 0, sessions: 1 };
  otlp.watch({ stats: async () => counts, nowMs: () => 0 });
  const bus = { published: 1, dropped: 0, delivered: 1, redelivered: 0 };
  otlp.watchBus({ stats: () => bus, isReady: () => true });
  for (const event of EVENTS) otlp.observe(event);
  await otlp.shutdown();
  await new Promise((closed) => server.close(closed));
  interface Named {
    readonly name: string;
    readonly unit?: string;
    readonly sum?: object;
    readonly attributes?: readonly { readonly key: string }[];
  }
  const all = (path: string, [resources, scopes, items]: readonly [string, string, string]): readonly Named[] =>
    (bodies[path] ?? []).flatMap((body) =>
      (JSON.parse(body) as Record<string, Record<string, Record<string, Named[]>[]>[]>)[resources]!.flatMap(
        (resource) => resource[scopes]!.flatMap((scope) => scope[items] ?? []),
      ),
    );
  const spans = new Map<string, Set<string>>();
  for (const span of all("/v1/traces", ["resourceSpans", "scopeSpans", "spans"]))
    spans.set(span.name, new Set(span.attributes?.map(({ key }) => key)));
  const metrics = all("/v1/metrics", ["resourceMetrics", "scopeMetrics", "metrics"]).map(
    ({ name, unit = "", sum }) => [name, { unit, isCounter: sum !== undefined }] as const,
  );
  return { spans, metrics: new Map(metrics), requests };
}

test("dashboards are as the list of panels says, and name nothing that the runtime doesn't export", async () => {
  verifies("observability.dashboards");
  const { spans, metrics } = await exported();
  for (const [name, text] of dashboardFiles()) expect(readFileSync(join(DIR, name), "utf8"), name).toBe(text);
  for (const [name, unit] of UNITS) expect({ name, unit: metrics.get(name)?.unit }).toEqual({ name, unit });

  const grafana = dashboardFiles().get("grafana/dashboards/greentic.json") ?? "";
  const series = new Set(
    [...metrics].flatMap(([name, { unit, isCounter }]) => {
      const one = prometheusName(name, { unit, isCounter });
      return isCounter ? [one] : [one, `${one}_bucket`, `${one}_count`];
    }),
  );
  const used = grafana.match(/\bgreentic_\w+/g) ?? [];
  expect(used.length).toBeGreaterThan(15);
  expect(used.filter((name) => !series.has(name))).toEqual([]);
  // Changed policies are on the audit log; a bus that is down is told by /readyz, and what goes well by the messages.
  const undrawn = ["greentic.policy.changes", "greentic.bus.ready", "greentic.bus.published", "greentic.bus.delivered"];
  const isDrawn = (name: string): boolean => used.some((one) => one.startsWith(prometheusName(name)));
  expect([...metrics.keys()].filter((name) => !isDrawn(name)).sort()).toEqual(undrawn.sort());

  const objects = (dashboardFiles().get("kibana/greentic.ndjson") ?? "")
    .trim()
    .split("\n")
    .map(
      (line) =>
        JSON.parse(line) as {
          id: string;
          type: string;
          attributes: { visState?: string };
          references: { id: string }[];
        },
    );
  const ids = new Set(objects.map(({ id }) => id));
  for (const { references } of objects) for (const { id } of references) expect(ids).toContain(id);
  for (const { id, attributes } of objects.filter(({ type }) => type === "visualization")) {
    const state = attributes.visState ?? "";
    const span = /name: \\"([\w.]+)\\"/.exec(state)?.[1];
    for (const [, name = ""] of state.matchAll(/"attributes\.([\w.]+)"/g))
      if (span !== undefined) expect({ id, has: spans.get(span)?.has(name), name }).toEqual({ id, has: true, name });
    for (const [, name = ""] of state.matchAll(/"metrics\.([\w.]+)"/g))
      expect(metrics.has(name), `${id}: ${name}`).toBe(true);
    expect(span !== undefined || state.includes('"metrics.')).toBe(true);
  }
});

/** The queries of Grafana's panels, with every tenant. */
function queries(): readonly string[] {
  const { panels } = JSON.parse(dashboardFiles().get("grafana/dashboards/greentic.json") ?? "") as {
    readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
  };
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll("$tenant", ".*")));
}

test.skipIf(!hasPromtool)(
  "Prometheus' own promtool takes its configuration and every query of Grafana's panels",
  () => {
    verifies("observability.dashboards");
    const dir = mkdtempSync(join(tmpdir(), "greentic-promtool-"));
    const check = (what: string, file: string): string =>
      execFileSync("promtool", ["check", what, file], { encoding: "utf8", stdio: "pipe" });
    expect(check("config", join(DIR, "prometheus.yml"))).toContain("SUCCESS");
    const rulesOf = (exprs: readonly string[]): string => {
      const rules = exprs.map((expr, n) => ({ record: `panel:query:${n}`, expr }));
      writeFileSync(join(dir, "rules.yml"), stringify({ groups: [{ name: "panels", rules }] }));
      return join(dir, "rules.yml");
    };
    expect(check("rules", rulesOf(queries()))).toContain(`SUCCESS: ${queries().length} rules found`);
    expect(() => check("rules", rulesOf(["sum by (rate(x[5m]))"]))).toThrow("could not parse expression");
  },
);

interface Service {
  readonly image: string;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
}
const readYaml = (file: string): unknown => parse(readFileSync(join(DIR, file), "utf8"));
const services = (): Readonly<Record<string, Service>> =>
  (readYaml("compose.yaml") as { readonly services: Readonly<Record<string, Service>> }).services;

test("the compose file pins its images, mounts what is there, and opens nothing to others", () => {
  verifies("observability.compose");
  for (const [name, { image, volumes = [], ports = [] }] of Object.entries(services())) {
    expect(image, name).toMatch(/^[\w./-]+:v?\d+\.\d+\.\d+$/);
    // `${VARIABLE:-./default}:place:ro`
    for (const volume of volumes
      .map((one) => one.replace(/^\$\{\w+:-(.*?)\}/, "$1"))
      .filter((one) => one.startsWith("./")))
      expect(existsSync(join(DIR, volume.split(":")[0] ?? "")), `${name}: ${volume}`).toBe(true);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});

test.skipIf(COMPOSE_SCHEMA === undefined)("the compose file is valid by the schema in GREENTIC_COMPOSE_SCHEMA", () => {
  const { $schema: _draft, ...schema } = JSON.parse(readFileSync(COMPOSE_SCHEMA ?? "", "utf8")) as JsonObject;
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  validate(readYaml("compose.yaml"));
  expect(validate.errors).toBeNull();
  expect(validate({ services: { collector: { imag: "otel" } } })).toBe(false);
});

test("the collector takes what hosts export and write, and its neighbours are where it looks for them", async () => {
  verifies("observability.compose");
  const collector = readYaml("collector.yaml") as {
    readonly [part in "receivers" | "processors" | "exporters"]: Readonly<Record<string, unknown>>;
  } & {
    readonly receivers: {
      readonly otlp: { readonly protocols: { readonly http: { readonly endpoint: string } } };
      readonly filelog: { readonly include: readonly string[] };
    };
    readonly exporters: {
      readonly elasticsearch: { readonly endpoints: readonly string[] };
      readonly prometheus: { readonly endpoint: string };
    };
    readonly service: {
      readonly pipelines: Readonly<
        Record<string, Readonly<Record<"receivers" | "processors" | "exporters", readonly string[]>>>
      >;
    };
  };
  const { receivers, exporters, service } = collector;
  for (const pipeline of Object.values(service.pipelines))
    for (const part of ["receivers", "processors", "exporters"] as const)
      for (const name of pipeline[part]) expect(Object.keys(collector[part])).toContain(name);

  // OTLP/HTTP as JSON, at the receiver's own paths: nothing of it is set, so they are the specification's.
  expect([...(await exported()).requests]).toEqual(
    expect.arrayContaining([
      ["POST /v1/traces", "application/json"],
      ["POST /v1/metrics", "application/json"],
    ]),
  );
  expect(receivers.otlp.protocols).toEqual({ http: { endpoint: "0.0.0.0:4318" } });
  const all = services();
  expect(all["collector"]?.ports).toEqual(["127.0.0.1:4318:4318"]);
  expect(readFileSync(join(import.meta.dirname, "../docs/observability.md"), "utf8")).toContain(
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318",
  );
  for (const endpoint of exporters.elasticsearch.endpoints) expect(all).toHaveProperty(new URL(endpoint).hostname);
  const port = exporters.prometheus.endpoint.split(":").at(-1);
  expect(readYaml("prometheus.yml")).toMatchObject({
    scrape_configs: [{ static_configs: [{ targets: [`collector:${port}`] }] }],
  });
  const [logs] = (all["collector"]?.volumes ?? []).filter((volume) => volume.includes("logs"));
  expect(receivers.filelog.include.map((glob) => dirname(glob))).toEqual([logs?.split(":").at(-2)]);

  // What the operators parse is what a log line has.
  const lines: string[] = [];
  const log = createLogger({ level: "info", format: "json", stream: { write: (line) => void lines.push(line) } });
  createLogObserver(log)({ kind: "fence.refused", ctx, atMs: 1_000 });
  const line = JSON.parse(lines[0] ?? "") as JsonObject;
  const parsed = JSON.stringify(receivers.filelog).match(/(?<=attributes\.)\w+/g) ?? [];
  expect(new Set(parsed)).toEqual(new Set(["time", "level", "trace_id", "msg"]));
  for (const field of parsed) expect(line[field], field).toBeTypeOf("string");
  expect(line["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(line["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
});
