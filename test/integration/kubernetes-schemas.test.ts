import { parseAllDocuments } from "yaml";
import { describe, expect, test } from "vitest";
import { makeDeployment } from "../../src/deployer/deployment-fixture.ts";
import { renderKubernetes } from "../../src/deployer/targets/kubernetes/render.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { CASES, COMBINATIONS, objectsOf, TEMPLATES } from "../helm/chart.ts";
import { renderTemplate } from "../helm/go-template.ts";
import type { Manifest } from "../peers/kubernetes-model.ts";
import { modelOf } from "../peers/kubernetes-model.ts";
import { hasPeers } from "../peers/load-peer.ts";
import { verifies } from "../verifies.ts";

const documents = (text: string): readonly Manifest[] =>
  parseAllDocuments(text).map((document) => (document as { toJS(): unknown }).toJS() as Manifest);

describe.skipIf(!hasPeers)("manifests against the schemas of Kubernetes, KEDA and External Secrets", () => {
  test.each([
    ["the defaults", {}],
    [
      "everything that can be set",
      {
        autoscaling: "keda",
        cache_class: "shared",
        pull_secret: "registry",
        external_secrets: { store: "vault", kind: "ClusterSecretStore" },
        ingress: { host: "shop.example.com", class: "nginx", tls_secret: "shop-tls" },
      },
    ],
    ["external services, scaled by processor", { redis: "external", nats: "external", autoscaling: "cpu" }],
  ])("%s are valid", async (_name, table) => {
    verifies("deploy.schemas", "deploy.kubernetes");
    const deployment = makeDeployment({ table, otlpEndpoint: "http://otel.example.com:4318" });
    const objects = [...renderKubernetes(deployment).values()].flatMap(documents);
    expect(objects.length).toBeGreaterThan(12);
    for (const object of objects) {
      const Model = await modelOf(object);
      expect(() => new Model(object).validate(), object.kind).not.toThrow();
    }
  });

  test.each(Object.entries({ ...CASES, ...COMBINATIONS }))(
    "the chart's objects with %s are valid",
    async (_name, { release }) => {
      verifies("deploy.schemas", "deploy.chart");
      const objects = TEMPLATES.flatMap(([, text]) => objectsOf(renderTemplate(text, release)) as readonly Manifest[]);
      expect(objects.length).toBeGreaterThan(10);
      for (const object of objects) {
        const Model = await modelOf(object);
        expect(() => new Model(object).validate(), object.kind).not.toThrow();
      }
    },
  );

  test("a manifest that is wrong is found", async () => {
    const [deployment] = documents(renderKubernetes(makeDeployment()).get("45-worker.yaml") ?? "");
    if (deployment === undefined) throw new Error("no deployment");
    const Model = await modelOf(deployment);
    const broken = structuredClone(deployment) as unknown as {
      spec: { template: { spec: { containers: { name?: string }[] } } };
    };
    delete broken.spec.template.spec.containers[0]?.name;
    expect(() => new Model(broken as unknown as JsonObject).validate()).toThrow("name");
  });
});
