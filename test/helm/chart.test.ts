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
import { CASES, caseOf, committedValues, objectsOf, TEMPLATES, withDefaults } from "./chart.ts";
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

  test.each<readonly [JsonObject, string]>([
    [{ image: "http://registry.example.com/shop" }, "/image"],
    [{ workers: -1 }, "/workers"],
    [{ workers: "2" }, "/workers"],
    [{ workrs: 3 }, "/workrs"],
    [{ memory: "1 GB" }, "/memory"],
    [{ env: "Prod" }, "/env"],
    [{ redis: "sentinel" }, "/redis"],
    [{ services_cidrs: [] }, "/services_cidrs"],
    [{ services_cidrs: ["10.0.0.0"] }, "/services_cidrs/0"],
    [{ autoscaling: false }, "/autoscaling"],
    [{ lag: 100_001 }, "/lag"],
    [{ public_base_url: "http://shop.example.com" }, "/public_base_url"],
    [{ ingress: { host: "shop\n" } }, "/ingress/host"],
    [{ ingress: { tls: "shop-tls" } }, "/ingress/tls"],
    [{ external_secrets: { kind: "Vault" } }, "/external_secrets/kind"],
    [{ secrets: ["acme.slack"] }, "/secrets/0"],
    [{ config: { "greentic.toml": "-----BEGIN PRIVATE KEY-----" } }, "/config/greentic.toml"],
    [{ config: { "../greentic.toml": "" } }, "/config"],
  ])("refuses %j, and says where", (given, place) => {
    verifies("deploy.chart");
    expect(placesOf(withDefaults({ ...IMAGE, ...given }))).toContain(place);
  });
});
