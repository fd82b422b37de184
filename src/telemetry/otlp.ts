import type { BusCounts } from "./bus-gauges.ts";
import { createBusGauges } from "./bus-gauges.ts";
import { safeAttributes, safeSpanExporter } from "./safe-export.ts";
import type { SecretRedactor } from "./secret-redactor.ts";
import type { WaitingCounts } from "./store-gauges.ts";
import { createStoreGauges } from "./store-gauges.ts";
import type { TurnObserver } from "./turn-event.ts";
import type { WithIds } from "./turn-spans.ts";
import { createSpanObserver } from "./turn-spans.ts";

export interface OtlpOptions {
  /** Base URL of a collector's OTLP/HTTP receiver; `/v1/traces` and `/v1/metrics` are appended. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly serviceVersion: string;
  readonly metricsIntervalMs?: number;
  /** The share of traces that is kept, 0 to 1; default all. */
  readonly sampleRatio?: number;
  /** Takes out the secrets that the process knows. */
  readonly redactor?: SecretRedactor;
}

/** A running export; `shutdown` flushes what is waiting. */
export interface OtlpExport {
  readonly observe: TurnObserver;
  /** Exports what waits in a store, too. */
  watch(from: { readonly stats: () => Promise<WaitingCounts>; readonly nowMs: () => number }): void;
  /** Exports what went through a bus, too. */
  watchBus(from: { readonly stats: () => BusCounts; readonly isReady: () => boolean }): void;
  shutdown(): Promise<void>;
}

/** Starts the export of spans and metrics over OTLP/HTTP. The SDK is loaded here and nowhere else, so that a start without export pays nothing. */
export async function openOtlpExport(options: OtlpOptions): Promise<OtlpExport> {
  const [traces, metrics, traceExporter, metricExporter, resources] = await Promise.all([
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/sdk-metrics"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/exporter-metrics-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const base = options.endpoint.replace(/\/+$/, "");
  const headers = { ...options.headers };
  const resource = resources.resourceFromAttributes({
    "service.name": options.serviceName,
    "service.version": options.serviceVersion,
  });

  const random = new traces.RandomIdGenerator();
  let chosen: { readonly traceId: string; readonly spanId: string } | undefined;
  const exporter = new traceExporter.OTLPTraceExporter({ url: `${base}/v1/traces`, headers });
  const tracerProvider = new traces.TracerProvider({
    resource,
    // By the trace's id alone, so that every process keeps the same traces.
    sampler: new traces.TraceIdRatioBasedSampler(options.sampleRatio ?? 1),
    idGenerator: {
      generateTraceId: () => chosen?.traceId ?? random.generateTraceId(),
      generateSpanId: () => chosen?.spanId ?? random.generateSpanId(),
    },
    spanProcessors: [
      new traces.BatchSpanProcessor({
        exporter: safeSpanExporter(exporter, options.redactor),
        scheduledDelayMillis: 1_000,
      }),
    ],
  });
  const meterProvider = new metrics.MeterProvider({
    resource,
    views: [
      {
        instrumentName: "*",
        attributesProcessors: [{ process: (attributes) => safeAttributes(attributes, options.redactor) }],
      },
    ],
    readers: [
      new metrics.PeriodicExportingMetricReader({
        exporter: new metricExporter.OTLPMetricExporter({ url: `${base}/v1/metrics`, headers }),
        exportIntervalMillis: options.metricsIntervalMs ?? 15_000,
        exportTimeoutMillis: Math.min(5_000, options.metricsIntervalMs ?? 5_000),
      }),
    ],
  });
  const withIds: WithIds = (ids, make) => {
    chosen = ids;
    try {
      return make();
    } finally {
      chosen = undefined;
    }
  };
  return {
    observe: createSpanObserver(tracerProvider.getTracer("greentic"), meterProvider.getMeter("greentic"), withIds),
    watch: (from) => createStoreGauges(meterProvider.getMeter("greentic"), from),
    watchBus: (from) => createBusGauges(meterProvider.getMeter("greentic"), from),
    async shutdown() {
      await Promise.allSettled([tracerProvider.shutdown(), meterProvider.shutdown()]);
    },
  };
}
