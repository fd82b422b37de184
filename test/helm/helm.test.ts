import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHART_DIR } from "../../scripts/helm-chart.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { startKubeApi } from "../stand-ins/kube-api.ts";
import { verifies } from "../verifies.ts";
import { CASES, COMBINATIONS, objectsOf, TEMPLATES, withDefaults, WRONG_VALUES } from "./chart.ts";
import { renderTemplate } from "./go-template.ts";
import { hasHelm, helm } from "./helm-cli.ts";

if (!hasHelm) process.stderr.write("helm chart: 34 skipped, there is no helm\n");

const IMAGE = { image: "registry.example.com/acme/shop:1.0.0" };
const template = (values: object, namespace = "shop", version = "1.30.0"): Promise<string> =>
  helm(["template", "shop", CHART_DIR, "--namespace", namespace, "--kube-version", version], { values });
/** Helm has an order of its own. */
const sorted = (objects: readonly JsonObject[]): readonly string[] => objects.map((one) => JSON.stringify(one)).sort();

describe.skipIf(!hasHelm)("helm itself", () => {
  test.each(Object.entries({ ...CASES, ...COMBINATIONS }))("renders the same with %s", async (_name, { release }) => {
    verifies("deploy.helm");
    const Release = { ...release.Release, Service: "Helm" };
    const expected = TEMPLATES.flatMap(([, text]) => objectsOf(renderTemplate(text, { ...release, Release })));
    const made = await template(release.Values, release.Release["Namespace"] as string);
    expect(sorted(objectsOf(made))).toEqual(sorted(expected));
  });

  test("lints it, and refuses the values that its schema refuses, by their name", async () => {
    verifies("deploy.helm");
    expect(await helm(["lint", "--strict", CHART_DIR], { values: IMAGE })).toContain("0 chart(s) failed");
    for (const [values, place] of WRONG_VALUES) {
      const name = place.split("/").at(-1) ?? "";
      const refused = await template({ ...IMAGE, ...values }).catch(
        (error: unknown) => (error as { stderr: string }).stderr,
      );
      expect(refused).toContain("don't meet the specifications of the schema");
      expect(refused, JSON.stringify(values)).toContain(/^\d+$/.test(name) ? place.split("/").at(-2) : name);
    }
    await expect(template(IMAGE, "shop", "1.29.0")).rejects.toThrow("incompatible with Kubernetes v1.29.0");
  });
});

describe.skipIf(!hasHelm)("a release", () => {
  let cluster: Awaited<ReturnType<typeof startKubeApi>>;
  beforeAll(async () => {
    cluster = await startKubeApi();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  const release = (verb: "install" | "upgrade", values: JsonObject): Promise<string> =>
    helm([verb, "shop", CHART_DIR, "--namespace", "shop", "--disable-openapi-validation"], {
      values: withDefaults({ ...IMAGE, ...values }),
      server: cluster.url,
    });
  const changed = (): readonly string[] =>
    cluster.changes
      .splice(0)
      .map(({ method, object, body }) =>
        `${method} ${object} ${method === "PATCH" ? JSON.stringify(body) : ""}`.trim(),
      );

  test("is installed, and tells what is to be made beforehand", async () => {
    verifies("deploy.helm");
    const said = await release("install", {});
    expect(said).toContain("kubectl create secret generic shop-host -n shop --from-file=token-key=FILE");
    expect(said).not.toContain("<no value>");
    expect(changed()).toHaveLength(19);
  });

  test("is upgraded to the same without a change, and to another image, another count and KEDA by just these", async () => {
    verifies("deploy.helm", "deploy.upgrade");
    await release("upgrade", {});
    expect(changed()).toEqual([]);
    await release("upgrade", { image: "registry.example.com/acme/shop:1.1.0" });
    expect(changed()).toMatchInlineSnapshot(`
      [
        "PATCH deployments/shop-gateway {"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"gateway"}],"containers":[{"image":"registry.example.com/acme/shop:1.1.0","name":"gateway"}]}}}}",
        "PATCH deployments/shop-worker {"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"worker"}],"containers":[{"image":"registry.example.com/acme/shop:1.1.0","name":"worker"}]}}}}",
        "PATCH deployments/shop-egress {"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"egress"}],"containers":[{"image":"registry.example.com/acme/shop:1.1.0","name":"egress"}]}}}}",
      ]
    `);
    await release("upgrade", { image: "registry.example.com/acme/shop:1.1.0", gateways: 3, autoscaling: "keda" });
    expect(changed()).toMatchInlineSnapshot(`
      [
        "PATCH networkpolicies/shop-nats {"spec":{"ingress":[{"from":[{"podSelector":{"matchLabels":{"app.kubernetes.io/component":"gateway","app.kubernetes.io/instance":"shop","app.kubernetes.io/name":"greentic"}}},{"podSelector":{"matchLabels":{"app.kubernetes.io/component":"worker","app.kubernetes.io/instance":"shop","app.kubernetes.io/name":"greentic"}}},{"podSelector":{"matchLabels":{"app.kubernetes.io/component":"egress","app.kubernetes.io/instance":"shop","app.kubernetes.io/name":"greentic"}}}],"ports":[{"port":4222,"protocol":"TCP"}]},{"from":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"keda"}}}],"ports":[{"port":8222,"protocol":"TCP"}]}]}}",
        "PATCH deployments/shop-gateway {"spec":{"replicas":3}}",
        "PATCH deployments/shop-worker {"spec":{"replicas":null}}",
        "POST scaledobjects/shop-worker",
      ]
    `);
  });
});
