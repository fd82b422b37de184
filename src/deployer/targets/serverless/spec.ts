import type { SchemaObject } from "ajv";
import { GreenticError } from "../../../types/index.ts";
import type { Deployment } from "../../target.ts";

const PLATFORMS = ["cloud-run", "lambda", "container-apps"] as const;
const count = { type: "integer", minimum: 0, maximum: 1000 } as const;
const name = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._/@:-]{0,511}$" } as const;

/** `[serverless]` of deploy.toml. */
export const serverlessSchema: SchemaObject = {
  type: "object",
  additionalProperties: false,
  required: ["platform"],
  properties: {
    platform: { enum: [...PLATFORMS] },
    region: { type: "string", pattern: "^[a-z][a-z0-9-]{1,40}$" },
    cpu: { type: "number", minimum: 0.25, maximum: 8 },
    memory_mib: { type: "integer", minimum: 512, maximum: 10_240 },
    min_instances: count,
    max_instances: count,
    concurrency: { type: "integer", minimum: 1, maximum: 1000 },
    /** Cloud Run: the account that it runs as. */
    service_account: name,
    /** Container Apps: where it goes, and what it reads the vault with. */
    resource_group: name,
    app_environment: name,
    identity: name,
    key_vault: { type: "string", pattern: "^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$" },
    nats_monitoring: { type: "string", pattern: "^[a-z0-9.-]+:[0-9]{1,5}$" },
  },
};

export interface ServerlessSettings {
  readonly platform: (typeof PLATFORMS)[number];
  readonly image: string;
  readonly region: string;
  readonly cpu: number;
  readonly memoryMib: number;
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly concurrency: number;
  readonly serviceAccount?: string;
  readonly resourceGroup: string;
  readonly appEnvironment: string;
  readonly identity: string;
  readonly keyVault: string;
  readonly natsMonitoring?: string;
}

/** Gives the table its defaults. @throws DEPLOYER_SETTING_MISSING with its place */
export function readServerless(deployment: Deployment): ServerlessSettings {
  const { table, image } = deployment;
  const text = (key: string): string | undefined => table[key] as string | undefined;
  const number = (key: string, fallback: number): number => (table[key] as number | undefined) ?? fallback;
  const missing = (key: string): GreenticError =>
    new GreenticError("DEPLOYER_SETTING_MISSING", `Render for serverless: deploy.toml names no "${key}"`, {
      at: deployment.at(),
    });
  const platform = text("platform") as ServerlessSettings["platform"] | undefined;
  if (platform === undefined) throw missing("serverless.platform");
  if (image === undefined) throw missing("image");
  const needed = (key: string, of: ServerlessSettings["platform"]): string => {
    const value = text(key);
    if (value === undefined && platform === of) throw missing(`serverless.${key}`);
    return value ?? "";
  };
  const regions = { "cloud-run": "europe-west1", lambda: "eu-central-1", "container-apps": "westeurope" };
  const [serviceAccount, natsMonitoring] = [text("service_account"), text("nats_monitoring")];
  return {
    platform,
    image,
    region: text("region") ?? regions[platform],
    cpu: number("cpu", 1),
    memoryMib: number("memory_mib", 1024),
    minInstances: number("min_instances", 0),
    maxInstances: number("max_instances", 10),
    concurrency: number("concurrency", 80),
    ...(serviceAccount !== undefined && { serviceAccount }),
    resourceGroup: needed("resource_group", "container-apps"),
    appEnvironment: needed("app_environment", "container-apps"),
    identity: needed("identity", "container-apps"),
    keyVault: needed("key_vault", "container-apps"),
    ...(natsMonitoring !== undefined && { natsMonitoring }),
  };
}
