import { pathToFileURL } from "node:url";
import type { JsonObject } from "../../src/types/index.ts";
import { peerFile } from "./load-peer.ts";

/** An object, as far as it says what it is. */
export type Manifest = JsonObject & { readonly apiVersion: string; readonly kind: string };
/** A class that checks an object against the published schema of its kind. */
type Model = new (value: JsonObject) => { validate(): void };

const PACKAGES: Readonly<Record<string, string>> = {
  "keda.sh": "@kubernetes-models/keda",
  "external-secrets.io": "@kubernetes-models/external-secrets",
};

/** Finds the class of an object's kind. @throws Error where the packages have none */
export async function modelOf({ apiVersion, kind }: Manifest): Promise<Model> {
  const [group = ""] = apiVersion.split("/");
  const name = PACKAGES[group] ?? "kubernetes-models";
  const file = pathToFileURL(peerFile(`${name}/${apiVersion}/${kind}.js`)).href;
  const models = (await import(file)) as Readonly<Record<string, Model>>;
  const model = models[kind];
  if (model === undefined) throw new Error(`${name} has no ${apiVersion} ${kind}`);
  return model;
}
