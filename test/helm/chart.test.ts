import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { CHART_DIR, chartFiles } from "../../scripts/helm-chart.ts";
import { DEFAULT_VALUES } from "../../scripts/helm-chart/values.ts";
import { VALUES_SCHEMA } from "../../scripts/helm-chart/values-schema.ts";
import { renderKubernetes } from "../../src/deployer/targets/kubernetes/render.ts";
import type { JsonObject } from "../../src/types/index.ts";
import { verifies } from "../verifies.ts";
import {
  CASES,
  caseOf,
  COMBINATIONS,
  committedValues,
  leavesOf,
  objectsOf,
  TEMPLATES,
  WRONG_VALUES,
  withDefaults,
  withLeaf,
} from "./chart.ts";
import { renderTemplate } from "./go-template.ts";
import { hasKubectl, readByKubernetes, renderByGo } from "./kubectl-go.ts";

const IMAGE = { image: "registry.example.com/acme/shop:1.0.0" };
const NOTES = chartFiles().get("templates/NOTES.txt") ?? "";

test("the chart's files are those that the deployer's objects make, and no others", () => {
  verifies("deploy.chart");
  const files = readdirSync(CHART_DIR, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(CHART_DIR.length + 1));
  expect(files.sort()).toEqual([...chartFiles().keys()].sort());
  for (const [name, text] of chartFiles()) expect(readFileSync(join(CHART_DIR, name), "utf8"), name).toBe(text);
  expect(committedValues(CHART_DIR)).toEqual(DEFAULT_VALUES);
});

