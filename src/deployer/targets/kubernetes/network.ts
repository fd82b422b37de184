import type { JsonObject } from "../../../types/index.ts";
import { metadata, selectorOf } from "./object.ts";
import type { KubernetesObject } from "./object.ts";
import { ROLES } from "./runners.ts";
import type { KubernetesSettings } from "./spec.ts";

/** Networks that no pack has to reach: private ones, this machine's own, and where clouds tell a machine its credentials. */
const NOT_PUBLIC_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "224.0.0.0/4",
];
const NOT_PUBLIC_V6 = ["::1/128", "fc00::/7", "fe80::/10", "ff00::/8"];
const tcp = (port: number | string): JsonObject => ({ protocol: "TCP", port });
const KEDA: JsonObject = {
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "keda" } },
};

/**
 * What each part may reach and be reached from; everything else is denied in both directions. Public addresses are open to the
 * runners on 443 and on the ports of mail: what a pack may reach there is the host's to judge.
 */
export function networkPolicies(settings: KubernetesSettings): readonly KubernetesObject[] {
  const { hasRedis, hasNats, autoscaling, servicesCidrs, otlpEndpoint } = settings;
  const pods = (part: string): JsonObject => ({ podSelector: { matchLabels: selectorOf(settings, part) } });
  const runners = ROLES.map(pods);
  const policy = (part: string, spec: JsonObject): KubernetesObject => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadata(settings, part),
    spec,
  });
  const isExternal = !hasRedis || !hasNats || otlpEndpoint !== "";
  return [
    policy("deny", { podSelector: { matchLabels: selectorOf(settings) }, policyTypes: ["Ingress", "Egress"] }),
    policy("dns", {
      podSelector: { matchLabels: selectorOf(settings) },
      policyTypes: ["Egress"],
      egress: [
        {
          to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } }],
          ports: [{ protocol: "UDP", port: 53 }, tcp(53)],
        },
      ],
    }),
    policy("gateway", {
      podSelector: { matchLabels: selectorOf(settings, "gateway") },
      policyTypes: ["Ingress"],
      ingress: [{ ports: [tcp("http")] }],
    }),
    policy("runners", {
      podSelector: {
        matchLabels: selectorOf(settings),
        matchExpressions: [{ key: "app.kubernetes.io/component", operator: "In", values: [...ROLES] }],
      },
      policyTypes: ["Egress"],
      egress: [
        ...(hasRedis ? [{ to: [pods("redis")], ports: [tcp(6379)] }] : []),
        ...(hasNats ? [{ to: [pods("nats")], ports: [tcp(4222)] }] : []),
        ...(isExternal ? [{ to: servicesCidrs.map((cidr) => ({ ipBlock: { cidr } })) }] : []),
        {
          to: [
            { ipBlock: { cidr: "0.0.0.0/0", except: NOT_PUBLIC_V4 } },
            { ipBlock: { cidr: "::/0", except: NOT_PUBLIC_V6 } },
          ],
          ports: [443, 465, 587, 993].map(tcp),
        },
      ],
    }),
    ...(hasRedis
      ? [
          policy("redis", {
            podSelector: { matchLabels: selectorOf(settings, "redis") },
            policyTypes: ["Ingress"],
            ingress: [{ from: runners, ports: [tcp(6379)] }],
          }),
        ]
      : []),
    ...(hasNats
      ? [
          policy("nats", {
            podSelector: { matchLabels: selectorOf(settings, "nats") },
            policyTypes: ["Ingress"],
            ingress: [
              { from: runners, ports: [tcp(4222)] },
              ...(autoscaling === "keda" ? [{ from: [KEDA], ports: [tcp(8222)] }] : []),
            ],
          }),
        ]
      : []),
  ];
}
