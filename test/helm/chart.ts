import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { chartFiles } from "../../scripts/helm-chart.ts";
import { DEFAULT_VALUES } from "../../scripts/helm-chart/values.ts";
import { readDeployFile } from "../../src/config/index.ts";
import { makeDeployment } from "../../src/deployer/deployment-fixture.ts";
import { deployedConfig, TARGET_SCHEMAS } from "../../src/deployer/index.ts";
import type { Deployment } from "../../src/deployer/index.ts";
import { isJsonObject } from "../../src/types/index.ts";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";

/** A deployment as deploy.toml says it, and the release of the chart with the same values. */
export interface Case {
  readonly deployment: Deployment;
  readonly release: { readonly Values: JsonObject; readonly Release: JsonObject };
}

/** Makes both of a deploy.toml, with a bundle's settings and needs. */
export function caseOf(
  toml: string,
  {
    config = deployedConfig(undefined),
    secrets = [],
  }: { readonly config?: ReadonlyMap<string, string>; readonly secrets?: readonly string[] } = {},
): Case {
  const dir = mkdtempSync(join(tmpdir(), "greentic-chart-"));
  writeFileSync(join(dir, "deploy.toml"), toml);
  const { image, publicBaseUrl, otlpEndpoint, env, ...file } = readDeployFile(dir, { targets: TARGET_SCHEMAS });
  const table = file.table("kubernetes");
  const { namespace = "shop", ...own } = table;
  const given = {
    ...(image !== undefined && { image }),
    ...(publicBaseUrl !== undefined && { public_base_url: publicBaseUrl }),
    ...(otlpEndpoint !== undefined && { otlp_endpoint: otlpEndpoint }),
    env,
    config: Object.fromEntries(config),
    secrets,
    ...own,
  } as JsonObject;
  const common = { env, config, secrets, table, ...(image !== undefined && { image }) };
  return {
    deployment: makeDeployment({
      ...common,
      ...(publicBaseUrl !== undefined && { publicBaseUrl }),
      ...(otlpEndpoint !== undefined && { otlpEndpoint }),
    }),
    release: {
      Values: withDefaults(given),
      // What Helm calls itself is a label of all objects.
      Release: { Name: "shop", Namespace: namespace, Service: "greentic-deployer" },
    },
  };
}

/** Values over the chart's own, tables key by key, as Helm puts them together. */
export function withDefaults(given: JsonObject): JsonObject {
  const merged = Object.entries(given).map(([key, value]) => {
    const own = DEFAULT_VALUES[key];
    return [
      key,
      isJsonObject(value ?? null) && isJsonObject(own ?? null) ? { ...(own as object), ...(value as object) } : value,
    ];
  });
  return { ...DEFAULT_VALUES, ...Object.fromEntries(merged) } as JsonObject;
}

/** The chart's manifests by their path. */
export const TEMPLATES: readonly (readonly [name: string, text: string])[] = [...chartFiles()].filter(
  ([name]) => name.startsWith("templates/") && name.endsWith(".yaml"),
);

/** The objects of a file; none where nothing is left of it. */
export function objectsOf(yaml: string): readonly JsonObject[] {
  return parseAllDocuments(yaml, { version: "1.1" })
    .map((document) => (document as { toJS(): unknown }).toJS() as JsonObject | null)
    .filter((value) => value !== null);
}

const EVERYTHING = `
image = "registry.example.com:5000/acme/shop@sha256:${"ab".repeat(32)}"
env = "eu-1"
public_base_url = 'https://shop.example.com/a"b\\c'
otlp_endpoint = "http://otel.example.com:4318"
[kubernetes]
namespace = "acme"
gateways = 3
workers = 12
senders = 1
max_workers = 9
cpu = "1"
memory = "1Gi"
cache_size = "2Gi"
cache_class = "shared"
redis_image = "registry.example.com/redis:7"
redis_size = "20Gi"
nats_image = "registry.example.com/nats:2"
services_cidrs = ["10.1.0.0/16", "fd00::/8"]
autoscaling = "keda"
lag = 100000
pull_secret = "registry"
[kubernetes.external_secrets]
store = "vault"
kind = "ClusterSecretStore"
prefix = ""
[kubernetes.ingress]
host = "shop.example.com"
class = "nginx"
tls_secret = "shop-tls"
`;

