import { configHash } from "../../src/deployer/targets/kubernetes/runners.ts";
import type { KubernetesContent } from "../../src/deployer/targets/kubernetes/render.ts";
import type { KubernetesSettings } from "../../src/deployer/targets/kubernetes/spec.ts";

/** Settings that stand for what values say: nothing that a manifest has of its own. */
export const PLACEHOLDERS: KubernetesSettings = {
  name: "x-name-x",
  namespace: "x-namespace-x",
  env: "x-env-x",
  image: "x-image-x",
  publicBaseUrl: "x-public-base-url-x",
  otlpEndpoint: "x-otlp-endpoint-x",
  gateways: 900_001,
  workers: 900_002,
  senders: 900_003,
  maxWorkers: 900_004,
  cpu: "x-cpu-x",
  memory: "x-memory-x",
  cacheSize: "x-cache-size-x",
  cacheClass: "x-cache-class-x",
  hasRedis: true,
  redisImage: "x-redis-image-x",
  redisSize: "x-redis-size-x",
  hasNats: true,
  natsImage: "x-nats-image-x",
  natsMonitoring: "x-nats-monitoring-x",
  servicesCidrs: ["x-cidr-x"],
  autoscaling: "keda",
  lag: 900_005,
  externalSecrets: { store: "x-store-x", kind: "x-store-kind-x", prefix: "x-prefix-x" },
  ingress: { host: "x-host-x", class: "x-class-x", tlsSecret: "x-tls-secret-x" },
  pullSecret: "x-pull-secret-x",
};

export const PLACEHOLDER_CONTENT: KubernetesContent = {
  config: new Map([["x-file-x", "x-text-x"]]),
  // With a dot, so that what becomes of dots is told apart.
  secrets: ["x.secret.x"],
};

// Numbers of values are floats where a file says them and integers where `--set` does, which the language doesn't compare: their texts it does.
const padded = (value: string): string => `(printf "%05v" ${value})`;
const [WORKERS, MAX] = ["$.Values.workers", "$.Values.max_workers"];
const monitoring = `(or $.Values.nats_monitoring (printf "%s-nats.%s.svc:8222" $.Release.Name $.Release.Namespace))`;

/** What each placeholder becomes: an expression of the template language. */
export const EXPRESSIONS: ReadonlyMap<string, string> = new Map([
  ["x-name-x", "$.Release.Name"],
  ["x-namespace-x", "$.Release.Namespace"],
  ["greentic-deployer", "$.Release.Service"],
  ["x-env-x", "$.Values.env"],
  ["x-image-x", "$.Values.image"],
  ["x-public-base-url-x", "$.Values.public_base_url"],
  ["x-otlp-endpoint-x", "$.Values.otlp_endpoint"],
  ["900001", "$.Values.gateways"],
  ["900002", WORKERS],
  ["900003", "$.Values.senders"],
  ["900004", `if gt ${padded(WORKERS)} ${padded(MAX)} }}{{ ${WORKERS} }}{{ else }}{{ ${MAX} }}{{ end`],
  ["900005", "$.Values.lag"],
  ["x-cpu-x", "$.Values.cpu"],
  ["x-memory-x", "$.Values.memory"],
  ["x-cache-size-x", "$.Values.cache_size"],
  ["x-cache-class-x", "$.Values.cache_class"],
  ["x-redis-image-x", "$.Values.redis_image"],
  ["x-redis-size-x", "$.Values.redis_size"],
  ["x-nats-image-x", "$.Values.nats_image"],
  ["x-nats-monitoring-x", monitoring],
  ["x-cidr-x", "."],
  ["x-store-x", "$.Values.external_secrets.store"],
  ["x-store-kind-x", "$.Values.external_secrets.kind"],
  ["x-prefix-x", "$.Values.external_secrets.prefix"],
  ["x.secret.x", "."],
  ["x/secret/x", '. | replace "." "/"'],
  ["x-host-x", "$.Values.ingress.host"],
  ["x-class-x", "$.Values.ingress.class"],
  ["x-tls-secret-x", "$.Values.ingress.tls_secret"],
  ["x-pull-secret-x", "$.Values.pull_secret"],
  ["x-file-x", "$name"],
  ["x-text-x", "$text"],
  [configHash(PLACEHOLDER_CONTENT.config), "$config | sha256sum"],
]);

/** Puts together what {@link configHash} hashes. */
export const CONFIG_VARIABLE = [
  '{{- $config := "" }}',
  "{{- range $name, $text := $.Values.config }}",
  '{{- $config = printf "%s%s %d\\n%s\\n" $config $name (len $text) $text }}',
  "{{- end }}",
].join("\n");

/** Parts that are there once for each of several values, by a placeholder that they hold. */
export const RANGES: readonly (readonly [placeholder: string, range: string])[] = [
  ["x-cidr-x", "range $.Values.services_cidrs"],
  ["x.secret.x", "range $.Values.secrets"],
  ["x-file-x", "range $name, $text := $.Values.config"],
];
