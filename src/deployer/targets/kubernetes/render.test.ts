import { parseAllDocuments } from "yaml";
import { describe, expect, test } from "vitest";
import { verifies } from "../../../../test/verifies.ts";
import { makeDeployment } from "../../deployment-fixture.ts";
import { IMAGE_ENTRYPOINT, imageArgs } from "../../host-command.ts";
import { renderKubernetes } from "./render.ts";

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly securityContext: object;
}
interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
  readonly terminationGracePeriodSeconds?: number;
}
interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string>; readonly annotations?: Record<string, string> };
      readonly spec: PodSpec;
    };
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly replicas?: number;
    readonly policyTypes?: readonly string[];
    readonly triggers?: readonly { readonly metadata: Record<string, string> }[];
    readonly data?: readonly { readonly secretKey: string; readonly remoteRef: { readonly key: string } }[];
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
  };
}

function objects(table: Parameters<typeof makeDeployment>[0] = {}): readonly Rendered[] {
  return [...renderKubernetes(makeDeployment(table)).values()].flatMap((text) =>
    parseAllDocuments(text).map((document) => (document as { toJS(): unknown }).toJS() as Rendered),
  );
}

const workloads = (all: readonly Rendered[]): readonly Rendered[] =>
  all.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet");

describe("renderKubernetes()", () => {
  test("makes the same bytes twice, and nothing in them is a secret's value", () => {
    verifies("deploy.render", "deploy.references-only");
    const deployment = makeDeployment();
    expect([...renderKubernetes(deployment)]).toEqual([...renderKubernetes(deployment)]);
    for (const text of renderKubernetes(deployment).values()) expect(text).not.toMatch(/kind: Secret$/m);
  });

  test("each role is a Deployment with the image's own command line", () => {
    verifies("deploy.kubernetes", "deploy.command-line");
    const roles = objects().filter(({ kind }) => kind === "Deployment");
    expect(roles.map(({ metadata }) => metadata.name)).toEqual(["shop-gateway", "shop-worker", "shop-egress"]);
    for (const [index, role] of (["gateway", "worker", "egress"] as const).entries()) {
      const [container] = roles[index]?.spec.template.spec.containers ?? [];
      expect([container?.command, container?.args]).toEqual([IMAGE_ENTRYPOINT, imageArgs([role])]);
    }
  });

  test("every pod is kept to the restricted level, and may write only where it must", () => {
    verifies("deploy.restricted");
    for (const { spec, metadata } of workloads(objects())) {
      const pod = spec.template.spec;
      expect(pod, metadata.name).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      });
      const volumes = [...(pod.volumes ?? []), ...(spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata)];
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        for (const { name } of container.volumeMounts) expect(volumes.map((volume) => volume.name)).toContain(name);
      }
      for (const [key, value] of Object.entries(spec.selector.matchLabels))
        expect(spec.template.metadata.labels[key]).toBe(value);
    }
  });

  test("every connection is denied but those that a part needs", () => {
    verifies("deploy.network-policy");
    const policies = objects({ table: { autoscaling: "keda" } }).filter(({ kind }) => kind === "NetworkPolicy");
    expect(policies.map(({ metadata }) => metadata.name)).toEqual([
      "shop-deny",
      "shop-dns",
      "shop-gateway",
      "shop-runners",
      "shop-redis",
      "shop-nats",
    ]);
    expect(policies[0]?.spec).toEqual({
      podSelector: { matchLabels: { "app.kubernetes.io/name": "greentic", "app.kubernetes.io/instance": "shop" } },
      policyTypes: ["Ingress", "Egress"],
    });
    // Where clouds tell a machine its credentials is never reached.
    expect(JSON.stringify(policies[3]?.spec)).toContain("169.254.0.0/16");
  });

  test("scaling goes by the consumer that workers pull from, and sets no number of its own beside it", () => {
    verifies("deploy.keda");
    const all = objects({ table: { autoscaling: "keda", workers: 3 } });
    const scaled = all.find(({ kind }) => kind === "ScaledObject");
    expect(scaled?.spec.triggers?.[0]?.metadata).toMatchObject({
      natsServerMonitoringEndpoint: "shop-nats.shop.svc:8222",
      stream: "GREENTIC_MESSAGING_prod",
      consumer: "workers_greentic_messaging_ingress_prod_ALL",
    });
    const worker = all.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === "shop-worker");
    expect(worker?.spec.replicas).toBeUndefined();
  });

  test("secrets are fetched by reference from where operators keep them", () => {
    verifies("deploy.references-only");
    const fetched = objects({ table: { external_secrets: { store: "vault" } } }).filter(
      ({ kind }) => kind === "ExternalSecret",
    );
    expect(
      fetched.map(({ metadata, spec }) => [metadata.name, spec.data?.map(({ remoteRef }) => remoteRef.key)]),
    ).toEqual([
      [
        "shop-host",
        ["redis-url", "nats-url", "token-key", "redis-password", "nats-password"].map(
          (key) => `greentic/prod/host/${key}`,
        ),
      ],
      ["shop-secrets", ["greentic/prod/acme/_/messaging-slack/slack_bot_token"]],
    ]);
  });

  test("other settings make other pods, the same settings the same", () => {
    verifies("deploy.settings-restart");
    const hashOf = (text: string): readonly unknown[] =>
      objects({ config: new Map([["greentic.toml", text]]) })
        .filter(({ kind }) => kind === "Deployment")
        .map(({ spec }) => spec.template.metadata.annotations?.["checksum/config"]);
    expect(hashOf("a = 1")).toEqual(hashOf("a = 1"));
    expect(new Set([...hashOf("a = 1"), ...hashOf("a = 2")])).toHaveProperty("size", 2);
  });

  test("what is a text stays one to a reader of YAML 1.1", () => {
    verifies("deploy.kubernetes");
    const text = renderKubernetes(makeDeployment()).get("20-redis.yaml") ?? "";
    const [, server] = parseAllDocuments(text, { version: "1.1" }).map(
      (document) => (document as { toJS(): unknown }).toJS() as Rendered,
    );
    expect(server?.spec.template.spec.containers[0]?.args).toContain("yes");
  });

  test("external services take the included ones away", () => {
    const all = objects({ table: { redis: "external", nats: "external" } });
    expect(workloads(all).map(({ kind }) => kind)).toEqual(["Deployment", "Deployment", "Deployment"]);
    expect(JSON.stringify(all)).not.toContain("redis-password");
  });
});
