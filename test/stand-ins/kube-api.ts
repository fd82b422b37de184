/** A cluster's API as far as helm asks for it: discovery, and objects that are made, read, listed by label, patched and deleted. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { isJsonObject } from "../../src/types/index.ts";
import type { JsonObject, JsonValue } from "../../src/types/index.ts";

/** Kinds by `group/version`, as a cluster with KEDA and the External Secrets Operator has them. */
const KINDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  v1: {
    secrets: "Secret",
    configmaps: "ConfigMap",
    services: "Service",
    serviceaccounts: "ServiceAccount",
    persistentvolumeclaims: "PersistentVolumeClaim",
    namespaces: "Namespace",
  },
  "apps/v1": { deployments: "Deployment", statefulsets: "StatefulSet" },
  "autoscaling/v2": { horizontalpodautoscalers: "HorizontalPodAutoscaler" },
  "external-secrets.io/v1": { externalsecrets: "ExternalSecret" },
  "keda.sh/v1alpha1": { scaledobjects: "ScaledObject" },
  "networking.k8s.io/v1": { networkpolicies: "NetworkPolicy", ingresses: "Ingress" },
  "policy/v1": { poddisruptionbudgets: "PodDisruptionBudget" },
};

/** What changed an object that isn't helm's own record. */
interface Change {
  readonly method: "POST" | "PATCH" | "PUT" | "DELETE";
  /** `kind/name`, the kind as paths spell it. */
  readonly object: string;
  readonly body: JsonObject;
}

interface KubeApi extends AsyncDisposable {
  readonly url: string;
  /** Since it was last emptied. */
  readonly changes: Change[];
}

/** Starts an empty cluster. */
export async function startKubeApi(): Promise<KubeApi> {
  const objects = new Map<string, JsonObject>();
  const changes: Change[] = [];
  const server = createServer((request, response) => {
    void answer(request, { objects, changes }).then(({ status, body }) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    changes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

interface State {
  readonly objects: Map<string, JsonObject>;
  readonly changes: Change[];
}
interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

const missing: Answer = {
  status: 404,
  body: { kind: "Status", apiVersion: "v1", status: "Failure", code: 404, reason: "NotFound" },
};
const PATH =
  /^\/(?:api|apis\/(?<group>[^/]+))\/(?<version>v\w+)\/namespaces\/[^/]+\/(?<kind>[a-z]+)(?:\/(?<name>.+))?$/;

async function answer(request: IncomingMessage, { objects, changes }: State): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://cluster");
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const found = discovery(pathname);
  if (found !== undefined) return { status: 200, body: found };
  const { group, version = "", kind = "", name } = PATH.exec(pathname)?.groups ?? {};
  const kindOf = KINDS[group === undefined ? version : `${group}/${version}`]?.[kind];
  if (kindOf === undefined) return missing;
  const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as JsonObject);
  const method = request.method ?? "GET";
  if (method === "GET" && name === undefined) {
    const wanted = (searchParams.get("labelSelector") ?? "").split(",").map((pair) => pair.split("="));
    const items = [...objects]
      .filter(([key]) => key.startsWith(`${kind}/`))
      .map(([, object]) => object)
      .filter((object) => wanted.every(([label = "", value]) => label === "" || labelsOf(object)[label] === value));
    return { status: 200, body: { kind: `${kindOf}List`, apiVersion: "v1", metadata: {}, items } };
  }
  const key = `${kind}/${name ?? (body["metadata"] as { readonly name: string }).name}`;
  const here = objects.get(key);
  if (method !== "POST" && here === undefined) return missing;
  const after = method === "PATCH" ? merged(here ?? {}, body) : method === "GET" ? here : body;
  // A patch may say what is there already.
  if (body["type"] !== "helm.sh/release.v1" && !isDeepStrictEqual(after, here))
    changes.push({ method: method as Change["method"], object: key, body });
  if (method === "DELETE") objects.delete(key);
  else objects.set(key, after as JsonObject);
  return { status: method === "POST" ? 201 : 200, body: objects.get(key) ?? {} };
}

const labelsOf = ({ metadata }: JsonObject): Readonly<Record<string, JsonValue>> =>
  ((metadata as JsonObject)["labels"] ?? {}) as JsonObject;

function discovery(path: string): JsonObject | undefined {
  const groups = Object.keys(KINDS).filter((name) => name !== "v1");
  if (path === "/version") return { major: "1", minor: "30", gitVersion: "v1.30.0" };
  if (path === "/api") return { kind: "APIVersions", versions: ["v1"] };
  if (path === "/apis")
    return {
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: groups.map((groupVersion) => {
        const [name = "", version = ""] = groupVersion.split("/");
        return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
      }),
    };
  const groupVersion = path === "/api/v1" ? "v1" : path.replace(/^\/apis\//, "");
  const kinds = KINDS[groupVersion];
  if (kinds === undefined) return undefined;
  const verbs = ["get", "list", "create", "update", "patch", "delete"];
  const resources = Object.entries(kinds).map(([name, kind]) => ({
    name,
    singularName: "",
    namespaced: kind !== "Namespace",
    kind,
    verbs,
  }));
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources };
}

/** Puts a merge patch over a value; lists of named things are merged by their names. */
function merged(value: JsonValue, patch: JsonValue): JsonValue {
  if (Array.isArray(patch) && patch.every((item) => isJsonObject(item) && typeof item["name"] === "string")) {
    const list = Array.isArray(value) ? (value as readonly JsonObject[]) : [];
    const by = new Map((patch as readonly JsonObject[]).map((item) => [item["name"], item]));
    return list.map((item) => merged(item, by.get(item["name"]) ?? {}));
  }
  if (!isJsonObject(patch)) return patch;
  const of = isJsonObject(value) ? { ...value } : {};
  for (const [key, own] of Object.entries(patch)) {
    if (key.startsWith("$")) continue;
    if (own === null || own === undefined) delete of[key];
    else of[key] = merged(of[key] ?? null, own);
  }
  return of;
}
