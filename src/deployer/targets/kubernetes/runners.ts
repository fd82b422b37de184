import { createHash } from "node:crypto";
import type { RoleName } from "../../../config/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { IMAGE_ENTRYPOINT, imageArgs, IN_IMAGE, STOP_SECONDS } from "../../host-command.ts";
import { CONTAINER_SECURITY, fromSecret, metadata, podSecurity, selectorOf } from "./object.ts";
import type { KubernetesObject } from "./object.ts";
import type { KubernetesSettings } from "./spec.ts";

/** The roles as a cluster runs them, each a Deployment of its own. */
export const ROLES = ["gateway", "worker", "egress"] as const satisfies readonly RoleName[];
/** Requests that are on their way to a pod that ends still reach it: balancers hear of its end a little later. */
const LEAVE_SECONDS = 5;

/** How many pods a role has. */
function replicasOf(settings: KubernetesSettings, role: RoleName): number {
  return { gateway: settings.gateways, worker: settings.workers, egress: settings.senders }[role];
}

/**
 * Hashes the files of the operator's settings: each by its name, its length in bytes and its text, in the order of their names.
 * The chart computes the same.
 */
export function configHash(config: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  for (const [name, text] of [...config].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name} ${Buffer.byteLength(text)}\n${text}\n`);
  return hash.digest("hex");
}

/** The Deployment of a role, whose pods are as old as the settings that they were started with. */
export function runner(
  settings: KubernetesSettings,
  role: RoleName,
  config: ReadonlyMap<string, string>,
): KubernetesObject {
  const isScaled = role === "worker" && settings.autoscaling !== "off";
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(settings, role),
    spec: {
      // Whoever scales has the number: applying must not set it back.
      ...(!isScaled && { replicas: replicasOf(settings, role) }),
      revisionHistoryLimit: 5,
      selector: { matchLabels: selectorOf(settings, role) },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: selectorOf(settings, role),
          // A host reads its settings once, at its start: others need other pods.
          annotations: { "checksum/config": configHash(config) },
        },
        spec: podSpec(settings, role),
      },
    },
  };
}

function podSpec(settings: KubernetesSettings, role: RoleName): JsonObject {
  const { name, pullSecret } = settings;
  return {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: STOP_SECONDS + LEAVE_SECONDS,
    securityContext: podSecurity(IN_IMAGE.user),
    ...(pullSecret !== undefined && { imagePullSecrets: [{ name: pullSecret }] }),
    topologySpreadConstraints: ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: selectorOf(settings, role) },
    })),
    containers: [container(settings, role)],
    volumes: [
      { name: "data", emptyDir: {} },
      { name: "tmp", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } },
      cacheVolume(settings),
      { name: "config", configMap: { name: `${name}-config` } },
      {
        name: "host-secrets",
        secret: { secretName: `${name}-host`, defaultMode: 0o440, items: [{ key: "token-key", path: "token-key" }] },
      },
      { name: "secrets", secret: { secretName: `${name}-secrets`, defaultMode: 0o440, optional: true } },
    ],
  };
}

/** Components as they were admitted: a claim that all pods of the cluster share, or a folder of each pod. */
function cacheVolume({ name, cacheSize, cacheClass }: KubernetesSettings): JsonObject {
  return cacheClass === undefined
    ? { name: "cache", emptyDir: { sizeLimit: cacheSize } }
    : { name: "cache", persistentVolumeClaim: { claimName: `${name}-cache` } };
}

function container(settings: KubernetesSettings, role: RoleName): JsonObject {
  const { name, image, env, otlpEndpoint, publicBaseUrl, cpu, memory } = settings;
  const probe = (path: string, rest: JsonObject): JsonObject => ({ httpGet: { path, port: "http" }, ...rest });
  return {
    name: role,
    image,
    imagePullPolicy: "IfNotPresent",
    command: [...IMAGE_ENTRYPOINT],
    args: [...imageArgs([role])],
    env: [
      { name: "GREENTIC_ENV", value: env },
      { name: "GREENTIC_CONFIG", value: IN_IMAGE.config },
      { name: "GREENTIC_LOG_FORMAT", value: "json" },
      { name: "GREENTIC_TOKEN_KEY_FILE", value: IN_IMAGE.tokenKey },
      fromSecret("GREENTIC_REDIS_URL", `${name}-host`, "redis-url"),
      fromSecret("GREENTIC_NATS_URL", `${name}-host`, "nats-url"),
      // An empty variable counts as none.
      { name: "GREENTIC_PUBLIC_BASE_URL", value: publicBaseUrl },
      { name: "OTEL_EXPORTER_OTLP_ENDPOINT", value: otlpEndpoint },
    ],
    ports: [{ name: "http", containerPort: IN_IMAGE.port, protocol: "TCP" }],
    startupProbe: probe("/healthz", { periodSeconds: 2, failureThreshold: 60, timeoutSeconds: 2 }),
    livenessProbe: probe("/healthz", { periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 5 }),
    readinessProbe: probe("/readyz", { periodSeconds: 5, failureThreshold: 2, timeoutSeconds: 3 }),
    lifecycle: { preStop: { sleep: { seconds: LEAVE_SECONDS } } },
    resources: { requests: { cpu, memory }, limits: { memory } },
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [
      { name: "data", mountPath: IN_IMAGE.data },
      { name: "cache", mountPath: `${IN_IMAGE.data}/admitted` },
      { name: "tmp", mountPath: "/tmp" },
      { name: "config", mountPath: "/etc/greentic", readOnly: true },
      { name: "host-secrets", mountPath: "/run/secrets/greentic-host", readOnly: true },
      { name: "secrets", mountPath: IN_IMAGE.secrets, readOnly: true },
    ],
  };
}

/** The claim of a cache that all pods share; undefined where each has its own. */
export function cacheClaim(settings: KubernetesSettings): KubernetesObject | undefined {
  const { cacheClass, cacheSize } = settings;
  if (cacheClass === undefined) return undefined;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: metadata(settings, "cache"),
    spec: {
      accessModes: ["ReadWriteMany"],
      storageClassName: cacheClass,
      resources: { requests: { storage: cacheSize } },
    },
  };
}

/** One pod of each role may be away for a drain at a time. */
export function disruptionBudget(settings: KubernetesSettings, role: RoleName): KubernetesObject {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: metadata(settings, role),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: "AlwaysAllow",
      selector: { matchLabels: selectorOf(settings, role) },
    },
  };
}
