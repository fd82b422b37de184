import { wakeUpConsumer, wakeUpStream } from "../../../bus/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { IMAGE_ENTRYPOINT, imageArgs, IN_IMAGE } from "../../host-command.ts";
import type { Deployment } from "../../target.ts";
import type { ServerlessSettings } from "./spec.ts";

/**
 * An app of Azure Container Apps; its secrets are references to a Key Vault, read with its identity.
 * @see https://learn.microsoft.com/azure/container-apps/azure-resource-manager-api-spec
 */
export function containerApp(deployment: Deployment, settings: ServerlessSettings): JsonObject {
  const { name, env, publicBaseUrl, otlpEndpoint } = deployment;
  const { image, region, cpu, memoryMib, minInstances, maxInstances, concurrency, natsMonitoring } = settings;
  const { keyVault, identity, appEnvironment } = settings;
  const secretNames = ["redis-url", "nats-url", "token-key"];
  const plain = [
    ["GREENTIC_ENV", env],
    ["GREENTIC_CONFIG", IN_IMAGE.config],
    ["GREENTIC_LOG_FORMAT", "json"],
    ["GREENTIC_TOKEN_KEY_FILE", IN_IMAGE.tokenKey],
    ["GREENTIC_PUBLIC_BASE_URL", publicBaseUrl],
    ["OTEL_EXPORTER_OTLP_ENDPOINT", otlpEndpoint],
  ].flatMap(([key = "", value]) => (value === undefined ? [] : [{ name: key, value }]));
  const probe = (type: string, path: string, rest: JsonObject): JsonObject => ({
    type,
    httpGet: { path, port: IN_IMAGE.port },
    ...rest,
  });
  return {
    type: "Microsoft.App/containerApps",
    name,
    location: region,
    identity: { type: "UserAssigned", userAssignedIdentities: { [identity]: {} } },
    properties: {
      environmentId: appEnvironment,
      configuration: {
        activeRevisionsMode: "Single",
        ingress: { external: true, targetPort: IN_IMAGE.port, transport: "auto", allowInsecure: false },
        secrets: secretNames.map((key) => ({
          name: key,
          keyVaultUrl: `https://${keyVault}.vault.azure.net/secrets/${name}-${key}`,
          identity,
        })),
      },
      template: {
        terminationGracePeriodSeconds: 30,
        containers: [
          {
            name: "host",
            image,
            command: [...IMAGE_ENTRYPOINT],
            args: [...imageArgs()],
            env: [
              ...plain,
              { name: "GREENTIC_REDIS_URL", secretRef: "redis-url" },
              { name: "GREENTIC_NATS_URL", secretRef: "nats-url" },
            ],
            resources: { cpu, memory: `${memoryMib / 1024}Gi` },
            probes: [
              probe("Startup", "/healthz", { periodSeconds: 2, failureThreshold: 30 }),
              probe("Liveness", "/healthz", { periodSeconds: 10, failureThreshold: 3 }),
              probe("Readiness", "/readyz", { periodSeconds: 5, failureThreshold: 3 }),
            ],
            volumeMounts: [
              { volumeName: "data", mountPath: IN_IMAGE.data },
              { volumeName: "host-secrets", mountPath: "/run/secrets/greentic-host" },
            ],
          },
        ],
        volumes: [
          { name: "data", storageType: "EmptyDir" },
          { name: "host-secrets", storageType: "Secret", secrets: [{ secretRef: "token-key", path: "token-key" }] },
        ],
        scale: {
          minReplicas: minInstances,
          maxReplicas: maxInstances,
          rules: [
            { name: "http", http: { metadata: { concurrentRequests: String(concurrency) } } },
            ...(natsMonitoring === undefined
              ? []
              : [
                  {
                    name: "wake-ups",
                    custom: {
                      type: "nats-jetstream",
                      metadata: {
                        natsServerMonitoringEndpoint: natsMonitoring,
                        account: "$G",
                        stream: wakeUpStream(env),
                        consumer: wakeUpConsumer(env, "workers"),
                        lagThreshold: "100",
                      },
                    },
                  },
                ]),
          ],
        },
      },
    },
  };
}
