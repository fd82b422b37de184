import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { isJsonObject } from "../../../types/index.ts";
import type { JsonObject } from "../../../types/index.ts";
import { commandLine, runOrFail } from "../../run-program.ts";
import type { Deployment, RenderedFiles, Target, TargetTools, Transition } from "../../target.ts";
import { hostSecretKeys } from "./external-secrets.ts";
import { renderKubernetes, settingsOf } from "./render.ts";
import { kubernetesSchema } from "./spec.ts";

/** Clusters by plain manifests: the server merges, so that what others set on the objects stays theirs. */
export const kubernetes: Target = {
  name: "kubernetes",
  schema: kubernetesSchema,
  render: renderKubernetes,
  apply,
  status,
  needs,
};

const MANAGER = ["--server-side", "--field-manager=greentic-deployer"];

async function apply({ before, after, dir }: Transition, { run, tell }: TargetTools): Promise<void> {
  for (const file of after.keys()) {
    const { stdout } = await runOrFail(run, "kubectl", ["apply", ...MANAGER, "-f", join(dir, file)]);
    for (const line of stdout.trim().split("\n")) if (line !== "") tell(line);
  }
  // What is no longer wanted goes last, and by its name: never more than this deployment made.
  const wanted = new Set(objectsOf(after).map(keyOf));
  for (const object of objectsOf(before)
    .filter((one) => !wanted.has(keyOf(one)))
    .toReversed()) {
    const { kind, namespace, name } = object;
    await runOrFail(run, "kubectl", ["delete", kind, name, "-n", namespace, "--ignore-not-found"]);
    tell(`${kind.toLowerCase()}/${name} deleted`);
  }
}

interface Named {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

const keyOf = ({ kind, namespace, name }: Named): string => `${kind}/${namespace}/${name}`;

function objectsOf(files: RenderedFiles): readonly Named[] {
  return [...files.values()].flatMap((text) =>
    parseAllDocuments(text).flatMap((document) => {
      const value = (document as { toJS(): unknown }).toJS() as JsonObject;
      const meta = isJsonObject(value) ? value["metadata"] : undefined;
      if (!isJsonObject(meta)) return [];
      // Claims hold data: whoever wants them gone says so to the cluster.
      if (value["kind"] === "PersistentVolumeClaim") return [];
      const { namespace, name } = meta as Readonly<Record<string, string>>;
      return [{ kind: value["kind"] as string, namespace: namespace ?? "", name: name ?? "" }];
    }),
  );
}

async function status(deployment: Deployment, { run }: TargetTools): Promise<readonly string[]> {
  const { name, namespace } = settingsOf(deployment);
  const columns =
    "custom-columns=NAME:.metadata.name,WANTED:.spec.replicas,READY:.status.readyReplicas,IMAGE:.spec.template.spec.containers[0].image";
  const { stdout } = await runOrFail(run, "kubectl", [
    "get",
    "deployments,statefulsets",
    "-n",
    namespace,
    "-l",
    `app.kubernetes.io/instance=${name}`,
    "-o",
    columns,
  ]);
  return stdout.trim().split("\n");
}

function needs(deployment: Deployment): readonly string[] {
  const settings = settingsOf(deployment);
  const { name, namespace, hasRedis, hasNats, externalSecrets, env } = settings;
  const namespaceOf = commandLine("kubectl", ["create", "namespace", namespace]);
  if (externalSecrets !== undefined)
    return [
      namespaceOf,
      ...hostSecretKeys(settings).map(
        (key) => `store ${externalSecrets.store}: ${externalSecrets.prefix}${env}/host/${key}`,
      ),
    ];
  const literals = [
    `--from-literal=redis-url=${hasRedis ? `redis://:PASSWORD@${name}-redis:6379` : "rediss://…"}`,
    `--from-literal=nats-url=${hasNats ? `nats://greentic:PASSWORD@${name}-nats:4222` : "tls://…"}`,
    ...(hasRedis ? ["--from-literal=redis-password=PASSWORD"] : []),
    ...(hasNats ? ["--from-literal=nats-password=PASSWORD"] : []),
    "--from-file=token-key=FILE",
  ];
  return [
    namespaceOf,
    `kubectl create secret generic ${name}-host -n ${namespace} ${literals.join(" ")}`,
    ...(deployment.secrets.length === 0
      ? []
      : [
          `kubectl create secret generic ${name}-secrets -n ${namespace} ${deployment.secrets.map((key) => `--from-file=${key}=FILE`).join(" ")}`,
        ]),
  ];
}
