import type { SchemaObject } from "ajv";
import { DEPLOY_NAME } from "../../../config/index.ts";
import type { JsonObject } from "../../../types/index.ts";

const count = { type: "integer", minimum: 0, maximum: 1000 } as const;
const quantity = { type: "string", pattern: "^[0-9]+(?:\\.[0-9]+)?(?:m|Ki|Mi|Gi|Ti)?$" } as const;
const label = { type: "string", pattern: DEPLOY_NAME } as const;
const host = { type: "string", pattern: "^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$" } as const;
const imageName = { type: "string", pattern: "^[a-zA-Z0-9][a-zA-Z0-9./:@_-]{0,511}$" } as const;
const table = (properties: Record<string, SchemaObject>, required: readonly string[] = []): SchemaObject => ({
  type: "object",
  additionalProperties: false,
  properties,
  required: [...required],
});

/** `[kubernetes]` of deploy.toml. */
export const kubernetesSchema: SchemaObject = table({
  namespace: label,
  gateways: count,
  workers: count,
  senders: count,
  max_workers: count,
  cpu: quantity,
  memory: quantity,
  /** Where components are kept as they were admitted; without a class, each pod has its own. */
  cache_size: quantity,
  cache_class: label,
  redis: { enum: ["included", "external"] },
  redis_image: imageName,
  redis_size: quantity,
  nats: { enum: ["included", "external"] },
  nats_image: imageName,
  /** `host:port` of an external server's monitoring, for KEDA. */
  nats_monitoring: { type: "string", pattern: "^[a-z0-9.-]+:[0-9]{1,5}$" },
  /** Where external services are, for the network policy, which takes an empty list for every address. */
  services_cidrs: { type: "array", minItems: 1, items: { type: "string", pattern: "^[0-9a-f.:]+/[0-9]{1,3}$" } },
  autoscaling: { enum: ["off", "cpu", "keda"] },
  /** Wake-ups that may wait for each worker. */
  lag: { type: "integer", minimum: 1, maximum: 100_000 },
  external_secrets: table(
    {
      store: label,
      kind: { enum: ["SecretStore", "ClusterSecretStore"] },
      prefix: { type: "string", pattern: "^[A-Za-z0-9/_.-]*$" },
    },
    ["store"],
  ),
  ingress: table({ host, class: label, tls_secret: label }, ["host"]),
  pull_secret: label,
});

/** What manifests are made of. */
export interface KubernetesSettings {
  readonly name: string;
  readonly namespace: string;
  readonly env: string;
  readonly image: string;
  readonly publicBaseUrl: string;
  readonly otlpEndpoint: string;
  readonly gateways: number;
  readonly workers: number;
  readonly senders: number;
  readonly maxWorkers: number;
  readonly cpu: string;
  readonly memory: string;
  readonly cacheSize: string;
  readonly cacheClass?: string;
  readonly hasRedis: boolean;
  readonly redisImage: string;
  readonly redisSize: string;
  readonly hasNats: boolean;
  readonly natsImage: string;
  readonly natsMonitoring: string;
  readonly servicesCidrs: readonly string[];
  readonly autoscaling: "off" | "cpu" | "keda";
  readonly lag: number;
  readonly externalSecrets?: { readonly store: string; readonly kind: string; readonly prefix: string };
  readonly ingress?: { readonly host: string; readonly class?: string; readonly tlsSecret?: string };
  readonly pullSecret?: string;
}

/** Images of the included services. */
const REDIS_IMAGE = "docker.io/library/redis:7.4-alpine";
const NATS_IMAGE = "docker.io/library/nats:2.11-alpine";

/** Gives the table its defaults. */
export function readKubernetes(
  of: {
    readonly name: string;
    readonly env: string;
    readonly image: string;
    readonly publicBaseUrl?: string;
    readonly otlpEndpoint?: string;
  },
  table_: JsonObject,
): KubernetesSettings {
  const text = (key: string, fallback: string): string => (table_[key] as string | undefined) ?? fallback;
  const number = (key: string, fallback: number): number => (table_[key] as number | undefined) ?? fallback;
  const external = table_["external_secrets"] as JsonObject | undefined;
  const ingress = table_["ingress"] as JsonObject | undefined;
  const workers = number("workers", 2);
  const className = ingress?.["class"] as string | undefined;
  const tlsSecret = ingress?.["tls_secret"] as string | undefined;
  return {
    name: of.name,
    namespace: text("namespace", of.name),
    env: of.env,
    image: of.image,
    publicBaseUrl: of.publicBaseUrl ?? "",
    otlpEndpoint: of.otlpEndpoint ?? "",
    gateways: number("gateways", 2),
    workers,
    senders: number("senders", 2),
    maxWorkers: Math.max(workers, number("max_workers", 10)),
    cpu: text("cpu", "250m"),
    memory: text("memory", "768Mi"),
    cacheSize: text("cache_size", "1Gi"),
    ...(typeof table_["cache_class"] === "string" && { cacheClass: table_["cache_class"] }),
    hasRedis: text("redis", "included") === "included",
    redisImage: text("redis_image", REDIS_IMAGE),
    redisSize: text("redis_size", "8Gi"),
    hasNats: text("nats", "included") === "included",
    natsImage: text("nats_image", NATS_IMAGE),
    natsMonitoring: text("nats_monitoring", `${of.name}-nats.${text("namespace", of.name)}.svc:8222`),
    servicesCidrs: (table_["services_cidrs"] as readonly string[] | undefined) ?? ["10.0.0.0/8"],
    autoscaling: text("autoscaling", "off") as KubernetesSettings["autoscaling"],
    lag: number("lag", 100),
    ...(external && {
      externalSecrets: {
        store: external["store"] as string,
        kind: (external["kind"] as string | undefined) ?? "SecretStore",
        prefix: (external["prefix"] as string | undefined) ?? "greentic/",
      },
    }),
    ...(ingress && {
      ingress: {
        host: ingress["host"] as string,
        ...(className && { class: className }),
        ...(tlsSecret && { tlsSecret }),
      },
    }),
    ...(typeof table_["pull_secret"] === "string" && { pullSecret: table_["pull_secret"] }),
  };
}
