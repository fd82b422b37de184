import { join } from "node:path";
import { runOrFail } from "../../run-program.ts";
import type { Deployment, Target, TargetTools, Transition } from "../../target.ts";
import { renderServerless } from "./render.ts";
import { readServerless, serverlessSchema } from "./spec.ts";

/** Containers that platforms start when somebody asks; what they keep is in Redis. */
export const serverless: Target = {
  name: "serverless",
  schema: serverlessSchema,
  render: renderServerless,
  apply,
  status,
  needs,
};

async function apply({ deployment, dir }: Transition, { run, tell }: TargetTools): Promise<void> {
  const { name } = deployment;
  const { platform, region, resourceGroup } = readServerless(deployment);
  switch (platform) {
    case "cloud-run":
      await runOrFail(run, "gcloud", ["run", "services", "replace", join(dir, "service.yaml"), "--region", region]);
      break;
    case "lambda":
      await runOrFail(run, "aws", [
        "cloudformation",
        "deploy",
        "--stack-name",
        name,
        "--template-file",
        join(dir, "template.json"),
        "--capabilities",
        "CAPABILITY_IAM",
        "--no-fail-on-empty-changeset",
        "--region",
        region,
      ]);
      break;
    case "container-apps":
      await runOrFail(run, "az", [
        "containerapp",
        "create",
        "--name",
        name,
        "--resource-group",
        resourceGroup,
        "--yaml",
        join(dir, "containerapp.yaml"),
      ]);
      break;
  }
  tell(`${name} on ${platform}`);
}

async function status(deployment: Deployment, { run }: TargetTools): Promise<readonly string[]> {
  const { name } = deployment;
  const { platform, region, resourceGroup } = readServerless(deployment);
  const said = {
    "cloud-run": () =>
      runOrFail(run, "gcloud", [
        "run",
        "services",
        "describe",
        name,
        "--region",
        region,
        "--format",
        "value(status.url,status.latestReadyRevisionName)",
      ]),
    lambda: () =>
      runOrFail(run, "aws", [
        "lambda",
        "get-function",
        "--function-name",
        name,
        "--region",
        region,
        "--query",
        "Configuration.[State,LastUpdateStatus]",
        "--output",
        "text",
      ]),
    "container-apps": () =>
      runOrFail(run, "az", [
        "containerapp",
        "show",
        "--name",
        name,
        "--resource-group",
        resourceGroup,
        "--query",
        "properties.runningStatus",
        "--output",
        "tsv",
      ]),
  }[platform];
  return (await said()).stdout.trim().split("\n");
}

function needs(deployment: Deployment): readonly string[] {
  const { name } = deployment;
  const { platform, keyVault } = readServerless(deployment);
  const keys = platform === "lambda" ? ["redis-url", "token-key"] : ["redis-url", "nats-url", "token-key"];
  return keys.map((key) => {
    if (platform === "cloud-run") return `gcloud secrets create ${name}-${key} --data-file=FILE`;
    if (platform === "lambda")
      return `aws secretsmanager create-secret --name ${name}/${key} --secret-string file://FILE`;
    return `az keyvault secret set --vault-name ${keyVault} --name ${name}-${key} --file FILE`;
  });
}
