import type { JsonObject } from "../../../types/index.ts";
import { CONTAINER_SECURITY, fromSecret, metadata, podSecurity, selectorOf } from "./object.ts";
import type { KubernetesObject } from "./object.ts";
import type { KubernetesSettings } from "./spec.ts";

const REDIS_USER = 999;
const NATS_USER = 1000;

/** The gateways behind one address. */
export function gatewayService(settings: KubernetesSettings): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(settings, "gateway"),
    spec: {
      type: "ClusterIP",
      selector: { ...selectorOf(settings, "gateway") },
      ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
    },
  };
}

/** The way in from outside; undefined where none is wanted. */
export function ingress(settings: KubernetesSettings): KubernetesObject | undefined {
  const { ingress: way, name } = settings;
  if (way === undefined) return undefined;
  const backend = { service: { name: `${name}-gateway`, port: { name: "http" } } };
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: metadata(settings, "gateway"),
    spec: {
      ...(way.class !== undefined && { ingressClassName: way.class }),
      ...(way.tlsSecret !== undefined && { tls: [{ hosts: [way.host], secretName: way.tlsSecret }] }),
      rules: [{ host: way.host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }],
    },
  };
}

/** A Redis that keeps what it acknowledged: every write is flushed, nothing is evicted. */
export function redis(settings: KubernetesSettings): readonly KubernetesObject[] {
  const { name, redisImage, redisSize } = settings;
  const ping = ["sh", "-c", 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli ping | grep -q PONG'];
  return [
    headless(settings, "redis", [{ name: "redis", port: 6379 }]),
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: metadata(settings, "redis"),
      spec: {
        serviceName: `${name}-redis`,
        replicas: 1,
        selector: { matchLabels: selectorOf(settings, "redis") },
        template: {
          metadata: { labels: selectorOf(settings, "redis") },
          spec: {
            serviceAccountName: name,
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            terminationGracePeriodSeconds: 60,
            securityContext: podSecurity(REDIS_USER),
            containers: [
              {
                name: "redis",
                image: redisImage,
                command: ["redis-server"],
                args: [
                  "--appendonly",
                  "yes",
                  "--appendfsync",
                  "always",
                  "--maxmemory-policy",
                  "noeviction",
                  "--save",
                  "",
                  "--dir",
                  "/data",
                  "--requirepass",
                  "$(REDIS_PASSWORD)",
                ],
                env: [fromSecret("REDIS_PASSWORD", `${name}-host`, "redis-password")],
                ports: [{ name: "redis", containerPort: 6379, protocol: "TCP" }],
                livenessProbe: { exec: { command: ping }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
                readinessProbe: { exec: { command: ping }, periodSeconds: 5, timeoutSeconds: 3 },
                resources: { requests: { cpu: "250m", memory: "512Mi" }, limits: { memory: "2Gi" } },
                securityContext: CONTAINER_SECURITY,
                volumeMounts: [{ name: "data", mountPath: "/data" }],
              },
            ],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: "data" },
            spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: redisSize } } },
          },
        ],
      },
    },
  ];
}

/** A NATS with JetStream; wake-ups are in memory, since inbox and outbox are the truth. */
export function nats(settings: KubernetesSettings): readonly KubernetesObject[] {
  const { name, natsImage } = settings;
  return [
    headless(settings, "nats", [
      { name: "nats", port: 4222 },
      { name: "monitor", port: 8222 },
    ]),
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: metadata(settings, "nats"),
      spec: {
        serviceName: `${name}-nats`,
        replicas: 1,
        selector: { matchLabels: selectorOf(settings, "nats") },
        template: {
          metadata: { labels: selectorOf(settings, "nats") },
          spec: {
            serviceAccountName: name,
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            securityContext: podSecurity(NATS_USER),
            containers: [
              {
                name: "nats",
                image: natsImage,
                command: ["nats-server"],
                args: ["-js", "-sd", "/data", "-m", "8222", "--user", "greentic", "--pass", "$(NATS_PASSWORD)"],
                env: [fromSecret("NATS_PASSWORD", `${name}-host`, "nats-password")],
                ports: [
                  { name: "nats", containerPort: 4222, protocol: "TCP" },
                  { name: "monitor", containerPort: 8222, protocol: "TCP" },
                ],
                livenessProbe: {
                  httpGet: { path: "/healthz?js-enabled-only=true", port: "monitor" },
                  periodSeconds: 10,
                },
                readinessProbe: { httpGet: { path: "/healthz", port: "monitor" }, periodSeconds: 5 },
                resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
                securityContext: CONTAINER_SECURITY,
                volumeMounts: [{ name: "data", mountPath: "/data" }],
              },
            ],
            volumes: [{ name: "data", emptyDir: {} }],
          },
        },
      },
    },
  ];
}

function headless(
  settings: KubernetesSettings,
  part: string,
  ports: readonly { readonly name: string; readonly port: number }[],
): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(settings, part),
    spec: {
      clusterIP: "None",
      selector: { ...selectorOf(settings, part) },
      ports: ports.map(({ name, port }): JsonObject => ({ name, port, targetPort: name, protocol: "TCP" })),
    },
  };
}

/** An account that may nothing. */
export function serviceAccount(settings: KubernetesSettings): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: metadata(settings, "account", settings.name),
    automountServiceAccountToken: false,
  };
}

/** The operator's settings, and the public keys that they name. */
export function configMap(settings: KubernetesSettings, config: ReadonlyMap<string, string>): KubernetesObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: metadata(settings, "config"),
    data: Object.fromEntries(config),
  };
}
