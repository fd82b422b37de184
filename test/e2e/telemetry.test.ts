import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkSpans } from "../../src/telemetry/index.ts";
import { verifies } from "../verifies.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import { startHostProcess } from "./host-process.ts";

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

const CANARY_TEXT = "Canaryville-7f3a9c";
const CANARY_SECRET = "123456:canary-secret-5d1e77b0";

test(
  "a running host exports a span per flow and node, and neither texts nor secrets leave it in spans, metrics or logs",
  { timeout: 60_000 },
  async () => {
    verifies(
      "observability.span-per-node",
      "telemetry.traces",
      "telemetry.metrics",
      "security.pii",
      "observability.conformance",
    );
    const received: { readonly path: string; readonly body: string }[] = [];
    const collector = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        received.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString("utf8") });
        response.setHeader("content-type", "application/json").end("{}");
      });
    });
    await new Promise<void>((ready) => collector.listen(0, "127.0.0.1", ready));
    const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
    const data = mkdtempSync(join(tmpdir(), "greentic-telemetry-"));
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, "secrets.json"), JSON.stringify({ "secrets://dev/demo/_/webchat/token": CANARY_SECRET }), {
      mode: 0o600,
    });
    const host = await startHostProcess("examples/weather-demo", {
      args: ["--port", "0", "--data", data, "--verbose"],
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
        OTEL_SERVICE_NAME: "weather",
        GTSEC_DEV_DEMO___WEATHER_DEMO_KEY: CANARY_SECRET,
        GREENTIC_HTTP_REWRITE: ["https://geocoding-api.open-meteo.com", "https://api.open-meteo.com"]
          .map((origin) => `${origin}=http://127.0.0.1:9`)
          .join(","),
      },
    });
    const person = new DirectLineClient(() => host.url);
    await person.open();
    for (const [n, text] of ["/weather", CANARY_TEXT, "today"].entries()) {
      await person.say(text);
      await person.until(n + 1);
    }
    expect(await host.stop()).toBe(0);
    await new Promise((closed) => collector.close(closed));

    const spans = received
      .filter(({ path }) => path === "/v1/traces")
      .flatMap(({ body }) =>
        (JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] }).resourceSpans.flatMap(
          (resource) => resource.scopeSpans.flatMap((scope) => scope.spans),
        ),
      );
    const traces = received.filter(({ path }) => path === "/v1/traces").map(({ body }) => JSON.parse(body) as unknown);
    expect(checkSpans(traces)).toMatchObject({ ok: true, findings: [] });
    const attributesOf = (span: Span): Record<string, string | undefined> =>
      Object.fromEntries(span.attributes.map(({ key, value }) => [key, value.stringValue]));
    const nodes = spans.filter((span) => span.name === "node.execute").map(attributesOf);
    expect(spans.filter((span) => span.name === "flow.execute").length).toBe(3);
    expect(nodes.map((node) => node["node_id"])).toEqual(["ask", "ask", "ask", "forecast", "sorry"]);
    for (const node of nodes)
      expect(node).toMatchObject({
        tenant: "demo",
        flow_id: "on_message",
        provider: "webchat",
        session_id: expect.stringMatching(/^[0-9a-f]{16}$/),
        outcome: expect.any(String),
      });
    const metrics = received
      .filter(({ path }) => path === "/v1/metrics")
      .map(({ body }) => body)
      .join("");
    for (const name of ["greentic.flow.duration", "greentic.bus.ready", "greentic.bus.dropped"])
      expect(metrics).toContain(name);

    const everything = [...received.map(({ body }) => body), ...host.said].join("\n");
    for (const canary of [
      CANARY_TEXT,
      CANARY_SECRET,
      encodeURIComponent(CANARY_TEXT),
      Buffer.from(CANARY_SECRET).toString("base64"),
      person.conversation,
    ])
      expect(everything).not.toContain(canary);
    for (const trace of new Set(spans.map((span) => span.traceId))) expect(host.said.join("\n")).toContain(trace);
  },
);