/** What the chart is held against `render` with. */
export const CASES: Readonly<Record<string, Case>> = {
  "the defaults": caseOf('image = "registry.example.com/acme/shop:1.0.0"'),
  "everything that can be set": caseOf(EVERYTHING, {
    config: new Map([
      ["greentic.toml", '[security]\nreject_unsigned = true\n# "quoted", ümlaut, \u0007, tab\t, {{ .Values.image }}\n'],
      ["publisher-1.pub", "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n"],
    ]),
    secrets: ["eu-1.acme._.slack.bot_token", "eu-1.acme.sales.mail.password"],
  }),
  "external services, scaled by processor": caseOf(
    'image = "registry.example.com/acme/shop:1"\n[kubernetes]\nredis = "external"\nnats = "external"\nautoscaling = "cpu"\nservices_cidrs = ["192.168.7.0/24"]\n[kubernetes.ingress]\nhost = "shop.example.com"',
  ),
  "an external NATS, watched by KEDA": caseOf(
    'image = "registry.example.com/acme/shop:1"\n[kubernetes]\nnats = "external"\nnats_monitoring = "nats.example.com:8222"\nautoscaling = "keda"\nworkers = 0\n[kubernetes.external_secrets]\nstore = "vault"\n[kubernetes.ingress]\nhost = "shop.example.com"\ntls_secret = "shop-tls"',
  ),
  "telemetry of included services, without an own host": caseOf(
    'image = "registry.example.com/acme/shop:1"\notlp_endpoint = "http://otel.example.com:4318"\n[kubernetes]\ncache_class = "nfs"',
    { secrets: ["prod.acme._.slack.bot_token"] },
  ),
};

/** Included and external servers, each way of scaling, secrets fetched and made by hand: all at once. */
export const COMBINATIONS: Readonly<Record<string, Case>> = Object.fromEntries(
  ["included", "external"].flatMap((redis) =>
    ["included", "external"].flatMap((nats) =>
      ["off", "cpu", "keda"].flatMap((autoscaling) =>
        [false, true].map((isFetched) => [
          `${redis} Redis, ${nats} NATS, autoscaling ${autoscaling}, ${isFetched ? "fetched" : "made"} secrets`,
          caseOf(
            `image = "registry.example.com/acme/shop:1"\n[kubernetes]\nredis = "${redis}"\nnats = "${nats}"\nautoscaling = "${autoscaling}"\n${isFetched ? '[kubernetes.external_secrets]\nstore = "vault"\n' : ""}`,
            { secrets: ["prod.acme._.slack.bot_token"] },
          ),
        ]),
      ),
    ),
  ),
);

/** Values that the schema refuses, and the place that it names. */
export const WRONG_VALUES: readonly (readonly [values: JsonObject, place: string])[] = [
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
];

/** Every value that is no table, by its path; `config` counts as one value a file. */
export function leavesOf(
  values: JsonObject,
  base: readonly string[] = [],
): readonly (readonly [readonly string[], JsonValue])[] {
  return Object.entries(values).flatMap(([key, value]) =>
    isJsonObject(value) ? leavesOf(value, [...base, key]) : [[[...base, key], value] as const],
  );
}

/** The values with another one at a path. */
export function withLeaf(
  values: JsonObject,
  { path: [key = "", ...rest], value }: { readonly path: readonly string[]; readonly value: JsonValue },
): JsonObject {
  const inner = rest.length === 0 ? value : withLeaf(values[key] as JsonObject, { path: rest, value });
  return { ...values, [key]: inner };
}

/** values.yaml as it is committed. */
export function committedValues(dir: string): JsonObject {
  return parse(readFileSync(join(dir, "values.yaml"), "utf8"), { version: "1.1" }) as JsonObject;
}
