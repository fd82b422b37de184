import type { KubernetesContent } from "../../src/deployer/targets/kubernetes/render.ts";
import type { KubernetesSettings } from "../../src/deployer/targets/kubernetes/spec.ts";

/** Everything that objects are made of. */
export interface Made {
  readonly settings: KubernetesSettings;
  readonly content: KubernetesContent;
}

/** Something that changes which objects and parts there are, by a condition of the template language. */
export interface Switch {
  readonly condition: string;
  /** What is made where the condition doesn't hold, of what is made where it does. */
  off(made: Made): Made;
  /** Whether it counts, given what was decided before. */
  counts?(made: Made): boolean;
}

const but = (change: Partial<KubernetesSettings>): Switch["off"] => {
  return ({ settings, content }) => ({ settings: { ...settings, ...change }, content });
};
const without = (key: "cacheClass" | "externalSecrets" | "ingress" | "pullSecret"): Switch["off"] => {
  return ({ settings: { [key]: _left, ...settings }, content }) => ({ settings, content });
};
const withoutOfIngress = (key: "class" | "tlsSecret"): Switch["off"] => {
  return ({ settings, content }) => {
    const { [key]: _left, ...ingress } = settings.ingress ?? { host: "" };
    return { settings: { ...settings, ingress }, content };
  };
};
const hasIngress = ({ settings }: Made): boolean => settings.ingress !== undefined;

export const SWITCHES: readonly Switch[] = [
  { condition: 'eq $.Values.redis "included"', off: but({ hasRedis: false }) },
  { condition: 'eq $.Values.nats "included"', off: but({ hasNats: false }) },
  { condition: 'ne $.Values.autoscaling "off"', off: but({ autoscaling: "off" }) },
  {
    condition: 'eq $.Values.autoscaling "keda"',
    off: but({ autoscaling: "cpu" }),
    counts: ({ settings }) => settings.autoscaling !== "off",
  },
  { condition: "$.Values.otlp_endpoint", off: but({ otlpEndpoint: "" }) },
  { condition: "$.Values.cache_class", off: without("cacheClass") },
  { condition: "$.Values.external_secrets.store", off: without("externalSecrets") },
  {
    condition: "$.Values.secrets",
    off: ({ settings, content }) => ({ settings, content: { ...content, secrets: [] } }),
    counts: ({ settings }) => settings.externalSecrets !== undefined,
  },
  { condition: "$.Values.ingress.host", off: without("ingress") },
  { condition: "$.Values.ingress.class", off: withoutOfIngress("class"), counts: hasIngress },
  { condition: "$.Values.ingress.tls_secret", off: withoutOfIngress("tlsSecret"), counts: hasIngress },
  { condition: "$.Values.pull_secret", off: without("pullSecret") },
];
