import { pathToFileURL } from "node:url";
import { parseAllDocuments } from "yaml";
import { describe, expect, test } from "vitest";
import { makeDeployment } from "../../src/deployer/deployment-fixture.ts";
import { renderKubernetes } from "../../src/deployer/targets/kubernetes/render.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { hasPeers, peerFile } from "../peers/load-peer.ts";
import { verifies } from "../verifies.ts";

/** An object, as far as it says what it is. */
type Manifest = JsonObject & { readonly apiVersion: string; readonly kind: string };
/** A class that checks an object against the published schema of its kind. */
type Model = new (value: JsonObject) => { validate(): void };

const PACKAGES: Readonly<Record<string, string>> = {
  "keda.sh": "@kubernetes-models/keda",
  "external-secrets.io": "@kubernetes-models/external-secrets",
};

async function modelOf({ apiVersion, kind }: Manifest): Promise<Model> {
  const [group = ""] = apiVersion.split("/");
  const name = PACKAGES[group] ?? "kubernetes-models";
  const file = pathToFileURL(peerFile(`${name}/${apiVersion}/${kind}.js`)).href;
  const models = (await import(file)) as Readonly<Record<string, Model>>;
  const model = models[kind];
  if (model === undefined) throw new Error(`${name} has no ${apiVersion} ${kind}`);
  return model;
}

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
