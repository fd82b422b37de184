import type { JsonObject } from "../../../types/index.ts";
import { IMAGE_ENTRYPOINT, imageArgs, IN_IMAGE } from "../../host-command.ts";
import type { Deployment } from "../../target.ts";
import type { ServerlessSettings } from "./spec.ts";

/**
 * A service of Cloud Run. The processor stays on between requests while an instance lives, so that turns go on behind the 2xx;
 * what an instance that is ended had in hand, another finds in the store.
 * @see https://cloud.google.com/run/docs/reference/yaml/v1
 */
export function cloudRunService(deployment: Deployment, settings: ServerlessSettings): JsonObject {
  const { name, env, publicBaseUrl = "", otlpEndpoint = "" } = deployment;
  const { image, cpu, memoryMib, minInstances, maxInstances, concurrency, serviceAccount } = settings;
  const secret = (variable: string, key: string): JsonObject => ({
    name: variable,
    valueFrom: { secretKeyRef: { name: `${name}-${key}`, key: "latest" } },
  });
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: {
      name,
      labels: { "app-kubernetes-io-managed-by": "greentic-deployer" },
      annotations: { "run.googleapis.com/ingress": "all" },
    },
    spec: {
      template: {
        metadata: {
          annotations: {
            "autoscaling.knative.dev/minScale": String(minInstances),
            "autoscaling.knative.dev/maxScale": String(maxInstances),
            "run.googleapis.com/execution-environment": "gen2",
            "run.googleapis.com/cpu-throttling": "false",
            "run.googleapis.com/startup-cpu-boost": "true",
          },
        },
        spec: {
          containerConcurrency: concurrency,
          timeoutSeconds: 300,
          ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
          containers: [
            {
              name: "host",
              image,
              command: [...IMAGE_ENTRYPOINT],
              args: [...imageArgs()],
              ports: [{ name: "http1", containerPort: IN_IMAGE.port }],
              env: [
                { name: "GREENTIC_ENV", value: env },
                { name: "GREENTIC_CONFIG", value: IN_IMAGE.config },
                { name: "GREENTIC_LOG_FORMAT", value: "json" },
                { name: "GREENTIC_TOKEN_KEY_FILE", value: IN_IMAGE.tokenKey },
                { name: "GREENTIC_PUBLIC_BASE_URL", value: publicBaseUrl },
                { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: otlpEndpoint },
                secret("GREENTIC_REDIS_URL", "redis-url"),
                secret("GREENTIC_NATS_URL", "nats-url"),
              ],
              startupProbe: {
                httpGet: { path: "/readyz", port: IN_IMAGE.port },
                periodSeconds: 1,
                failureThreshold: 60,
                timeoutSeconds: 1,
              },
              livenessProbe: {
                httpGet: { path: "/healthz", port: IN_IMAGE.port },
                periodSeconds: 10,
                timeoutSeconds: 5,
              },
              resources: { limits: { cpu: String(cpu), memory: `${memoryMib}Mi` } },
              volumeMounts: [
                { name: "data", mountPath: IN_IMAGE.data },
                { name: "token-key", mountPath: "/run/secrets/greentic-host" },
              ],
            },
          ],
          volumes: [
            { name: "data", emptyDir: { medium: "Memory", sizeLimit: "256Mi" } },
            {
              name: "token-key",
              secret: { secretName: `${name}-token-key`, items: [{ key: "latest", path: "token-key" }] },
            },
          ],
        },
      },
      traffic: [{ percent: 100, latestRevision: true }],
    },
  };
}
