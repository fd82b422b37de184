import type { JsonObject, JsonValue } from "../../../types/index.ts";

/** An object of a cluster. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: JsonObject & { readonly name: string };
  readonly spec?: JsonObject;
  readonly [key: string]: JsonValue | undefined;
}

/** What an object's parts go by. */
export interface Names {
  readonly name: string;
  readonly namespace: string;
}

/** Labels that select the pods of a part; they never change, since selectors can't. */
export function selectorOf({ name }: Names, part?: string): Readonly<Record<string, string>> {
  return {
    "app.kubernetes.io/name": "greentic",
    "app.kubernetes.io/instance": name,
    ...(part !== undefined && { "app.kubernetes.io/component": part }),
  };
}

/** Metadata of an object that belongs to a part. */
export function metadata(names: Names, part: string, name = `${names.name}-${part}`): KubernetesObject["metadata"] {
  return {
    name,
    namespace: names.namespace,
    labels: { ...selectorOf(names, part), "app.kubernetes.io/managed-by": "greentic-deployer" },
  };
}

/** What every container is kept to: the restricted level of the pod security standards, and a file system that can't be written. */
export const CONTAINER_SECURITY: JsonObject = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

/** What every pod is kept to. */
export function podSecurity(user: number): JsonObject {
  return {
    runAsNonRoot: true,
    runAsUser: user,
    runAsGroup: user,
    fsGroup: user,
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** A value of a pod's environment that comes from a secret. */
export function fromSecret(name: string, secret: string, key: string, isOptional = false): JsonObject {
  return { name, valueFrom: { secretKeyRef: { name: secret, key, ...(isOptional && { optional: true }) } } };
}
