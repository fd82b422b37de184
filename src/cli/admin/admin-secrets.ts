import { createHmac } from "node:crypto";
import type { AdminSecrets, SecretName, SecretView } from "../../admin/index.ts";
import type { Config, Environment } from "../../config/index.ts";
import { formatSecretUri, parseSecretUri } from "../../secrets/index.ts";
import type { SecretUri } from "../../secrets/index.ts";
import { hostKey } from "../host-keys.ts";
import { secretPlaces } from "../secret-places.ts";
import { localSecrets } from "../local-secrets.ts";

/** Tells of a secret that isn't there. */
const NONE = "none";

/** A host's secrets by their names. Values are read to tell them apart, and forgotten. */
export function createAdminSecrets(config: Config, environment: Environment): AdminSecrets {
  const local = localSecrets(config);
  const places = secretPlaces(config, environment);
  const key = hostKey(config, "admin.key");
  const uriOf = ({ tenant, team, category, name }: SecretName): SecretUri =>
    parseSecretUri(`secrets://${config.env}/${tenant}/${team}/${category}/${name}`);
  /** Tells that a value changed and nothing of what it is: the same value elsewhere has another version. */
  const versionOf = (uri: SecretUri, value: string): string =>
    createHmac("sha256", key)
      .update(`${formatSecretUri(uri)}\n${value}`)
      .digest("hex")
      .slice(0, 16);
  const view = async (uri: SecretUri): Promise<SecretView | undefined> => {
    for (const { name: from, store } of places) {
      const value = await store.read(uri);
      if (value === undefined) continue;
      const { team, category, name } = uri;
      return { team, category, name, from, version: versionOf(uri, value) };
    }
    return undefined;
  };
  /** What If-Match is about is what this host keeps, whichever place's value counts. */
  const keptVersion = async (uri: SecretUri): Promise<string> => {
    const value = await local.read(uri);
    return value === undefined ? NONE : versionOf(uri, value);
  };
  return {
    async list(tenant) {
      const uris = (await local.list()).filter((uri) => uri.env === config.env && uri.tenant === tenant);
      return (await Promise.all(uris.map(view))).filter((one) => one !== undefined);
    },
    find: (name) => view(uriOf(name)),
    async write(name, value, check) {
      const uri = uriOf(name);
      check(await keptVersion(uri));
      await local.write(uri, value);
      const { team, category, name: called } = uri;
      return { team, category, name: called, from: "sealed", version: versionOf(uri, value), ...(await view(uri)) };
    },
    async remove(name, check) {
      const uri = uriOf(name);
      check(await keptVersion(uri));
      return local.remove(uri);
    },
  };
}
