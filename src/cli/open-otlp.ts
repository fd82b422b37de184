import type { Config } from "../config/index.ts";
import type { SecretRedactor } from "../telemetry/index.ts";
import { openOtlpExport } from "../telemetry/index.ts";
import { VERSION } from "./version.ts";

/** Opens the export of spans and metrics, where one is configured. */
export async function openOtlp(
  { telemetry }: Config,
  redactor: SecretRedactor,
): Promise<Awaited<ReturnType<typeof openOtlpExport>> | undefined> {
  if (telemetry.otlpEndpoint === undefined) return undefined;
  return openOtlpExport({
    endpoint: telemetry.otlpEndpoint,
    headers: telemetry.otlpHeaders,
    serviceName: telemetry.serviceName,
    serviceVersion: VERSION,
    sampleRatio: telemetry.sampleRatio,
    redactor,
  });
}