describe.each(Object.entries(CASES))("with %s", (_name, { deployment, release }) => {
  test("the chart gives what render gives", () => {
    verifies("deploy.chart");
    const rendered = renderKubernetes(deployment);
    const made = TEMPLATES.map(([name, text]) => [name, objectsOf(renderTemplate(text, release))] as const);
    for (const [name, objects] of made)
      expect(objects, name).toEqual(objectsOf(rendered.get(name.slice("templates/".length)) ?? ""));
    expect(made.filter(([, objects]) => objects.length > 0)).toHaveLength(rendered.size);
  });

  test("the schema takes its values", () => {
    const check = new Ajv({ strict: false }).compile(VALUES_SCHEMA);
    check(release.Values);
    expect(check.errors).toBeNull();
  });

  test("the notes name what has to be there, and no more than that", () => {
    const notes = renderTemplate(NOTES, release);
    expect(notes).not.toMatch(/<no value>|\{\{/);
    const isOwn = release.Values["external_secrets"] as { readonly store: string };
    expect(notes.includes("kubectl create secret generic shop-host")).toBe(isOwn.store === "");
    expect(notes.includes("redis-password")).toBe(release.Values["redis"] === "included");
  });

  test.skipIf(!hasKubectl)("Go's own text/template and the YAML reader of Kubernetes give the same", () => {
    verifies("deploy.chart", "deploy.kubernetes");
    const whole = [...TEMPLATES, ["templates/NOTES.txt", `---\n${NOTES}`] as const]
      .map(([name, text]) => `# ${name}\n${text}`)
      .join("\n");
    const byGo = renderByGo(whole, JSON.stringify(release));
    expect(byGo).toBe(renderTemplate(whole, release));
    // As Helm has numbers of a file: floats.
    const floats = JSON.stringify(release).replaceAll(/:(\d+)(?=[,}])/g, ":$1.0");
    expect(renderByGo(whole, floats)).toBe(byGo);

    const [manifests = ""] = byGo.split("# templates/NOTES.txt");
    const asRead = (yaml: string): readonly JsonObject[] => [...readByKubernetes(yaml)];
    const rendered = [...renderKubernetes(deployment).values()].join("---\n");
    expect(asRead(manifests)).toEqual(asRead(rendered));
    const annotated = objectsOf(rendered).map((object) => {
      const metadata = object["metadata"] as JsonObject;
      return { ...object, metadata: { ...metadata, annotations: { a: "b" } } };
    });
    expect(asRead(rendered)).toEqual(annotated);
  });
});

test.each(Object.entries(COMBINATIONS))(
  "the chart gives what render gives with %s",
  (_name, { deployment, release }) => {
    verifies("deploy.chart");
    const charted = TEMPLATES.flatMap(([, text]) => objectsOf(renderTemplate(text, release)));
    expect(charted).toEqual([...renderKubernetes(deployment).values()].flatMap(objectsOf));
  },
);

test("every value changes an object", () => {
  verifies("deploy.chart");
  const { release } = Object.values(CASES)[1] ?? caseOf("");
  const made = (Values: JsonObject): string =>
    TEMPLATES.map(([, text]) => renderTemplate(text, { ...release, Values })).join("\n");
  const before = made(release.Values);
  const other: JsonObject = {
    // Below the number of workers it counts for nothing.
    max_workers: 20,
    redis: "external",
    nats: "external",
    nats_monitoring: "nats.example.com:8222",
  };
  for (const [path, value] of leavesOf(DEFAULT_VALUES)) {
    const changed = withLeaf(release.Values, { path, value: other[path.join(".")] ?? value });
    expect(made(changed), path.join(".")).not.toBe(before);
  }
});

test("names, selectors and services of objects are the same with all values, since no cluster lets them change", () => {
  verifies("deploy.upgrade");
  const fixed = new Map<string, JsonObject>();
  for (const { release } of Object.values({ ...CASES, ...COMBINATIONS }))
    for (const object of TEMPLATES.flatMap(([, text]) => objectsOf(renderTemplate(text, release)))) {
      const { kind, metadata, spec } = object as {
        readonly kind: string;
        readonly metadata: { readonly name: string };
        readonly spec?: JsonObject;
      };
      // The sizes and classes of volumes can't be changed either; values.yaml says so.
      const { volumeClaimTemplates, selector, serviceName, clusterIP, storageClassName } = spec ?? {};
      const key = `${kind} ${metadata.name}`;
      const own =
        kind === "Deployment" || kind === "StatefulSet"
          ? { selector, serviceName, claims: (volumeClaimTemplates as readonly JsonObject[] | undefined)?.length }
          : { clusterIP, isClaim: storageClassName !== undefined };
      expect(own, key).toEqual(fixed.get(key) ?? own);
      fixed.set(key, own as JsonObject);
    }
  // What version 0.1.0 installs: a release can't be upgraded to other selectors, and loses what has another name.
  expect([...fixed.keys()].sort()).toMatchInlineSnapshot(`
    [
      "ConfigMap shop-config",
      "Deployment shop-egress",
      "Deployment shop-gateway",
      "Deployment shop-worker",
      "ExternalSecret shop-host",
      "ExternalSecret shop-secrets",
      "HorizontalPodAutoscaler shop-worker",
      "Ingress shop-gateway",
      "NetworkPolicy shop-deny",
      "NetworkPolicy shop-dns",
      "NetworkPolicy shop-gateway",
      "NetworkPolicy shop-nats",
      "NetworkPolicy shop-redis",
      "NetworkPolicy shop-runners",
      "PersistentVolumeClaim shop-cache",
      "PodDisruptionBudget shop-egress",
      "PodDisruptionBudget shop-gateway",
      "PodDisruptionBudget shop-worker",
      "ScaledObject shop-worker",
      "Service shop-gateway",
      "Service shop-nats",
      "Service shop-redis",
      "ServiceAccount shop",
      "StatefulSet shop-nats",
      "StatefulSet shop-redis",
    ]
  `);
  expect(fixed.get("Deployment shop-worker")).toMatchInlineSnapshot(`
    {
      "claims": undefined,
      "selector": {
        "matchLabels": {
          "app.kubernetes.io/component": "worker",
          "app.kubernetes.io/instance": "shop",
          "app.kubernetes.io/name": "greentic",
        },
      },
      "serviceName": undefined,
    }
  `);
  expect(fixed.get("StatefulSet shop-redis")).toMatchInlineSnapshot(`
    {
      "claims": 1,
      "selector": {
        "matchLabels": {
          "app.kubernetes.io/component": "redis",
          "app.kubernetes.io/instance": "shop",
          "app.kubernetes.io/name": "greentic",
        },
      },
      "serviceName": "shop-redis",
    }
  `);
});

test("other settings make other pods, as they do where they are rendered", () => {
  verifies("deploy.settings-restart");
  const podOf = (text: string): string => {
    const { release } = caseOf("", { config: new Map([["greentic.toml", text]]) });
    const worker = TEMPLATES.find(([name]) => name.endsWith("worker.yaml"))?.[1] ?? "";
    return /checksum\/config: "(\w{64})"/.exec(renderTemplate(worker, release))?.[1] ?? "";
  };
  expect(podOf("a = 1")).not.toBe(podOf("a = 2"));
});

describe("values.schema.json", () => {
  const check = new Ajv({ strict: false }).compile(VALUES_SCHEMA);
  const placesOf = (values: JsonObject): readonly string[] => {
    check(values);
    return (check.errors ?? []).map(({ instancePath, params }) =>
      "additionalProperty" in params ? `${instancePath}/${String(params["additionalProperty"])}` : instancePath,
    );
  };

  test("takes the defaults, once they name an image", () => {
    verifies("deploy.chart");
    expect(placesOf({ ...DEFAULT_VALUES, ...IMAGE })).toEqual([]);
    expect(placesOf(DEFAULT_VALUES)).toContain("/image");
  });

  test("refuses what is of another kind at every place, and every name that isn't there", () => {
    verifies("deploy.chart");
    const given = { ...DEFAULT_VALUES, ...IMAGE } as JsonObject;
    for (const [path, value] of leavesOf(given)) {
      const wrong = typeof value === "number" ? String(value) : 1;
      expect(placesOf(withLeaf(given, { path, value: wrong })), path.join(".")).toContain(`/${path.join("/")}`);
    }
    for (const table of [[], ["external_secrets"], ["ingress"]])
      expect(placesOf(withLeaf(given, { path: [...table, "surely_not"], value: "" }))).toContain(
        ["", ...table, "surely_not"].join("/"),
      );
  });

  test.each(WRONG_VALUES)("refuses %j, and says where", (given, place) => {
    verifies("deploy.chart");
    expect(placesOf(withDefaults({ ...IMAGE, ...given }))).toContain(place);
  });
});
