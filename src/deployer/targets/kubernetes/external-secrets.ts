import { metadata } from "./object.ts";
import type { KubernetesObject } from "./object.ts";
import type { KubernetesSettings } from "./spec.ts";

/** Entries of the secret that hosts log in with. */
export function hostSecretKeys({ hasRedis, hasNats }: KubernetesSettings): readonly string[] {
  return [
    "redis-url",
    "nats-url",
    "token-key",
    ...(hasRedis ? ["redis-password"] : []),
    ...(hasNats ? ["nats-password"] : []),
  ];
}

/**
 * Lets the External Secrets Operator fetch what hosts log in with and what packs need; none where an operator makes the secrets.
 * `acme._.slack.bot_token` of env prod is looked for as `{prefix}prod/acme/_/slack/bot_token`.
 * @see https://external-secrets.io/latest/api/externalsecret/
 */
export function externalSecrets(settings: KubernetesSettings, secrets: readonly string[]): readonly KubernetesObject[] {
  const { name, env, externalSecrets: from } = settings;
  if (from === undefined) return [];
  const { store, kind, prefix } = from;
  const fetch = (part: string, entries: readonly (readonly [key: string, remote: string])[]): KubernetesObject => ({
    apiVersion: "external-secrets.io/v1",
    kind: "ExternalSecret",
    metadata: metadata(settings, part),
    spec: {
      refreshInterval: "1m0s",
      secretStoreRef: { name: store, kind },
      target: { name: `${name}-${part}`, creationPolicy: "Owner" },
      data: entries.map(([secretKey, key]) => ({ secretKey, remoteRef: { key } })),
    },
  });
  const host = hostSecretKeys(settings).map((key) => [key, `${prefix}${env}/host/${key}`] as const);
  const needed = secrets.map((key) => [key, `${prefix}${key.replaceAll(".", "/")}`] as const);
  return [fetch("host", host), ...(needed.length === 0 ? [] : [fetch("secrets", needed)])];
}
