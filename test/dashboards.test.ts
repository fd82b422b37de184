import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { dashboardFiles, UNITS } from "../scripts/dashboards.ts";
import { prometheusName } from "../scripts/dashboards/grafana.ts";
import { openOtlpExport } from "../src/telemetry/index.ts";
import type { TurnEvent } from "../src/telemetry/index.ts";
import { channelId, conversationId, envId, sessionCtx, teamId, tenantId, userId } from "../src/types/index.ts";
import { verifies } from "./verifies.ts";

const DIR = join(import.meta.dirname, "../deploy/observability");
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
];

interface Exported {
  readonly spans: ReadonlyMap<string, ReadonlySet<string>>;
  readonly metrics: ReadonlyMap<string, { readonly unit: string; readonly isCounter: boolean }>;
}

/** Everything that the runtime exports: spans with their attributes, metrics with their units. */
async function exported(): Promise<Exported> {
  const bodies: Record<string, string[]> = {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      (bodies[request.url ?? ""] ??= []).push(Buffer.concat(chunks).toString("utf8"));
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const otlp = await openOtlpExport({ endpoint, headers: {}, serviceName: "greentic", serviceVersion: "0" });
  const counts = { unread: 1, queued: 1, unknown: 0, failed: 0, deadLetters: 0, sessions: 1 };
  otlp.watch({ stats: async () => counts, nowMs: () => 0 });
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
  return { spans, metrics: new Map(metrics) };
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

test("the compose file mounts what is there, and the collector's pipelines name what it defines", () => {
  const compose = parse(readFileSync(join(DIR, "compose.yaml"), "utf8")) as {
    services: Record<string, { volumes?: string[]; ports?: string[] }>;
  };
  for (const [name, { volumes = [], ports = [] }] of Object.entries(compose.services)) {
    for (const volume of volumes.filter((one) => one.startsWith("./")))
      expect(existsSync(join(DIR, volume.split(":")[0] ?? "")), `${name}: ${volume}`).toBe(true);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
  const collector = parse(readFileSync(join(DIR, "collector.yaml"), "utf8")) as Record<
    string,
    Record<string, unknown>
  > & {
    service: { pipelines: Record<string, Record<"receivers" | "processors" | "exporters", string[]>> };
  };
  for (const pipeline of Object.values(collector.service.pipelines))
    for (const part of ["receivers", "processors", "exporters"] as const)
      for (const name of pipeline[part]) expect(Object.keys(collector[part] ?? {})).toContain(name);
});
