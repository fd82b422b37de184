import { stringify } from "yaml";
import { GreenticError } from "../../../types/index.ts";
import type { Deployment, RenderedFiles } from "../../target.ts";
import { externalSecrets } from "./external-secrets.ts";
import { networkPolicies } from "./network.ts";
import type { KubernetesObject } from "./object.ts";
import { cacheClaim, disruptionBudget, ROLES, runner } from "./runners.ts";
import { cpuScaling, scaledObject } from "./scaling.ts";
import { configMap, gatewayService, ingress, nats, redis, serviceAccount } from "./services.ts";
import { readKubernetes } from "./spec.ts";
import type { KubernetesSettings } from "./spec.ts";

/** What a cluster is given besides its settings. */
export interface KubernetesContent {
  readonly config: ReadonlyMap<string, string>;
  readonly secrets: readonly string[];
}

/** Makes all objects by the file that they stand in, in the order in which they are applied. */
export function kubernetesObjects(
  settings: KubernetesSettings,
  { config, secrets }: KubernetesContent,
): ReadonlyMap<string, readonly KubernetesObject[]> {
  const some = <T>(value: T | undefined): readonly T[] => (value === undefined ? [] : [value]);
  const files: [string, readonly KubernetesObject[]][] = [
    ["00-account.yaml", [serviceAccount(settings)]],
    ["05-network.yaml", networkPolicies(settings)],
    ["10-config.yaml", [configMap(settings, config)]],
    ["15-secrets.yaml", externalSecrets(settings, secrets)],
    ["20-redis.yaml", settings.hasRedis ? redis(settings) : []],
    ["25-nats.yaml", settings.hasNats ? nats(settings) : []],
    ["30-cache.yaml", some(cacheClaim(settings))],
    ...ROLES.map((role, index): [string, readonly KubernetesObject[]] => [
      `${40 + index * 5}-${role}.yaml`,
      [
        ...(role === "gateway" ? [gatewayService(settings)] : []),
        runner(settings, role, config),
        disruptionBudget(settings, role),
      ],
    ]),
    [
      "60-scaling.yaml",
      settings.autoscaling === "keda"
        ? [scaledObject(settings)]
        : settings.autoscaling === "cpu"
          ? [cpuScaling(settings)]
          : [],
    ],
    ["70-ingress.yaml", some(ingress(settings))],
  ];
  return new Map(files.filter(([, objects]) => objects.length > 0));
}

/** Clusters read YAML 1.1, to which a plain `yes` is no text. */
const YAML = { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false } as const;

/** Writes objects as one YAML file. */
function yamlOf(objects: readonly KubernetesObject[]): string {
  return objects.map((object) => stringify(object, YAML)).join("---\n");
}

/** Reads a deployment's settings. @throws DEPLOYER_SETTING_MISSING where it names no image */
export function settingsOf(deployment: Deployment): KubernetesSettings {
  const { image } = deployment;
  if (image === undefined)
    throw new GreenticError("DEPLOYER_SETTING_MISSING", 'Render for kubernetes: deploy.toml names no "image"');
  return readKubernetes({ ...deployment, image }, deployment.table);
}

/** Renders the manifests. @throws DEPLOYER_SETTING_MISSING */
export function renderKubernetes(deployment: Deployment): RenderedFiles {
  const objects = kubernetesObjects(settingsOf(deployment), deployment);
  return new Map([...objects].map(([file, list]) => [file, yamlOf(list)]));
}
