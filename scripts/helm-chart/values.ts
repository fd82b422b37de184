import { stringify } from "yaml";
import { deployedConfig } from "../../src/deployer/deployed-config.ts";
import { readKubernetes } from "../../src/deployer/targets/kubernetes/spec.ts";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";

const DEFAULTS = readKubernetes({ name: "x", env: "prod", image: "" }, {});

/** Each value with its default, which is the one that `render` has, and what it is. An empty text is none. */
const VALUES: readonly (readonly [key: string, value: JsonValue, about: string])[] = [
  ["image", "", "Where the image of your bundle is; must be given. A new tag, or a digest, for each image."],
  ["env", DEFAULTS.env, "The env that it serves."],
  ["public_base_url", "", "https://… as people reach it."],
  ["otlp_endpoint", "", "Where telemetry goes; its address is among services_cidrs."],
  [
    "config",
    Object.fromEntries(deployedConfig(undefined)),
    "greentic.toml and the public keys that it names. Other texts here make other pods. Never a secret.",
  ],
  [
    "secrets",
    [],
    "What the bundle's packs need, as {env}.{tenant}.{team or _}.{category}.{name}; for external_secrets.",
  ],
  ["gateways", DEFAULTS.gateways, "Pods of each role. Where workers are scaled, the fewest and the most of them."],
  ["workers", DEFAULTS.workers, ""],
  ["senders", DEFAULTS.senders, ""],
  ["max_workers", DEFAULTS.maxWorkers, ""],
  ["cpu", DEFAULTS.cpu, "What a pod asks for; memory is its limit, too."],
  ["memory", DEFAULTS.memory, ""],
  ["cache_size", DEFAULTS.cacheSize, "For components as they were admitted."],
  [
    "cache_class",
    "",
    "A storage class for ReadWriteMany, where all pods share them. A claim that is there keeps its class.",
  ],
  ["redis", "included", "included or external. URLs are in the secret <release>-host either way."],
  ["redis_image", DEFAULTS.redisImage, ""],
  ["redis_size", DEFAULTS.redisSize, "Of its volume; a cluster lets nobody change it afterwards."],
  ["nats", "included", "included or external."],
  ["nats_image", DEFAULTS.natsImage, ""],
  ["nats_monitoring", "", "host:port of an external server's monitoring, for KEDA."],
  [
    "services_cidrs",
    [...DEFAULTS.servicesCidrs],
    "Where external services and otlp_endpoint are, for the network policy.",
  ],
  ["autoscaling", DEFAULTS.autoscaling, "off, cpu or keda."],
  ["lag", DEFAULTS.lag, "Wake-ups that may wait for each worker (keda)."],
  [
    "external_secrets",
    { store: "", kind: "SecretStore", prefix: "greentic/" },
    "With a store, the External Secrets Operator makes both secrets.",
  ],
  ["ingress", { host: "", class: "", tls_secret: "" }, "With a host, there is a way in."],
  ["pull_secret", "", "For images of a registry that asks who you are."],
];

export const DEFAULT_VALUES: JsonObject = Object.fromEntries(VALUES.map(([key, value]) => [key, value]));

/** Writes values.yaml. */
export function valuesFile(): string {
  const lines = VALUES.map(([key, value, about]) => {
    const text = stringify({ [key]: value }, { version: "1.1", lineWidth: 0 });
    return about === "" ? text : `# ${about}\n${text}`;
  });
  return `# The names, bounds and defaults of deploy.toml; written by scripts/helm-chart.ts.\n${lines.join("")}`;
}
