import { wakeUpConsumer, wakeUpStream } from "../../../bus/index.ts";
import { envId } from "../../../types/index.ts";
import { metadata } from "./object.ts";
import type { KubernetesObject } from "./object.ts";
import type { KubernetesSettings } from "./spec.ts";

/** The names by which a bus knows what waits for workers. */
export interface WakeUps {
  readonly stream: string;
  readonly consumer: string;
}

/** Names the wake-ups of an env. */
function wakeUpsOf(env: string): WakeUps {
  const id = envId(env);
  return { stream: wakeUpStream(id), consumer: wakeUpConsumer(id, "workers") };
}

/** More workers while wake-ups wait, fewer when nothing does. @see https://keda.sh/docs/2.17/scalers/nats-jetstream-stream/ */
export function scaledObject(settings: KubernetesSettings, wakeUps = wakeUpsOf(settings.env)): KubernetesObject {
  const { name, workers, maxWorkers, lag, natsMonitoring } = settings;
  return {
    apiVersion: "keda.sh/v1alpha1",
    kind: "ScaledObject",
    metadata: metadata(settings, "worker"),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: `${name}-worker` },
      pollingInterval: 5,
      cooldownPeriod: 120,
      minReplicaCount: workers,
      maxReplicaCount: maxWorkers,
      // Where the lag can't be told, as many go on as are there.
      fallback: { failureThreshold: 3, replicas: workers },
      triggers: [
        {
          type: "nats-jetstream",
          metadata: {
            natsServerMonitoringEndpoint: natsMonitoring,
            account: "$G",
            stream: wakeUps.stream,
            consumer: wakeUps.consumer,
            lagThreshold: String(lag),
            activationLagThreshold: "1",
          },
        },
      ],
    },
  };
}

/** More workers while they compute much. */
export function cpuScaling(settings: KubernetesSettings): KubernetesObject {
  const { name, workers, maxWorkers } = settings;
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: metadata(settings, "worker"),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: `${name}-worker` },
      minReplicas: workers,
      maxReplicas: maxWorkers,
      metrics: [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 300 } },
    },
  };
}
